// The engine and blocks of others: what it judges, what it forgets, and what nobody can make it believe.

import t from 'tap'
import type { Engine } from '../../src/engine/engine.ts'
import { step } from '../../src/engine/step.ts'
import { proposalsHeld } from '../../src/consensus/view.ts'
import { markVerified } from '../../src/crypto/verified.ts'
import type { Bin } from '../../src/base/bytes.ts'
import type { ExecutedBlock } from '../../src/ledger/blocks.ts'
import type { Vote } from '../../src/protocol/vote.ts'
import {
  blockBy, certificateBy, decidedIn, FIRST_MS, four, proposalIn, stepInWords, timeoutIn, turnOf, voteIn, waitingEngine,
} from './engine-fixture.ts'

const network = four()

/** Without the words that every message brings. */
const spoken = (words: readonly string[]): string[] => words.filter((word) => !/^(log|round|propose|prevote|precommit) /.test(word))

const quorumIn = (who: string, type: Vote['type'], round: number, blockId: Bin) =>
  ({ kind: 'quorum', votes: [...who].map((letter) => markVerified({ ...voteIn(letter, type, round, blockId).vote })) }) as const

/** In round 1 or later, whose proposer is not us. */
function enter(engine: Engine, round: number): void {
  for (const who of ['A', 'B']) step(engine, voteIn(who, 'prevote', round, null), FIRST_MS)
}

t.test('a proposal is judged if it comes from the proposer of its round', async (t) => {
  const engine = waitingEngine(network)
  const mine = blockBy(network, turnOf(engine, 0))
  const other = turnOf(engine, 1)
  t.strictSame(spoken(stepInWords(engine, proposalIn(blockBy(network, other), 0, other), FIRST_MS)), [])
  t.equal(engine.candidates.size, 0, 'others cost nothing')
  t.strictSame(spoken(stepInWords(engine, proposalIn(mine, 0, turnOf(engine, 0)), FIRST_MS)), ['sign prevote 0 block'])
  t.strictSame(stepInWords(engine, proposalIn(mine, 0, turnOf(engine, 0)), FIRST_MS), [], 'the same again')
})

t.test('a fresh block of another validator is not prevoted, and neither is one from far away', async (t) => {
  const [first, second] = [turnOf(waitingEngine(network), 0), turnOf(waitingEngine(network), 1)]
  t.strictSame(spoken(stepInWords(waitingEngine(network), proposalIn(blockBy(network, second), 0, first), FIRST_MS)), ['sign prevote 0 nil'])
  // The tolerance is the propose timeout of the next round: 1500 ms.
  t.strictSame(spoken(stepInWords(waitingEngine(network), proposalIn(blockBy(network, first), 0, first), FIRST_MS + 1_500)), ['sign prevote 0 block'])
  t.strictSame(spoken(stepInWords(waitingEngine(network), proposalIn(blockBy(network, first), 0, first), FIRST_MS + 1_501)), ['sign prevote 0 nil'])
  t.strictSame(spoken(stepInWords(waitingEngine(network), proposalIn(blockBy(network, first), 0, first), FIRST_MS - 1_501)), ['sign prevote 0 nil'])
})

t.test('another body under a block id is nothing: it is not logged, and the block itself is still welcome', async (t) => {
  const proposer = turnOf(waitingEngine(network), 0)
  const { id, block, execution } = blockBy(network, proposer)
  const { header, body } = block
  const spoilt = {
    'a heartbeat less': { header, body: { ...body, heartbeats: body.heartbeats.slice(1) } },
    'a certificate more': { header, body: { ...body, parentCertificate: certificateBy('ABC', 0, id) } },
    'another header': { header: { ...header, timestampMs: header.timestampMs + 1 }, body },
  }
  for (const [what, wrong] of Object.entries(spoilt)) {
    const engine = waitingEngine(network)
    step(engine, voteIn('A', 'prevote', 0, null), FIRST_MS)
    t.strictSame(stepInWords(engine, proposalIn({ id, block: wrong }, 0, proposer), FIRST_MS), [], what)
    t.strictSame(stepInWords(engine, decidedIn(wrong, certificateBy('ABC', 1, id)), FIRST_MS), [], `${what}, with a certificate`)
    t.equal(engine.candidates.size, 0)
    t.strictSame(stepInWords(engine, proposalIn({ id, block }, 0, proposer), FIRST_MS), ['log proposal', 'sign prevote 0 block'])
    t.equal(engine.candidates.get(id)?.execution.minted, execution.minted)
  }
})

t.test('a block that others decided is committed with their certificate, and only then', async (t) => {
  const { id, block } = blockBy(network, 'B')
  const refused = {
    'too few': decidedIn(block, certificateBy('AB', 1, id)),
    'for another height': decidedIn(block, certificateBy('ABC', 2, id)),
    'for another block': decidedIn(block, certificateBy('ABC', 1, 'x'.repeat(32))),
    'by strangers': decidedIn(block, certificateBy('ABCE', 1, id)),
    'of an invalid block': decidedIn({ ...block, header: { ...block.header, weightPpm: 1 } }, certificateBy('ABC', 1, id)),
  }
  const engine = waitingEngine(network)
  for (const [what, input] of Object.entries(refused)) t.strictSame(stepInWords(engine, input, FIRST_MS), [], what)
  t.strictSame(stepInWords(engine, decidedIn(block, certificateBy('ABC', 1, id)), FIRST_MS), ['commit 1'])
  t.strictSame(stepInWords(engine, decidedIn(block, certificateBy('ABCD', 1, id)), FIRST_MS), [], 'once')
  t.throws(() => step(engine, { kind: 'stored', height: 2 }, FIRST_MS), /the one that was stored/)
  step(engine, { kind: 'stored', height: 1 }, FIRST_MS)
  t.equal(engine.headCertificate?.signatures.length, 3)
})

t.test('a proposer has few blocks of a round executed, beside those that others stand behind', async (t) => {
  const engine = waitingEngine(network)
  const proposer = turnOf(engine, 0)
  const blocks = Array.from({ length: 6 }, (_, salt) => blockBy(network, proposer, salt))
  const judged = blocks.filter((block) => stepInWords(engine, proposalIn(block, 0, proposer), FIRST_MS).includes('log proposal'))
  t.equal(judged.length, 4)
  const refused = blocks.find((block) => !judged.includes(block))!
  const others = ['A', 'B', 'C'].filter((letter) => letter !== proposer)
  for (const who of others) step(engine, voteIn(who, 'prevote', 0, refused.id), FIRST_MS)
  t.match(stepInWords(engine, proposalIn(refused, 0, proposer), FIRST_MS), ['log proposal'], 'one that a third voted for')
})

t.test('a proposal for a round far ahead is refused until that round comes', async (t) => {
  const engine = waitingEngine(network)
  const round = 3
  const ahead = proposalIn(blockBy(network, turnOf(engine, round)), round, turnOf(engine, round))
  step(engine, voteIn('A', 'prevote', 0, null), FIRST_MS)
  t.strictSame(stepInWords(engine, ahead, FIRST_MS), [])
  enter(engine, 1)
  t.match(stepInWords(engine, ahead, FIRST_MS), ['log proposal'])
})

t.test('no flood of blocks makes the engine forget one that can still be decided', async (t) => {
  const engine = waitingEngine(network)
  const first = turnOf(engine, 0)
  const wanted = blockBy(network, first)
  step(engine, proposalIn(wanted, 0, first), FIRST_MS)
  for (let round = 1; round <= 5; round++) {
    enter(engine, round)
    const proposer = turnOf(engine, round)
    for (let salt = 0; salt < 4; salt++) step(engine, proposalIn(blockBy(network, proposer, 10 * round + salt), round, proposer), FIRST_MS)
  }
  t.ok(engine.candidates.size > 0 && engine.candidates.size < 20, 'and the flood is not kept whole', { size: engine.candidates.size })
  for (const { proposal } of proposalsHeld(engine.consensus)) t.ok(engine.candidates.has(proposal.blockId))
  for (const who of ['A', 'B']) step(engine, voteIn(who, 'precommit', 0, wanted.id), FIRST_MS)
  t.strictSame(stepInWords(engine, voteIn('C', 'precommit', 0, wanted.id), FIRST_MS), ['log vote', 'commit 1'])
})

/** D, to whom A gave another prevote than to B and C; they locked on the block and offer it again in round 1. */
function deceived(): { engine: Engine; wanted: ExecutedBlock; again: ReturnType<typeof proposalIn> } {
  const engine = waitingEngine(network)
  const wanted = blockBy(network, turnOf(engine, 0))
  step(engine, voteIn('A', 'prevote', 0, null), FIRST_MS)
  for (const who of ['B', 'C']) step(engine, voteIn(who, 'prevote', 0, wanted.id), FIRST_MS)
  enter(engine, 1)
  return { engine, wanted, again: proposalIn(wanted, 1, turnOf(engine, 1), 0) }
}

t.test('a quorum that an equivocator hides from us is taken when it is shown', async (t) => {
  const { engine, wanted, again } = deceived()
  t.strictSame(stepInWords(engine, again, FIRST_MS), ['log proposal'], 'without the quorum there is no prevote (L28)')
  t.strictSame(stepInWords(engine, quorumIn('BC', 'prevote', 0, wanted.id), FIRST_MS), [], 'two of four are none')
  t.strictSame(stepInWords(engine, quorumIn('ABC', 'prevote', 0, wanted.id), FIRST_MS), ['log quorum', 'equivocation of A', 'broadcast-transaction', 'sign prevote 1 block'])
  t.strictSame(stepInWords(engine, quorumIn('ABC', 'prevote', 0, wanted.id), FIRST_MS), [], 'it is not logged again')
})

t.test('a quorum of precommits that is shown decides', async (t) => {
  const { engine, wanted, again } = deceived()
  step(engine, again, FIRST_MS)
  t.strictSame(stepInWords(engine, quorumIn('ABC', 'precommit', 0, wanted.id), FIRST_MS), ['log quorum', 'commit 1'])
})

t.test('a quorum of another height, for nil, or of strangers is nothing', async (t) => {
  const { engine, wanted } = deceived()
  const nil = { kind: 'quorum', votes: ['A', 'B', 'C'].map((who) => voteIn(who, 'prevote', 0, null).vote) } as const
  const late = { kind: 'quorum', votes: ['A', 'B', 'C'].map((who) => voteIn(who, 'prevote', 0, wanted.id, 2).vote) } as const
  for (const input of [nil, late, quorumIn('QRS', 'prevote', 0, wanted.id), quorumIn('', 'prevote', 0, wanted.id)]) t.strictSame(stepInWords(engine, input, FIRST_MS), [])
})

t.test('a quorum wakes a node that waits, and takes it to its round', async (t) => {
  const engine = waitingEngine(network)
  const block = blockBy(network, turnOf(engine, 2))
  t.strictSame(stepInWords(engine, quorumIn('ABC', 'prevote', 2, block.id), FIRST_MS), ['log begin', 'round 0', 'propose 0 in 1000', 'log quorum', 'round 2', 'propose 2 in 2000'])
  t.strictSame(spoken(stepInWords(engine, proposalIn(block, 2, turnOf(engine, 2)), FIRST_MS)), ['sign prevote 2 block', 'sign precommit 2 block'])
  t.strictSame(stepInWords(engine, timeoutIn('propose', 0), FIRST_MS), ['log timer'], 'the timer of the round that it left is over')
})
