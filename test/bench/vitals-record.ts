// Vitals and nonce of one heartbeat in a fixed number of bytes, so that millions fit into one buffer.
//
//   nonce 16 ‖ four RR intervals uint16 ‖ four motion samples uint16 ‖ temperature uint16

import { NONCE_SIZE } from '../../src/protocol/vitals.ts'
import type { Vitals } from '../../src/protocol/vitals.ts'

const SAMPLES = 4
export const VITALS_SIZE = NONCE_SIZE + 2 * (2 * SAMPLES + 1)

export interface VitalsRecord {
  /** Four RR intervals and four samples of motion. */
  readonly vitals: Vitals
  readonly nonce: Uint8Array
}

export function writeVitals(target: Uint8Array, at: number, { vitals, nonce }: VitalsRecord): void {
  target.set(nonce, at)
  const view = new DataView(target.buffer, target.byteOffset + at + NONCE_SIZE)
  const values = [...vitals.rrMs, ...vitals.motionMilliG, vitals.temperatureCentiC]
  values.forEach((value, i) => view.setUint16(2 * i, value, true))
}

export function readVitals(source: Uint8Array, at: number): VitalsRecord {
  const view = new DataView(source.buffer, source.byteOffset + at + NONCE_SIZE)
  const series = (first: number): number[] => Array.from({ length: SAMPLES }, (_, i) => view.getUint16(2 * (first + i), true))
  return {
    vitals: { rrMs: series(0), motionMilliG: series(SAMPLES), temperatureCentiC: view.getUint16(4 * SAMPLES, true) },
    nonce: source.subarray(at, at + NONCE_SIZE),
  }
}
