// Entry of a verification thread: checks signatures and computes ids, batch by batch.

import { hash } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import { TAGGED_KEY_SIZE } from '../crypto/keys.ts'
import { SIGNING_PREFIX_SIZE } from '../crypto/hash.ts'
import { createVerifier } from '../crypto/verify.ts'
import { HEARTBEAT_MESSAGE_SIZE, HEARTBEAT_ROW_SIZE } from '../protocol/heartbeat.ts'
import type { VerifyJob, VerifyResult } from './verify-pool.ts'

const { maxCachedKeys } = workerData as { maxCachedKeys: number }
const verifier = createVerifier({ maxCachedKeys })
const port = parentPort
assert(port !== null, 'this file runs in a worker thread')

port.on('message', (job: VerifyJob) => {
  const result = job.kind === 'heartbeats' ? verifyHeartbeats(job) : verifySignatures(job)
  port.postMessage(result, [result.valid.buffer as ArrayBuffer, result.hashes.buffer as ArrayBuffer])
})

/** Rows of message ‖ signature; the device key is the first signed field. */
function verifyHeartbeats({ rows, hashes: hashed }: Extract<VerifyJob, { kind: 'heartbeats' }>): VerifyResult {
  const count = rows.length / HEARTBEAT_ROW_SIZE
  const valid = new Uint8Array(count)
  const hashes = new Uint8Array(hashed ? count * 64 : 0)
  for (let i = 0; i < count; i++) {
    const row = rows.subarray(i * HEARTBEAT_ROW_SIZE, (i + 1) * HEARTBEAT_ROW_SIZE)
    const message = row.subarray(0, HEARTBEAT_MESSAGE_SIZE)
    const key = row.subarray(SIGNING_PREFIX_SIZE, SIGNING_PREFIX_SIZE + TAGGED_KEY_SIZE)
    if (!verifier.verify(message, row.subarray(HEARTBEAT_MESSAGE_SIZE), key)) continue
    valid[i] = 1
    if (!hashed) continue
    hashes.set(hash('sha256', message, 'buffer'), i * 64)
    hashes.set(hash('sha256', row, 'buffer'), i * 64 + 32)
  }
  return { valid, hashes }
}

function verifySignatures({ items }: Extract<VerifyJob, { kind: 'signatures' }>): VerifyResult {
  return { valid: Uint8Array.from(items, ({ message, signature, key }) => (verifier.verify(message, signature, key) ? 1 : 0)), hashes: new Uint8Array(0) }
}
