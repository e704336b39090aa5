// Where vitals come from: a sensor, the heart model, or a recording.

import { MAX_MOTION_SAMPLES, MAX_RR_INTERVALS } from '../protocol/limits.ts'
import type { Vitals } from '../protocol/vitals.ts'

export interface VitalsSource {
  /**
   * The vitals of the next span of time. Null if no beat of the heart ended in it: then there is nothing to say.
   * A span with more than 64 beats or motion samples gives its last 64.
   */
  next(spanMs: number): Vitals | null
  /** True once nothing more will come. */
  readonly ended: boolean
  /** True for what only development networks allow: simulated hearts, and recordings replayed faster than life. */
  readonly developmentOnly: boolean
}

/** Vitals from series of any length: the newest values that fit. Null without a beat. */
export function vitalsOf(rrMs: readonly number[], motionMilliG: readonly number[], temperatureCentiC: number): Vitals | null {
  if (rrMs.length === 0) return null
  return { rrMs: rrMs.slice(-MAX_RR_INTERVALS), motionMilliG: motionMilliG.slice(-MAX_MOTION_SAMPLES), temperatureCentiC }
}
