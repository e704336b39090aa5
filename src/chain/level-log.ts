// Looks for damage in LevelDB's write-ahead log before LevelDB opens it.
//
// LevelDB, as classic-level sets it, skips damaged log records in silence, with all that follows in the same 32 KiB, and
// then deletes the log. A torn end is normal after a crash: that batch was never acknowledged. But every batch of ours is
// synced before the next one is written, so damage with a later batch behind it means that acknowledged blocks are gone.
//
// Format: blocks of 32 KiB; records of `masked CRC-32C of type and data (4) ‖ length (2) ‖ type (1) ‖ data`, all little-endian,
// none crossing a block; type 1 is a whole batch, 2 its first part, 3 a middle one, 4 the last; fewer than 7 bytes at the
// end of a block are padding.

import { readUint32 } from '../base/bytes.ts'
import { crc32c } from './crc32c.ts'

const BLOCK_SIZE = 32_768
const HEADER_SIZE = 7
const FULL = 1
const FIRST = 2
const LAST = 4

/** clean: whole; torn: the last batch is incomplete; damaged: something before a later batch is broken, at that offset */
export type LogCondition = { readonly condition: 'clean' | 'torn' } | { readonly condition: 'damaged'; readonly offset: number }

export function inspectLog(log: Uint8Array): LogCondition {
  /** Where the first thing lies that is no valid record in its place. */
  let brokenAt: number | null = null
  let inBatch = false
  let batchStart = 0
  for (let offset = 0; offset < log.length; ) {
    const blockEnd = Math.min(offset - (offset % BLOCK_SIZE) + BLOCK_SIZE, log.length)
    const isBlockWhole = blockEnd % BLOCK_SIZE === 0
    if (isBlockWhole && blockEnd - offset < HEADER_SIZE) {
      offset = blockEnd
      continue
    }
    const end = recordEnd(log, offset, blockEnd)
    const type = end === null ? null : log[offset + 6]!
    if (end === null || type === null) {
      brokenAt ??= offset
      inBatch = false
      const next = findRun(log, offset + 1, blockEnd, isBlockWhole)
      if (next !== null) return { condition: 'damaged', offset: brokenAt }
      offset = blockEnd
      continue
    }
    const starts = type === FULL || type === FIRST
    if (starts && (brokenAt !== null || inBatch)) return { condition: 'damaged', offset: brokenAt ?? batchStart }
    if (!starts && !inBatch) brokenAt ??= offset
    if (starts) batchStart = offset
    if (brokenAt === null) inBatch = type !== FULL && type !== LAST
    offset = end
  }
  return { condition: brokenAt !== null || inBatch ? 'torn' : 'clean' }
}

/** Where the record ends, or null if there is no valid one at `offset`. */
function recordEnd(log: Uint8Array, offset: number, blockEnd: number): number | null {
  if (offset + HEADER_SIZE > blockEnd) return null
  const type = log[offset + 6]!
  if (type < FULL || type > LAST) return null
  const end = offset + HEADER_SIZE + (log[offset + 4]! | (log[offset + 5]! << 8))
  if (end > blockEnd) return null
  return unmask(readUint32(log, offset)) === crc32c(log, offset + 6, end) ? end : null
}

const unmask = (masked: number): number => {
  const rotated = (masked - 0xa282_ead8) >>> 0
  return ((rotated >>> 17) | (rotated << 15)) >>> 0
}

/**
 * A place behind damage where a batch starts, from where valid records follow each other to the end of the block. (A single
 * valid record could be part of a payload that somebody crafted.)
 */
function findRun(log: Uint8Array, from: number, blockEnd: number, isBlockWhole: boolean): number | null {
  const lastEnd = isBlockWhole ? blockEnd - HEADER_SIZE + 1 : blockEnd
  for (let start = from; start + HEADER_SIZE <= blockEnd; start++) {
    const type = log[start + 6]!
    if (type !== FULL && type !== FIRST) continue
    let end: number | null = start
    while (end !== null && end < lastEnd) end = recordEnd(log, end, blockEnd)
    if (end !== null) return start
  }
  return null
}
