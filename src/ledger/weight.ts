// The weight of a heartbeat: W = α·heart rate + β·motion + γ·continuity, in ppm (parts per million), integers only.

import { levelPpm, PPM } from '../protocol/levels.ts'
import type { Params } from '../protocol/params.ts'

const LEVEL_PPM: readonly number[] = Array.from({ length: 8 }, (_, level) => levelPpm(level))

/** @param streakMs active time since the life's streak began */
export function weightPpm(params: Params, rateLevel: number, motionLevel: number, streakMs: number): number {
  const { alphaPpm, betaPpm, gammaPpm, continuityMs, capNativePpm } = params
  const continuityPpm = streakMs >= continuityMs ? PPM : Math.floor((streakMs * PPM) / continuityMs)
  const sum = alphaPpm * LEVEL_PPM[rateLevel]! + betaPpm * LEVEL_PPM[motionLevel]! + gammaPpm * continuityPpm
  return Math.min(Math.floor(sum / PPM), capNativePpm)
}

/** Active time without a heartbeat that ends a streak, ms. */
export const gapLimitMs = (params: Params): number => Math.max(params.gapMs, params.gapBlocks * params.blockIntervalMs)
