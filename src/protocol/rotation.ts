// Who proposes: weighted round robin. Each validator has a priority; at every turn it gains its power, the highest
// proposes and pays the total. Over time everybody proposes in proportion to power, spread as evenly as possible.
// Priorities live in the state: one turn a block, and `round` more turns on a copy to find the proposer of a round.

import type { ValidatorSet } from './validators.ts'
import { totalPower } from './validators.ts'

/** One per validator, in validator order; exact integers, |p| ≤ 2 × total < 2^51. */
export type Priorities = readonly number[]

/** @returns the priorities after `turns` turns, and the index of the last turn's proposer. Ties go to the lower index. */
export function rotate(set: ValidatorSet, priorities: Priorities, turns: number): { priorities: number[]; proposer: number } {
  const total = totalPower(set)
  const next = clip(priorities, total)
  let proposer = 0
  for (let turn = 0; turn < turns; turn++) {
    proposer = 0
    for (let i = 0; i < set.length; i++) {
      next[i]! += set[i]!.power
      if (next[i]! > next[proposer]!) proposer = i
    }
    next[proposer]! -= total
  }
  return { priorities: next, proposer }
}

/** The proposer of a round. `priorities` are those of the state after the parent block. */
export function proposerOf(set: ValidatorSet, priorities: Priorities, round: number): number {
  // The rotation is periodic only in the long run, so rounds are counted; a hostile round number must not cost time.
  return rotate(set, priorities, (round % MAX_TURNS) + 1).proposer
}

const MAX_TURNS = 1_024

/** Priorities further apart than 2 × total are scaled together, and then centred on zero. */
function clip(priorities: Priorities, total: number): number[] {
  let next = [...priorities]
  const spread = Math.max(...next) - Math.min(...next)
  if (spread > 2 * total) {
    const ratio = Math.ceil(spread / (2 * total))
    next = next.map((priority) => Math.trunc(priority / ratio))
  }
  const mean = Number(floorMean(next))
  return next.map((priority) => priority - mean)
}

/** In bigint: 128 priorities of up to 2^51 would leave the safe integers on the way to a small sum. */
function floorMean(values: readonly number[]): bigint {
  const count = BigInt(values.length)
  const sum = values.reduce((partial, value) => partial + BigInt(value), 0n)
  return (sum - (((sum % count) + count) % count)) / count
}
