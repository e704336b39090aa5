// What can happen to the engine. Inputs that change consensus are written ahead (effect `log`) and replayed after a crash.

import type { Bin } from '../base/bytes.ts'
import type { Verified } from '../crypto/verified.ts'
import type { TimeoutStep } from '../consensus/input.ts'
import type { Block } from '../protocol/block.ts'
import type { Certificate } from '../protocol/certificate.ts'
import type { Heartbeat } from '../protocol/heartbeat.ts'
import type { ProposedBlock } from '../protocol/proposal.ts'
import type { Transaction } from '../protocol/transaction.ts'
import type { Vote } from '../protocol/vote.ts'

/** A moment that the engine asked to be told of. One of a height that has passed is ignored. */
export type Timer =
  /** The next block's earliest moment has come. */
  | { readonly name: 'interval'; readonly height: number }
  /** A doubt may be over by now: see caution.ts. */
  | { readonly name: 'caution'; readonly height: number }
  | Timeout

/** A step of a round has lasted too long. */
export type Timeout = { readonly name: 'timeout'; readonly height: number; readonly round: number; readonly step: TimeoutStep }

/** The inputs that consensus depends on, in the order in which they were processed. */
export type LoggedInput =
  /** Round 0 of the height begins. */
  | { readonly kind: 'begin'; readonly height: number }
  | { readonly kind: 'timer'; readonly timer: Timeout }
  /** A block that we built for a round, before it is signed. */
  | { readonly kind: 'value'; readonly round: number; readonly block: Verified<Block> }
  /** A proposal, ours too. Its block is left out of the log if it is there already. */
  | { readonly kind: 'proposal'; readonly proposed: Verified<ProposedBlock> }
  | { readonly kind: 'vote'; readonly vote: Verified<Vote> }
  /** Votes by more than 2/3 of the power for one block, as a peer holds them: see consensus/vote-keeper.ts. */
  | { readonly kind: 'quorum'; readonly votes: readonly Verified<Vote>[] }

/** A logged input with the clock's reading when it was processed; replays use it again. */
export interface LoggedEntry {
  readonly input: LoggedInput
  readonly nowMs: number
}

/** What validators say about a height. */
export type ConsensusMessage = Extract<LoggedInput, { kind: 'proposal' | 'vote' | 'quorum' }>

export type Input =
  | LoggedInput
  | { readonly kind: 'timer'; readonly timer: Timer }
  /** After the ledger was loaded and the log replayed. */
  | { readonly kind: 'start' }
  /** A node tells the height of its head: see caution.ts. */
  | { readonly kind: 'head'; readonly nodeKey: Bin; readonly height: number }
  /** @see Effect `verdicts` for the ticket */
  | { readonly kind: 'heartbeats'; readonly heartbeats: readonly Verified<Heartbeat>[]; readonly ticket: number }
  | { readonly kind: 'transaction'; readonly transaction: Verified<Transaction>; readonly ticket: number }
  /** The block of the last `commit` is on disk. */
  | { readonly kind: 'stored'; readonly height: number }
  /** A block that others decided, with the certificate that proves it. */
  | { readonly kind: 'decided'; readonly block: Verified<Block>; readonly certificate: Verified<Certificate> }
