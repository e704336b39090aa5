// What is forwarded must be right for whoever gets it, a moment later and by another clock: the forwarder pays otherwise.

import t from 'tap'
import { concat, toBin } from '../../src/base/bytes.ts'
import { rawKey } from '../../src/crypto/keys.ts'
import { sign } from '../../src/crypto/sign.ts'
import type { Effect } from '../../src/engine/effect.ts'
import { createEngine, DEFAULT_MEMPOOL_LIMITS } from '../../src/engine/engine.ts'
import { step } from '../../src/engine/step.ts'
import type { ChainSync } from '../../src/node/chain-sync.ts'
import type { Gossip } from '../../src/node/gossip.ts'
import { createGossip } from '../../src/node/gossip.ts'
import { bundleMessage, encodeBundle } from '../../src/protocol/bundle.ts'
import { inlinePool } from './inline-pool.ts'
import { GENESIS_TIME_MS, networkOf } from './ledger-fixture.ts'
import { keysOf, rowBy, VALIDATOR, WITNESS } from './ledger-signed.ts'

const { hash: HASH, ...network } = networkOf({ heartbeatMaxFutureMs: 5_000 }, { validators: [{ key: toBin(rawKey(VALIDATOR.publicKey, 'ed25519')), nodeKey: 'n'.repeat(32), power: 1_000_000 }] })
const NOW_MS = GENESIS_TIME_MS + 2_000

/** A node that follows. @param nowMs by its own clock */
function nodeAt(nowMs: number): Gossip {
  const engine = createEngine({ ledger: network.ledger(), headCertificate: null, self: null, mempool: DEFAULT_MEMPOOL_LIMITS, signedHeight: 0, trusted: true })
  step(engine, { kind: 'start' }, nowMs)
  let ticket = 0
  return createGossip({
    engine,
    pool: inlinePool().pool,
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs, after: () => ({ cancel: () => {} }), every: () => ({ cancel: () => {} }) },
    runner: {
      async submit(make) {
        const answer = step(engine, make(++ticket), nowMs).find((effect): effect is Extract<Effect, { kind: 'verdicts' }> => effect.kind === 'verdicts')
        return answer!.verdicts
      },
      deliver: (input) => void step(engine, input, nowMs),
    },
    assembler: { receive: async () => ({ verdict: 'ignore' }) },
    sync: { status: () => ({ syncing: false, target: 0, progress: null }) } as ChainSync,
    observe: () => {},
  })
}

const record = (device: number, timestampS: number): Uint8Array => rowBy(keysOf(device), HASH, { timestampS, sequence: 1 }).subarray(64)

function bundleOf(...records: Uint8Array[]): Uint8Array {
  const all = concat(...records)
  return encodeBundle({ witness: rawKey(WITNESS.publicKey, 'ed25519'), signature: sign(bundleMessage(HASH, all), WITNESS), records: all })
}

t.test('a bundle is forwarded only if every signature in it verifies, also of what is not wanted here', async (t) => {
  const early = record(2, (NOW_MS + 6_000) / 1_000)
  const forged = Uint8Array.from(early, (byte, i) => (i === early.length - 1 ? byte ^ 1 : byte))
  const good = record(1, NOW_MS / 1_000)
  // Here it is from the future; to a node whose clock is a second ahead it is not.
  for (const nowMs of [NOW_MS, NOW_MS + 1_000]) {
    t.same(await nodeAt(nowMs).receive('heartbeats', bundleOf(good, forged), 'peer'), { verdict: 'reject', reason: 'bad_signature' })
    t.same(await nodeAt(nowMs).receive('heartbeats', bundleOf(good, early), 'peer'), { verdict: 'accept' })
  }
  t.same(await nodeAt(NOW_MS).receive('heartbeats', bundleOf(forged), 'peer'), { verdict: 'ignore', reason: 'nothing_new' })
})
