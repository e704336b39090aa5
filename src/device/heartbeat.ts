// Makes a native heartbeat: evidence and levels from the vitals, the 181-byte message, the signature.

import { toHex } from '../base/bytes.ts'
import { HASH_SIZE, sha256 } from '../crypto/hash.ts'
import type { KeyPair } from '../crypto/sign.ts'
import { sign } from '../crypto/sign.ts'
import { encodeHeartbeatFields, heartbeatMessage } from '../protocol/heartbeat.ts'
import type { Vitals } from '../protocol/vitals.ts'
import { evidenceOf, levelsOf, NONCE_SIZE, vitalsInRange } from '../protocol/vitals.ts'
import type { DeviceIdentity, StampRules } from './identity.ts'

/** A heartbeat as a device hands it to its witness. */
export interface DeviceHeartbeat {
  /** The 181 signed bytes. */
  readonly message: Uint8Array
  /** 64 bytes. */
  readonly signature: Uint8Array
  /** Only the witness gets these two. */
  readonly vitals: Vitals
  /** 16 bytes. */
  readonly nonce: Uint8Array
  /** SHA-256 of the message, hex. */
  readonly id: string
  readonly timestampS: number
  readonly sequence: number
}

export interface HeartbeatInput {
  readonly keys: KeyPair
  /** 32 bytes. */
  readonly genesisHash: Uint8Array
  /** Ed25519 key of the node that gets the vitals, 32 bytes. */
  readonly witness: Uint8Array
  readonly timestampS: number
  readonly sequence: number
  readonly vitals: Vitals
  /** 16 bytes; random if absent. Give one in tests only: a nonce that can be guessed lets strangers guess the vitals. */
  readonly nonce?: Uint8Array
}

/** @throws RangeError if the vitals or a field are out of the protocol's range */
export function makeHeartbeat(input: HeartbeatInput): DeviceHeartbeat {
  const { keys, genesisHash, witness, timestampS, sequence, vitals } = input
  if (!vitalsInRange(vitals)) throw new RangeError('the vitals are out of range')
  if (genesisHash.length !== HASH_SIZE || witness.length !== 32) throw new RangeError('a genesis hash and a witness key have 32 bytes')
  for (const value of [timestampS, sequence]) {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('timestamp and sequence are whole numbers of at least 0')
  }
  const nonce = input.nonce ?? crypto.getRandomValues(new Uint8Array(NONCE_SIZE))
  const fields = encodeHeartbeatFields({
    deviceKey: keys.publicKey,
    timestampS,
    sequence,
    witness,
    ...levelsOf(vitals),
    evidence: evidenceOf(vitals, nonce),
  })
  const message = heartbeatMessage(genesisHash, fields)
  return { message, signature: sign(message, keys), vitals, nonce, id: toHex(sha256(message)), timestampS, sequence }
}

/** What a device must know of the network and of its node to beat. `/v2/node` tells it. */
export interface Network extends StampRules {
  readonly genesisHash: Uint8Array
  readonly witness: Uint8Array
  readonly heartbeatMaxAgeMs: number
  readonly development: boolean
}

/** One heartbeat, stamped now. Null if it is too early after the device's last one. */
export function beat(identity: DeviceIdentity, network: Network, vitals: Vitals, nowMs: number): DeviceHeartbeat | null {
  // Before the stamp: a heartbeat that cannot be made must not use up a second.
  if (!vitalsInRange(vitals)) throw new RangeError('the vitals are out of range')
  const stamp = identity.stamp(nowMs, network)
  if (stamp === null) return null
  return makeHeartbeat({ keys: identity.keys, genesisHash: network.genesisHash, witness: network.witness, ...stamp, vitals })
}
