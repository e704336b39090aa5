// A clock that stands still until it is told to go on, and identities.

import { createHash } from 'node:crypto'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { concat } from '../../src/base/bytes.ts'
import { rawKey } from '../../src/crypto/keys.ts'
import { keyPairFromSecret } from '../../src/crypto/sign.ts'
import type { Clock } from '../../src/ops/clock.ts'

export interface FakeClock extends Clock {
  /** Fires what falls due on the way, in order, and lets promises settle after each. */
  advance(ms: number): Promise<void>
  readonly timers: number
}

export function createFakeClock(startMs = 1_700_000_000_000): FakeClock {
  let now = 0
  let next = 0
  const timers = new Map<number, { dueMs: number; call: () => void; everyMs: number | null }>()
  const add = (delayMs: number, call: () => void, everyMs: number | null): { cancel(): void } => {
    const id = next++
    timers.set(id, { dueMs: now + Math.max(0, delayMs), call, everyMs })
    return { cancel: () => void timers.delete(id) }
  }
  return {
    nowMs: () => startMs + now,
    monotonicMs: () => now,
    after: (delayMs, call) => add(delayMs, call, null),
    every: (intervalMs, call) => add(intervalMs, call, intervalMs),
    async advance(ms) {
      const endMs = now + ms
      await settled()
      while (true) {
        const [due] = [...timers].filter(([, { dueMs }]) => dueMs <= endMs).sort((a, b) => a[1].dueMs - b[1].dueMs)
        if (due === undefined) break
        const [id, timer] = due
        now = Math.max(now, timer.dueMs)
        if (timer.everyMs === null) timers.delete(id)
        else timer.dueMs += timer.everyMs
        timer.call()
        await settled()
      }
      now = endMs
    },
    get timers() {
      return timers.size
    },
  }
}

export const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

/** The base58 peer id of a node by name. */
export function peerNamed(name: string): string {
  const keys = keyPairFromSecret('ed25519', new Uint8Array(createHash('sha256').update(name).digest()))
  return peerIdFromPrivateKey(privateKeyFromRaw(concat(keys.secretKey, rawKey(keys.publicKey, 'ed25519')))).toString()
}
