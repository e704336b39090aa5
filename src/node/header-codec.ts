// A header on disk: its SSZ encoding (fixed size) and a summary of the body, so that lists of blocks read no bodies.
//
//   header ‖ heartbeats uint32 ‖ transactions uint32 ‖ minted uint64 ‖ size of the stored body uint32

import { concat, readBigUint64, readUint32, writeBigUint64, writeUint32 } from '../base/bytes.ts'
import type { Header } from '../protocol/header.ts'
import { decodeHeader, encodeHeader } from '../protocol/header.ts'

const SUMMARY_SIZE = 20

export interface StoredHeader {
  readonly header: Header
  readonly heartbeats: number
  readonly transactions: number
  /** Base units. */
  readonly minted: bigint
  /** On disk. */
  readonly bodyBytes: number
}

export function encodeStoredHeader({ header, heartbeats, transactions, minted, bodyBytes }: StoredHeader): Uint8Array {
  const summary = new Uint8Array(SUMMARY_SIZE)
  writeUint32(summary, 0, heartbeats)
  writeUint32(summary, 4, transactions)
  writeBigUint64(summary, 8, minted)
  writeUint32(summary, 16, bodyBytes)
  return concat(encodeHeader(header), summary)
}

/** Null if the bytes are damaged. */
export function decodeStoredHeader(bytes: Uint8Array): StoredHeader | null {
  const size = bytes.length - SUMMARY_SIZE
  const header = size > 0 ? decodeHeader(bytes.subarray(0, size)) : null
  if (header?.ok !== true) return null
  const summary = bytes.subarray(size)
  return {
    header: header.value,
    heartbeats: readUint32(summary, 0),
    transactions: readUint32(summary, 4),
    minted: readBigUint64(summary, 8),
    bodyBytes: readUint32(summary, 16),
  }
}
