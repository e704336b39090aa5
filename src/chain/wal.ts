// The write-ahead log of consensus: what a validator must know again after a crash, flushed before it speaks.
// One file per height, `<height in 16 digits>.wal`. Synchronous: the core thread has nothing better to do meanwhile.

import { randomBytes } from 'node:crypto'
import { closeSync, fdatasyncSync, fsyncSync, ftruncateSync, openSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { assert } from '../base/assert.ts'
import { Failure } from '../ops/failure.ts'
import type { WriteHook } from '../ops/fsync.ts'
import { makeDirectory, storageFailure, syncDirectory, writeFully } from '../ops/fsync.ts'
import type { Segment, WalRecord } from './segment.ts'
import { MARK_SIZE, MAX_FRAME_BYTES, MAX_RECORD_BYTES, RECORD_HEADER_SIZE } from './segment.ts'
import { decodeSegment, encodeFrame, encodeSegmentHeader } from './segment.ts'

/** Every method throws Failure `storage` if the disk fails; from then on nothing more is written. */
export interface Wal {
  /** Heights that have a segment, ascending. */
  heights(): number[]
  /**
   * What was flushed for this height, in order; empty if there is nothing. Cuts off a torn end. Not for the height that is being written.
   * @throws Failure `corrupt` if something in the middle is damaged, `newer_schema` if a newer version wrote it
   */
  replay(height: number): WalRecord[]
  /**
   * Directs what follows to this height, which must be above the last one. Continues a segment that is there, and removes
   * those of older heights but the last `keepSegments`. @throws Failure like `replay`
   */
  begin(height: number): void
  /**
   * Kept in memory until `flush`.
   * @param kind 1…255
   * @param payload at most 16 MiB; must not change before the flush
   */
  append(kind: number, payload: Uint8Array): void
  /** On disk and synced when it returns. What one flush writes is replayed whole or not at all. */
  flush(): void
  /** Removes the segments below this height. */
  prune(belowHeight: number): void
  /** Drops what was not flushed. */
  close(): void
}

export interface WalOptions {
  /** Made if it is not there; its parent must be. */
  readonly dir: string
  /** Segments to keep, the one that is written included. */
  readonly keepSegments: number
  /**
   * Called with `wal:` and `before-begin`, `after-create`, `after-header`, `after-begin`, `after-prune`, `before-append`,
   * `after-append`, `before-flush`, `after-write`, `after-flush`. Tests crash here.
   */
  readonly onWrite?: WriteHook
}

const NAME = /^(\d{16})\.wal$/

export function openWal({ dir, keepSegments, onWrite = () => {} }: WalOptions): Wal {
  assert(keepSegments >= 1, 'the segment that is written is kept')
  let file: number | null = null
  let current = -1
  let mark: Uint8Array = new Uint8Array(0)
  let waiting: WalRecord[] = []
  let waitingBytes = 0
  let failed: Failure | null = null
  const pathOf = (height: number): string => join(dir, `${String(height).padStart(16, '0')}.wal`)

  /** After a failed write nobody knows what the disk holds, so nothing is written any more. */
  const disk = <T>(doing: string, action: () => T): T => {
    if (failed !== null) throw failed
    try {
      return action()
    } catch (error) {
      failed = storageFailure(`Cannot ${doing} the write-ahead log in ${dir}`, error)
      throw failed
    }
  }

  disk('open', () => {
    makeDirectory(dir)
    listHeights(dir)
  })

  const heights = (): number[] => disk('read', () => listHeights(dir))

  function open(height: number): { file: number; segment: Segment } {
    const path = pathOf(height)
    const opened = openSync(path, 'a+', 0o600)
    try {
      const segment = decodeSegment(readFileSync(path), height)
      assertReadable(segment, path)
      if (segment.condition === 'torn') {
        ftruncateSync(opened, segment.validBytes)
        fsyncSync(opened)
      }
      return { file: opened, segment }
    } catch (error) {
      closeSync(opened)
      throw error
    }
  }

  function release(): void {
    if (file !== null) closeSync(file)
    file = null
  }

  function prune(belowHeight: number): void {
    for (const height of listHeights(dir)) if (height < belowHeight) rmSync(pathOf(height), { force: true })
  }

  function flush(): void {
    if (waiting.length === 0) return
    onWrite('wal:before-flush')
    disk('write', () => writeFully(file!, encodeFrame(mark, waiting)))
    onWrite('wal:after-write')
    disk('write', () => fdatasyncSync(file!))
    waiting = []
    waitingBytes = 0
    onWrite('wal:after-flush')
  }

  return {
    heights,

    replay(height) {
      assert(height !== current || file === null, 'a segment is not replayed while it is written')
      if (!heights().includes(height)) return []
      const { file: opened, segment } = disk('read', () => open(height))
      closeSync(opened)
      return [...segment.records]
    },

    begin(height) {
      assert(Number.isSafeInteger(height) && height > current, `the log goes on to a height above ${current}, not to ${height}`)
      flush()
      onWrite('wal:before-begin')
      const isNew = disk('write', () => {
        release()
        const opened = open(height)
        file = opened.file
        mark = opened.segment.mark ?? randomBytes(MARK_SIZE)
        return opened.segment.mark === null
      })
      if (isNew) {
        onWrite('wal:after-create')
        disk('write', () => writeFully(file!, encodeSegmentHeader(height, mark)))
        onWrite('wal:after-header')
        disk('write', () => {
          fsyncSync(file!)
          syncDirectory(dir)
        })
      }
      onWrite('wal:after-begin')
      disk('prune', () => prune(height - keepSegments + 1))
      current = height
      onWrite('wal:after-prune')
    },

    append(kind, payload) {
      assert(file !== null, 'begin a height first')
      assert(Number.isInteger(kind) && kind >= 1 && kind <= 255, `kind ${kind} is none of 1 to 255`)
      assert(payload.length <= MAX_RECORD_BYTES, `a record has at most ${MAX_RECORD_BYTES} bytes, not ${payload.length}`)
      onWrite('wal:before-append')
      const size = RECORD_HEADER_SIZE + payload.length
      if (waitingBytes + size > MAX_FRAME_BYTES) flush()
      waiting.push({ kind, payload })
      waitingBytes += size
      onWrite('wal:after-append')
    },

    flush,
    prune: (belowHeight) => disk('prune', () => prune(belowHeight)),

    close() {
      waiting = []
      waitingBytes = 0
      release()
    },
  }
}

function listHeights(dir: string): number[] {
  const names = readdirSync(dir).filter((name) => NAME.test(name))
  return names.map((name) => parseInt(name, 10)).sort((a, b) => a - b)
}

function assertReadable(segment: Segment, path: string): void {
  if (segment.condition === 'newer') {
    throw new Failure('newer_schema', `The write-ahead log ${path} was written by a newer version`, 'Run that version of pulse-node.')
  }
  if (segment.condition === 'damaged' || segment.condition === 'foreign') {
    const why = segment.condition === 'foreign' ? 'belongs to another height' : `is broken at byte ${segment.validBytes}`
    throw new Failure(
      'corrupt',
      `The write-ahead log ${path} ${why}`,
      'Check the disk, then restore a backup, or move this file away; keep last-signed.json as it is.',
    )
  }
}

/**
 * For looking at a segment without changing it: yields the records that can be read.
 * @returns what the segment's condition is, and how many bytes are valid
 * @throws Failure `storage`; `config` if the file's name is no segment's
 */
export function* readSegment(path: string): Generator<WalRecord, Pick<Segment, 'condition' | 'validBytes'>> {
  const height = NAME.exec(basename(path))?.[1]
  if (height === undefined) {
    throw new Failure('config', `${path} is no segment of a write-ahead log`, 'Name a file like wal/0000000000000001.wal.')
  }
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw storageFailure(`Cannot read ${path}`, error)
  }
  const segment = decodeSegment(bytes, Number(height))
  yield* segment.records
  return { condition: segment.condition, validBytes: segment.validBytes }
}
