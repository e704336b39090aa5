// Recordings: reading them, and replaying them as a watch would measure them.

import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { readRecording } from '../../src/device/recording-node.ts'
import type { Replay } from '../../src/device/recording.ts'
import { createReplay, GAP_ABOVE_MS, GAP_BELOW_MS, MAX_RECORDING_BEATS, parseRecording } from '../../src/device/recording.ts'
import { MAX_RR_INTERVALS } from '../../src/protocol/limits.ts'
import { levelsOf, vitalsInRange } from '../../src/protocol/vitals.ts'

const NSR = fileURLToPath(new URL('../../../shared/data/rr/nsr001.ms.gz', import.meta.url))

const text = (rr: readonly number[]): string => rr.join('\n')
const gapArbitrary = fc.constantFrom(100, 2_001, 60_000)
const lineArbitrary = fc.oneof({ weight: 20, arbitrary: fc.integer({ min: 270, max: 2_000 }) }, gapArbitrary)
const rrArbitrary = fc.array(lineArbitrary, { minLength: 1, maxLength: 300 })
const isGap = (rr: number): boolean => rr > GAP_ABOVE_MS || rr < GAP_BELOW_MS

function play(replay: Replay, spanMs: number): number[][] {
  const spans: number[][] = []
  for (let i = 0; !replay.ended && i < 100_000; i++) spans.push([...(replay.next(spanMs)?.rrMs ?? [])])
  return spans
}

t.test('a recording is split at its gaps', async (t) => {
  const recording = parseRecording('800\r\n810\n\n2001\n820\n269\n269\n270\n2000\n')
  t.strictSame(recording, { segments: [[800, 810], [820], [270, 2_000]], beats: 5, durationMs: 4_700 })
})

t.test('text that is no recording is refused with the line', async (t) => {
  t.throws(() => parseRecording('800\nabc\n'), { code: 'bad_recording', message: /line 2/ })
  for (const line of ['-800', '800.5', '8e2', '0x50', '800 810', '1234567890']) {
    t.throws(() => parseRecording(line), { code: 'bad_recording', message: /line 1/ }, line)
  }
  for (const empty of ['', '\n\n', '3000\n100']) t.throws(() => parseRecording(empty), { code: 'bad_recording', message: /no RR interval/ })
})

t.test('a recording has at most its maximum of beats', async (t) => {
  t.equal(parseRecording('800\n'.repeat(MAX_RECORDING_BEATS)).beats, MAX_RECORDING_BEATS)
  t.throws(() => parseRecording('800\n'.repeat(MAX_RECORDING_BEATS + 1)), { code: 'bad_recording' })
})

t.test('files are read plain and gzipped, and bad ones refused', async (t) => {
  const dir = t.testdir({ 'plain.ms': '800\n810\n' })
  await writeFile(`${dir}/packed.ms.gz`, gzipSync('800\n810\n'))
  await writeFile(`${dir}/broken.ms.gz`, gzipSync('800\n810\n').subarray(0, 12))
  await writeFile(`${dir}/bomb.ms.gz`, gzipSync(Buffer.alloc(17 * 1024 * 1024, '\n')))
  t.strictSame(await readRecording(`${dir}/packed.ms.gz`), await readRecording(`${dir}/plain.ms`))
  await t.rejects(readRecording(`${dir}/absent`), { code: 'bad_recording', message: /cannot read/ })
  for (const name of ['broken', 'bomb']) {
    await t.rejects(readRecording(`${dir}/${name}.ms.gz`), { code: 'bad_recording', message: /damaged/ }, name)
  }
})

t.test('spans of wall time hold the beats that end in them', async (t) => {
  const replay = createReplay(parseRecording(text([900, 900, 900, 900, 900])))
  t.strictSame(play(replay, 1_000), [[900], [900], [900], [900], [900]])
  const slow = createReplay(parseRecording(text([1_500, 1_500])))
  t.equal(slow.next(1_000), null, 'no beat has ended yet')
  t.strictSame(slow.next(1_000)?.rrMs, [1_500])
  t.equal(slow.positionMs, 1_500)
  t.equal(slow.ended, false)
  t.strictSame(slow.next(1_000)?.rrMs, [1_500])
  t.equal(slow.ended, true)
  t.equal(slow.next(1_000), null)
})

t.test('speed covers that many seconds of recording in each second', async (t) => {
  const rr = Array.from({ length: 600 }, (_, i) => 700 + (i % 200))
  const recording = parseRecording(text(rr))
  const replay = createReplay(recording, { speed: 10 })
  for (let spans = 1; spans <= 40; spans++) {
    replay.next(1_000)
    const behindMs = spans * 10_000 - replay.positionMs
    t.ok(behindMs >= 0 && behindMs < 900, `after ${spans} spans less than a beat is missing`)
  }
  t.strictSame(play(createReplay(recording, { speed: 10 }), 4_000).flat(), rr, 'every beat comes once, in order')
})

t.test('a span ends at a gap, and nothing but the gap is left out', async (t) => {
  const replay = createReplay(parseRecording(text([800, 800, 5_000, 600, 600, 100, 700])))
  t.strictSame(play(replay, 10_000), [[800, 800], [600, 600], [700]])
})

t.test('no span reaches over a gap, and no beat is lost, whatever the recording', async (t) => {
  fc.assert(
    fc.property(rrArbitrary, fc.integer({ min: 500, max: 30_000 }), fc.integer({ min: 1, max: 3 }), (rr, spanMs, speed) => {
      const beats = rr.filter((value) => !isGap(value))
      if (beats.length === 0) return
      const recording = parseRecording(text(rr))
      t.strictSame(recording.segments.flat(), beats)
      const spans = play(createReplay(recording, { speed }), spanMs / speed).filter((span) => span.length > 0)
      if (spans.some((span) => span.length === MAX_RR_INTERVALS)) return
      t.strictSame(spans.flat(), beats)
      const ends = new Set<number>()
      recording.segments.reduce((at, segment) => (ends.add(at + segment.length), at + segment.length), 0)
      let at = 0
      for (const span of spans) {
        for (let i = at + 1; i < at + span.length; i++) t.notOk(ends.has(i), 'a gap lies inside a span')
        at += span.length
      }
    }),
    { numRuns: 60 },
  )
})

t.test('of more than 64 beats in a span the last 64 are given', async (t) => {
  const rr = Array.from({ length: 100 }, (_, i) => 700 + i)
  const vitals = createReplay(parseRecording(text(rr)), { speed: 10 }).next(60_000)!
  t.strictSame(vitals.rrMs, rr.slice(-MAX_RR_INTERVALS))
  t.ok(vitalsInRange(vitals))
})

t.test('a recording has no motion, and no temperature', async (t) => {
  const vitals = createReplay(parseRecording('800\n')).next(1_000)!
  t.strictSame(vitals, { rrMs: [800], motionMilliG: [], temperatureCentiC: 0 })
  t.equal(levelsOf(vitals).motionLevel, 0)
})

t.test('a loop starts again, and the seam counts as a gap', async (t) => {
  const replay = createReplay(parseRecording(text([700, 800, 900])), { loop: true })
  const spans = Array.from({ length: 6 }, () => replay.next(1_700)?.rrMs)
  t.strictSame(spans, [[700, 800], [900], [700, 800], [900], [700, 800], [900]])
  t.equal(replay.ended, false)
})

t.test('only a replay faster than life is for development networks', async (t) => {
  const recording = parseRecording('800\n')
  t.equal(createReplay(recording).developmentOnly, false)
  t.equal(createReplay(recording, { speed: 0.5 }).developmentOnly, false)
  t.equal(createReplay(recording, { speed: 1.01 }).developmentOnly, true)
  for (const speed of [0, -1, NaN, Infinity]) t.throws(() => createReplay(recording, { speed }), RangeError)
})

const absent = existsSync(NSR) ? {} : { skip: 'skipped: ../shared is absent' }

t.test('a real recording gives a minute of heartbeats in a minute', absent, async (t) => {
  const replay = createReplay(await readRecording(NSR))
  const vitals = Array.from({ length: 12 }, () => replay.next(5_000)!)
  t.ok(vitals.every(vitalsInRange))
  t.ok(replay.positionMs > 57_000 && replay.positionMs <= 60_000, String(replay.positionMs))
})
