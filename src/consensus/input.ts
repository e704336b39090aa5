// What can happen to the consensus on one height.

import type { Bin } from '../base/bytes.ts'
import type { Proposal } from '../protocol/proposal.ts'
import type { Vote } from '../protocol/vote.ts'

export type TimeoutStep = 'propose' | 'prevote' | 'precommit'

/** Callers have checked every signature. Our own proposals and votes come back this way too, once they are signed. */
export type ConsensusInput =
  /** Begin round 0. What arrived before is processed now. */
  | { readonly kind: 'start' }
  /** `valid`: whether this node may vote for the block, its time and content policy apart (that is the `Judge`). */
  | { readonly kind: 'proposal'; readonly proposal: Proposal; readonly valid: boolean }
  | { readonly kind: 'vote'; readonly vote: Vote }
  /**
   * Votes of one round and type for one block by more than two thirds of the power, as another node holds them. It is
   * needed where validators sign twice: we may hold the other vote of each (vote-keeper.ts, "Votes shown as a quorum").
   */
  | { readonly kind: 'quorum'; readonly votes: readonly Vote[] }
  /** A timeout that was asked for has come. */
  | { readonly kind: 'timeout'; readonly step: TimeoutStep; readonly round: number }
  /** Answer to the effect `get-value`. */
  | { readonly kind: 'value'; readonly round: number; readonly blockId: Bin }

/** What a validator may refuse to prevote by its own clock and pool. Never asked about anything that had a quorum. */
export interface Judge {
  /** Asked once, for a fresh proposal (validRound −1), at the prevote of its round; never by observers. */
  acceptable(proposal: Proposal): boolean
}
