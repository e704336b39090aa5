// Voting power: base + life power, in units of a millionth of a life. Exact integers throughout.

import { assert } from '../base/assert.ts'

/** What one life counts. */
export const LIFE = 1_000_000

/** One who may have power in the next epoch. */
export interface Claim {
  /** In the epoch that ends; 0 = none. */
  readonly power: number
  readonly base: number
  /** Mean of its lives, in units of power; 0 if it did not take part. */
  readonly life: number
  /** It wants to have none. */
  readonly leaving: boolean
}

/** The mean of `lives` over `window` epochs, in units of power. Epochs before the first count as empty. */
export function meanLife(lives: readonly number[], window: number): number {
  const sum = lives.slice(-window).reduce((total, each) => total + each, 0)
  assert(Number.isSafeInteger(sum * LIFE), 'a window of lives is an exact integer')
  return Math.floor((sum * LIFE) / window)
}

/**
 * The powers of the next epoch, one per claim.
 * - Life power together is at most twice the base power together; all of it shrinks by the same ratio.
 * - Who stays has at least 1.
 * - What moves from one to the other is at most a third of the total power: all changes shrink by the same ratio, so
 *   that what is left of them follows in the next epochs.
 */
export function nextPowers(claims: readonly Claim[]): number[] {
  const base = sum(claims.map((claim) => (claim.leaving ? 0 : claim.base)))
  const life = sum(claims.map((claim) => (claim.leaving ? 0 : claim.life)))
  const target = claims.map((claim) => {
    if (claim.leaving) return 0
    return Math.max(1, claim.base + (life > 2 * base ? share(claim.life, 2 * base, life) : claim.life))
  })
  const changes = claims.map(({ power }, i) => target[i]! - power)
  const moved = Math.max(sum(changes.filter((change) => change > 0)), -sum(changes.filter((change) => change < 0)))
  const most = Math.floor(sum(claims.map(({ power }) => power)) / 3)
  if (moved <= most) return target
  return claims.map(({ power, leaving }, i) => {
    const change = changes[i]!
    const part = change < 0 ? -share(-change, most, moved) : share(change, most, moved)
    return leaving ? power + part : Math.max(1, power + part)
  })
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** ⌊value × numerator / denominator⌋, in bigint: the product leaves the safe integers. */
const share = (value: number, numerator: number, denominator: number): number => Number((BigInt(value) * BigInt(numerator)) / BigInt(denominator))
