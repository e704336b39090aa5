// Read access to the consensus state, evidence, and what a state may be made of.

import t from 'tap'
import type { Consensus } from '../../src/consensus/consensus.ts'
import { createConsensus, hasProposal, hasVote, stepConsensus } from '../../src/consensus/consensus.ts'
import type { ConsensusInput } from '../../src/consensus/input.ts'
import {
  blocksNeeded, consensusStatus, decisionCertificate, proposalsHeld, quorumVotes, voteOf, votesHeld,
} from '../../src/consensus/view.ts'
import { evidenceOf } from '../../src/protocol/evidence.ts'
import { decodeCertificate, encodeCertificate, hasQuorum } from '../../src/protocol/certificate.ts'
import {
  ABCD, bin, consensusOf, HEIGHT, precommit, precommits, prevote, prevotes, proposalOf, proposed, quorum, start, timeout, TIMELY, validatorsOf, voteBy,
} from './consensus-fixture.ts'

function after(self: string | null, ...inputs: ConsensusInput[]): Consensus {
  const state = consensusOf(self)
  for (const input of inputs) stepConsensus(state, input, TIMELY)
  return state
}

t.test('the status tells where the height is', async (t) => {
  t.strictSame(consensusStatus(consensusOf(null)), {
    height: HEIGHT, round: -1, step: 'unstarted', lockedRound: -1, lockedValue: null, validRound: -1, validValue: null, decision: null, proposer: null, votes: false,
  })
  t.strictSame(consensusStatus(after('D', start, proposed(0, 'X'), ...prevotes('AB', 0, 'X'))), {
    height: HEIGHT, round: 0, step: 'precommit', lockedRound: 0, lockedValue: bin('X'), validRound: 0, validValue: bin('X'), decision: null, proposer: bin('A'), votes: true,
  })
})

t.test('what is held can be asked for', async (t) => {
  const state = after('D', start, proposed(0, 'X'), prevote('C', 1, 'X'), precommit('B', 0, null), prevote('C', 0, 'X'), prevote('A', 0, 'X'))
  t.strictSame(votesHeld(state).map(({ validator, round, type }) => `${validator[0]} ${round} ${type}`), ['A 0 prevote', 'C 0 prevote', 'B 0 precommit', 'C 1 prevote'])
  t.strictSame(voteOf(state, bin('A'), 0, 'prevote'), voteBy('A', 'prevote', 0, 'X'))
  t.equal(voteOf(state, bin('B'), 0, 'prevote'), null)
  t.strictSame(proposalsHeld(state), [{ proposal: proposalOf(0, 'X'), valid: true }])
  t.ok(hasProposal(state, proposalOf(0, 'X')))
  t.notOk(hasProposal(state, proposalOf(0, 'Y')))
  t.notOk(hasProposal(state, proposalOf(1, 'X')))
  t.ok(hasVote(state, voteBy('A', 'prevote', 0, 'X')))
  t.notOk(hasVote(state, voteBy('A', 'prevote', 0, 'Y')), 'a vote that contradicts is news')
  t.notOk(hasVote(state, voteBy('B', 'prevote', 0, 'X')))
  t.ok(hasVote(state, voteBy('B', 'prevote', 0, 'X', HEIGHT + 1)), 'one of another height is nothing to us')
  t.ok(hasVote(state, voteBy('Q', 'prevote', 0, 'X')), 'nor is one of a stranger')
  t.notOk(hasVote(after('D', start, prevote('A', 500, null)), voteBy('D', 'precommit', 3, 'X')), 'our own lock is news however old it is')
})

t.test('blocks that a decision or a re-proposal may name are needed', async (t) => {
  const state = after('D', start, proposed(0, 'X'), ...prevotes('AB', 0, 'X'), timeout('precommit', 0), proposed(1, 'Y'), precommit('D', 1, 'Z'))
  t.strictSame(blocksNeeded(state), new Set([bin('X'), bin('Y'), bin('Z')]))
  t.equal(blocksNeeded(consensusOf()).size, 0)
})

t.test('the votes of a quorum can be shown', async (t) => {
  const state = after('D', start, ...prevotes('CA', 0, 'X'), prevote('B', 0, null), precommit('A', 0, null))
  t.strictSame(quorumVotes(state, 0, 'prevote'), [], 'six of ten')
  stepConsensus(state, prevote('D', 0, 'X'), TIMELY)
  t.strictSame(quorumVotes(state, 0, 'prevote').map(({ validator }) => validator[0]), ['A', 'C', 'D'])
  stepConsensus(state, quorum('ABCD', 'precommit', 0, 'X'), TIMELY)
  t.strictSame(quorumVotes(state, 0, 'precommit').map(({ validator, blockId }) => `${validator[0]} ${blockId?.[0]}`), ['A X', 'B X', 'C X', 'D X'], 'also as it was shown to us')
})

t.test('the certificate of the decision grows with late precommits', async (t) => {
  t.equal(decisionCertificate(consensusOf()), null)
  const state = after('D', start, proposed(0, 'X'), ...precommits('BA', 0, 'X'))
  const certificate = decisionCertificate(state)!
  t.strictSame(certificate.signatures.map(({ validator }) => validator), [0, 1])
  t.ok(hasQuorum(certificate, ABCD))
  const decoded = decodeCertificate(encodeCertificate(certificate))
  t.strictSame(decoded, { ok: true, value: certificate }, 'it is the canonical one')
  for (const input of [precommit('C', 0, null), precommit('D', 0, 'X'), precommit('C', 0, 'X')]) stepConsensus(state, input, TIMELY)
  t.strictSame(decisionCertificate(state)!.signatures.map(({ validator }) => validator), [0, 1, 3], 'by what was said first')

  const ahead = after('D', start, proposed(2, 'X'), precommit('B', 2, 'X'), precommit('A', 2, 'X'))
  for (const round of [5, 6, 7]) for (const input of precommits('AB', round, null)) stepConsensus(ahead, input, TIMELY)
  t.strictSame(decisionCertificate(ahead)!.signatures.length, 2, 'and never shrinks, whatever its signers do later')
})

t.test('evidence is a pair in one order, and of a real contradiction', async (t) => {
  const [x, y, nil] = ['X', 'Y', null].map((id) => voteBy('A', 'prevote', 3, id)) as [ReturnType<typeof voteBy>, ReturnType<typeof voteBy>, ReturnType<typeof voteBy>]
  t.strictSame(evidenceOf(x, y), { first: x, second: y })
  t.strictSame(evidenceOf(y, x), { first: x, second: y })
  t.strictSame(evidenceOf(x, nil), { first: nil, second: x })
  t.strictSame(evidenceOf(nil, x), { first: nil, second: x })
  t.equal(evidenceOf(x, { ...x, signature: new Uint8Array(64) }), null, 'the same vote')
  t.equal(evidenceOf(x, voteBy('B', 'prevote', 3, 'Y')), null, 'two validators')
  t.equal(evidenceOf(x, voteBy('A', 'precommit', 3, 'Y')), null, 'two types')
  t.equal(evidenceOf(x, voteBy('A', 'prevote', 4, 'Y')), null, 'two rounds')
  t.equal(evidenceOf(x, voteBy('A', 'prevote', 3, 'Y', HEIGHT + 1)), null, 'two heights')
})

t.test('a state is made of a set that makes sense', async (t) => {
  const options = { height: HEIGHT, validators: ABCD, priorities: [0, 0, 0, 0], self: null }
  t.ok(createConsensus(options))
  const refuses = (changed: object, why: string): unknown => t.throws(() => createConsensus({ ...options, ...changed }), { name: 'InvariantError' }, why)
  refuses({ validators: [], priorities: [] }, 'empty')
  refuses({ priorities: [0, 0, 0] }, 'priorities of another set')
  refuses({ validators: [...ABCD].reverse() }, 'not sorted')
  refuses({ validators: [ABCD[0], ABCD[0], ABCD[1], ABCD[2]] }, 'one twice')
  refuses({ validators: validatorsOf(1, 0, 1, 1) }, 'without power')
  refuses({ validators: validatorsOf(1, 1.5, 1, 1) }, 'a fraction')
  refuses({ validators: validatorsOf(2 ** 49, 2 ** 49, 1, 1) }, 'too much power')
  t.ok(createConsensus({ ...options, validators: validatorsOf(2 ** 49, 2 ** 49 - 3, 1, 1) }), 'the most')
})

t.test('an unknown kind of input is a bug', async (t) => {
  t.throws(() => stepConsensus(consensusOf(), { kind: 'nonsense' } as never, TIMELY), { name: 'InvariantError' })
})
