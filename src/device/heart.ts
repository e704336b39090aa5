// A heart that beats like a person: for tests and development networks, never for a production network.
//
// Each RR interval is the interval of the present mean rate, plus
//   respiratory sinus arrhythmia  at the breathing rate, 0.2…0.3 Hz, fading with effort
//   Mayer waves                   about 0.1 Hz
//   very slow variability         a random walk that returns to zero within minutes
//   noise                         from beat to beat
// and the mean rate follows the effort with a lag: motion rises first, the heart half a minute later (activity.ts).
// The orders of magnitude are those of: Task Force of the European Society of Cardiology, Heart rate variability:
// standards of measurement, Circulation 93(5), 1996. A test compares them with real recordings.

import { MAX_MOTION_SAMPLES, MAX_RR_INTERVALS } from '../protocol/limits.ts'
import type { ActivityName } from './activity.ts'
import { createActivity } from './activity.ts'
import type { Random } from './random.ts'
import { createRandom } from './random.ts'
import type { VitalsSource } from './source.ts'
import { vitalsOf } from './source.ts'

export interface HeartOptions {
  /** The same seed and the same spans give the same series. */
  readonly seed: string | number
  /** Mean rate at rest, beats per minute, 40…90. If absent the seed chooses 54…74. */
  readonly restingBpm?: number
  /** Stays in one activity. If absent the person rests, walks, runs and sleeps in turn. */
  readonly activity?: ActivityName
}

export interface Heart extends VitalsSource {
  /** What the person does now. */
  readonly activity: ActivityName
}

const MIN_INTERVAL_MS = 300
const MAX_INTERVAL_MS = 1_700

export function createHeart(options: HeartOptions): Heart {
  const random = createRandom(options.seed)
  const restingBpm = options.restingBpm ?? random.between(54, 74)
  if (!(restingBpm >= 40 && restingBpm <= 90)) throw new RangeError('restingBpm is from 40 to 90')
  const maxBpm = random.between(170, 192)
  const activity = createActivity(random, options.activity)
  const wander = createWander(random)
  const skinCentiC = random.between(3_320, 3_440)

  let nowMs = 0
  let tickAtMs = 1_000
  let intervalMs = nextInterval(0)
  let beatAtMs = intervalMs

  function nextInterval(elapsedMs: number): number {
    const load = activity.load
    const meanMs = 60_000 / (restingBpm + (maxBpm - restingBpm) * load)
    // The vagus nerve lets go as the effort grows: all variability shrinks with it.
    const tone = Math.max(0.1, (1 - Math.max(0, load) / 0.7) ** 2)
    const variationMs = wander.next(elapsedMs, tone) * (meanMs / 900)
    return Math.round(Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, meanMs + variationMs)))
  }

  return {
    developmentOnly: true,
    ended: false,
    get activity() {
      return activity.name
    },
    next(spanMs) {
      const untilMs = nowMs + spanMs
      const rrMs: number[] = []
      const motionMilliG: number[] = []
      while (Math.min(tickAtMs, beatAtMs) <= untilMs) {
        if (tickAtMs <= beatAtMs) {
          if (motionMilliG.push(activity.nextSecond()) > MAX_MOTION_SAMPLES) motionMilliG.shift()
          tickAtMs += 1_000
        } else {
          if (rrMs.push(intervalMs) > MAX_RR_INTERVALS) rrMs.shift()
          intervalMs = nextInterval(intervalMs)
          beatAtMs += intervalMs
        }
      }
      nowMs = untilMs
      const temperature = Math.round(skinCentiC + 60 * activity.load + 8 * Math.sin(nowMs / 700_000))
      return vitalsOf(rrMs, motionMilliG, temperature)
    },
  }
}

/** The variability around the mean interval, in ms at an interval of 900 ms. */
function createWander(random: Random): { next(elapsedMs: number, tone: number): number } {
  const breathMs = random.between(22, 42)
  const mayerMs = random.between(20, 42)
  const slowMs = random.between(36, 66)
  const noiseMs = random.between(5, 10)
  const breathHz = revertingWalk(random, { mean: random.between(0.22, 0.28), deviation: 0.018, timeS: 20 })
  const breathDepth = revertingWalk(random, { mean: 1, deviation: 0.25, timeS: 15 })
  const mayerHz = revertingWalk(random, { mean: 0.1, deviation: 0.012, timeS: 30 })
  const slow = revertingWalk(random, { mean: 0, deviation: 1, timeS: random.between(40, 120) })
  let breathPhase = random.between(0, 2 * Math.PI)
  let mayerPhase = random.between(0, 2 * Math.PI)

  return {
    next(elapsedMs, tone) {
      const seconds = elapsedMs / 1_000
      breathPhase += 2 * Math.PI * seconds * Math.min(0.3, Math.max(0.2, breathHz(seconds)))
      mayerPhase += 2 * Math.PI * seconds * mayerHz(seconds)
      const breath = breathMs * breathDepth(seconds) * Math.sin(breathPhase)
      return tone * (breath + mayerMs * Math.sin(mayerPhase) + noiseMs * random.normal()) + Math.sqrt(tone) * slowMs * slow(seconds)
    },
  }
}

/** A random walk that is drawn back to its mean (Ornstein and Uhlenbeck). Each call advances it by some seconds. */
function revertingWalk(random: Random, walk: { mean: number; deviation: number; timeS: number }): (seconds: number) => number {
  const { mean, deviation, timeS } = walk
  let offset = deviation * random.normal()
  return (seconds) => {
    const keep = Math.exp(-seconds / timeS)
    offset = offset * keep + deviation * Math.sqrt(1 - keep * keep) * random.normal()
    return mean + offset
  }
}
