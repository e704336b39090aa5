// Step tables: the start of a round and its prevote (L10–L33).

import t from 'tap'
import {
  HEIGHT, invalid, LATE, precommit, precommits, prevote, prevotes, proposalOf, proposed, runRows, SILENT, start, timeout, value,
} from './consensus-fixture.ts'

/** D in round 1, unlocked; X had its prevote quorum in round 0, too late to lock. */
const UNLOCKED_WITH_POLKA = [start, timeout('propose', 0), timeout('prevote', 0), ...precommits('AB', 0, null), timeout('precommit', 0), ...prevotes('AB', 0, 'X')]
/** D in round 1, locked on X in round 0. */
const LOCKED = [start, proposed(0, 'X'), ...prevotes('AB', 0, 'X'), ...precommits('AB', 0, null), timeout('precommit', 0)]

t.test('a round starts as L10 to L21 say', async (t) => {
  runRows(t, [
    { desc: 'who does not propose waits for the proposal', given: [], input: start, effects: ['round 0 by A', 'timeout propose 0'], state: { round: 0, step: 'propose', awaitsValue: false } },
    { desc: 'L18: the proposer asks for a block, and sets the timeout too', self: 'A', given: [], input: start, effects: ['round 0 by A', 'get-value 0', 'timeout propose 0'], state: { round: 0, step: 'propose', awaitsValue: true } },
    { desc: 'an observer follows', self: null, given: [], input: start, effects: ['round 0 by A', 'timeout propose 0'], state: { round: 0, step: 'propose' } },
    { desc: 'a key that is not in the set is an observer', self: 'Q', given: [], input: start, effects: ['round 0 by A', 'timeout propose 0'], state: { step: 'propose' } },
    { desc: 'and stays silent', self: 'Q', given: [start], input: timeout('propose', 0), effects: [], state: { step: 'prevote' } },
    { desc: 'a second start is ignored', given: [start, timeout('propose', 0)], input: start, effects: [], state: { round: 0, step: 'prevote' } },
    { desc: 'nothing but decisions happens before the start', given: [proposed(0, 'X'), ...prevotes('AB', 0, 'X')], input: precommit('A', 0, 'X'), effects: [], state: { round: -1, step: 'unstarted' } },
    { desc: 'timeouts before the start are ignored', given: [], input: timeout('propose', 0), effects: [], state: { round: -1, step: 'unstarted' } },
    { desc: 'a skip waits for the start', given: [], input: prevote('A', 2, null), effects: [], state: { round: -1, step: 'unstarted' } },
    { desc: 'a proposal that came before is answered', given: [proposed(0, 'X')], input: start, effects: ['round 0 by A', 'timeout propose 0', 'prevote 0 X'], state: { step: 'prevote' } },
    { desc: 'votes that came before count', given: [proposed(0, 'X'), ...prevotes('AB', 0, 'X')], input: start, effects: ['round 0 by A', 'timeout propose 0', 'prevote 0 X', 'precommit 0 X'], state: { step: 'precommit', lockedRound: 0, lockedValue: 'X', validRound: 0, validValue: 'X' } },
    { desc: 'votes of a later round that came before make it skip', given: [prevote('A', 2, null)], input: start, effects: ['round 0 by A', 'timeout propose 0', 'round 2 by C', 'timeout propose 2'], state: { round: 2, step: 'propose' } },
    { desc: 'a prevote of ours from before a crash is not said again', given: [proposed(0, 'X'), prevote('D', 0, null)], input: start, judge: SILENT, effects: ['round 0 by A', 'timeout propose 0'], state: { step: 'prevote' } },
    { desc: 'a precommit of ours from before a crash keeps us from prevoting', given: [proposed(0, 'X'), precommit('D', 0, null)], input: start, judge: SILENT, effects: ['round 0 by A', 'timeout propose 0'], state: { step: 'prevote' } },
    { desc: 'a vote of ours in a later round keeps us from prevoting', given: [proposed(0, 'X'), prevote('D', 1, null)], input: start, judge: SILENT, effects: ['round 0 by A', 'timeout propose 0'], state: { step: 'prevote' } },
    { desc: 'a proposal of ours from before a crash is not made again', self: 'A', given: [proposed(0, 'X')], input: start, effects: ['round 0 by A', 'timeout propose 0', 'prevote 0 X'], state: { step: 'prevote', awaitsValue: false } },
    { desc: 'who has prevoted before a crash does not propose any more', self: 'A', given: [prevote('A', 0, null)], input: start, effects: ['round 0 by A', 'timeout propose 0'], state: { awaitsValue: false } },
    { desc: 'L16: validValue is proposed again with its round', self: 'B', given: [start, proposed(0, 'X'), ...prevotes('AB', 0, 'X'), ...precommits('AC', 0, null), precommit('D', 0, null)], input: timeout('precommit', 0), effects: ['round 1 by B', 'propose 1 X after 0', 'timeout propose 1'], state: { round: 1, step: 'propose', awaitsValue: false } },
    { desc: 'L16: the newest validValue is', self: 'A', given: [start, proposed(0, 'X'), ...prevotes('AB', 0, 'X'), timeout('precommit', 0), proposed(1, 'Y'), ...prevotes('AB', 1, 'Y'), timeout('precommit', 1)], input: timeout('precommit', 2), effects: ['round 3 by A', 'propose 3 Y after 1', 'timeout propose 3'], state: { round: 3, validRound: 1, validValue: 'Y' } },
    { desc: 'a round is never started after the decision', given: [proposed(0, 'X'), ...precommits('AB', 0, 'X')], input: start, effects: [], state: { round: -1, decision: '0 X' } },
  ])
})

t.test('a block that was built is proposed once, while its round waits for it (L19)', async (t) => {
  runRows(t, [
    { desc: 'the block is proposed as fresh', self: 'A', given: [start], input: value(0, 'X'), effects: ['propose 0 X after -1'], state: { awaitsValue: false, step: 'propose' } },
    { desc: 'one for another round is ignored', self: 'A', given: [start], input: value(1, 'X'), effects: [], state: { awaitsValue: true } },
    { desc: 'a second one is ignored', self: 'A', given: [start, value(0, 'X')], input: value(0, 'Y'), effects: [], state: { awaitsValue: false } },
    { desc: 'one that comes after the propose timeout is ignored', self: 'A', given: [start, timeout('propose', 0)], input: value(0, 'X'), effects: [], state: { step: 'prevote' } },
    { desc: 'one that comes in a later round is ignored', self: 'A', given: [start, timeout('precommit', 0)], input: value(0, 'X'), effects: [], state: { round: 1, awaitsValue: false } },
    { desc: 'one that nobody asked for is ignored', self: 'D', given: [start], input: value(0, 'X'), effects: [], state: { step: 'propose' } },
    { desc: 'one before the start is ignored', self: 'A', given: [], input: value(0, 'X'), effects: [], state: { step: 'unstarted' } },
    { desc: 'one after the decision is ignored', self: 'A', given: [start, proposed(1, 'X'), ...precommits('AB', 0, 'X')], input: value(0, 'Y'), effects: [], state: { step: 'propose', awaitsValue: true, decision: '0 X' } },
    { desc: 'one is ignored if a proposal of ours from before a crash is there', self: 'B', given: [start, timeout('precommit', 0), proposed(1, 'X', 0)], input: value(1, 'Y'), effects: [], state: { round: 1, step: 'propose', awaitsValue: false } },
    { desc: 'L15: a valid value that was learned meanwhile goes before it', self: 'B', given: [start, proposed(0, 'X'), timeout('precommit', 0), ...prevotes('AC', 0, 'X'), prevote('D', 0, 'X')], input: value(1, 'Y'), effects: ['propose 1 X after 0'], state: { awaitsValue: false } },
    { desc: 'nothing is sent twice: the proposal itself comes back and is prevoted', self: 'A', given: [start, value(0, 'X')], input: proposed(0, 'X'), effects: ['prevote 0 X'], state: { step: 'prevote' } },
  ])
})

t.test('a fresh proposal is prevoted as L22 to L27 say', async (t) => {
  runRows(t, [
    { desc: 'valid and timely, not locked', given: [start], input: proposed(0, 'X'), effects: ['prevote 0 X'], state: { step: 'prevote', lockedRound: -1, validRound: -1 } },
    { desc: 'not valid', given: [start], input: invalid(0, 'X'), judge: SILENT, effects: ['prevote 0 nil'], state: { step: 'prevote' } },
    { desc: 'not timely', given: [start], input: proposed(0, 'X'), judge: LATE, effects: ['prevote 0 nil'], state: { step: 'prevote' } },
    { desc: 'locked on the same block: the judge is not asked', given: LOCKED, input: proposed(1, 'X'), judge: SILENT, effects: ['prevote 1 X'], state: { step: 'prevote', lockedRound: 0, lockedValue: 'X' } },
    { desc: 'locked on another block: the judge is not asked', given: LOCKED, input: proposed(1, 'Y'), judge: SILENT, effects: ['prevote 1 nil'], state: { step: 'prevote', lockedRound: 0, lockedValue: 'X' } },
    { desc: 'locked on the same block, which this proposer may not offer as fresh', given: LOCKED, input: invalid(1, 'X'), judge: SILENT, effects: ['prevote 1 nil'], state: { step: 'prevote' } },
    { desc: 'validValue is another block, and there is no lock', given: [...UNLOCKED_WITH_POLKA, proposed(0, 'X')], input: proposed(1, 'Y'), effects: ['prevote 1 Y'], state: { step: 'prevote', lockedRound: -1 } },
    { desc: 'an observer moves on silently, and does not judge', self: null, given: [start], input: proposed(0, 'X'), judge: SILENT, effects: [], state: { step: 'prevote' } },
    { desc: 'a proposal by somebody else', given: [start], input: proposed(0, 'X', -1, 'B'), effects: [], state: { step: 'propose' } },
    { desc: 'a proposal by a stranger', given: [start], input: proposed(0, 'X', -1, 'Q'), effects: [], state: { step: 'propose' } },
    { desc: 'a proposal of another height', given: [start], input: { kind: 'proposal', valid: true, proposal: { ...proposalOf(0, 'X'), height: HEIGHT + 1 } }, effects: [], state: { step: 'propose' } },
    { desc: 'the first proposal counts, a second one does not', given: [start, proposed(0, 'X')], input: proposed(0, 'Y'), effects: [], state: { step: 'prevote' } },
    { desc: 'an invalid first proposal counts', given: [start, invalid(0, 'X')], input: proposed(0, 'Y'), effects: [], state: { step: 'prevote' } },
    { desc: 'the same proposal again', given: [start, proposed(0, 'X')], input: proposed(0, 'X'), effects: [], state: { step: 'prevote' } },
    { desc: 'a proposal that comes after the propose timeout', given: [start, timeout('propose', 0)], input: proposed(0, 'X'), effects: [], state: { step: 'prevote' } },
    { desc: 'a proposal of a past round', given: [start, timeout('precommit', 0)], input: proposed(0, 'X'), effects: [], state: { round: 1, step: 'propose' } },
    { desc: 'a proposal of a later round waits', given: [start], input: proposed(1, 'X'), effects: [], state: { round: 0, step: 'propose' } },
    { desc: 'and is answered when that round starts', given: [start, proposed(1, 'X')], input: timeout('precommit', 0), effects: ['round 1 by B', 'timeout propose 1', 'prevote 1 X'], state: { round: 1, step: 'prevote' } },
  ])
})

t.test('a re-proposal is prevoted as L28 to L33 say', async (t) => {
  /** D in round 2: X had its quorum in round 0, Y in round 1; never locked. */
  const twoPolkas = [...UNLOCKED_WITH_POLKA, timeout('propose', 1), timeout('prevote', 1), timeout('precommit', 1), ...prevotes('AB', 1, 'Y')]
  /** D in round 2, locked on X in round 0; Y had its quorum in round 1. */
  const lockedThenPolka = [...LOCKED, timeout('propose', 1), timeout('prevote', 1), timeout('precommit', 1), ...prevotes('AB', 1, 'Y')]
  /** D in round 2, locked on X in round 1; Y had its quorum in round 0. */
  const polkaThenLocked = [...UNLOCKED_WITH_POLKA.slice(0, -2), ...prevotes('AB', 0, 'Y'), proposed(1, 'X'), ...prevotes('AB', 1, 'X'), timeout('precommit', 1)]
  runRows(t, [
    { desc: 'with the quorum of its validRound, not locked: the judge is not asked', given: UNLOCKED_WITH_POLKA, input: proposed(1, 'X', 0), judge: SILENT, effects: ['prevote 1 X'], state: { step: 'prevote' } },
    { desc: 'not valid', given: UNLOCKED_WITH_POLKA, input: invalid(1, 'X', 0), judge: SILENT, effects: ['prevote 1 nil'], state: { step: 'prevote' } },
    { desc: 'without the quorum it waits', given: [...UNLOCKED_WITH_POLKA.slice(0, -1)], input: proposed(1, 'X', 0), judge: SILENT, effects: [], state: { step: 'propose' } },
    { desc: 'and is answered when the quorum comes', given: [...UNLOCKED_WITH_POLKA.slice(0, -1), proposed(1, 'X', 0)], input: prevote('B', 0, 'X'), judge: SILENT, effects: ['prevote 1 X'], state: { step: 'prevote' } },
    { desc: 'or the propose timeout', given: [...UNLOCKED_WITH_POLKA.slice(0, -1), proposed(1, 'X', 0)], input: timeout('propose', 1), judge: SILENT, effects: ['prevote 1 nil'], state: { step: 'prevote' } },
    { desc: 'a quorum for another block does not count', given: UNLOCKED_WITH_POLKA, input: proposed(1, 'Y', 0), judge: SILENT, effects: [], state: { step: 'propose' } },
    { desc: 'a quorum of another round does not count', given: twoPolkas, input: proposed(2, 'X', 1), judge: SILENT, effects: [], state: { step: 'propose' } },
    { desc: 'each with its own round does', given: twoPolkas, input: proposed(2, 'X', 0), judge: SILENT, effects: ['prevote 2 X'], state: { step: 'prevote' } },
    { desc: 'a quorum of precommits does not count', given: [...UNLOCKED_WITH_POLKA.slice(0, -2), proposed(1, 'Z', 0), precommit('C', 0, 'Z')], input: precommit('D', 0, 'Z'), judge: SILENT, effects: [], state: { step: 'propose' } },
    { desc: 'L29: a lock of an earlier round yields', given: lockedThenPolka, input: proposed(2, 'Y', 1), judge: SILENT, effects: ['prevote 2 Y'], state: { step: 'prevote', lockedRound: 0, lockedValue: 'X' } },
    { desc: 'L29: a lock of the same round yields', given: LOCKED, input: proposed(1, 'X', 0), judge: SILENT, effects: ['prevote 1 X'], state: { step: 'prevote' } },
    { desc: 'L29: a lock of a later round on another block holds', given: polkaThenLocked, input: proposed(2, 'Y', 0), judge: SILENT, effects: ['prevote 2 nil'], state: { step: 'prevote', lockedRound: 1, lockedValue: 'X' } },
    { desc: 'L29: a lock of a later round on the same block agrees', given: [...LOCKED, proposed(1, 'X', 0), ...prevotes('AB', 1, 'X'), timeout('precommit', 1)], input: proposed(2, 'X', 0), judge: SILENT, effects: ['prevote 2 X'], state: { lockedRound: 1 } },
    { desc: 'a validRound that is not before the round is refused', given: [start, ...prevotes('AB', 0, 'X')], input: proposed(0, 'X', 0), effects: [], state: { step: 'propose' } },
    { desc: 'and does not take the place of the first proposal', given: [start, proposed(0, 'X', 0), proposed(0, 'X', 5), proposed(0, 'X', -2)], input: proposed(0, 'Y'), effects: ['prevote 0 Y'], state: { step: 'prevote' } },
    { desc: 'a fresh proposal is not answered by L28: the judge decides', given: UNLOCKED_WITH_POLKA, input: proposed(1, 'X'), judge: LATE, effects: ['prevote 1 nil'], state: { step: 'prevote' } },
    { desc: 'an observer moves on silently', self: null, given: UNLOCKED_WITH_POLKA, input: proposed(1, 'X', 0), judge: SILENT, effects: [], state: { step: 'prevote' } },
  ])
})
