// The inclusion duty: what a validator holds must be in the proposals that it prevotes.

import t from 'tap'
import type { Engine } from '../../src/engine/engine.ts'
import { heartbeatLimit } from '../../src/ledger/blocks.ts'
import { beats, FIRST_MS, FIRST_S, four, proposalIn, stepInWords, timeoutIn, turnOf, waitingEngine } from './engine-fixture.ts'
import { build, GENESIS_TIME_MS, sorted } from './ledger-fixture.ts'

const HELD_MS = 2_000
const LIVES = Array.from({ length: 20 }, (_, i) => i + 1)
/** Wide timeouts: here only the duty may refuse. */
const network = four({ timeoutProposeMs: 60_000 })
/** From here on everything that waits since the genesis has been held for long enough. */
const LATER_MS = GENESIS_TIME_MS + HELD_MS

/** A follower that holds one heartbeat of each life since the genesis, and what it says to a proposal with these lives only. */
function prevoteFor(lives: readonly number[], { nowMs = LATER_MS, timestampMs = LATER_MS, round = 0, held = LIVES, params = {} }: { nowMs?: number; timestampMs?: number; round?: number; held?: readonly number[]; params?: object } = {}): string {
  const net = Object.keys(params).length === 0 ? network : four({ timeoutProposeMs: 60_000, ...params })
  const engine: Engine = waitingEngine(net, 'D', held)
  const by = turnOf(engine, round)
  const heartbeats = sorted(lives.map((of) => net.beat({ of, timestampS: FIRST_S, sequence: 1 })))
  const block = build(net.ledger(), { proposer: by.repeat(32), timestampMs, heartbeats })
  stepInWords(engine, { kind: 'begin', height: 1 }, FIRST_MS)
  for (let over = 0; over < round; over++) {
    for (const who of 'ABC') stepInWords(engine, { kind: 'vote', vote: precommitNil(who, over) }, FIRST_MS)
    stepInWords(engine, timeoutIn('precommit', over), FIRST_MS)
  }
  const words = stepInWords(engine, proposalIn(block, round, by), nowMs)
  return words.find((word) => word.startsWith(`sign prevote ${round}`))?.split(' ').at(-1) ?? 'nothing'
}

const precommitNil = (who: string, round: number) =>
  ({ height: 1, round, type: 'precommit', blockId: null, validator: who.repeat(32), signature: new Uint8Array(64) }) as never

t.test('a tenth of the weight may be missing, and no more', async (t) => {
  t.equal(prevoteFor(LIVES), 'block')
  t.equal(prevoteFor(LIVES.slice(2)), 'block', '2 of 20 lives')
  t.equal(prevoteFor(LIVES.slice(3)), 'nil', '3 of 20 lives')
})

t.test('only what has been held for two seconds is missed', async (t) => {
  t.equal(prevoteFor(LIVES.slice(10)), 'nil')
  t.equal(prevoteFor(LIVES.slice(10), { nowMs: LATER_MS - 1 }), 'block')
  t.equal(prevoteFor(LIVES.slice(10), { nowMs: LATER_MS + 5_000, timestampMs: LATER_MS - 1 }), 'block', 'when the block was made, however late it is judged')
})

t.test('the tolerance doubles each round, until everything passes', async (t) => {
  const lacking = (count: number, round: number): string => prevoteFor(LIVES.slice(count), { round })
  // Round 3 is our own turn.
  for (const [round, most] of [[1, 4], [2, 8]] as const) {
    t.equal(lacking(most, round), 'block', `round ${round}: ${most} of 20`)
    t.equal(lacking(most + 1, round), 'nil', `round ${round}: ${most + 1} of 20`)
  }
  t.equal(lacking(19, 4), 'block')
})

t.test('a full block lacks nothing', async (t) => {
  t.equal(prevoteFor(LIVES.slice(10), { params: { maxHeartbeats: 10 } }), 'block')
  t.equal(prevoteFor(LIVES.slice(11), { params: { maxHeartbeats: 10 } }), 'nil', 'one more would fit')
  t.equal(heartbeatLimit(four({ maxHeartbeats: 10 }).params), 10)
})

t.test('heartbeats that are too old for the block are not missed', async (t) => {
  const old = waitingEngine(network, 'D')
  stepInWords(old, beats(network, LIVES.slice(1), FIRST_S - 5), GENESIS_TIME_MS)
  const by = turnOf(old, 0)
  // 30 s is the age limit: at this time only the one life is young enough.
  const timestampMs = (FIRST_S + 26) * 1_000
  const block = build(network.ledger(), { proposer: by.repeat(32), timestampMs, heartbeats: [network.beat({ of: 1, timestampS: FIRST_S + 20, sequence: 1 })] })
  stepInWords(old, { kind: 'begin', height: 1 }, FIRST_MS)
  t.ok(stepInWords(old, proposalIn(block, 0, by), timestampMs - 2_000).includes('sign prevote 0 block'))
})
