// Rate limit by device key: a token bucket each. It is asked only after the signature was verified, so that nobody can
// use up another's budget. Bounded: a bucket that is full again is the same as none, so the oldest may go.

import { BoundedMap } from '../base/bounded.ts'
import type { KeyBin } from '../crypto/keys.ts'

export interface DeviceLimiterOptions {
  /** Integer, at most 1000. */
  readonly perSecond: number
  readonly burst: number
  readonly maxDevices: number
}

export interface DeviceLimiter {
  /** False if the device has used up its budget. */
  take(device: KeyBin, nowMs: number): boolean
}

/** What one heartbeat costs. Time is counted in 1 / perSecond ms, so that every rate comes out in integers. */
const COST = 1_000

export function createDeviceLimiter({ perSecond, burst, maxDevices }: DeviceLimiterOptions): DeviceLimiter {
  /** Time at which the bucket would be full: one number is the whole state of a bucket. */
  const fullAt = new BoundedMap<KeyBin, number>(maxDevices)
  return {
    take(device, nowMs) {
      const now = nowMs * perSecond
      const known = fullAt.get(device) ?? now
      // No bucket is further from full than a burst: then the clock was set back.
      const start = known - now > burst * COST ? now : Math.max(known, now)
      if (start - now > (burst - 1) * COST) return false
      fullAt.set(device, start + COST)
      return true
    },
  }
}
