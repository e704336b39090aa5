// What the engine wants done. Effects are data; the runner carries them out in order and reports back by inputs.

import type { Bin } from '../base/bytes.ts'
import type { ExecutedBlock } from '../ledger/blocks.ts'
import type { Certificate } from '../protocol/certificate.ts'
import type { ProposalStatement, ProposedBlock } from '../protocol/proposal.ts'
import type { Verified } from '../crypto/verified.ts'
import type { Transaction } from '../protocol/transaction.ts'
import type { Reason } from '../protocol/reason.ts'
import type { Vote, VoteStatement } from '../protocol/vote.ts'
import type { LoggedInput, Timer } from './input.ts'

/** What became of one submitted item. */
export type Verdict =
  /** `weightPpm`: the weight to expect, for heartbeats. */
  { readonly accepted: true; readonly weightPpm: number } | { readonly accepted: false; readonly reason: Reason }

export type Effect =
  /** Write ahead; on disk before anything that follows is signed or sent. */
  | { readonly kind: 'log'; readonly input: LoggedInput }
  /** Sign, and feed the result back as input `proposal` or `vote`. The signer may refuse. */
  | { readonly kind: 'sign-proposal'; readonly statement: ProposalStatement; readonly block: ExecutedBlock['block'] }
  | { readonly kind: 'sign-vote'; readonly statement: VoteStatement }
  /** Offer to all peers. */
  | { readonly kind: 'broadcast-proposal'; readonly proposed: ProposedBlock }
  | { readonly kind: 'broadcast-vote'; readonly vote: Vote }
  | { readonly kind: 'broadcast-transaction'; readonly transaction: Verified<Transaction> }
  | { readonly kind: 'schedule'; readonly timer: Timer; readonly delayMs: number }
  /** Store the block and what it changes in one atomic batch, then feed back `stored`. */
  | { readonly kind: 'commit'; readonly executed: ExecutedBlock; readonly certificate: Certificate; readonly round: number }
  /** Answers the input with this ticket; one verdict per item. */
  | { readonly kind: 'verdicts'; readonly ticket: number; readonly verdicts: readonly Verdict[] }
  /** A validator signed two different votes for one height, round and type. */
  | { readonly kind: 'equivocation'; readonly first: Vote; readonly second: Vote }
  /** More than 2/3 signed a block that is not valid here: one of us is wrong, and this node must not go on. */
  | { readonly kind: 'diverged'; readonly height: number; readonly blockId: Bin }
  /** Somebody else signs with our key: this node signs nothing for now. */
  | { readonly kind: 'signed-elsewhere'; readonly vote: Vote }
  /** For logs and metrics. */
  | { readonly kind: 'round'; readonly height: number; readonly round: number; readonly proposer: Bin }
