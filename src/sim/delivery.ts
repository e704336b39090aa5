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
import type { BlockStore } from './disk.ts'
import type { Have, Message } from './message.ts'

/** Messages in one answer. */
const MAX_ANSWER = 64
/** Blocks in one answer. */
export const MAX_BLOCKS = 16

/** What an honest node sends to a peer that has this; null if there is nothing. */
export function answerTo(engine: Engine, store: BlockStore, have: Have): Message | null {
  if (have.height <= store.head) {
    const count = Math.min(store.head - have.height + 1, MAX_BLOCKS)
    return { kind: 'blocks', blocks: Array.from({ length: count }, (_, i) => store.at(have.height + i)!) }
  }
  const messages = have.height === engine.consensus.height ? missingMessages(engine, have) : []
  return messages.length === 0 ? null : { kind: 'missing', messages }
}

export function haveOf({ consensus }: Engine): Have {
  return {
    height: consensus.height,
    votes: new Set(votesHeld(consensus).map(voteSlot)),
    quorums: new Set(quorums(consensus).map(({ slot }) => slot)),
    proposals: new Set(proposalsHeld(consensus).map(({ proposal }) => proposalSlot(proposal))),
  }
}

/** What this node can send to one of the same height that has this. */
function missingMessages({ consensus, candidates }: Engine, have: Have): ConsensusMessage[] {
  const messages: ConsensusMessage[] = []
  for (const { proposal, valid } of proposalsHeld(consensus)) {
    const block = candidates.get(proposal.blockId)?.block
    if (!valid || block === undefined || have.proposals.has(proposalSlot(proposal))) continue
    messages.push({ kind: 'proposal', proposed: markVerified({ proposal, block }) })
  }
  for (const { slot, votes } of quorums(consensus)) {
    if (!have.quorums.has(slot)) messages.push({ kind: 'quorum', votes: votes.map((vote) => markVerified(vote)) })
  }
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
