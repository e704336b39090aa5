// A header on disk: its SSZ encoding (fixed size) and a summary of the body, so that lists of blocks read no bodies, and
// of the certificate, so that they need not know the validators of old epochs.
//
//   header ‖ heartbeats uint32 ‖ transactions uint32 ‖ minted uint64 ‖ size of the stored body uint32
//     ‖ power that signed uint64 ‖ total power uint64

import { concat, readBigUint64, readUint32, readUint64, writeBigUint64, writeUint32, writeUint64 } from '../base/bytes.ts'
import type { Header } from '../protocol/header.ts'
import { decodeHeader, encodeHeader } from '../protocol/header.ts'

const SUMMARY_SIZE = 36

export interface StoredHeader {
  readonly header: Header
  readonly heartbeats: number
  readonly transactions: number
  /** Base units. */
  readonly minted: bigint
  /** On disk. */
  readonly bodyBytes: number
  /** Voting power of those who signed the certificate that is stored beside it. */
  readonly power: number
  /** Of all validators of its height. */
  readonly totalPower: number
}

export function encodeStoredHeader({ header, heartbeats, transactions, minted, bodyBytes, power, totalPower }: StoredHeader): Uint8Array {
  const summary = new Uint8Array(SUMMARY_SIZE)
  writeUint32(summary, 0, heartbeats)
  writeUint32(summary, 4, transactions)
  writeBigUint64(summary, 8, minted)
  writeUint32(summary, 16, bodyBytes)
  writeUint64(summary, 20, power)
  writeUint64(summary, 28, totalPower)
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
    power: readUint64(summary, 20),
    totalPower: readUint64(summary, 28),
  }
}

/** The header as it travels, without the summary. */
export const encodedHeaderOf = (stored: Uint8Array): Uint8Array => stored.subarray(0, stored.length - SUMMARY_SIZE)
