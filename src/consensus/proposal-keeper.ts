// The proposals of one height: what each round's proposer offered, and which blocks we know.
//
// The first proposal of a round is the one that L22 and L28 answer. But a proposer that offers two blocks may show us
// one and the others another; if they agree on theirs, we must be able to follow (L36, L49). So those rules ask only
// whether the block is known and valid, from whichever proposal of this height: more than 2/3 of the votes for an id say
// that honest validators saw it offered in that very round.
//
// Bounds, so that a proposer cannot fill our memory with blocks. A round keeps its first proposal and, if they teach us
// a valid block, others that more than 1/3 of the power voted for (four at most) and one that nobody has backed yet;
// what is refused may come again: no message is remembered as seen here. Of the rounds above ours a proposer keeps its
// two highest, one proposal each. Past rounds are kept as long as their votes (vote-keeper.ts), and blocks that we are
// locked on, would propose again, or that wait to be decided, whatever their round.

import type { Bin } from '../base/bytes.ts'
import type { Proposal } from '../protocol/proposal.ts'
import type { RoundWindow } from './bounds.ts'
import { FUTURE_ROUNDS_KEPT, isFuture, isKept } from './bounds.ts'

export interface HeldProposal {
  readonly proposal: Proposal
  readonly valid: boolean
}

export interface ProposalKeeper {
  /** By round; the first proposal comes first. */
  readonly rounds: Map<number, HeldProposal[]>
}

export const createProposalKeeper = (): ProposalKeeper => ({ rounds: new Map() })

/**
 * The caller has checked that it is of this height and by the proposer of its round.
 * @param isBacked whether more than 1/3 of the power voted for this block
 */
export function addProposal(keeper: ProposalKeeper, added: HeldProposal, window: RoundWindow, isBacked: (blockId: Bin) => boolean): void {
  const { round, blockId } = added.proposal
  const held = keeper.rounds.get(round)
  if (isFuture(round, window)) {
    if (held === undefined && makeRoom(keeper, added.proposal, window)) keeper.rounds.set(round, [added])
    return
  }
  if (held === undefined && isKept(round, window)) {
    keeper.rounds.set(round, [added])
    return
  }
  // From here on a proposal is worth only the block that it teaches us.
  if (!added.valid || isValidBlock(keeper, blockId)) return
  if (held === undefined) {
    if (isBacked(blockId)) keeper.rounds.set(round, [added])
  } else if (isBacked(blockId) || held.slice(1).every(({ proposal }) => isBacked(proposal.blockId))) held.push(added)
}

/** Takes a proposer's lowest future round back, if this proposal opens one too many. @returns false if it is that one itself */
function makeRoom(keeper: ProposalKeeper, { round, proposer }: Proposal, window: RoundWindow): boolean {
  const others = [...keeper.rounds.keys()].filter((other) => isFuture(other, window) && firstProposal(keeper, other)?.proposal.proposer === proposer)
  if (others.length < FUTURE_ROUNDS_KEPT) return true
  const lowest = Math.min(...others)
  if (round < lowest) return false
  keeper.rounds.delete(lowest)
  return true
}

/** The first proposal of a round; null if there is none. */
export const firstProposal = (keeper: ProposalKeeper, round: number): HeldProposal | null => keeper.rounds.get(round)?.[0] ?? null

/** True if a proposal that we hold offers this block, and it is valid there. */
export function isValidBlock(keeper: ProposalKeeper, blockId: Bin): boolean {
  for (const held of keeper.rounds.values()) if (held.some(({ proposal, valid }) => valid && proposal.blockId === blockId)) return true
  return false
}

/** By round, ascending; the first of a round comes first. */
export function heldProposals(keeper: ProposalKeeper): HeldProposal[] {
  return [...keeper.rounds].sort(([a], [b]) => a - b).flatMap(([, held]) => held)
}

/** Drops what past rounds need no longer hold. @param isNeeded blocks that stay whatever their round */
export function pruneProposals(keeper: ProposalKeeper, window: RoundWindow, isNeeded: (blockId: Bin) => boolean): void {
  for (const [round, held] of keeper.rounds) {
    if (isFuture(round, window) || isKept(round, window)) continue
    const needed = held.filter(({ proposal }) => isNeeded(proposal.blockId))
    if (needed.length > 0) keeper.rounds.set(round, needed)
    else keeper.rounds.delete(round)
  }
}
