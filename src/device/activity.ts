// What a simulated person does: episodes of sleep, rest, walking and running, second by second. The episode gives the
// motion, the motion gives the effort that the heart must meet, and the load on the heart follows the effort with a lag.

import { MAX_MOTION_MILLI_G } from '../protocol/vitals.ts'
import type { Random } from './random.ts'

export type ActivityName = 'sleep' | 'rest' | 'walk' | 'run'

interface Kind {
  /** Mean magnitude of acceleration, milli-g. */
  readonly motion: readonly [number, number]
  readonly minutes: readonly [number, number]
  /** What may follow, and how likely. */
  readonly then: readonly (readonly [ActivityName, number])[]
}

const KINDS: Readonly<Record<ActivityName, Kind>> = {
  sleep: { motion: [1, 5], minutes: [15, 40], then: [['rest', 1]] },
  rest: { motion: [8, 35], minutes: [3, 10], then: [['walk', 0.75], ['run', 0.1], ['sleep', 0.15]] },
  walk: { motion: [160, 320], minutes: [2, 10], then: [['rest', 0.65], ['run', 0.35]] },
  run: { motion: [700, 1_200], minutes: [3, 10], then: [['walk', 0.6], ['rest', 0.4]] },
}

/** Motion at which the heart would reach its highest rate, milli-g. */
const FULL_EFFORT_MILLI_G = 1_500
/** Asleep the heart slows below its resting rate. */
const SLEEP_LOAD = -0.06
/** Time in which the gap to the new load closes by 63 %, s: starting is quicker than recovering. */
const RISE_S = 25
const RECOVERY_S = 60
const MOTION_RISE_S = 2

export interface Activity {
  readonly name: ActivityName
  /** Load on the heart, a share of the reserve between resting and highest rate: about −0.06…0.85. */
  readonly load: number
  /** Advances by one second. @returns magnitude of acceleration in it, milli-g */
  nextSecond(): number
}

/** @param fixed stays in this activity for ever */
export function createActivity(random: Random, fixed?: ActivityName): Activity {
  let name: ActivityName = fixed ?? 'rest'
  let intensity = 0
  let leftS = 0
  begin(name)
  // The first rest is short, so that a simulation soon shows something.
  leftS /= 2
  let motion = intensity
  let load = effort()

  function begin(next: ActivityName): void {
    name = next
    intensity = random.between(...KINDS[next].motion)
    leftS = 60 * random.between(...KINDS[next].minutes)
  }

  function following(): ActivityName {
    if (fixed !== undefined) return fixed
    let draw = random.uniform()
    for (const [next, share] of KINDS[name].then) if ((draw -= share) < 0) return next
    return 'rest'
  }

  function effort(): number {
    return name === 'sleep' ? SLEEP_LOAD : Math.min(0.85, (motion / FULL_EFFORT_MILLI_G) ** 0.7)
  }

  return {
    get name() {
      return name
    },
    get load() {
      return load
    },
    nextSecond() {
      if (--leftS <= 0) begin(following())
      motion += (intensity - motion) / MOTION_RISE_S
      const target = effort()
      load += (target - load) / (target > load ? RISE_S : RECOVERY_S)
      // Steps, fidgeting and the sensor: samples scatter in proportion to the motion.
      return Math.round(Math.min(MAX_MOTION_MILLI_G, motion * Math.exp(0.35 * random.normal())))
    },
  }
}
