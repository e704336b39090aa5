// Vitals: what the sensors measured. They go from the device to its witness and nowhere else. The heartbeat carries a
// hidden commitment to them and two coarse levels, which the witness recomputes.
//
//   encoding = rr count uint8 ‖ rr intervals, ms, uint16 each ‖ motion count uint8 ‖ |motion|, milli-g, uint16 each
//              ‖ temperature, centi-°C, uint16 (0: not measured)
//   evidence = SHA-256(nonce, 16 bytes ‖ encoding)

import { concat } from '../base/bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import { MAX_MOTION_SAMPLES, MAX_RR_INTERVALS } from './limits.ts'
import { motionLevel, rateLevel } from './levels.ts'

export interface Vitals {
  /** Intervals between beats, ms, in order; 1…64 of them, each 200…3000. */
  readonly rrMs: readonly number[]
  /** Magnitudes of acceleration without gravity, milli-g; 0…64 of them, each at most 16 000. */
  readonly motionMilliG: readonly number[]
  /** Skin or body temperature in hundredths of °C; 0 if not measured. */
  readonly temperatureCentiC: number
}

export const NONCE_SIZE = 16
export const MIN_RR_MS = 200
export const MAX_RR_MS = 3_000
export const MAX_MOTION_MILLI_G = 16_000

export function vitalsInRange(vitals: Vitals): boolean {
  return (
    vitals.rrMs.length >= 1 &&
    vitals.rrMs.length <= MAX_RR_INTERVALS &&
    vitals.rrMs.every((rr) => Number.isInteger(rr) && rr >= MIN_RR_MS && rr <= MAX_RR_MS) &&
    vitals.motionMilliG.length <= MAX_MOTION_SAMPLES &&
    vitals.motionMilliG.every((g) => Number.isInteger(g) && g >= 0 && g <= MAX_MOTION_MILLI_G) &&
    Number.isInteger(vitals.temperatureCentiC) &&
    vitals.temperatureCentiC >= 0 &&
    vitals.temperatureCentiC <= 0xffff
  )
}

/** The argument must be in range. */
export function encodeVitals(vitals: Vitals): Uint8Array {
  const { rrMs, motionMilliG, temperatureCentiC } = vitals
  const bytes = new Uint8Array(4 + 2 * (rrMs.length + motionMilliG.length))
  const view = new DataView(bytes.buffer)
  let offset = 0
  for (const series of [rrMs, motionMilliG]) {
    view.setUint8(offset++, series.length)
    for (const value of series) {
      view.setUint16(offset, value, true)
      offset += 2
    }
  }
  view.setUint16(offset, temperatureCentiC, true)
  return bytes
}

export function evidenceOf(vitals: Vitals, nonce: Uint8Array): Uint8Array {
  if (nonce.length !== NONCE_SIZE) throw new RangeError(`a nonce has ${NONCE_SIZE} bytes`)
  return sha256(concat(nonce, encodeVitals(vitals)))
}

/** Heart rate in beats per minute: mean of the intervals, rounded half up. */
export function heartRateBpm(rrMs: readonly number[]): number {
  const total = rrMs.reduce((sum, rr) => sum + rr, 0)
  return Math.floor((2 * 60_000 * rrMs.length + total) / (2 * total))
}

/** Mean magnitude in milli-g, rounded down; 0 without samples. */
export function meanMotionMilliG(motion: readonly number[]): number {
  return motion.length === 0 ? 0 : Math.floor(motion.reduce((sum, g) => sum + g, 0) / motion.length)
}

/** The two levels that a device must report for these vitals. */
export function levelsOf(vitals: Vitals): { rateLevel: number; motionLevel: number } {
  return { rateLevel: rateLevel(heartRateBpm(vitals.rrMs)), motionLevel: motionLevel(meanMotionMilliG(vitals.motionMilliG)) }
}
