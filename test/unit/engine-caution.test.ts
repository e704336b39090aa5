// When a validator may sign after a start: only if nobody can have signed with its key what it does not know of.

import t from 'tap'
import { toBin } from '../../src/base/bytes.ts'
import { stillMs } from '../../src/engine/caution.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { createEngine, DEFAULT_MEMPOOL_LIMITS } from '../../src/engine/engine.ts'
import type { Input } from '../../src/engine/input.ts'
import { beats, blockBy, certificateBy, decidedIn, FIRST_MS, FIRST_S, four, keyOf, live, proposalIn, stepInWords, voteIn } from './engine-fixture.ts'
import { build, GENESIS_TIME_MS, sorted } from './ledger-fixture.ts'

const network = four()
const head = (who: string, height: number): Input => ({ kind: 'head', nodeKey: who.toLowerCase().repeat(32), height })

/** Validator D after a start. @param signedHeight what its record says; null if it is lost */
function started(signedHeight: number | null): Engine {
  const engine = createEngine({ ledger: network.ledger(), headCertificate: null, self: keyOf('D'), mempool: DEFAULT_MEMPOOL_LIMITS, signedHeight, trusted: false })
  stepInWords(engine, { kind: 'start' }, GENESIS_TIME_MS)
  return engine
}

const block = blockBy(network, 'A')
/** What D says to A's proposal. */
const answers = (engine: Engine, nowMs = FIRST_MS): string[] => stepInWords(engine, proposalIn(block, 0, 'A'), nowMs).filter((word) => word.startsWith('sign'))
const signs = (words: readonly string[]): string[] => words.filter((word) => word.startsWith('sign '))

t.test('nothing is signed before more than two thirds of the power are known not to be ahead', async (t) => {
  const engine = started(1)
  t.strictSame(answers(engine), [])
  t.strictSame(signs(stepInWords(engine, head('A', 0), FIRST_MS)), [], 'half of the power, our own counted')
  t.strictSame(signs(stepInWords(engine, head('x', 0), FIRST_MS)), [], 'a node that is no validator')
  t.strictSame(signs(stepInWords(engine, head('B', 1), FIRST_MS)), [], 'one that is ahead')
  t.strictSame(signs(stepInWords(engine, head('C', 0), FIRST_MS)), ['sign prevote 0 block'], 'what was held is signed now')
  t.ok(engine.caution.trusted)
})

t.test('a record that does not reach to the height before waits for two blocks without our signature', async (t) => {
  const engine = started(null)
  for (const who of 'ABC') stepInWords(engine, head(who, 0), FIRST_MS)
  t.strictSame(answers(engine), [])
  let { ledger } = engine
  const decide = (signers: string): void => {
    const { height } = engine.ledger
    const heartbeats = sorted([network.beat({ of: 1, timestampS: FIRST_S + height, sequence: height + 1 })])
    const next = build(ledger, { proposer: keyOf('A'), timestampMs: FIRST_MS + height * 1_000, parentCertificate: engine.headCertificate, heartbeats })
    live(engine, decidedIn(next.block, certificateBy(signers, height + 1, next.id)), FIRST_MS + height * 1_000)
    ledger = engine.ledger
  }
  const maySignNow = (): boolean => {
    const { height } = engine.ledger
    const nowMs = FIRST_MS + (height + 1) * 1_000
    stepInWords(engine, beats(network, [1], FIRST_S + height, height + 1), nowMs)
    stepInWords(engine, { kind: 'begin', height: height + 1 }, nowMs)
    const words = stepInWords(engine, { kind: 'timer', timer: { name: 'timeout', height: height + 1, round: 0, step: 'propose' } }, nowMs)
    return signs(words).length > 0
  }
  decide('ABC')
  t.equal(maySignNow(), false, 'one block without us')
  decide('ABCD')
  t.equal(maySignNow(), false, 'somebody signs with our key')
  decide('ABC')
  t.equal(maySignNow(), false, 'one block without us')
  decide('ABC')
  t.equal(maySignNow(), true, 'two blocks in a row')
})

t.test('a height that stands still without a vote of ours is reason enough', async (t) => {
  const engine = started(null)
  for (const who of 'ABC') stepInWords(engine, head(who, 0), FIRST_MS)
  const words = stepInWords(engine, proposalIn(block, 0, 'A'), FIRST_MS)
  const waitMs = stillMs(network.params)
  t.equal(waitMs, 4 * (1_000 + 2 * 500))
  t.equal(words.filter((word) => word.startsWith('sign ')).length, 0)
  const timer: Input = { kind: 'timer', timer: { name: 'caution', height: 1 } }
  t.strictSame(signs(stepInWords(engine, timer, FIRST_MS + waitMs - 1)), [])
  t.strictSame(signs(stepInWords(engine, timer, FIRST_MS + waitMs)), ['sign prevote 0 block'])
})

t.test('a vote of ours that we know nothing of ends all trust', async (t) => {
  const engine = started(1)
  for (const who of 'ABC') stepInWords(engine, head(who, 0), FIRST_MS)
  t.strictSame(answers(engine), ['sign prevote 0 block'])
  t.notOk(stepInWords(engine, voteIn('D', 'prevote', 0, block.id), FIRST_MS).includes('signed-elsewhere'), 'our own')
  t.ok(stepInWords(engine, voteIn('D', 'precommit', 0, null), FIRST_MS).includes('signed-elsewhere'))
  t.equal(engine.caution.trusted, false)
  const nil = (who: string, round: number): string[] => stepInWords(engine, voteIn(who, 'precommit', round, null), FIRST_MS)
  for (const who of 'ABC') nil(who, 0)
  stepInWords(engine, { kind: 'timer', timer: { name: 'timeout', height: 1, round: 0, step: 'precommit' } }, FIRST_MS)
  t.equal(engine.consensus.round, 1)
  t.strictSame(signs(stepInWords(engine, { kind: 'timer', timer: { name: 'timeout', height: 1, round: 1, step: 'propose' } }, FIRST_MS)), [])
})

t.test('a node that was no validator signs from its first block on', async (t) => {
  const engine = createEngine({ ledger: network.ledger(), headCertificate: null, self: keyOf('X'), mempool: DEFAULT_MEMPOOL_LIMITS, signedHeight: 1, trusted: false })
  stepInWords(engine, { kind: 'start' }, GENESIS_TIME_MS)
  for (const who of 'ABC') stepInWords(engine, head(who, 0), FIRST_MS)
  for (const height of [1, 2, 3, 4]) {
    const heartbeats = sorted([network.beat({ of: 1, timestampS: FIRST_S + height, sequence: height })])
    const next = build(engine.ledger, { proposer: keyOf('A'), timestampMs: FIRST_MS + height * 1_000, parentCertificate: engine.headCertificate, heartbeats })
    live(engine, decidedIn(next.block, certificateBy('ABC', height, next.id)), FIRST_MS + height * 1_000)
  }
  t.equal(engine.caution.signed.height, 4)
})

t.test('a network of one trusts its record', async (t) => {
  const engine = createEngine({ ledger: network.ledger(), headCertificate: null, self: keyOf('D'), mempool: DEFAULT_MEMPOOL_LIMITS, signedHeight: 0, trusted: true })
  stepInWords(engine, { kind: 'start' }, GENESIS_TIME_MS)
  t.strictSame(answers(engine), ['sign prevote 0 block'])
})

t.test('contradicting votes become evidence that waits for a block and is told to peers', async (t) => {
  const engine = started(1)
  stepInWords(engine, proposalIn(block, 0, 'A'), FIRST_MS)
  stepInWords(engine, voteIn('B', 'prevote', 0, null), FIRST_MS)
  const words = stepInWords(engine, voteIn('B', 'prevote', 0, block.id), FIRST_MS)
  t.ok(words.includes('equivocation of B') && words.includes('broadcast-transaction'), words.join())
  t.equal(engine.governance.count, 1)
  const [transaction] = engine.governance.reap()
  t.equal(transaction!.kind, 6)
  const with_ = build(network.ledger(), { proposer: keyOf('A'), timestampMs: FIRST_MS, transactions: [transaction!] })
  t.strictSame(with_.execution.state.governance.barred, [toBin(new TextEncoder().encode('B'.repeat(32)))], 'it justifies a block without heartbeats')
})
