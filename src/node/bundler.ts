// Gathers the heartbeats that came in at this node's door into bundles, signs them as their witness, and publishes them.
// One message for many: gossip carries some thousand messages a second, whatever their size.

import { concat } from '../base/bytes.ts'
import type { KeyPair } from '../crypto/sign.ts'
import { sign } from '../crypto/sign.ts'
import { rawKey } from '../crypto/keys.ts'
import type { Clock } from '../ops/clock.ts'
import type { Heartbeat } from '../protocol/heartbeat.ts'
import { bundleMessage, encodeBundle } from '../protocol/bundle.ts'
import { MAX_BUNDLE_HEARTBEATS } from '../protocol/limits.ts'

/** How long a heartbeat waits for company. */
const MAX_WAIT_MS = 50

export interface Bundler {
  add(heartbeats: readonly Heartbeat[]): void
  close(): void
}

export function createBundler(witness: KeyPair, genesisHash: Uint8Array, publish: (bundle: Uint8Array) => void, clock: Clock): Bundler {
  const witnessKey = rawKey(witness.publicKey, 'ed25519')
  let waiting: Uint8Array[] = []
  let timer: { cancel(): void } | null = null

  function flush(): void {
    timer?.cancel()
    timer = null
    for (let first = 0; first < waiting.length; first += MAX_BUNDLE_HEARTBEATS) {
      const records = concat(...waiting.slice(first, first + MAX_BUNDLE_HEARTBEATS))
      publish(encodeBundle({ witness: witnessKey, signature: sign(bundleMessage(genesisHash, records), witness), records }))
    }
    waiting = []
  }

  return {
    add(heartbeats) {
      for (const { record } of heartbeats) waiting.push(record)
      if (waiting.length >= MAX_BUNDLE_HEARTBEATS) flush()
      else if (waiting.length > 0) timer ??= clock.after(MAX_WAIT_MS, flush)
    },
    close() {
      timer?.cancel()
      waiting = []
    },
  }
}
