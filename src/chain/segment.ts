// A segment of the write-ahead log as bytes: one file per height.
//
//   header   magic "PULSEWAL" (8) ‖ version (4) ‖ height (8) ‖ mark (8) ‖ CRC-32 of these (4)
//   frame    mark (8) ‖ length of the records (4) ‖ CRC-32 of length and records (4) ‖ records
//   record   length of the payload (4) ‖ kind (1) ‖ payload
//
// All numbers little-endian. A frame is what one flush writes, and it counts whole or not at all. Since a flush is
// synced before the next one starts, an incomplete frame at the end is a torn write of which nothing was spoken, and a broken
// frame with a whole one behind it is damage. The mark is random for each segment, so that no payload can pass as a frame.

import { crc32 } from 'node:zlib'
import { readUint32, readUint64, writeUint32, writeUint64 } from '../base/bytes.ts'

export const MAX_RECORD_BYTES = 16 * 1024 * 1024
/** A frame is closed before it grows beyond: one record always fits. */
export const MAX_FRAME_BYTES = 2 * MAX_RECORD_BYTES
export const SEGMENT_VERSION = 1
export const SEGMENT_HEADER_SIZE = 32
export const MARK_SIZE = 8
export const FRAME_HEADER_SIZE = MARK_SIZE + 8
export const RECORD_HEADER_SIZE = 5

const MAGIC = new TextEncoder().encode('PULSEWAL')

export interface WalRecord {
  /** 1…255, the caller's. */
  readonly kind: number
  readonly payload: Uint8Array
}

/** clean: whole; torn: an incomplete frame at the end; damaged: broken before the end; foreign: of a newer version or of another height */
export type SegmentCondition = 'clean' | 'torn' | 'damaged' | 'newer' | 'foreign'

export interface Segment {
  readonly condition: SegmentCondition
  readonly records: readonly WalRecord[]
  /** Null if not even the header is whole: the segment counts as empty. */
  readonly mark: Uint8Array | null
  /** Bytes up to the end of the last whole frame. */
  readonly validBytes: number
}

export function encodeSegmentHeader(height: number, mark: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_SIZE)
  bytes.set(MAGIC)
  writeUint32(bytes, 8, SEGMENT_VERSION)
  writeUint64(bytes, 12, height)
  bytes.set(mark, 20)
  writeUint32(bytes, 28, crc32(bytes.subarray(0, 28)))
  return bytes
}

export function encodeFrame(mark: Uint8Array, records: readonly WalRecord[]): Uint8Array {
  const size = records.reduce((sum, { payload }) => sum + RECORD_HEADER_SIZE + payload.length, 0)
  const bytes = new Uint8Array(FRAME_HEADER_SIZE + size)
  bytes.set(mark)
  writeUint32(bytes, MARK_SIZE, size)
  let offset = FRAME_HEADER_SIZE
  for (const { kind, payload } of records) {
    writeUint32(bytes, offset, payload.length)
    bytes[offset + 4] = kind
    bytes.set(payload, offset + RECORD_HEADER_SIZE)
    offset += RECORD_HEADER_SIZE + payload.length
  }
  writeUint32(bytes, MARK_SIZE + 4, frameChecksum(bytes, 0, size))
  return bytes
}

/** @param height what the file's name says */
export function decodeSegment(bytes: Uint8Array, height: number): Segment {
  const empty = (condition: SegmentCondition): Segment => ({ condition, records: [], mark: null, validBytes: 0 })
  if (bytes.length < SEGMENT_HEADER_SIZE) return empty(bytes.length === 0 ? 'clean' : 'torn')
  const isHeader = MAGIC.every((byte, i) => bytes[i] === byte) && readUint32(bytes, 28) === crc32(bytes.subarray(0, 28))
  // The header is synced before the first frame is written.
  if (!isHeader) return empty(bytes.length === SEGMENT_HEADER_SIZE ? 'torn' : 'damaged')
  if (readUint32(bytes, 8) > SEGMENT_VERSION) return empty('newer')
  if (readUint64(bytes, 12) !== height) return empty('foreign')
  const mark = new Uint8Array(bytes.subarray(20, 28))
  const records: WalRecord[] = []
  let offset = SEGMENT_HEADER_SIZE
  while (offset < bytes.length) {
    const end = frameEnd(bytes, offset, mark)
    if (end === null) break
    if (!decodeRecords(bytes, offset + FRAME_HEADER_SIZE, end, records)) return { condition: 'damaged', records, mark, validBytes: offset }
    offset = end
  }
  const condition = offset === bytes.length ? 'clean' : hasFrameBehind(bytes, offset + 1, mark) ? 'damaged' : 'torn'
  return { condition, records, mark, validBytes: offset }
}

/** Where the frame ends, or null if there is no valid one at `offset`. */
function frameEnd(bytes: Uint8Array, offset: number, mark: Uint8Array): number | null {
  if (offset + FRAME_HEADER_SIZE > bytes.length || !mark.every((byte, i) => bytes[offset + i] === byte)) return null
  const size = readUint32(bytes, offset + MARK_SIZE)
  const end = offset + FRAME_HEADER_SIZE + size
  if (size === 0 || size > MAX_FRAME_BYTES || end > bytes.length) return null
  return readUint32(bytes, offset + MARK_SIZE + 4) === frameChecksum(bytes, offset, size) ? end : null
}

function frameChecksum(bytes: Uint8Array, offset: number, size: number): number {
  const length = bytes.subarray(offset + MARK_SIZE, offset + MARK_SIZE + 4)
  return crc32(bytes.subarray(offset + FRAME_HEADER_SIZE, offset + FRAME_HEADER_SIZE + size), crc32(length))
}

function decodeRecords(bytes: Uint8Array, from: number, end: number, records: WalRecord[]): boolean {
  let offset = from
  while (offset + RECORD_HEADER_SIZE <= end) {
    const size = readUint32(bytes, offset)
    const kind = bytes[offset + 4]!
    const payload = offset + RECORD_HEADER_SIZE
    if (size > MAX_RECORD_BYTES || payload + size > end) return false
    records.push({ kind, payload: new Uint8Array(bytes.subarray(payload, payload + size)) })
    offset = payload + size
  }
  return offset === end
}

function hasFrameBehind(bytes: Uint8Array, from: number, mark: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let offset = buffer.indexOf(mark, from); offset !== -1; offset = buffer.indexOf(mark, offset + 1)) {
    if (frameEnd(bytes, offset, mark) !== null) return true
  }
  return false
}
