// Step tables: decisions (L49), skipping (L55), double signing, quorums that are shown, our own votes from before a crash.

import t from 'tap'
import {
  HEIGHT, invalid, precommit, precommits, prevote, prevotes, proposed, quorum, runRows, SILENT, start, timeout, vote, voteBy,
} from './consensus-fixture.ts'

t.test('a block is decided as L49 to L51 say', async (t) => {
  const late = [start, proposed(0, 'X'), timeout('precommit', 0)]
  runRows(t, [
    { desc: 'a valid block with two thirds of the precommits', given: [start, proposed(0, 'X'), precommit('A', 0, 'X')], input: precommit('B', 0, 'X'), effects: ['decide 0 X by AB'], state: { decision: '0 X' } },
    { desc: 'six of ten are not enough', given: [start, proposed(0, 'X'), ...precommits('BC', 0, 'X')], input: precommit('D', 0, 'X'), effects: [], state: { decision: null } },
    { desc: 'the certificate is in validator order and holds what we have for the block only', given: [start, proposed(0, 'X'), precommit('D', 0, 'X'), precommit('B', 0, null), precommit('C', 0, 'X')], input: precommit('A', 0, 'X'), effects: ['decide 0 X by ACD'], state: { decision: '0 X' } },
    { desc: 'in a past round', given: [...late, precommit('A', 0, 'X')], input: precommit('B', 0, 'X'), effects: ['decide 0 X by AB'], state: { round: 1, decision: '0 X' } },
    { desc: 'in a later round, without going there', given: [start, proposed(2, 'X'), precommit('B', 2, 'X')], input: precommit('A', 2, 'X'), effects: ['decide 2 X by AB'], state: { round: 0, decision: '2 X' } },
    { desc: 'before the start', given: [proposed(0, 'X'), precommit('A', 0, 'X')], input: precommit('B', 0, 'X'), effects: ['decide 0 X by AB'], state: { round: -1, decision: '0 X' } },
    { desc: 'without a vote of ours, when locked on another block', given: [start, proposed(0, 'X'), ...prevotes('AB', 0, 'X'), timeout('precommit', 0), proposed(1, 'Y'), precommit('A', 1, 'Y')], input: precommit('B', 1, 'Y'), effects: ['decide 1 Y by AB'], state: { decision: '1 Y', lockedValue: 'X' } },
    { desc: 'by observers', self: null, given: [start, proposed(0, 'X'), precommit('A', 0, 'X')], input: precommit('B', 0, 'X'), effects: ['decide 0 X by AB'], state: { decision: '0 X' } },
    { desc: 'not before the block is known', given: [start, precommit('A', 0, 'X')], input: precommit('B', 0, 'X'), effects: ['timeout precommit 0'], state: { decision: null } },
    { desc: 'but as soon as it is', given: [start, ...precommits('AB', 0, 'X')], input: proposed(0, 'X'), effects: ['decide 0 X by AB'], state: { decision: '0 X' } },
    { desc: 'also if the proposer showed us another one first', given: [start, proposed(0, 'Y'), ...precommits('AB', 0, 'X')], input: proposed(0, 'X'), effects: ['decide 0 X by AB'], state: { decision: '0 X' } },
    { desc: 'also if it showed us two others first', given: [start, proposed(0, 'Y'), proposed(0, 'Z'), ...precommits('AB', 0, 'X')], input: proposed(0, 'X'), effects: ['decide 0 X by AB'], state: { decision: '0 X' } },
    { desc: 'also if the block is known from another round', given: [start, proposed(1, 'X', 0), precommit('A', 0, 'X')], input: precommit('B', 0, 'X'), effects: ['decide 0 X by AB'], state: { decision: '0 X' } },
    { desc: 'also if it was known only as a copy that its proposer may not offer', given: [start, invalid(0, 'X'), ...precommits('AB', 0, 'X')], input: proposed(1, 'X', 0), effects: ['decide 0 X by AB'], state: { decision: '0 X' } },
    { desc: 'not a block that is not valid', given: [start, invalid(0, 'X'), precommit('A', 0, 'X')], input: precommit('B', 0, 'X'), effects: ['timeout precommit 0'], state: { decision: null } },
    { desc: 'not nil', given: [start, proposed(0, 'X'), precommit('A', 0, null)], input: precommit('B', 0, null), effects: ['timeout precommit 0'], state: { decision: null } },
    { desc: 'not with precommits of two rounds', given: [...late, precommit('A', 0, 'X')], input: precommit('B', 1, 'X'), effects: [], state: { decision: null } },
    { desc: 'not with prevotes', given: [start, proposed(0, 'X'), ...prevotes('AB', 0, 'X'), precommit('A', 0, 'X')], input: prevote('C', 0, 'X'), effects: [], state: { decision: null } },
    { desc: 'once: a late precommit changes nothing', given: [start, proposed(0, 'X'), ...precommits('AB', 0, 'X')], input: precommit('C', 0, 'X'), effects: [], state: { decision: '0 X' } },
    { desc: 'once: nor does a proposal', given: [start, proposed(0, 'X'), ...precommits('AB', 0, 'X')], input: proposed(1, 'X', 0), effects: [], state: { round: 0 } },
    { desc: 'once: nor do votes of a later round', given: [start, proposed(0, 'X'), ...precommits('AB', 0, 'X')], input: precommit('A', 1, 'X'), effects: [], state: { round: 0, decision: '0 X' } },
  ])
})

t.test('a round that more than a third vote in is skipped to, as L55 and L56 say', async (t) => {
  runRows(t, [
    { desc: 'by prevotes', given: [start, prevote('B', 2, 'X')], input: prevote('D', 2, null), effects: ['round 2 by C', 'timeout propose 2'], state: { round: 2, step: 'propose' } },
    { desc: 'by prevotes and precommits of different validators', given: [start, prevote('B', 2, 'X')], input: precommit('D', 2, null), effects: ['round 2 by C', 'timeout propose 2'], state: { round: 2 } },
    { desc: 'not by two votes of one validator', given: [start, prevote('B', 2, null)], input: precommit('B', 2, null), effects: [], state: { round: 0 } },
    { desc: 'not by votes in different rounds', given: [start, prevote('B', 2, null)], input: prevote('D', 3, null), effects: [], state: { round: 0 } },
    { desc: 'not by three of ten', given: [start, prevote('C', 2, null)], input: prevote('D', 2, null), effects: [], state: { round: 0 } },
    { desc: 'not by proposals', given: [start, prevote('B', 3, null)], input: proposed(3, 'X'), effects: [], state: { round: 0 } },
    { desc: 'not back', given: [start, timeout('precommit', 0), timeout('precommit', 1), prevote('B', 1, null)], input: prevote('A', 1, null), effects: [], state: { round: 2 } },
    { desc: 'not within our own round', given: [start, timeout('precommit', 0), timeout('propose', 1)], input: prevote('A', 1, null), effects: [], state: { round: 1, step: 'prevote' } },
    { desc: 'the highest of several, once the round before it has been used', given: [prevote('A', 1, null), prevote('A', 2, null), proposed(0, 'X')], input: start, effects: ['round 0 by A', 'timeout propose 0', 'prevote 0 X', 'round 2 by C', 'timeout propose 2'], state: { round: 2 } },
    { desc: 'its proposal is answered', given: [start, proposed(2, 'X')], input: prevote('A', 2, 'X'), effects: ['round 2 by C', 'timeout propose 2', 'prevote 2 X'], state: { round: 2, step: 'prevote' } },
    { desc: 'unless we voted there before a crash', given: [start, proposed(2, 'X'), prevote('B', 2, 'X')], input: prevote('D', 2, 'X'), judge: SILENT, effects: ['round 2 by C', 'timeout propose 2'], state: { round: 2, step: 'prevote' } },
    { desc: 'its proposer builds a block', self: 'C', given: [start], input: prevote('A', 2, null), effects: ['round 2 by C', 'get-value 2', 'timeout propose 2'], state: { round: 2 } },
    { desc: 'an observer skips too', self: null, given: [start], input: prevote('A', 9, null), effects: ['round 9 by A', 'timeout propose 9'], state: { round: 9 } },
  ])
})

t.test('a validator that signs twice gives evidence once, and its first vote counts', async (t) => {
  runRows(t, [
    { desc: 'a second, different vote', given: [start, prevote('A', 0, 'X')], input: prevote('A', 0, 'Y'), effects: ['equivocation A prevote 0 X Y'], state: {} },
    { desc: 'the pair is in the same order whichever came first', given: [start, prevote('A', 0, 'Y')], input: prevote('A', 0, 'X'), effects: ['equivocation A prevote 0 X Y'], state: {} },
    { desc: 'nil comes first', given: [start, precommit('A', 0, 'Y')], input: precommit('A', 0, null), effects: ['equivocation A precommit 0 nil Y'], state: {} },
    { desc: 'before the start', given: [prevote('A', 0, 'X')], input: prevote('A', 0, 'Y'), effects: ['equivocation A prevote 0 X Y'], state: {} },
    { desc: 'after the decision', given: [start, proposed(0, 'X'), ...precommits('AB', 0, 'X')], input: precommit('B', 0, null), effects: ['equivocation B precommit 0 nil X'], state: {} },
    { desc: 'a third one is not reported', given: [start, prevote('A', 0, 'X'), prevote('A', 0, 'Y')], input: prevote('A', 0, 'Z'), effects: [], state: {} },
    { desc: 'the second one again is not reported', given: [start, prevote('A', 0, 'X'), prevote('A', 0, 'Y')], input: prevote('A', 0, 'Y'), effects: [], state: {} },
    { desc: 'the first one again is no evidence', given: [start, prevote('A', 0, 'X')], input: prevote('A', 0, 'X'), effects: [], state: {} },
    { desc: 'votes of two types are no evidence', given: [start, prevote('A', 0, 'X')], input: precommit('A', 0, null), effects: [], state: {} },
    { desc: 'votes of two rounds are no evidence', given: [start, prevote('B', 0, 'X')], input: prevote('B', 1, 'Y'), effects: [], state: {} },
    { desc: 'each round and type is reported', given: [start, prevote('A', 0, 'X'), prevote('A', 0, 'Y'), precommit('A', 0, 'X')], input: precommit('A', 0, 'Y'), effects: ['equivocation A precommit 0 X Y'], state: {} },
    { desc: 'the second vote does not lock', given: [start, proposed(0, 'X'), prevote('A', 0, null), prevote('B', 0, 'X')], input: prevote('A', 0, 'X'), effects: ['equivocation A prevote 0 nil X'], state: { lockedRound: -1, step: 'prevote' } },
    { desc: 'the second vote does not decide', given: [start, proposed(0, 'X'), precommit('A', 0, null), precommit('B', 0, 'X')], input: precommit('A', 0, 'X'), effects: ['equivocation A precommit 0 nil X'], state: { decision: null } },
    { desc: 'the first vote still counts', given: [start, proposed(0, 'X'), prevote('A', 0, 'X'), prevote('A', 0, null)], input: prevote('B', 0, 'X'), effects: ['precommit 0 X'], state: { lockedRound: 0 } },
    { desc: 'a vote of another height is ignored', given: [start, prevote('A', 0, 'X')], input: vote(voteBy('A', 'prevote', 0, 'Y', HEIGHT + 1)), effects: [], state: {} },
    { desc: 'a vote by a stranger is ignored', given: [start], input: prevote('Q', 9, 'X'), effects: [], state: { round: 0 } },
    { desc: 'a round beyond the maximum is ignored', given: [start], input: prevote('A', 1_000_001, null), effects: [], state: { round: 0 } },
    { desc: 'the maximum is not', given: [start], input: prevote('A', 1_000_000, null), effects: ['round 1000000 by A', 'timeout propose 1000000'], state: { round: 1_000_000 } },
  ])
})

t.test('votes that are shown as a quorum stand for it, whatever we hold of their signers', async (t) => {
  /** D in round 1. A, who signs twice, prevoted nil here and X elsewhere. */
  const twins = [start, timeout('propose', 0), timeout('prevote', 0), prevote('A', 0, null), ...prevotes('BC', 0, 'X'), timeout('precommit', 0), proposed(1, 'X', 0)]
  runRows(t, [
    { desc: 'L28: single votes do not do it', given: twins, input: prevote('A', 0, 'X'), effects: ['equivocation A prevote 0 nil X'], state: { step: 'propose' } },
    { desc: 'L28: the quorum does', given: twins, input: quorum('ABC', 'prevote', 0, 'X'), judge: SILENT, effects: ['equivocation A prevote 0 nil X', 'prevote 1 X'], state: { step: 'prevote' } },
    { desc: 'L49: it decides, and the certificate holds it', given: [start, proposed(0, 'X'), precommit('A', 0, null), precommit('B', 0, 'X')], input: quorum('ACD', 'precommit', 0, 'X'), effects: ['equivocation A precommit 0 nil X', 'decide 0 X by ABCD'], state: { decision: '0 X' } },
    { desc: 'L49: in a round that is not kept any more', given: [start, proposed(0, 'X'), prevote('A', 100, null), proposed(100, 'X')], input: quorum('AB', 'precommit', 0, 'X'), effects: ['decide 0 X by AB'], state: { round: 100, decision: '0 X' } },
    { desc: 'L55: a later round is skipped to', given: [start], input: quorum('AB', 'prevote', 5, 'X'), effects: ['round 5 by D', 'get-value 5', 'timeout propose 5'], state: { round: 5 } },
    { desc: 'not before the start', given: [], input: quorum('AB', 'prevote', 5, 'X'), effects: [], state: { round: -1 } },
    { desc: 'its votes are held for the start', given: [quorum('AB', 'prevote', 0, 'X'), proposed(0, 'X')], input: start, effects: ['round 0 by A', 'timeout propose 0', 'prevote 0 X', 'precommit 0 X'], state: { lockedRound: 0 } },
    { desc: 'less than a quorum is ignored', given: [start, proposed(0, 'X')], input: quorum('BCD', 'precommit', 0, 'X'), effects: [], state: { decision: null } },
    { desc: 'one validator counts once', given: [start, proposed(0, 'X')], input: quorum('AAA', 'precommit', 0, 'X'), effects: [], state: { decision: null } },
    { desc: 'strangers do not count', given: [start, proposed(0, 'X')], input: quorum('BCDQRS', 'precommit', 0, 'X'), effects: [], state: { decision: null } },
    { desc: 'votes for different blocks are none', given: [start, proposed(0, 'X')], input: { kind: 'quorum', votes: [voteBy('A', 'precommit', 0, 'X'), voteBy('B', 'precommit', 0, 'Y')] }, effects: [], state: { decision: null } },
    { desc: 'votes of different rounds are none', given: [start, proposed(0, 'X')], input: { kind: 'quorum', votes: [voteBy('A', 'precommit', 0, 'X'), voteBy('B', 'precommit', 1, 'X')] }, effects: [], state: { decision: null } },
    { desc: 'votes of different types are none', given: [start, proposed(0, 'X')], input: { kind: 'quorum', votes: [voteBy('A', 'precommit', 0, 'X'), voteBy('B', 'prevote', 0, 'X')] }, effects: [], state: { decision: null } },
    { desc: 'votes of another height are none', given: [start, proposed(0, 'X')], input: { kind: 'quorum', votes: [...'AB'].map((who) => voteBy(who, 'precommit', 0, 'X', HEIGHT + 1)) }, effects: [], state: { decision: null } },
    { desc: 'votes of two heights are none', given: [start, proposed(0, 'X')], input: { kind: 'quorum', votes: [voteBy('A', 'precommit', 0, 'X'), voteBy('B', 'precommit', 0, 'X', HEIGHT + 1)] }, effects: [], state: { decision: null } },
    { desc: 'votes of a round beyond the maximum are none', given: [start], input: quorum('AB', 'prevote', 1_000_001, 'X'), effects: [], state: { round: 0 } },
    { desc: 'nil is none', given: [start, timeout('propose', 0)], input: quorum('AB', 'prevote', 0, null), effects: [], state: { step: 'prevote' } },
    { desc: 'nothing is none', given: [start], input: quorum('', 'prevote', 0, null), effects: [], state: { step: 'propose' } },
  ])
})

t.test('our own votes that this life did not ask for are tolerated', async (t) => {
  const recalled = [start, precommit('D', 0, 'X'), timeout('precommit', 0)]
  runRows(t, [
    { desc: 'a precommit restores its lock', given: [start], input: precommit('D', 0, 'X'), effects: [], state: { lockedRound: 0, lockedValue: 'X', validRound: -1, validValue: null } },
    { desc: 'which holds against another block', given: recalled, input: proposed(1, 'Y'), judge: SILENT, effects: ['prevote 1 nil'], state: {} },
    { desc: 'and agrees with the same one', given: recalled, input: proposed(1, 'X'), judge: SILENT, effects: ['prevote 1 X'], state: {} },
    { desc: 'a precommit of nil restores nothing', given: [start], input: precommit('D', 0, null), effects: [], state: { lockedRound: -1 } },
    { desc: 'a prevote restores nothing', given: [start], input: prevote('D', 0, 'X'), effects: [], state: { lockedRound: -1 } },
    { desc: 'a precommit of another height restores nothing', given: [start], input: vote(voteBy('D', 'precommit', 0, 'X', HEIGHT - 1)), effects: [], state: { lockedRound: -1 } },
    { desc: 'an older one does not undo a newer lock', given: [start, precommit('D', 3, 'Y')], input: precommit('D', 0, 'X'), effects: [], state: { lockedRound: 3, lockedValue: 'Y' } },
    { desc: 'a lock of a later round is not undone by an earlier quorum', given: [start, precommit('D', 3, 'Y'), proposed(0, 'X'), prevote('A', 0, 'X')], input: prevote('B', 0, 'X'), effects: [], state: { step: 'precommit', lockedRound: 3, lockedValue: 'Y', validRound: 0 } },
    { desc: 'one from long ago still does', given: [start, prevote('A', 100, null)], input: precommit('D', 0, 'X'), effects: [], state: { round: 100, lockedRound: 0, lockedValue: 'X' } },
    { desc: 'our precommit that comes back as asked changes nothing', given: [start, proposed(0, 'X'), ...prevotes('AB', 0, 'X')], input: precommit('D', 0, 'X'), effects: [], state: { lockedRound: 0, lockedValue: 'X', step: 'precommit' } },
    { desc: 'others\' precommits are not our lock', given: [start], input: precommit('B', 0, 'X'), effects: [], state: { lockedRound: -1 } },
    { desc: 'a twin of our vote is evidence against our own key', given: [start, timeout('propose', 0), prevote('D', 0, null)], input: prevote('D', 0, 'X'), effects: ['equivocation D prevote 0 nil X'], state: {} },
  ])
})
