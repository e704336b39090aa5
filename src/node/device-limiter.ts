// Rate limit by device key: a token bucket each. It is asked only after the signature was verified, so that nobody can
// use up another's budget. Bounded: a bucket that is full again is the same as none, so the oldest may go.

import { BoundedMap } from '../base/bounded.ts'
import type { KeyBin } from '../crypto/keys.ts'

export interface DeviceLimiterOptions {
  readonly perSecond: number
  readonly burst: number
  readonly maxDevices: number
}

export interface DeviceLimiter {
  /** False if the device has used up its budget. */
  take(device: KeyBin, nowMs: number): boolean
}

export function createDeviceLimiter({ perSecond, burst, maxDevices }: DeviceLimiterOptions): DeviceLimiter {
  /** Time at which the bucket would be full, ms: one number is the whole state of a bucket. */
  const fullAtMs = new BoundedMap<KeyBin, number>(maxDevices)
  const costMs = 1_000 / perSecond
  return {
    take(device, nowMs) {
      const startMs = Math.max(fullAtMs.get(device) ?? 0, nowMs)
      if (startMs - nowMs > (burst - 1) * costMs) return false
      fullAtMs.set(device, startMs + costMs)
      return true
    },
  }
}
