// Heartbeats, transfers and certificates with true signatures, for tests of those who verify them.

import { concat, toBin } from '../../src/base/bytes.ts'
import type { KeyBin } from '../../src/crypto/keys.ts'
import { rawKey } from '../../src/crypto/keys.ts'
import type { KeyPair } from '../../src/crypto/sign.ts'
import { keyPairFromSecret, sign } from '../../src/crypto/sign.ts'
import type { ExecutedBlock } from '../../src/ledger/blocks.ts'
import type { Certificate } from '../../src/protocol/certificate.ts'
import { certificateMessage } from '../../src/protocol/certificate.ts'
import { encodeHeartbeatFields, heartbeatMessage } from '../../src/protocol/heartbeat.ts'
import type { Heartbeat } from '../../src/protocol/heartbeat.ts'
import { decodeHeartbeat, recordOfRow } from '../../src/protocol/heartbeat.ts'
import { transferMessage } from '../../src/protocol/transfer.ts'
import type { Transfer } from '../../src/protocol/transfer.ts'
import { bytesOf, digest } from './ledger-fixture.ts'

const CURVES = ['p256', 'ed25519', 'secp256k1'] as const

/** Key pair n; every third is of another curve. */
export const keysOf = (n: number): KeyPair => keyPairFromSecret(CURVES[n % 3]!, bytesOf(`secret ${n}`, 32))
export const keyOf = (keys: KeyPair): KeyBin => toBin(keys.publicKey)

export const VALIDATOR = keyPairFromSecret('ed25519', bytesOf('validator', 32))
export const WITNESS = keyPairFromSecret('ed25519', bytesOf('witness', 32))
export const rawKeyOf = ({ publicKey }: KeyPair): string => toBin(rawKey(publicKey, 'ed25519'))

export interface SignedFields {
  readonly timestampS: number
  readonly sequence: number
  readonly rateLevel?: number
  readonly motionLevel?: number
  readonly witness?: Uint8Array
  readonly evidence?: Uint8Array
}

/** Message ‖ signature, as a device sends it. */
export function rowBy(keys: KeyPair, genesisHash: Uint8Array, { timestampS, sequence, rateLevel = 3, motionLevel = 2, witness, evidence }: SignedFields): Uint8Array {
  const fields = encodeHeartbeatFields({
    deviceKey: keys.publicKey,
    timestampS,
    sequence,
    witness: witness ?? rawKey(WITNESS.publicKey, 'ed25519'),
    rateLevel,
    motionLevel,
    evidence: evidence ?? bytesOf(`evidence ${sequence}`, 32),
  })
  const message = heartbeatMessage(genesisHash, fields)
  return concat(message, sign(message, keys))
}

export function beatBy(keys: KeyPair, genesisHash: Uint8Array, fields: SignedFields): Heartbeat {
  const row = rowBy(keys, genesisHash, fields)
  const record = recordOfRow(row, genesisHash)
  return decodeHeartbeat((record as { value: Uint8Array }).value, digest(row))!
}

/** The message of a transfer and its signature. */
export function transferBy(keys: KeyPair, genesisHash: Uint8Array, fields: Omit<Transfer, 'sender' | 'memo'>, memo = ''): { message: Uint8Array; signature: Uint8Array } {
  const message = transferMessage(genesisHash, { sender: keyOf(keys), memo: new TextEncoder().encode(memo), ...fields })
  return { message, signature: sign(message, keys) }
}

/** Of a network of one. */
export function certifiedBy(validator: KeyPair, genesisHash: Uint8Array, { id, block }: ExecutedBlock): Certificate {
  const certificate = { height: block.header.height, round: 0, blockId: id, signatures: [] }
  return { ...certificate, signatures: [{ validator: 0, signature: sign(certificateMessage(genesisHash, certificate), validator) }] }
}
