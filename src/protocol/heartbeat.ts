// The native heartbeat: a fixed-size message that a phone builds without a library.
//
//   signed bytes (181)                    record (181: what travels and is stored)
//     0  domain tag 'pulse/heartbeat/1'
//    32  genesis hash
//    64  device key, tagged         35      0
//    99  timestamp, seconds     uint64     35
//   107  sequence               uint64     43
//   115  witness (node key)         32     51
//   147  rate level              uint8     83
//   148  motion level            uint8     84
//   149  evidence                   32     85
//        signature                  64    117
//
// The record is the signed fields without their prefix, then the signature; it is also the SSZ serialization of the
// container with these fields. Little-endian. The key is among the signed fields, because from any ECDSA signature
// a second key that fits can be computed.
//
// Two hashes: the id (of the signed bytes) names what was said; the name (of signed bytes ‖ signature) is what blocks
// and proposals list, so that a device that signs twice cannot make two bodies look alike.

import type { Bin } from '../base/bytes.ts'
import { equalBytes, readUint64, toBin, writeUint64 } from '../base/bytes.ts'
import type { Result } from '../base/result.ts'
import { err, ok } from '../base/result.ts'
import { domainTag, DOMAIN_SIZE, SIGNING_PREFIX_SIZE, signingBytes } from '../crypto/hash.ts'
import type { KeyBin } from '../crypto/keys.ts'
import { keyCurve, TAGGED_KEY_SIZE } from '../crypto/keys.ts'
import { MAX_LEVEL } from './limits.ts'

export const HEARTBEAT_FIELDS_SIZE = 117
export const HEARTBEAT_MESSAGE_SIZE = SIGNING_PREFIX_SIZE + HEARTBEAT_FIELDS_SIZE
export const HEARTBEAT_RECORD_SIZE = HEARTBEAT_FIELDS_SIZE + 64
/** Signed bytes ‖ signature, as a device sends them; the record is what lies behind the prefix. */
export const HEARTBEAT_ROW_SIZE = HEARTBEAT_MESSAGE_SIZE + 64

const AT = { timestamp: 35, sequence: 43, witness: 51, rateLevel: 83, motionLevel: 84, evidence: 85, signature: 117 } as const

/** What a device says. */
export interface HeartbeatFields {
  /** Tagged, 35 bytes. */
  readonly deviceKey: Uint8Array
  /** Unix time in whole seconds, for privacy. */
  readonly timestampS: number
  /** Strictly increasing per device. */
  readonly sequence: number
  /** Ed25519 key of the node that saw the vitals, 32 bytes. */
  readonly witness: Uint8Array
  /** 0…7, see levels.ts. */
  readonly rateLevel: number
  readonly motionLevel: number
  /** Commitment to the vitals, see vitals.ts; 32 bytes. */
  readonly evidence: Uint8Array
}

/** A decoded heartbeat. The record is kept as it came; the fields that the ledger needs are read out once. */
export interface Heartbeat {
  /** 181 bytes; a view that must not be written to. */
  readonly record: Uint8Array
  readonly device: KeyBin
  readonly timestampS: number
  readonly sequence: number
  readonly rateLevel: number
  readonly motionLevel: number
  /** SHA-256 of signed bytes ‖ signature. */
  readonly name: Bin
}

export function encodeHeartbeatFields(fields: HeartbeatFields): Uint8Array {
  const bytes = new Uint8Array(HEARTBEAT_FIELDS_SIZE)
  bytes.set(fields.deviceKey, 0)
  writeUint64(bytes, AT.timestamp, fields.timestampS)
  writeUint64(bytes, AT.sequence, fields.sequence)
  bytes.set(fields.witness, AT.witness)
  bytes[AT.rateLevel] = fields.rateLevel
  bytes[AT.motionLevel] = fields.motionLevel
  bytes.set(fields.evidence, AT.evidence)
  return bytes
}

/** The 181 bytes that the device signs. */
export function heartbeatMessage(genesisHash: Uint8Array, fields: Uint8Array): Uint8Array {
  return signingBytes('pulse/heartbeat/1', genesisHash, fields)
}

/**
 * The record of a row that a device sent (a view of it).
 * Errors: `malformed` (size or domain), `wrong_network` (another genesis).
 */
export function recordOfRow(row: Uint8Array, genesisHash: Uint8Array): Result<Uint8Array, 'malformed' | 'wrong_network'> {
  if (row.length !== HEARTBEAT_ROW_SIZE) return err('malformed')
  if (!equalBytes(row.subarray(0, DOMAIN_SIZE), domainTag('pulse/heartbeat/1'))) return err('malformed')
  if (!equalBytes(row.subarray(DOMAIN_SIZE, SIGNING_PREFIX_SIZE), genesisHash)) return err('wrong_network')
  return ok(row.subarray(SIGNING_PREFIX_SIZE))
}

/** The row of a record: what is verified and hashed. */
export function rowOfRecord(record: Uint8Array, genesisHash: Uint8Array): Uint8Array {
  return signingBytes('pulse/heartbeat/1', genesisHash, record)
}

/** The rows of many records, one after the other. */
export function rowsOf(records: readonly Uint8Array[], genesisHash: Uint8Array): Uint8Array {
  const rows = new Uint8Array(records.length * HEARTBEAT_ROW_SIZE)
  records.forEach((record, i) => rows.set(rowOfRecord(record, genesisHash), i * HEARTBEAT_ROW_SIZE))
  return rows
}

/** Decodes a record; null unless it is canonical. The signature is not checked. @param name hash of signed bytes ‖ signature */
export function decodeHeartbeat(record: Uint8Array, name: Bin): Heartbeat | null {
  if (record.length !== HEARTBEAT_RECORD_SIZE) return null
  const deviceKey = record.subarray(0, TAGGED_KEY_SIZE)
  if (keyCurve(deviceKey) === null) return null
  const timestampS = readUint64(record, AT.timestamp)
  const sequence = readUint64(record, AT.sequence)
  const rateLevel = record[AT.rateLevel]!
  const motionLevel = record[AT.motionLevel]!
  if (timestampS < 0 || timestampS > MAX_TIMESTAMP_S || sequence < 0 || rateLevel > MAX_LEVEL || motionLevel > MAX_LEVEL) return null
  return { record, device: toBin(deviceKey), timestampS, sequence, rateLevel, motionLevel, name }
}

/** Seconds stay safe integers when counted in milliseconds. */
const MAX_TIMESTAMP_S = Math.floor(Number.MAX_SAFE_INTEGER / 1_000)

/** The signed fields of a record (without prefix and signature). */
export const heartbeatFields = (record: Uint8Array): Uint8Array => record.subarray(0, HEARTBEAT_FIELDS_SIZE)
export const heartbeatDeviceKey = (record: Uint8Array): Uint8Array => record.subarray(0, TAGGED_KEY_SIZE)
export const heartbeatWitness = (record: Uint8Array): Uint8Array => record.subarray(AT.witness, AT.witness + 32)
export const heartbeatEvidence = (record: Uint8Array): Uint8Array => record.subarray(AT.evidence, AT.evidence + 32)
export const heartbeatEvidenceAndSignature = (record: Uint8Array): Uint8Array => record.subarray(AT.evidence)
export const heartbeatSignature = (record: Uint8Array): Uint8Array => record.subarray(AT.signature)

/** True if two heartbeats say the same thing (whatever their signatures). */
export function sameStatement(a: Heartbeat, b: Heartbeat): boolean {
  return equalBytes(heartbeatFields(a.record), heartbeatFields(b.record))
}
