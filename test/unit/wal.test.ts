// The write-ahead log: what was flushed is replayed, a torn end is cut off, damage in the middle is refused.

import t from 'tap'
import { appendFileSync, copyFileSync, readFileSync, readdirSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 as crcOf } from 'node:zlib'
import fc from 'fast-check'
import { InvariantError } from '../../src/base/assert.ts'
import { MAX_RECORD_BYTES, SEGMENT_HEADER_SIZE, encodeFrame, encodeSegmentHeader } from '../../src/chain/segment.ts'
import type { WalRecord } from '../../src/chain/segment.ts'
import type { Wal } from '../../src/chain/wal.ts'
import { openWal, readSegment } from '../../src/chain/wal.ts'
import { bytesOf } from './chain-fixture.ts'

const open = (dir: string, keepSegments: number = 8): Wal => openWal({ dir, keepSegments })
const segmentPath = (dir: string, height: number): string => join(dir, `${String(height).padStart(16, '0')}.wal`)
const record = (kind: number, size: number): WalRecord => ({ kind, payload: bytesOf(`${kind}`, size) })

/** Writes each list of records with a flush of its own. @returns the size of the file after each flush */
function write(dir: string, height: number, flushes: readonly (readonly WalRecord[])[]): number[] {
  const wal = open(dir)
  wal.begin(height)
  const sizes = [SEGMENT_HEADER_SIZE]
  for (const records of flushes) {
    for (const { kind, payload } of records) wal.append(kind, payload)
    wal.flush()
    sizes.push(statSync(segmentPath(dir, height)).size)
  }
  wal.close()
  return sizes
}

t.test('what was flushed is replayed, in order; what was not is gone', async (t) => {
  const dir = join(t.testdir(), 'wal')
  const wal = open(dir)
  t.same(wal.replay(1), [])
  wal.begin(1)
  wal.append(1, Uint8Array.of(1, 2, 3))
  wal.append(255, new Uint8Array(0))
  wal.flush()
  wal.flush()
  wal.append(2, Uint8Array.of(9))
  wal.flush()
  wal.append(3, Uint8Array.of(8))
  wal.close()
  t.same(open(dir).replay(1), [
    { kind: 1, payload: Uint8Array.of(1, 2, 3) },
    { kind: 255, payload: new Uint8Array(0) },
    { kind: 2, payload: Uint8Array.of(9) },
  ])
  t.equal(statSync(segmentPath(dir, 1)).mode & 0o777, 0o600)
})

t.test('any records in any flushes come back, through any number of restarts', async (t) => {
  const dir = t.testdir()
  const anyRecord = fc.record({ kind: fc.integer({ min: 1, max: 255 }), payload: fc.uint8Array({ maxLength: 300 }) })
  let run = 0
  fc.assert(
    fc.property(fc.array(fc.array(fc.array(anyRecord, { maxLength: 4 }), { maxLength: 4 }), { maxLength: 3 }), (restarts) => {
      const at = join(dir, String(run++))
      for (const flushes of restarts) write(at, 5, flushes)
      const replayed = open(at).replay(5).map(({ kind, payload }) => [kind, ...payload])
      const expected = restarts.flat(2).map(({ kind, payload }) => [kind, ...payload])
      return JSON.stringify(replayed) === JSON.stringify(expected)
    }),
    { numRuns: 40 },
  )
})

t.test('heights go upwards, each to a file of its own, and old ones are removed', async (t) => {
  const dir = t.testdir({ 'note.txt': 'not ours' })
  const wal = open(dir, 3)
  for (let height = 1; height <= 6; height++) {
    wal.begin(height)
    wal.append(height, Uint8Array.of(height))
    wal.flush()
  }
  t.same(wal.heights(), [4, 5, 6])
  t.same(wal.replay(5), [{ kind: 5, payload: Uint8Array.of(5) }])
  for (const height of [6, 5, 1.5, -1]) t.throws(() => wal.begin(height), InvariantError)
  t.throws(() => wal.replay(6), InvariantError)
  wal.prune(6)
  t.same(wal.heights(), [6])
  wal.close()
  t.ok(readdirSync(dir).includes('note.txt'))
})

t.test('what waits goes to the height that it was appended for', async (t) => {
  const dir = t.testdir()
  const wal = open(dir)
  wal.begin(1)
  wal.append(7, Uint8Array.of(1))
  wal.begin(2)
  t.same(wal.replay(1), [{ kind: 7, payload: Uint8Array.of(1) }])
  wal.close()
})

t.test('a segment that is there is continued', async (t) => {
  const dir = t.testdir()
  write(dir, 3, [[record(1, 10)]])
  write(dir, 3, [[record(2, 10)]])
  t.same(open(dir).replay(3), [record(1, 10), record(2, 10)])
})

t.test('kinds and sizes have limits', async (t) => {
  const dir = t.testdir()
  const wal = open(dir)
  t.throws(() => wal.append(1, new Uint8Array(1)), InvariantError, 'no height yet')
  wal.begin(1)
  for (const kind of [0, 256, 1.5, -1]) t.throws(() => wal.append(kind, new Uint8Array(1)), InvariantError)
  t.throws(() => wal.append(1, new Uint8Array(MAX_RECORD_BYTES + 1)), InvariantError)
  for (const kind of [1, 2, 3]) wal.append(kind, new Uint8Array(MAX_RECORD_BYTES).fill(kind))
  wal.flush()
  wal.close()
  const found = open(dir).replay(1).map(({ kind, payload }) => [kind, payload.length, payload.at(-1)])
  t.same(found, [1, 2, 3].map((kind) => [kind, MAX_RECORD_BYTES, kind]))
})

t.test('a segment that ends anywhere loses its incomplete flush only, and can be continued', async (t) => {
  const dir = t.testdir()
  const flushes = [[record(1, 40), record(2, 3)], [record(3, 50)], [record(4, 20), record(5, 0), record(6, 90)]]
  const sizes = write(dir, 1, flushes)
  const bytes = readFileSync(segmentPath(dir, 1))
  for (let size = 0; size <= bytes.length; size++) {
    writeFileSync(segmentPath(dir, 1), bytes.subarray(0, size))
    const whole = Math.max(0, sizes.findLastIndex((end) => end <= size))
    const wal = open(dir)
    t.same(wal.replay(1), flushes.slice(0, whole).flat(), `${size} bytes`)
    t.equal(statSync(segmentPath(dir, 1)).size, size < SEGMENT_HEADER_SIZE ? 0 : sizes[whole], 'the torn end is cut off')
    wal.begin(1)
    wal.append(9, Uint8Array.of(9))
    wal.flush()
    wal.close()
    t.same(open(dir).replay(1), [...flushes.slice(0, whole).flat(), { kind: 9, payload: Uint8Array.of(9) }])
  }
})

t.test('a torn end of lost pages or garbage is cut off', async (t) => {
  const dir = t.testdir()
  const [, end] = write(dir, 1, [[record(1, 40)], [record(2, 200)]])
  const bytes = readFileSync(segmentPath(dir, 1))
  for (const tail of [new Uint8Array(100), new Uint8Array(1), bytesOf('garbage', 5_000), Uint8Array.of(255, 255, 255, 255)]) {
    writeFileSync(segmentPath(dir, 1), bytes.subarray(0, end))
    appendFileSync(segmentPath(dir, 1), tail)
    t.same(open(dir).replay(1), [record(1, 40)])
    t.equal(statSync(segmentPath(dir, 1)).size, end)
  }
})

t.test('a flipped byte is damage, unless it is in the last flush', async (t) => {
  const dir = t.testdir()
  const flushes = [[record(1, 40), record(2, 3)], [record(3, 50)], [record(4, 20)]]
  const sizes = write(dir, 1, flushes)
  const bytes = readFileSync(segmentPath(dir, 1))
  for (let offset = 0; offset < bytes.length; offset++) {
    const damaged = Buffer.from(bytes)
    damaged[offset] = damaged[offset]! ^ (1 << offset % 8)
    writeFileSync(segmentPath(dir, 1), damaged)
    if (offset < sizes[2]!) {
      t.throws(() => open(dir).replay(1), { code: 'corrupt', message: /is broken at byte/ }, `at ${offset}`)
      t.throws(() => open(dir).begin(1), { code: 'corrupt' })
      t.same(readFileSync(segmentPath(dir, 1)), damaged, 'it stays as it is')
    } else {
      t.same(open(dir).replay(1), flushes.slice(0, 2).flat(), `at ${offset}`)
    }
  }
})

t.test('no payload passes as a flush behind a torn one', async (t) => {
  const dir = t.testdir()
  // A whole segment, with a mark that the writer of the payload chose.
  const forged = Buffer.concat([encodeSegmentHeader(1, new Uint8Array(8)), encodeFrame(new Uint8Array(8), [record(7, 10)])])
  write(dir, 1, [[record(1, 10)], [{ kind: 2, payload: Buffer.concat([forged, forged]) }]])
  truncateSync(segmentPath(dir, 1), statSync(segmentPath(dir, 1)).size - 1)
  t.same(open(dir).replay(1), [record(1, 10)])
})

t.test('a file of another height or of a newer version is refused', async (t) => {
  const dir = t.testdir()
  write(dir, 1, [[record(1, 10)]])
  copyFileSync(segmentPath(dir, 1), segmentPath(dir, 2))
  t.throws(() => open(dir).replay(2), { code: 'corrupt', message: /belongs to another height/ })
  const header = encodeSegmentHeader(3, new Uint8Array(8))
  writeFileSync(segmentPath(dir, 3), withVersion(header, 2))
  t.throws(() => open(dir).replay(3), { code: 'newer_schema' })
})

t.test('a segment is read without being changed, and its condition told', async (t) => {
  const dir = t.testdir()
  write(dir, 1, [[record(1, 10), record(2, 10)], [record(3, 10)]])
  truncateSync(segmentPath(dir, 1), statSync(segmentPath(dir, 1)).size - 1)
  const before = readFileSync(segmentPath(dir, 1))
  const reading = readSegment(segmentPath(dir, 1))
  t.same([reading.next(), reading.next()], [record(1, 10), record(2, 10)].map((value) => ({ value, done: false })))
  t.match(reading.next(), { done: true, value: { condition: 'torn', validBytes: SEGMENT_HEADER_SIZE + 16 + 30 } })
  t.same(readFileSync(segmentPath(dir, 1)), before)
  t.throws(() => readSegment(join(dir, 'x.wal')).next(), { code: 'config' })
  t.throws(() => readSegment(segmentPath(dir, 2)).next(), { code: 'storage', message: /ENOENT/ })
})

for (const label of ['wal:before-append', 'wal:after-append', 'wal:before-flush', 'wal:after-write', 'wal:after-flush']) {
  t.test(`a crash at ${label} keeps each flush whole`, async (t) => {
    const dir = t.testdir()
    let countdown = 2
    const onWrite = (at: string): void => {
      if (at === label && --countdown === 0) throw new Error('crash')
    }
    const wal = openWal({ dir, keepSegments: 8, onWrite })
    wal.begin(1)
    let flushed = 0
    t.throws(() => {
      for (let kind = 1; kind <= 4; kind++) {
        wal.append(kind, Uint8Array.of(kind))
        wal.flush()
        flushed = kind
      }
    }, { message: 'crash' })
    wal.close()
    const isWritten = label === 'wal:after-write' || label === 'wal:after-flush'
    t.equal(open(dir).replay(1).length, isWritten ? flushed + 1 : flushed)
    t.equal(flushed, 1)
  })
}

for (const label of ['wal:before-begin', 'wal:after-create', 'wal:after-header', 'wal:after-begin', 'wal:after-prune']) {
  t.test(`a crash at ${label} leaves the older segments readable, and the height can begin again`, async (t) => {
    const dir = t.testdir()
    let countdown = 2
    const onWrite = (at: string): void => {
      if (at === label && --countdown === 0) throw new Error('crash')
    }
    const wal = openWal({ dir, keepSegments: 1, onWrite })
    wal.begin(1)
    wal.append(1, Uint8Array.of(1))
    wal.flush()
    t.throws(() => wal.begin(2), { message: 'crash' })
    wal.close()
    const again = open(dir)
    t.equal(again.replay(1).length, label === 'wal:after-prune' ? 0 : 1)
    again.begin(2)
    again.append(2, Uint8Array.of(2))
    again.flush()
    t.equal(open(dir).replay(2).length, 1)
  })
}

t.test('a failed write is a storage failure, and nothing more is written', async (t) => {
  const dir = join(t.testdir(), 'wal')
  const wal = open(dir)
  wal.begin(1)
  renameSync(dir, dir + '-moved')
  t.throws(() => wal.begin(2), { code: 'storage', message: /Cannot write the write-ahead log .*ENOENT/ })
  renameSync(dir + '-moved', dir)
  t.throws(() => wal.begin(2), { code: 'storage', message: /ENOENT/ })
  rmSync(dir, { recursive: true })
  writeFileSync(dir, '')
  t.throws(() => open(dir), { code: 'storage', message: /Cannot open/ })
})

function withVersion(header: Uint8Array, version: number): Uint8Array {
  const changed = Buffer.from(header)
  changed[8] = version
  changed.writeUInt32LE(crcOf(changed.subarray(0, 28)), 28)
  return changed
}
