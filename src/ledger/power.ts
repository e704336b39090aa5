// Voting power: base + life power, in units of a millionth of a life. Exact integers throughout.

import { LIFE } from '../protocol/validators.ts'

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
  return share(LIFE, sum(lives.slice(-window)), window)
}

/**
 * The powers of the next epoch, one per claim.
 * - Life power together is at most twice the base power together; all of it shrinks by the same ratio.
 * - Who stays has at least 1.
 * - What moves from one to the other is at most a third of the total power: all changes shrink by the same ratio, so
 *   that what is left of them follows in the next epochs. Apart from that one unit each: who stays keeps it, and who
 *   leaves gives it, so that leaving comes to an end however small the powers are.
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
  const most = Math.max(1, Math.floor(sum(claims.map(({ power }) => power)) / 3))
  if (moved <= most) return target
  return claims.map(({ power, leaving }, i) => {
    const change = changes[i]!
    if (leaving) return share(power, moved - most, moved)
    return Math.max(1, change < 0 ? power - share(-change, most, moved) : power + share(change, most, moved))
  })
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** ⌊value × numerator / denominator⌋, in bigint: the product leaves the safe integers. */
const share = (value: number, numerator: number, denominator: number): number => Number((BigInt(value) * BigInt(numerator)) / BigInt(denominator))
