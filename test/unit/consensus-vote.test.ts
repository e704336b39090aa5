// Step tables: prevotes, precommits and timeouts (L34–L48, L57–L67).

import t from 'tap'
import { invalid, precommit, precommits, prevote, prevotes, proposed, runRows, start, timeout } from './consensus-fixture.ts'

t.test('the prevote timeout is set as L34 and L35 say', async (t) => {
  runRows(t, [
    { desc: 'two thirds of prevotes for different things', given: [start, timeout('propose', 0), prevote('A', 0, 'X')], input: prevote('B', 0, null), effects: ['timeout prevote 0'], state: { step: 'prevote', didL34: true } },
    { desc: 'three of four validators are not two thirds of the power', given: [start, timeout('propose', 0), ...prevotes('BC', 0, null)], input: prevote('D', 0, 'X'), effects: [], state: { didL34: false } },
    { desc: 'once in a round', given: [start, timeout('propose', 0), prevote('A', 0, 'X'), prevote('B', 0, null)], input: prevote('D', 0, null), effects: [], state: { step: 'prevote' } },
    { desc: 'not in step propose', given: [start, prevote('A', 0, 'X')], input: prevote('B', 0, null), effects: [], state: { step: 'propose', didL34: false } },
    { desc: 'but as soon as that step is over', given: [start, prevote('A', 0, 'X'), prevote('B', 0, null)], input: timeout('propose', 0), effects: ['prevote 0 nil', 'timeout prevote 0'], state: { step: 'prevote' } },
    { desc: 'not in step precommit', given: [start, timeout('propose', 0), timeout('prevote', 0), prevote('A', 0, 'X')], input: prevote('B', 0, null), effects: [], state: { step: 'precommit', didL34: false } },
    { desc: 'prevotes of another round do not count', given: [start, timeout('precommit', 0), timeout('propose', 1), prevote('A', 0, 'X')], input: prevote('B', 0, null), effects: [], state: { round: 1, didL34: false } },
    { desc: 'once in each round', given: [start, timeout('propose', 0), prevote('A', 0, 'X'), prevote('B', 0, null), timeout('precommit', 0), timeout('propose', 1), prevote('A', 1, 'X')], input: prevote('B', 1, null), effects: ['timeout prevote 1'], state: { step: 'prevote' } },
    { desc: 'observers set it', self: null, given: [start, timeout('propose', 0), prevote('A', 0, 'X')], input: prevote('B', 0, null), effects: ['timeout prevote 0'], state: { didL34: true } },
  ])
})

t.test('a block with a prevote quorum is locked as L36 to L43 say', async (t) => {
  const locked = [start, proposed(0, 'X'), ...prevotes('AB', 0, 'X')]
  runRows(t, [
    { desc: 'in step prevote: lock, precommit, and the valid value; no prevote timeout', given: [start, proposed(0, 'X'), prevote('A', 0, 'X')], input: prevote('B', 0, 'X'), effects: ['precommit 0 X'], state: { step: 'precommit', lockedRound: 0, lockedValue: 'X', validRound: 0, validValue: 'X', didL34: false } },
    { desc: 'also if we prevoted nil', given: [start, proposed(0, 'X'), prevote('D', 0, null), prevote('A', 0, 'X')], input: prevote('B', 0, 'X'), effects: ['precommit 0 X'], state: { lockedRound: 0 } },
    { desc: 'six of ten are not a quorum', given: [start, proposed(0, 'X'), ...prevotes('BC', 0, 'X')], input: prevote('D', 0, 'X'), effects: [], state: { step: 'prevote', lockedRound: -1, validRound: -1 } },
    { desc: 'not while the block is not known', given: [start, timeout('propose', 0), prevote('A', 0, 'X')], input: prevote('B', 0, 'X'), effects: ['timeout prevote 0'], state: { step: 'prevote', lockedRound: -1 } },
    { desc: 'but as soon as it is', given: [start, timeout('propose', 0), ...prevotes('AB', 0, 'X')], input: proposed(0, 'X'), effects: ['precommit 0 X'], state: { step: 'precommit', lockedRound: 0, lockedValue: 'X' } },
    { desc: 'also if the proposer showed us another one first', given: [start, proposed(0, 'Y'), ...prevotes('AB', 0, 'X')], input: proposed(0, 'X'), effects: ['precommit 0 X'], state: { step: 'precommit', lockedValue: 'X', validValue: 'X' } },
    { desc: 'also if it showed us another one first, and this one before the votes', given: [start, proposed(0, 'Y'), proposed(0, 'X'), prevote('A', 0, 'X')], input: prevote('B', 0, 'X'), effects: ['precommit 0 X'], state: { lockedValue: 'X' } },
    { desc: 'also if the block is known from an earlier round', given: [start, proposed(0, 'X'), timeout('precommit', 0), timeout('propose', 1), prevote('A', 1, 'X')], input: prevote('B', 1, 'X'), effects: ['precommit 1 X'], state: { lockedRound: 1, validRound: 1 } },
    { desc: 'not a block that is not valid', given: [start, invalid(0, 'X'), prevote('A', 0, 'X')], input: prevote('B', 0, 'X'), effects: ['timeout prevote 0'], state: { step: 'prevote', lockedRound: -1, validRound: -1 } },
    { desc: 'not in step propose', given: [start, prevote('A', 0, 'X')], input: prevote('B', 0, 'X'), effects: [], state: { step: 'propose', lockedRound: -1 } },
    { desc: 'the proposal then makes both votes due', given: [start, ...prevotes('AB', 0, 'X')], input: proposed(0, 'X'), effects: ['prevote 0 X', 'precommit 0 X'], state: { step: 'precommit', lockedRound: 0 } },
    { desc: 'in step precommit: only the valid value', given: [start, proposed(0, 'X'), timeout('prevote', 0), prevote('A', 0, 'X')], input: prevote('B', 0, 'X'), effects: [], state: { step: 'precommit', lockedRound: -1, lockedValue: null, validRound: 0, validValue: 'X' } },
    { desc: 'in step precommit, when the block comes last', given: [start, timeout('propose', 0), timeout('prevote', 0), ...prevotes('AB', 0, 'X')], input: proposed(0, 'X'), effects: [], state: { lockedRound: -1, validRound: 0, validValue: 'X' } },
    { desc: 'once in a round', given: locked, input: prevote('C', 0, 'X'), effects: [], state: { step: 'precommit', didL36: true } },
    { desc: 'a lock of an earlier round moves', given: [...locked, timeout('precommit', 0), proposed(1, 'Y'), prevote('A', 1, 'Y')], input: prevote('B', 1, 'Y'), effects: ['precommit 1 Y'], state: { lockedRound: 1, lockedValue: 'Y', validRound: 1, validValue: 'Y' } },
    { desc: 'a lock stays while only the valid value moves', given: [...locked, timeout('precommit', 0), proposed(1, 'Y'), timeout('prevote', 1), prevote('A', 1, 'Y')], input: prevote('B', 1, 'Y'), effects: [], state: { lockedRound: 0, lockedValue: 'X', validRound: 1, validValue: 'Y' } },
    { desc: 'L42: a quorum of a past round gives validValue, and no lock', given: [start, proposed(0, 'X'), timeout('precommit', 0), timeout('propose', 1), prevote('A', 0, 'X')], input: prevote('B', 0, 'X'), effects: [], state: { lockedRound: -1, validRound: 0, validValue: 'X' } },
    { desc: 'L42: not while the block is unknown', given: [start, timeout('precommit', 0), timeout('propose', 1), prevote('A', 0, 'X')], input: prevote('B', 0, 'X'), effects: [], state: { validRound: -1, validValue: null } },
    { desc: 'L42: not if validValue is of a later round', given: [start, proposed(0, 'X'), timeout('precommit', 0), proposed(1, 'Y'), ...prevotes('AB', 1, 'Y'), timeout('precommit', 1), prevote('A', 0, 'X')], input: prevote('B', 0, 'X'), effects: [], state: { round: 2, validRound: 1, validValue: 'Y' } },
    { desc: 'L16, L42: what a quorum of a past round gave is proposed again', self: 'C', given: [start, proposed(0, 'X'), timeout('precommit', 0), ...prevotes('AB', 0, 'X')], input: timeout('precommit', 1), effects: ['round 2 by C', 'propose 2 X after 0', 'timeout propose 2'], state: { round: 2, lockedRound: -1 } },
    { desc: 'what we precommitted before a crash is not said again', given: [start, proposed(0, 'X'), precommit('D', 0, 'X'), prevote('A', 0, 'X')], input: prevote('B', 0, 'X'), effects: [], state: { step: 'precommit', lockedRound: 0, lockedValue: 'X' } },
    { desc: 'an observer locks silently', self: null, given: [start, proposed(0, 'X'), prevote('A', 0, 'X')], input: prevote('B', 0, 'X'), effects: [], state: { step: 'precommit', lockedRound: 0 } },
    { desc: 'precommits are not prevotes', given: [start, proposed(0, 'X'), precommit('A', 0, 'X')], input: prevote('B', 0, 'X'), effects: [], state: { step: 'prevote', lockedRound: -1 } },
  ])
})

t.test('nil with a prevote quorum is precommitted as L44 to L46 say', async (t) => {
  runRows(t, [
    { desc: 'in step prevote, without a prevote timeout', given: [start, timeout('propose', 0), prevote('A', 0, null)], input: prevote('B', 0, null), effects: ['precommit 0 nil'], state: { step: 'precommit', didL34: false, lockedRound: -1, validRound: -1 } },
    { desc: 'also if we prevoted the block', given: [start, proposed(0, 'X'), prevote('A', 0, null)], input: prevote('B', 0, null), effects: ['precommit 0 nil'], state: { step: 'precommit' } },
    { desc: 'after the timeout was set', given: [start, timeout('propose', 0), prevote('A', 0, null), ...prevotes('BD', 0, 'X'), prevote('C', 0, null)], input: timeout('prevote', 0), effects: ['precommit 0 nil'], state: { step: 'precommit', didL34: true } },
    { desc: 'not with six of ten', given: [start, timeout('propose', 0), ...prevotes('AC', 0, null)], input: prevote('D', 0, 'X'), effects: ['timeout prevote 0'], state: { step: 'prevote' } },
    { desc: 'not in step propose', given: [start, prevote('A', 0, null)], input: prevote('B', 0, null), effects: [], state: { step: 'propose' } },
    { desc: 'a proposal that then comes is prevoted first', given: [start, ...prevotes('AB', 0, null)], input: proposed(0, 'X'), effects: ['prevote 0 X', 'precommit 0 nil'], state: { step: 'precommit', lockedRound: -1 } },
    { desc: 'not again in step precommit', given: [start, timeout('propose', 0), timeout('prevote', 0), prevote('A', 0, null)], input: prevote('B', 0, null), effects: [], state: { step: 'precommit' } },
    { desc: 'a lock stays', given: [start, proposed(0, 'X'), ...prevotes('AB', 0, 'X'), timeout('precommit', 0), timeout('propose', 1), prevote('A', 1, null)], input: prevote('B', 1, null), effects: ['precommit 1 nil'], state: { lockedRound: 0, lockedValue: 'X', validValue: 'X' } },
    { desc: 'an observer moves on silently', self: null, given: [start, timeout('propose', 0), prevote('A', 0, null)], input: prevote('B', 0, null), effects: [], state: { step: 'precommit' } },
  ])
})

t.test('the precommit timeout is set as L47 and L48 say', async (t) => {
  runRows(t, [
    { desc: 'two thirds of precommits for different things', given: [start, timeout('propose', 0), timeout('prevote', 0), precommit('A', 0, 'X')], input: precommit('B', 0, null), effects: ['timeout precommit 0'], state: { didL47: true, decision: null } },
    { desc: 'in step propose too', given: [start, precommit('A', 0, null)], input: precommit('B', 0, null), effects: ['timeout precommit 0'], state: { step: 'propose', didL47: true } },
    { desc: 'in step prevote too', given: [start, timeout('propose', 0), precommit('A', 0, null)], input: precommit('B', 0, null), effects: ['timeout precommit 0'], state: { step: 'prevote' } },
    { desc: 'not with six of ten', given: [start, ...precommits('AC', 0, null)], input: prevote('D', 0, null), effects: [], state: { didL47: false } },
    { desc: 'once in a round', given: [start, ...precommits('AB', 0, null)], input: precommit('C', 0, null), effects: [], state: { didL47: true } },
    { desc: 'precommits of another round do not count', given: [start, timeout('precommit', 0), precommit('A', 0, null)], input: precommit('B', 0, null), effects: [], state: { round: 1, didL47: false } },
    { desc: 'once in each round', given: [start, ...precommits('AB', 0, null), timeout('precommit', 0), precommit('A', 1, null)], input: precommit('B', 1, null), effects: ['timeout precommit 1'], state: { round: 1 } },
    { desc: 'when a round starts for which they are there already', given: [...precommits('AB', 1, null)], input: start, effects: ['round 0 by A', 'timeout propose 0', 'round 1 by B', 'timeout propose 1', 'timeout precommit 1'], state: { round: 1, step: 'propose' } },
    { desc: 'not if it is a decision', given: [start, proposed(0, 'X'), precommit('A', 0, 'X')], input: precommit('B', 0, 'X'), effects: ['decide 0 X by AB'], state: { didL47: false } },
  ])
})

t.test('timeouts act only in the step and round that they are for (L57–L67)', async (t) => {
  runRows(t, [
    { desc: 'L57: propose', given: [start], input: timeout('propose', 0), effects: ['prevote 0 nil'], state: { step: 'prevote' } },
    { desc: 'L57: not in step prevote', given: [start, proposed(0, 'X')], input: timeout('propose', 0), effects: [], state: { step: 'prevote' } },
    { desc: 'L57: not in step precommit', given: [start, timeout('propose', 0), timeout('prevote', 0)], input: timeout('propose', 0), effects: [], state: { step: 'precommit' } },
    { desc: 'L57: not of a past round', given: [start, timeout('precommit', 0)], input: timeout('propose', 0), effects: [], state: { round: 1, step: 'propose' } },
    { desc: 'L57: not of a later round', given: [start], input: timeout('propose', 1), effects: [], state: { round: 0, step: 'propose' } },
    { desc: 'L57: a proposer whose block is late prevotes nil', self: 'A', given: [start], input: timeout('propose', 0), effects: ['prevote 0 nil'], state: { step: 'prevote' } },
    { desc: 'L57: a prevote from before a crash is not said again', given: [start, prevote('D', 0, 'X')], input: timeout('propose', 0), effects: [], state: { step: 'prevote' } },
    { desc: 'L61: prevote', given: [start, timeout('propose', 0)], input: timeout('prevote', 0), effects: ['precommit 0 nil'], state: { step: 'precommit' } },
    { desc: 'L61: not in step propose', given: [start], input: timeout('prevote', 0), effects: [], state: { step: 'propose' } },
    { desc: 'L61: not in step precommit', given: [start, proposed(0, 'X'), ...prevotes('AB', 0, 'X')], input: timeout('prevote', 0), effects: [], state: { step: 'precommit', lockedRound: 0 } },
    { desc: 'L61: not of a past round', given: [start, timeout('precommit', 0), timeout('propose', 1)], input: timeout('prevote', 0), effects: [], state: { round: 1, step: 'prevote' } },
    { desc: 'L65: precommit starts the next round', given: [start, timeout('propose', 0), timeout('prevote', 0)], input: timeout('precommit', 0), effects: ['round 1 by B', 'timeout propose 1'], state: { round: 1, step: 'propose' } },
    { desc: 'L65: from any step', given: [start], input: timeout('precommit', 0), effects: ['round 1 by B', 'timeout propose 1'], state: { round: 1, step: 'propose' } },
    { desc: 'L65: not of a past round', given: [start, timeout('precommit', 0)], input: timeout('precommit', 0), effects: [], state: { round: 1 } },
    { desc: 'L65: not of a later round', given: [start], input: timeout('precommit', 1), effects: [], state: { round: 0 } },
    { desc: 'L65: the next proposer is asked for a block', self: 'B', given: [start], input: timeout('precommit', 0), effects: ['round 1 by B', 'get-value 1', 'timeout propose 1'], state: { round: 1, awaitsValue: true } },
    { desc: 'L65: lock and valid value stay, the flags do not', given: [start, proposed(0, 'X'), ...prevotes('AB', 0, 'X'), ...precommits('AB', 0, null)], input: timeout('precommit', 0), effects: ['round 1 by B', 'timeout propose 1'], state: { lockedRound: 0, lockedValue: 'X', validRound: 0, validValue: 'X', didL36: false, didL47: false, didL34: false } },
    { desc: 'L65: not beyond the last round', given: [start, prevote('A', 1_000_000, null)], input: timeout('precommit', 1_000_000), effects: [], state: { round: 1_000_000 } },
    { desc: 'none after the decision', given: [start, proposed(0, 'X'), ...precommits('AB', 0, 'X')], input: timeout('propose', 0), effects: [], state: { round: 0, decision: '0 X' } },
    { desc: 'nor the one that would start a round', given: [start, proposed(0, 'X'), ...precommits('AB', 0, 'X')], input: timeout('precommit', 0), effects: [], state: { round: 0, decision: '0 X' } },
  ])
})
