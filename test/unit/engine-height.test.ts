// The engine's step: when a height begins, what is kept for later, and what is over.

import t from 'tap'
import { step } from '../../src/engine/step.ts'
import {
  beats, blockBy, certificateBy, decidedIn, engineOn, FIRST_MS, FIRST_S, four, intervalIn, keyOf, live, proposalIn, solo, stepInWords, timeoutIn, turnOf, voteIn,
  waitingEngine,
} from './engine-fixture.ts'
import { GENESIS_TIME_MS } from './ledger-fixture.ts'

t.test('a network without life is quiet', async (t) => {
  const engine = engineOn(four())
  t.strictSame(stepInWords(engine, { kind: 'start' }, GENESIS_TIME_MS), ['interval in 1000'])
  t.strictSame(stepInWords(engine, intervalIn(1), FIRST_MS), [])
  t.strictSame(stepInWords(engine, intervalIn(1), FIRST_MS + 3_600_000), [])
  t.equal(engine.phase, 'waiting')
})

t.test('round 0 begins when the threshold of lives is met, not before', async (t) => {
  const network = four({ threshold: 2 })
  const engine = waitingEngine(network, 'B')
  step(engine, intervalIn(1), FIRST_MS)
  t.strictSame(stepInWords(engine, beats(network, [1]), FIRST_MS), ['verdicts accepted'])
  t.strictSame(stepInWords(engine, beats(network, [1], FIRST_S + 1, 2), FIRST_MS + 1_000), ['verdicts accepted'], 'two heartbeats of one life are one life')
  t.strictSame(stepInWords(engine, beats(network, [2], FIRST_S + 1), FIRST_MS + 1_000), ['verdicts accepted', 'log begin', 'round 0', 'propose 0 in 1000'])
  t.equal(engine.phase, 'deciding')
})

t.test('round 0 waits for the block interval', async (t) => {
  const network = four()
  const engine = waitingEngine(network, 'B', [1])
  t.equal(engine.phase, 'waiting')
  t.strictSame(stepInWords(engine, beats(network, [2]), FIRST_MS - 1), ['verdicts accepted'])
  t.strictSame(stepInWords(engine, intervalIn(1), FIRST_MS), ['log begin', 'round 0', 'propose 0 in 1000'])
})

t.test('an interval that ends early, because the clock was set back, is waited for again', async (t) => {
  const engine = waitingEngine(four(), 'B', [1])
  t.strictSame(stepInWords(engine, intervalIn(1), FIRST_MS - 400), ['interval in 400'])
  t.match(stepInWords(engine, intervalIn(1), FIRST_MS), ['log begin'])
})

t.test('while a change of parameters waits, rounds begin without life', async (t) => {
  const engine = engineOn(solo({ threshold: 2 }), 'A')
  const { params, governance } = engine.ledger
  engine.ledger = { ...engine.ledger, governance: { ...governance, change: { activationHeight: 2, params } } }
  step(engine, { kind: 'start' }, GENESIS_TIME_MS)
  t.ok(live(engine, intervalIn(1), FIRST_MS).includes('commit 1'))
  t.equal(engine.ledger.supply, 0n)
})

t.test('no timer is longer than timers can be', async (t) => {
  const engine = engineOn(four({ timeoutProposeDeltaMs: 3_600_000 }), 'D')
  t.strictSame(stepInWords(engine, { kind: 'start' }, 0), ['interval in 3600000'], 'a clock that says 1970')
  t.strictSame(stepInWords(engine, intervalIn(1), 3_600_000), ['interval in 3600000'], 'and again')
  step(engine, voteIn('A', 'prevote', 1_000, null), FIRST_MS)
  t.ok(stepInWords(engine, voteIn('B', 'prevote', 1_000, null), FIRST_MS).includes(`propose 1000 in ${2 ** 31 - 1}`))
})

t.test('a message of the height wakes a node whose own pool is empty', async (t) => {
  const engine = waitingEngine(four(), 'D')
  t.strictSame(stepInWords(engine, voteIn('A', 'prevote', 0, null), GENESIS_TIME_MS), ['log begin', 'round 0', 'propose 0 in 1000', 'log vote'])
})

t.test('the proposer builds as soon as there is life and time', async (t) => {
  const network = four()
  const engine = waitingEngine(network, 'A')
  t.equal(turnOf(engine, 0), 'A')
  t.strictSame(stepInWords(engine, voteIn('B', 'prevote', 0, null), GENESIS_TIME_MS), ['log begin', 'round 0', 'propose 0 in 1000', 'log vote'], 'too early for a block')
  t.strictSame(stepInWords(engine, intervalIn(1), FIRST_MS), [], 'no life')
  t.strictSame(stepInWords(engine, beats(network, [1]), FIRST_MS), ['verdicts accepted', 'log value', 'sign proposal 0 after -1'])
})

t.test('a block that is owed is not built once its round is over', async (t) => {
  const network = four()
  const engine = waitingEngine(network, 'A')
  step(engine, voteIn('B', 'prevote', 0, null), FIRST_MS)
  t.strictSame(stepInWords(engine, timeoutIn('propose', 0), FIRST_MS + 1_000), ['log timer', 'sign prevote 0 nil'])
  t.strictSame(stepInWords(engine, beats(network, [1]), FIRST_MS + 1_000), ['verdicts accepted'])
})

t.test('alone, a node takes a heartbeat to a committed block on the path of many', async (t) => {
  const network = solo()
  const engine = waitingEngine(network, 'A')
  t.strictSame(live(engine, beats(network, [1]), FIRST_MS), [
    'verdicts accepted', 'log begin', 'round 0', 'log value', 'sign proposal 0 after -1', 'propose 0 in 1000',
    'log proposal', 'broadcast-proposal', 'sign prevote 0 block',
    'log vote', 'broadcast-vote', 'sign precommit 0 block',
    'log vote', 'broadcast-vote', 'commit 1', 'interval in 1000',
  ])
  t.equal(engine.ledger.height, 1)
  t.equal(engine.ledger.supply, network.params.rewardInitial)
  t.equal(engine.phase, 'waiting')
  t.equal(engine.heartbeats.count, 0, 'what was committed waits no longer')
})

t.test('messages of the next height wait until this one is stored', async (t) => {
  const network = four()
  const engine = waitingEngine(network, 'D')
  const { id, block } = blockBy(network, 'A')
  t.strictSame(stepInWords(engine, voteIn('A', 'prevote', 0, null, 2), FIRST_MS), [])
  t.strictSame(stepInWords(engine, voteIn('A', 'prevote', 0, null, 3), FIRST_MS), [], 'one of the height after that is dropped')
  t.strictSame(stepInWords(engine, decidedIn(block, certificateBy('ABC', 1, id)), FIRST_MS), ['commit 1'])
  t.strictSame(stepInWords(engine, voteIn('B', 'prevote', 0, null, 2), FIRST_MS), [], 'while it is being stored')
  t.strictSame(stepInWords(engine, voteIn('C', 'prevote', 0, null, 1), FIRST_MS), [], 'a late one')
  t.strictSame(stepInWords(engine, { kind: 'stored', height: 1 }, FIRST_MS), ['interval in 1000', 'log begin', 'round 0', 'propose 0 in 1000', 'log vote', 'log vote'])
  t.equal(engine.consensus.height, 2)
})

t.test('of the next height a validator can make us keep a proposal and some votes', async (t) => {
  const network = four()
  const engine = waitingEngine(network, 'D')
  for (let round = 0; round < 50; round++) {
    step(engine, voteIn('A', 'prevote', round, null, 2), FIRST_MS)
    step(engine, voteIn('Q', 'prevote', round, null, 2), FIRST_MS)
    const { id, block } = blockBy(network, 'A', round)
    step(engine, proposalIn({ id, block: { ...block, header: { ...block.header, height: 2 } } }, round, 'A'), FIRST_MS)
  }
  step(engine, voteIn('B', 'prevote', 0, null, 2), FIRST_MS)
  t.equal(engine.early.length, 8 + 1 + 1, 'of one validator, and of another that comes later; none of strangers')
})

t.test('timers of a height or round that has passed do nothing', async (t) => {
  const network = solo()
  const engine = waitingEngine(network, 'A')
  live(engine, beats(network, [1]), FIRST_MS)
  t.equal(engine.consensus.height, 2)
  for (const timer of [intervalIn(1), timeoutIn('propose', 0, 1), timeoutIn('precommit', 0, 1), timeoutIn('propose', 0, 3)]) t.strictSame(stepInWords(engine, timer, FIRST_MS + 900), [])
  t.equal(engine.consensus.round, -1)
})

t.test('timers of a height that is being stored do nothing', async (t) => {
  const network = four()
  const engine = waitingEngine(network, 'D', [1])
  const { id, block } = blockBy(network, 'A')
  step(engine, decidedIn(block, certificateBy('ABC', 1, id)), FIRST_MS)
  for (const timer of [intervalIn(1), timeoutIn('propose', 0)]) t.strictSame(stepInWords(engine, timer, FIRST_MS), [])
})

t.test('who only follows decides, and never speaks', async (t) => {
  const network = four()
  const engine = waitingEngine(network, null)
  const executed = blockBy(network, 'A')
  const words = [
    proposalIn(executed, 0, 'A'),
    ...['A', 'B', 'C'].map((who) => voteIn(who, 'prevote', 0, executed.id)),
    ...['A', 'B', 'C'].map((who) => voteIn(who, 'precommit', 0, executed.id)),
  ].flatMap((input) => stepInWords(engine, input, FIRST_MS))
  t.strictSame(words.filter((word) => !word.startsWith('log')), ['round 0', 'propose 0 in 1000', 'commit 1'])
  t.strictSame(stepInWords(engine, { kind: 'stored', height: 1 }, FIRST_MS), ['interval in 1000'])
  t.equal(engine.ledger.headId, executed.id)
})

t.test('a key that is no validator follows like an observer', async (t) => {
  const network = four()
  const engine = waitingEngine(network, 'Q', [1])
  t.strictSame(stepInWords(engine, intervalIn(1), FIRST_MS), ['log begin', 'round 0', 'propose 0 in 1000'])
  t.strictSame(stepInWords(engine, timeoutIn('propose', 0), FIRST_MS), ['log timer'])
})

t.test('our own messages are offered to all when they come back signed, and once', async (t) => {
  const network = four()
  const engine = waitingEngine(network, 'D')
  step(engine, timeoutIn('propose', 0), FIRST_MS)
  step(engine, voteIn('A', 'prevote', 0, null), FIRST_MS)
  t.strictSame(stepInWords(engine, timeoutIn('propose', 0), FIRST_MS), ['log timer', 'sign prevote 0 nil'])
  t.strictSame(stepInWords(engine, voteIn('D', 'prevote', 0, null), FIRST_MS), ['log vote', 'broadcast-vote'])
  t.strictSame(stepInWords(engine, voteIn('D', 'prevote', 0, null), FIRST_MS), [])
  t.strictSame(stepInWords(engine, voteIn('A', 'prevote', 0, keyOf('x')), FIRST_MS), ['log vote', 'equivocation of A', 'broadcast-transaction'])
})
