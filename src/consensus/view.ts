// Read access to the consensus on one height: for peers that miss messages, for the engine, and for the simulator's checks.

import type { Bin } from '../base/bytes.ts'
import type { Certificate } from '../protocol/certificate.ts'
import type { Vote, VoteType } from '../protocol/vote.ts'
import type { Consensus } from './consensus.ts'
import { certificateFor, proposerFor } from './consensus.ts'
import type { HeldProposal } from './proposal-keeper.ts'
import { heldProposals } from './proposal-keeper.ts'
import type { RoundState } from './round-machine.ts'
import { quorumBlock, roundsHeld, tallyOf, votesFor } from './vote-keeper.ts'

export type ConsensusStatus = Pick<RoundState, 'round' | 'step' | 'lockedRound' | 'lockedValue' | 'validRound' | 'validValue' | 'decision'> & {
  readonly height: number
  /** Of our round; null before the start. */
  readonly proposer: Bin | null
  /** Whether this node votes at this height. */
  readonly votes: boolean
}

export function consensusStatus(state: Consensus): ConsensusStatus {
  const { height, round, step, lockedRound, lockedValue, validRound, validValue, decision, self } = state
  const proposer = round < 0 ? null : proposerFor(state, round)
  return { height, round, step, lockedRound, lockedValue, validRound, validValue, decision, proposer, votes: self !== null }
}

/** The votes that count, by round, prevotes first, in validator order. */
export function votesHeld({ votes, validators }: Consensus): Vote[] {
  return roundsHeld(votes).flatMap((round) =>
    (['prevote', 'precommit'] as const).flatMap((type) =>
      validators.flatMap(({ key }) => tallyOf(votes, round, type)?.votes.get(key) ?? []),
    ),
  )
}

/** The vote of one validator that counts; null if there is none. */
export const voteOf = ({ votes }: Consensus, validator: Bin, round: number, type: VoteType): Vote | null =>
  tallyOf(votes, round, type)?.votes.get(validator) ?? null

/**
 * The votes that prove a quorum for a block; empty if there is none. To be offered together with a re-proposal
 * (prevotes of its validRound) and to nodes that lag (precommits), as the input `quorum`.
 */
export function quorumVotes({ votes }: Consensus, round: number, type: VoteType): Vote[] {
  const blockId = quorumBlock(votes, round, type)
  return blockId === null ? [] : votesFor(votes, round, type, blockId)
}

/** By round; the first of a round is the one that counts in it. */
export const proposalsHeld = ({ proposals }: Consensus): HeldProposal[] => heldProposals(proposals)

/** Blocks that must not be dropped while this height lasts: a decision or a re-proposal may name any of them. */
export function blocksNeeded(state: Consensus): Set<Bin> {
  const needed = new Set(heldProposals(state.proposals).map(({ proposal }) => proposal.blockId))
  for (const id of [state.lockedValue, state.validValue, state.decision?.blockId ?? null]) if (id !== null) needed.add(id)
  return needed
}

/** The certificate of the decision, with the precommits that have come since; null before the decision. */
export const decisionCertificate = (state: Consensus): Certificate | null =>
  state.decision === null ? null : certificateFor(state, state.decision.round, state.decision.blockId)
