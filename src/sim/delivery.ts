// Delivery in spite of loss: a node tells a peer what it holds of its height, and the peer sends what is missing.
// Stands for the have-bitmaps of the network: they name slots (round, type, validator), not what was said there.

import type { Bin } from '../base/bytes.ts'
import type { Consensus } from '../consensus/consensus.ts'
import { proposalsHeld, quorumVotes, votesHeld } from '../consensus/view.ts'
import { roundsHeld } from '../consensus/vote-keeper.ts'
import { markVerified } from '../crypto/verified.ts'
import type { Engine } from '../engine/engine.ts'
import type { ConsensusMessage } from '../engine/input.ts'
import type { Vote, VoteType } from '../protocol/vote.ts'

export interface Have {
  /** The height that the sender works on. */
  readonly height: number
  /** `round type validator` */
  readonly votes: ReadonlySet<string>
  /** `round type`: a quorum for a block is known. */
  readonly quorums: ReadonlySet<string>
  /** `round block` */
  readonly proposals: ReadonlySet<string>
}

/** Messages in one answer. */
const MAX_ANSWER = 64

export function haveOf({ consensus }: Engine): Have {
  return {
    height: consensus.height,
    votes: new Set(votesHeld(consensus).map(voteSlot)),
    quorums: new Set(quorums(consensus).map(({ slot }) => slot)),
    proposals: new Set(proposalsHeld(consensus).map(({ proposal }) => proposalSlot(proposal))),
  }
}

/** What this node can send to one of the same height that has this. */
export function missingMessages({ consensus, candidates }: Engine, have: Have): ConsensusMessage[] {
  const messages: ConsensusMessage[] = []
  for (const { proposal, valid } of proposalsHeld(consensus)) {
    const block = candidates.get(proposal.blockId)?.block
    if (valid && block !== undefined && !have.proposals.has(proposalSlot(proposal))) messages.push({ kind: 'proposal', proposed: markVerified({ proposal, block }) })
  }
  for (const { slot, votes } of quorums(consensus)) if (!have.quorums.has(slot)) messages.push({ kind: 'quorum', votes: votes.map((vote) => markVerified(vote)) })
  for (const vote of votesHeld(consensus)) if (!have.votes.has(voteSlot(vote))) messages.push({ kind: 'vote', vote: markVerified(vote) })
  return messages.slice(0, MAX_ANSWER)
}

function quorums(consensus: Consensus): { slot: string; votes: Vote[] }[] {
  const found: { slot: string; votes: Vote[] }[] = []
  for (const round of roundsHeld(consensus.votes)) {
    for (const type of ['prevote', 'precommit'] as const) {
      const votes = quorumVotes(consensus, round, type)
      if (votes.length > 0) found.push({ slot: quorumSlot(round, type), votes })
    }
  }
  return found
}

const quorumSlot = (round: number, type: VoteType): string => `${round} ${type}`
const voteSlot = ({ round, type, validator }: Vote): string => `${quorumSlot(round, type)} ${validator}`
const proposalSlot = ({ round, blockId }: { round: number; blockId: Bin }): string => `${round} ${blockId}`
