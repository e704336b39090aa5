// The body of a block on disk. Accounts are named by their index and witnesses by a table, so a heartbeat takes 113 bytes
// instead of 181. Little-endian:
//
//   version uint8 = 1
//   parent certificate   length uint32 ‖ encoding; length 0 at height 1
//   accounts opened      count uint32 ‖ tagged keys, 35 bytes each, in order of their index
//   witnesses            count uint16 ‖ keys, 32 bytes each
//   heartbeats           count uint32 ‖ each: account uint32, age int16 (block second − timestamp), sequence uint64,
//                        witness uint16, levels uint8 (rate × 16 + motion), evidence 32, signature 64
//   transactions         count uint32 ‖ each: length uint16 ‖ encoding

import type { Bin } from '../base/bytes.ts'
import { assert } from '../base/assert.ts'
import { copyBin, equalBytes, readUint32, readUint64, toBin, writeUint32, writeUint64 } from '../base/bytes.ts'
import { TAGGED_KEY_SIZE } from '../crypto/keys.ts'
import type { KeyBin } from '../crypto/keys.ts'
import type { Body } from '../protocol/block.ts'
import type { Certificate } from '../protocol/certificate.ts'
import { decodeCertificate, encodeCertificate } from '../protocol/certificate.ts'
import {
  encodeHeartbeatFields, HEARTBEAT_FIELDS_SIZE, HEARTBEAT_RECORD_SIZE, heartbeatEvidenceAndSignature, heartbeatWitness,
} from '../protocol/heartbeat.ts'
import { MAX_LEVEL } from '../protocol/limits.ts'
import { encodeTransaction } from '../protocol/transaction.ts'

const VERSION = 1
const STORED_HEARTBEAT_SIZE = 113

/** A stored body, opened for reading; nothing in it is verified. */
export interface StoredBody {
  readonly parentCertificate: Certificate | null
  /** Keys of the accounts that the block opened, in order of their index. */
  readonly opened: readonly KeyBin[]
  readonly heartbeats: number
  /** The record (181 bytes) of one heartbeat. @param keyOf key of an account that the block opened or found */
  record(position: number, keyOf: (index: number) => KeyBin | undefined): Uint8Array
  readonly transactions: readonly Uint8Array[]
}

export interface BodyContext {
  /** Of the block. */
  readonly timestampMs: number
  readonly indexOf: (key: KeyBin) => number
  /** Keys of the accounts that the block opened, in order. */
  readonly opened: readonly KeyBin[]
}

export function encodeStoredBody(body: Body, context: BodyContext): Uint8Array {
  const certificate = body.parentCertificate === null ? new Uint8Array(0) : encodeCertificate(body.parentCertificate)
  const transactions = body.transactions.map(encodeTransaction)
  const witnesses = new WitnessTable()
  const witnessOf = Uint16Array.from(body.heartbeats, ({ record }) => witnesses.indexOf(heartbeatWitness(record)))
  const size =
    1 + 4 + certificate.length + 4 + context.opened.length * TAGGED_KEY_SIZE + 2 + witnesses.keys.length * 32 +
    4 + body.heartbeats.length * STORED_HEARTBEAT_SIZE + 4 + transactions.reduce((sum, { length }) => sum + 2 + length, 0)
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  bytes[0] = VERSION
  writeUint32(bytes, 1, certificate.length)
  bytes.set(certificate, 5)
  let at = 5 + certificate.length
  writeUint32(bytes, at, context.opened.length)
  at += 4
  for (const key of context.opened) {
    copyBin(key, bytes, at)
    at += TAGGED_KEY_SIZE
  }
  view.setUint16(at, witnesses.keys.length, true)
  at += 2
  for (const witness of witnesses.keys) {
    bytes.set(witness, at)
    at += 32
  }
  writeUint32(bytes, at, body.heartbeats.length)
  at += 4
  const blockS = Math.floor(context.timestampMs / 1_000)
  for (const [i, { record, device, timestampS, sequence, rateLevel, motionLevel }] of body.heartbeats.entries()) {
    writeUint32(bytes, at, context.indexOf(device))
    view.setInt16(at + 4, blockS - timestampS, true)
    writeUint64(bytes, at + 6, sequence)
    view.setUint16(at + 14, witnessOf[i]!, true)
    bytes[at + 16] = rateLevel * 16 + motionLevel
    // Evidence and signature lie side by side in both.
    bytes.set(heartbeatEvidenceAndSignature(record), at + 17)
    at += STORED_HEARTBEAT_SIZE
  }
  writeUint32(bytes, at, transactions.length)
  at += 4
  for (const transaction of transactions) {
    view.setUint16(at, transaction.length, true)
    bytes.set(transaction, at + 2)
    at += 2 + transaction.length
  }
  assert(at === bytes.length, 'the size was computed right')
  return bytes
}

/** Witnesses by their position; the last one is tried first, since most of a node's heartbeats name the same. */
class WitnessTable {
  readonly keys: Uint8Array[] = []
  readonly #positions = new Map<Bin, number>()
  #last = -1

  indexOf(witness: Uint8Array): number {
    if (this.#last >= 0 && equalBytes(witness, this.keys[this.#last]!)) return this.#last
    const bin = toBin(witness)
    let position = this.#positions.get(bin)
    if (position === undefined) {
      position = this.keys.push(witness) - 1
      this.#positions.set(bin, position)
    }
    this.#last = position
    return position
  }
}

/** @param timestampMs of the block. @throws RangeError, as `record` does too, if the bytes are damaged */
export function openStoredBody(bytes: Uint8Array, timestampMs: number): StoredBody {
  const reader = new Reader(bytes)
  if (reader.uint8() !== VERSION) throw new RangeError('unknown version of a stored body')
  const encodedCertificate = reader.take(reader.uint32())
  const certificate = encodedCertificate.length === 0 ? null : decodeCertificate(encodedCertificate)
  if (certificate !== null && !certificate.ok) throw new RangeError('damaged certificate')
  const opened = Array.from({ length: reader.count(TAGGED_KEY_SIZE) }, () => toBin(reader.take(TAGGED_KEY_SIZE)))
  const witnesses = Array.from({ length: reader.uint16() }, () => reader.take(32))
  const heartbeats = reader.count(STORED_HEARTBEAT_SIZE)
  const stored = reader.take(heartbeats * STORED_HEARTBEAT_SIZE)
  const transactions = Array.from({ length: reader.count(2) }, () => reader.take(reader.uint16()))
  reader.end()
  const blockS = Math.floor(timestampMs / 1_000)
  return {
    parentCertificate: certificate?.value ?? null,
    opened,
    heartbeats,
    record(position, keyOf) {
      const from = position * STORED_HEARTBEAT_SIZE
      return decodeRecord(stored.subarray(from, from + STORED_HEARTBEAT_SIZE), blockS, keyOf, witnesses)
    },
    transactions,
  }
}

function decodeRecord(stored: Uint8Array, blockS: number, keyOf: (index: number) => KeyBin | undefined, witnesses: readonly Uint8Array[]): Uint8Array {
  const view = new DataView(stored.buffer, stored.byteOffset, stored.length)
  const witness = witnesses[view.getUint16(14, true)]
  const key = keyOf(readUint32(stored, 0))
  if (key === undefined || witness === undefined) throw new RangeError('a stored heartbeat names an unknown account or witness')
  const record = new Uint8Array(HEARTBEAT_RECORD_SIZE)
  const deviceKey = new Uint8Array(TAGGED_KEY_SIZE)
  copyBin(key, deviceKey, 0)
  const fields = {
    deviceKey,
    timestampS: blockS - view.getInt16(4, true),
    sequence: readUint64(stored, 6),
    witness,
    rateLevel: stored[16]! >> 4,
    motionLevel: stored[16]! & 15,
    evidence: stored.subarray(17, 49),
  }
  const { timestampS, sequence, rateLevel, motionLevel } = fields
  if (timestampS < 0 || sequence < 0 || rateLevel > MAX_LEVEL || motionLevel > MAX_LEVEL) throw new RangeError('a stored heartbeat is out of range')
  record.set(encodeHeartbeatFields(fields), 0)
  record.set(stored.subarray(49), HEARTBEAT_FIELDS_SIZE)
  return record
}

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  take(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) throw new RangeError('a stored body ends too early')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  uint8(): number {
    return this.take(1)[0]!
  }

  uint16(): number {
    const bytes = this.take(2)
    return bytes[0]! | (bytes[1]! << 8)
  }

  uint32(): number {
    return readUint32(this.take(4), 0)
  }

  /** A uint32 count of items that have at least `itemSize` bytes each. */
  count(itemSize: number): number {
    const count = this.uint32()
    if (count * itemSize > this.#bytes.length - this.#at) throw new RangeError('a stored body counts more than it holds')
    return count
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new RangeError('a stored body has trailing bytes')
  }
}
