// Who has to do with a node beside the world: the checker, who watches it, and a villain, who speaks in its place.

import type { ExecutedBlock } from '../ledger/blocks.ts'
import type { Ledger } from '../ledger/state.ts'
import type { Block } from '../protocol/block.ts'
import type { Certificate } from '../protocol/certificate.ts'
import type { Proposal, ProposalStatement } from '../protocol/proposal.ts'
import type { Vote, VoteStatement } from '../protocol/vote.ts'
import type { Have, Message } from './message.ts'

/** Sees what a node does; the checker's ears. */
export interface Watch {
  /** The node is down; nothing that it had in memory is left. */
  crashed(node: number): void
  signedVote(node: number, vote: Vote): void
  signedProposal(node: number, proposal: Proposal): void
  /** The block is on this node's disk. */
  committed(node: number, executed: ExecutedBlock, certificate: Certificate): void
  /** This is the node's ledger now. */
  applied(node: number, ledger: Ledger): void
}

/** Speaks in place of a node that does not keep to the rules. */
export interface Villain {
  propose(statement: ProposalStatement, block: Block): void
  vote(statement: VoteStatement): void
  /** Whatever comes in. */
  hear(message: Message): void
  /** Null to answer like everybody else. */
  answer(to: number, have: Have): Message | null
}
