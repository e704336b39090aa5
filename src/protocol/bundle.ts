// A bundle: heartbeats that one witness vouches for, as they travel by gossip. A native heartbeat counts only under the
// signature of the witness that it names.
//
//   encoding: witness 32 ‖ signature 64 ‖ records, 181 each (1…128)
//   signed:   prefix (domain 'pulse/bundle/1', genesis hash) ‖ records

import { assert } from '../base/assert.ts'
import type { Result } from '../base/result.ts'
import { err, ok } from '../base/result.ts'
import { concat, equalBytes } from '../base/bytes.ts'
import { signingBytes } from '../crypto/hash.ts'
import { HEARTBEAT_RECORD_SIZE, heartbeatWitness } from './heartbeat.ts'
import { MAX_BUNDLE_HEARTBEATS } from './limits.ts'

const WITNESS_SIZE = 32
const HEAD_SIZE = WITNESS_SIZE + 64

export interface Bundle {
  /** Ed25519 node key, 32 bytes. */
  readonly witness: Uint8Array
  readonly signature: Uint8Array
  /** n × 181 bytes; each names the witness. */
  readonly records: Uint8Array
}

/** The bytes that the witness signs. */
export const bundleMessage = (genesisHash: Uint8Array, records: Uint8Array): Uint8Array => signingBytes('pulse/bundle/1', genesisHash, records)

export function encodeBundle({ witness, signature, records }: Bundle): Uint8Array {
  assert(records.length % HEARTBEAT_RECORD_SIZE === 0, 'a bundle holds whole records')
  return concat(witness, signature, records)
}

/** Checks the form, and that every heartbeat names the witness; signatures are not verified. */
export function decodeBundle(bytes: Uint8Array): Result<Bundle, 'malformed'> {
  const size = bytes.length - HEAD_SIZE
  if (size <= 0 || size % HEARTBEAT_RECORD_SIZE !== 0 || size / HEARTBEAT_RECORD_SIZE > MAX_BUNDLE_HEARTBEATS) return err('malformed')
  const witness = bytes.subarray(0, WITNESS_SIZE)
  const records = bytes.subarray(HEAD_SIZE)
  for (let at = 0; at < size; at += HEARTBEAT_RECORD_SIZE) {
    if (!equalBytes(heartbeatWitness(records.subarray(at, at + HEARTBEAT_RECORD_SIZE)), witness)) return err('malformed')
  }
  return ok({ witness, signature: bytes.subarray(WITNESS_SIZE, HEAD_SIZE), records })
}
