// What nodes of the world send each other.

import type { Verified } from '../crypto/verified.ts'
import type { ConsensusMessage } from '../engine/input.ts'
import type { Heartbeat } from '../protocol/heartbeat.ts'
import type { Transaction } from '../protocol/transaction.ts'
import type { StoredBlock } from './disk.ts'

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

export type Message =
  | ConsensusMessage
  /** What the sender holds of its height; a question for the rest. */
  | { readonly kind: 'have'; readonly have: Have }
  /** Answers to that: messages of the same height, or the blocks that the asker lacks, ascending. */
  | { readonly kind: 'missing'; readonly messages: readonly ConsensusMessage[] }
  | { readonly kind: 'blocks'; readonly blocks: readonly StoredBlock[] }
  /** The height of the sender's head; `asks` for that of the receiver. */
  | { readonly kind: 'status'; readonly height: number; readonly asks: boolean }
  /** From devices and clients. */
  | { readonly kind: 'heartbeats'; readonly heartbeats: readonly Verified<Heartbeat>[] }
  | { readonly kind: 'transaction'; readonly transaction: Verified<Transaction> }
