// The heart model beats within the limits of the protocol and the statistics of people.

import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { HeartOptions } from '../../src/device/heart.ts'
import { createHeart } from '../../src/device/heart.ts'
import { createRandom } from '../../src/device/random.ts'
import { readRecording } from '../../src/device/recording-node.ts'
import { MAX_MOTION_SAMPLES, MAX_RR_INTERVALS } from '../../src/protocol/limits.ts'
import { heartRateBpm, meanMotionMilliG, vitalsInRange } from '../../src/protocol/vitals.ts'
import type { Vitals } from '../../src/protocol/vitals.ts'
import { mean, median, rmssd, sdnn } from './device-helpers.ts'

const HOUR_MS = 3_600_000
const SEEDS = Array.from({ length: 16 }, (_, seed) => seed)
const RR_DATA = fileURLToPath(new URL('../../../shared/data/rr', import.meta.url))

function series(options: HeartOptions, durationMs: number, spanMs = 5_000): Vitals[] {
  const heart = createHeart(options)
  return Array.from({ length: durationMs / spanMs }, () => heart.next(spanMs)).filter((vitals) => vitals !== null)
}

const intervals = (options: HeartOptions, durationMs: number): number[] => series(options, durationMs).flatMap((vitals) => vitals.rrMs)

t.test('vitals keep to the limits of the protocol, hour after hour', async (t) => {
  for (const seed of SEEDS.slice(0, 6)) {
    const vitals = series({ seed }, 2 * HOUR_MS)
    t.equal(vitals.length, 1_440, 'no span of 5 s without a beat')
    t.ok(vitals.every(vitalsInRange))
    t.ok(vitals.every(({ motionMilliG }) => motionMilliG.length === 5), 'one motion sample a second')
    const meanRr = mean(vitals.flatMap(({ rrMs }) => rrMs))
    t.ok(meanRr > 400 && meanRr < 1_300, `mean RR ${meanRr}`)
  }
})

t.test('at rest the variability over five minutes is that of a healthy person', async (t) => {
  for (const seed of SEEDS) {
    const rr = intervals({ seed, activity: 'rest' }, 300_000)
    t.ok(mean(rr) > 700 && mean(rr) < 1_200, `seed ${seed}: mean ${mean(rr)}`)
    t.ok(sdnn(rr) > 20 && sdnn(rr) < 150, `seed ${seed}: SDNN ${sdnn(rr)}`)
    t.ok(rmssd(rr) > 10 && rmssd(rr) < 100, `seed ${seed}: RMSSD ${rmssd(rr)}`)
  }
})

t.test('the rate follows the motion, and later than the motion', async (t) => {
  for (const seed of SEEDS) {
    const hour = series({ seed }, HOUR_MS)
    const rate = hour.map(({ rrMs }) => heartRateBpm(rrMs))
    const motion = hour.map(({ motionMilliG }) => meanMotionMilliG(motionMilliG))
    t.ok(correlation(rate, motion) > 0.3, `seed ${seed}: ${correlation(rate, motion)}`)
    const best = Math.max(...[1, 2, 3, 4, 5, 6].map((lag) => correlation(rate.slice(lag), motion.slice(0, -lag))))
    t.ok(best > correlation(rate, motion), `seed ${seed}: the best lag is above zero`)
  }
})

t.test('breathing shows in the spectrum: 0.2 to 0.3 Hz carries more than its neighbours', async (t) => {
  for (const seed of SEEDS.slice(0, 6)) {
    const rr = intervals({ seed, activity: 'rest' }, 600_000)
    t.ok(power(rr, 0.2, 0.3) > 3 * power(rr, 0.33, 0.43), `seed ${seed}: above`)
    t.ok(power(rr, 0.07, 0.13) > power(rr, 0.14, 0.2), `seed ${seed}: Mayer waves`)
  }
})

t.test('an activity can be fixed, and orders the rates', async (t) => {
  const activities = ['sleep', 'rest', 'walk', 'run'] as const
  const rates = activities.map((activity) => 60_000 / mean(intervals({ seed: 1, activity, restingBpm: 60 }, 600_000)))
  t.strictSame(rates, rates.toSorted((a, b) => a - b))
  t.ok(rates[0]! > 45 && rates[0]! < 60 && rates[3]! > 110 && rates[3]! < 185, String(rates))
})

t.test('the same seed gives the same series, other seeds others', async (t) => {
  for (const seed of [1, 'anna']) t.strictSame(series({ seed }, 600_000), series({ seed }, 600_000))
  t.equal(new Set(SEEDS.map((seed) => JSON.stringify(series({ seed }, 60_000)))).size, SEEDS.length)
})

t.test('how time is cut into spans does not change the beats', async (t) => {
  const whole = intervals({ seed: 5 }, 120_000)
  const heart = createHeart({ seed: 5 })
  const parts = [700, 1_300, 400, 2_600, 1].flatMap((spanMs) => Array.from({ length: 24 }, () => heart.next(spanMs)?.rrMs ?? [])).flat()
  t.strictSame(parts, whole.slice(0, parts.length))
  t.ok(parts.length > 100)
})

t.test('a span without a beat is null, a long one gives the last 64', async (t) => {
  const heart = createHeart({ seed: 2, activity: 'rest' })
  t.equal(heart.next(10), null)
  const long = heart.next(600_000)!
  t.equal(long.rrMs.length, MAX_RR_INTERVALS)
  t.equal(long.motionMilliG.length, MAX_MOTION_SAMPLES)
  t.equal(heart.ended, false)
  t.equal(heart.developmentOnly, true)
  t.throws(() => createHeart({ seed: 1, restingBpm: 20 }), RangeError)
})

t.test('the random numbers are spread evenly', async (t) => {
  const random = createRandom('even')
  const bins = Array<number>(10).fill(0)
  for (let i = 0; i < 10_000; i++) bins[Math.floor(random.uniform() * 10)]! += 1
  t.ok(bins.every((count) => count > 850 && count < 1_150), String(bins))
  const normal = Array.from({ length: 10_000 }, () => random.normal())
  t.ok(Math.abs(mean(normal)) < 0.05 && Math.abs(sdnn(normal) - 1) < 0.05)
})

const absent = existsSync(RR_DATA) ? {} : { skip: 'skipped: ../shared is absent' }

t.test('SDNN and RMSSD of the model lie inside the range of real healthy hearts', absent, async (t) => {
  const files = readdirSync(RR_DATA).filter((name) => /^(nsr|healthy)/.test(name)).slice(0, 12)
  const real = await Promise.all(files.map(async (name) => windows((await readRecording(`${RR_DATA}/${name}`)).segments.flat())))
  const model = SEEDS.map((seed) => windows(intervals({ seed, activity: 'rest' }, HOUR_MS)))
  for (const [name, statistic] of [['SDNN', sdnn], ['RMSSD', rmssd]] as const) {
    const of = (people: readonly number[][][]): number[] => people.map((person) => median(person.map(statistic)))
    const [low, high] = [Math.min(...of(real)), Math.max(...of(real))]
    for (const value of of(model)) t.ok(value >= low && value <= high, `${name}: ${value} in ${low}…${high}`)
  }
})

/** The first hour in windows of five minutes. */
function windows(rr: readonly number[]): number[][] {
  const result: number[][] = [[]]
  let windowMs = 0
  for (const value of rr) {
    result.at(-1)!.push(value)
    windowMs += value
    if (windowMs < 300_000) continue
    if (result.length === 12) return result
    result.push([])
    windowMs = 0
  }
  return result.slice(0, -1)
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [mean(a), mean(b)]
  return mean(a.map((value, i) => (value - meanA) * (b[i]! - meanB))) / (sdnn(a) * sdnn(b))
}

/** Mean power of the intervals in a band, by a Fourier sum over the times of the beats. */
function power(rr: readonly number[], lowHz: number, highHz: number): number {
  const centre = mean(rr)
  const steps = 40
  let sum = 0
  for (let step = 0; step < steps; step++) {
    const hz = lowHz + ((highHz - lowHz) * step) / steps
    let [re, im, seconds] = [0, 0, 0]
    for (const value of rr) {
      seconds += value / 1_000
      re += (value - centre) * Math.cos(2 * Math.PI * hz * seconds)
      im += (value - centre) * Math.sin(2 * Math.PI * hz * seconds)
    }
    sum += re * re + im * im
  }
  return sum / steps
}
