// Voting power as people read it.

import type { ValidatorsView } from '../api/backend.ts'
import { LIFE } from '../protocol/validators.ts'

/** `25.0 %`, `100 %` */
export function shareText(power: number, total: number): string {
  const percent = total === 0 ? 0 : (100 * power) / total
  return `${percent === 100 ? '100' : percent.toFixed(1)} %`
}

/** Power in lives: `3`, `3.5`, `0.02` */
export const livesText = (power: number): string => String(Math.round((100 * power) / LIFE) / 100)

export interface Support {
  /** Of the approvals, those of validators. */
  readonly validators: number
  readonly power: number
  readonly totalPower: number
  readonly enough: boolean
}

/** What approvals weigh. @param keys hex */
export function supportOf({ validators, totalPower }: ValidatorsView, keys: readonly string[]): Support {
  const approving = validators.filter(({ key }) => keys.includes(key))
  const power = approving.reduce((sum, each) => sum + each.power, 0)
  return { validators: approving.length, power, totalPower, enough: 3 * power > 2 * totalPower }
}

/** `2 of 4 validators, 50.0 % of the power: more than 2/3 needed` */
export function supportText({ validators, power, totalPower, enough }: Support, all: number): string {
  return `${validators} of ${all} validators, ${shareText(power, totalPower)} of the power: ${enough ? 'enough' : 'more than 2/3 needed'}`
}
