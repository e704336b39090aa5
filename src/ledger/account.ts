// The account record: one life, 128 bytes, little-endian. It is a leaf of the state tree (four chunks of 32 bytes).
//
//     0  key               35   tagged key of the device that opened the account
//    35  flags          uint8   bit 0: enrolled
//    36  blocks        uint32   rewarded blocks that it took part in
//    40  balance       uint64   base units
//    48  nonce         uint64   of its next transfer
//    56  earned        uint64   base units, all rewards ever
//    64  lastTimestamp uint64   s, of its last committed heartbeat
//    72  lastSequence  uint64   of that heartbeat
//    80  lastHeight    uint64   block of that heartbeat; 0 = none yet
//    88  lastActive    uint64   ms, the chain's active time at that block (see state.ts)
//    96  streakStart   uint64   ms of active time at which its streak began
//   104  epoch         uint32   number of the epoch that the next two fields speak of
//   108  quarters       uint8   quarters of that epoch in which it beat, one bit each
//   109  reserved       uint8   zero
//   110  witness       uint16   of its last heartbeat then: 1 + index of a validator, 0 = none
//   112  reserved          16   zero; for further devices of a life
//
// Records are read and written in place, in a buffer that holds many of them: `at` is the offset of one.

import type { Bin } from '../base/bytes.ts'
import { fromBin, readBigUint64, readUint32, readUint64, toBin, writeBigUint64, writeUint32, writeUint64 } from '../base/bytes.ts'
import type { KeyBin } from '../crypto/keys.ts'
import { TAGGED_KEY_SIZE } from '../crypto/keys.ts'

export const RECORD_SIZE = 128

const KEY = 0
const FLAGS = 35
const BLOCKS = 36
const BALANCE = 40
const NONCE = 48
const EARNED = 56
const LAST_TIMESTAMP = 64
const LAST_SEQUENCE = 72
const LAST_HEIGHT = 80
const LAST_ACTIVE = 88
const STREAK_START = 96
const EPOCH = 104
const QUARTERS = 108
const WITNESS = 110

const ENROLLED = 1

/** A record, decoded: for reads from outside. */
export interface Account {
  readonly index: number
  readonly key: KeyBin
  readonly enrolled: boolean
  readonly blocks: number
  readonly balance: bigint
  readonly nonce: number
  readonly earned: bigint
  readonly lastTimestampS: number
  readonly lastSequence: number
  readonly lastHeight: number
  readonly lastActiveMs: number
  readonly streakStartMs: number
}

export const accountKey = (bytes: Uint8Array, at: number): Bin => toBin(bytes.subarray(at + KEY, at + KEY + TAGGED_KEY_SIZE))
export const isEnrolled = (bytes: Uint8Array, at: number): boolean => (bytes[at + FLAGS]! & ENROLLED) !== 0
export const balanceOf = (bytes: Uint8Array, at: number): bigint => readBigUint64(bytes, at + BALANCE)
export const nonceOf = (bytes: Uint8Array, at: number): number => readUint64(bytes, at + NONCE)
export const lastTimestampS = (bytes: Uint8Array, at: number): number => readUint64(bytes, at + LAST_TIMESTAMP)
export const lastSequence = (bytes: Uint8Array, at: number): number => readUint64(bytes, at + LAST_SEQUENCE)
export const lastHeight = (bytes: Uint8Array, at: number): number => readUint64(bytes, at + LAST_HEIGHT)
export const lastActiveMs = (bytes: Uint8Array, at: number): number => readUint64(bytes, at + LAST_ACTIVE)
export const streakStartMs = (bytes: Uint8Array, at: number): number => readUint64(bytes, at + STREAK_START)

/** What of an epoch counts for the power of validators. */
export interface LifeMarks {
  readonly quarters: number
  /** Index of the validator whose node is the witness; −1 = none. */
  readonly witness: number
}

/** The marks of this epoch: none if the life has not beaten in it. */
export function lifeMarks(bytes: Uint8Array, at: number, epoch: number): LifeMarks {
  if (readUint32(bytes, at + EPOCH) !== epoch) return { quarters: 0, witness: -1 }
  return { quarters: bytes[at + QUARTERS]!, witness: bytes[at + WITNESS]! + 256 * bytes[at + WITNESS + 1]! - 1 }
}

export function writeLifeMarks(bytes: Uint8Array, at: number, epoch: number, { quarters, witness }: LifeMarks): void {
  writeUint32(bytes, at + EPOCH, epoch)
  bytes[at + QUARTERS] = quarters
  bytes[at + WITNESS] = (witness + 1) & 0xff
  bytes[at + WITNESS + 1] = (witness + 1) >>> 8
}

export function setEnrolled(bytes: Uint8Array, at: number): void {
  bytes[at + FLAGS]! |= ENROLLED
}

export function writeNew(bytes: Uint8Array, at: number, key: KeyBin, enrolled: boolean): void {
  bytes.fill(0, at, at + RECORD_SIZE)
  bytes.set(fromBin(key), at + KEY)
  bytes[at + FLAGS] = enrolled ? ENROLLED : 0
}

export function writeBeat(
  bytes: Uint8Array,
  at: number,
  beat: { timestampS: number; sequence: number; height: number; activeMs: number; streakStartMs: number },
): void {
  writeUint64(bytes, at + LAST_TIMESTAMP, beat.timestampS)
  writeUint64(bytes, at + LAST_SEQUENCE, beat.sequence)
  writeUint64(bytes, at + LAST_HEIGHT, beat.height)
  writeUint64(bytes, at + LAST_ACTIVE, beat.activeMs)
  writeUint64(bytes, at + STREAK_START, beat.streakStartMs)
}

export function addReward(bytes: Uint8Array, at: number, amount: bigint): void {
  writeBigUint64(bytes, at + BALANCE, balanceOf(bytes, at) + amount)
  writeBigUint64(bytes, at + EARNED, readBigUint64(bytes, at + EARNED) + amount)
  writeUint32(bytes, at + BLOCKS, readUint32(bytes, at + BLOCKS) + 1)
}

export function setBalance(bytes: Uint8Array, at: number, balance: bigint): void {
  writeBigUint64(bytes, at + BALANCE, balance)
}

export function setNonce(bytes: Uint8Array, at: number, nonce: number): void {
  writeUint64(bytes, at + NONCE, nonce)
}

export function decodeAccount(bytes: Uint8Array, at: number, index: number): Account {
  return {
    index,
    key: accountKey(bytes, at),
    enrolled: isEnrolled(bytes, at),
    blocks: readUint32(bytes, at + BLOCKS),
    balance: balanceOf(bytes, at),
    nonce: nonceOf(bytes, at),
    earned: readBigUint64(bytes, at + EARNED),
    lastTimestampS: lastTimestampS(bytes, at),
    lastSequence: lastSequence(bytes, at),
    lastHeight: lastHeight(bytes, at),
    lastActiveMs: lastActiveMs(bytes, at),
    streakStartMs: streakStartMs(bytes, at),
  }
}
