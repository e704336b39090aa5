// A pool that verifies at once, in the thread of the test, and counts what it is asked.

import { createHash } from 'node:crypto'
import { SIGNING_PREFIX_SIZE } from '../../src/crypto/hash.ts'
import { TAGGED_KEY_SIZE } from '../../src/crypto/keys.ts'
import { verifySignature } from '../../src/crypto/verify.ts'
import type { VerifyPool } from '../../src/node/verify-pool.ts'
import { HEARTBEAT_MESSAGE_SIZE, HEARTBEAT_ROW_SIZE } from '../../src/protocol/heartbeat.ts'

export interface InlinePool {
  readonly pool: VerifyPool
  /** Heartbeats that it was asked to verify. */
  heartbeats(): number
  /** Other signatures. */
  signatures(): number
}

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest()

/** @param load what it says of others that wait */
export function inlinePool(load: Partial<Pick<VerifyPool, 'waiting' | 'delayMs'>> = {}): InlinePool {
  const asked = { heartbeats: 0, signatures: 0 }
  const pool: VerifyPool = {
    waiting: 0,
    delayMs: 0,
    ...load,
    async heartbeats(rows) {
      const count = rows.length / HEARTBEAT_ROW_SIZE
      asked.heartbeats += count
      const valid = new Uint8Array(count)
      const hashes = new Uint8Array(count * 64)
      for (let i = 0; i < count; i++) {
        const row = rows.subarray(i * HEARTBEAT_ROW_SIZE, (i + 1) * HEARTBEAT_ROW_SIZE)
        const message = row.subarray(0, HEARTBEAT_MESSAGE_SIZE)
        const key = row.subarray(SIGNING_PREFIX_SIZE, SIGNING_PREFIX_SIZE + TAGGED_KEY_SIZE)
        if (!verifySignature(message, row.subarray(HEARTBEAT_MESSAGE_SIZE), key)) continue
        valid[i] = 1
        hashes.set(sha256(message), i * 64)
        hashes.set(sha256(row), i * 64 + 32)
      }
      return { valid, hashes }
    },
    async signatures(items) {
      asked.signatures += items.length
      return items.map(({ message, signature, key }) => verifySignature(message, signature, key))
    },
    urgentHeartbeats: () => Promise.reject(new Error('no proposal lacks anything here')),
    close: async () => {},
  }
  return { pool, heartbeats: () => asked.heartbeats, signatures: () => asked.signatures }
}
