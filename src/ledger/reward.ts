// The reward of a block and its exact split.

import { assert } from '../base/assert.ts'
import type { Params } from '../protocol/params.ts'

/** Amounts are uint64: what is minted ends where the supply would not be one any more. */
export const MAX_SUPPLY = 2n ** 64n - 1n

/** R(h) = initial / 2^⌊h / halving⌋, at least the floor; base units. */
export function blockReward(params: Params, height: number): bigint {
  const halvings = BigInt(Math.floor(height / params.rewardHalvingBlocks))
  const reward = halvings >= 64n ? 0n : params.rewardInitial >> halvings
  return reward > params.rewardFloor ? reward : params.rewardFloor
}

/** What a rewarded block mints: R(h), or all that is left below the largest supply. @param supply before the block */
export function mintedAt(params: Params, height: number, supply: bigint): bigint {
  const reward = blockReward(params, height)
  const left = MAX_SUPPLY - supply
  return reward < left ? reward : left
}

/**
 * Splits `reward` by weight with the largest remainder: every share is rounded down, and the units that are left go one
 * each to the largest remainders, ties to the lower position. The shares add up to `reward` exactly.
 * @param weightsPpm in account order; their sum is above zero
 */
export function splitReward(reward: bigint, weightsPpm: readonly number[]): bigint[] {
  const total = weightsPpm.reduce((sum, weight) => sum + weight, 0)
  assert(total > 0 && Number.isSafeInteger(total), 'there is weight to split by')
  const divisor = BigInt(total)
  const remainders = new Float64Array(weightsPpm.length)
  let left = reward
  const shares = weightsPpm.map((weight, i) => {
    const product = reward * BigInt(weight)
    const share = product / divisor
    remainders[i] = Number(product - share * divisor)
    left -= share
    return share
  })
  const order = Array.from(remainders.keys()).sort((a, b) => remainders[b]! - remainders[a]! || a - b)
  for (let i = 0; i < Number(left); i++) shares[order[i]!]! += 1n
  return shares
}
