// Evidence of double signing: two votes of one validator for one height, round and type that name different blocks.

import { compareBin } from '../base/bytes.ts'
import type { Vote } from '../protocol/vote.ts'

export interface Equivocation {
  /** The vote with the lower block id in byte order; nil is the lowest. */
  readonly first: Vote
  readonly second: Vote
}

/**
 * The pair in its one order, whichever vote came first, so that all nodes make the same evidence of the same two votes.
 * Null if the votes do not contradict each other.
 */
export function equivocationOf(a: Vote, b: Vote): Equivocation | null {
  const sameSlot = a.validator === b.validator && a.height === b.height && a.round === b.round && a.type === b.type
  if (!sameSlot || a.blockId === b.blockId) return null
  // No id is the empty string, so nil sorts first.
  return compareBin(a.blockId ?? '', b.blockId ?? '') < 0 ? { first: a, second: b } : { first: b, second: a }
}
