// What the API needs of the node. src/node implements it over the core's thread, so every answer is a promise and
// everything that crosses is structured-clonable. A rejected promise is the node's own fault: the client gets 500.

import type { Static } from 'typebox'
import type { Reason } from '../protocol/reason.ts'
import type { Vitals } from '../protocol/vitals.ts'
import type { AccountSchema, BlockSchema, CommittedHeartbeat } from './schema/chain.ts'
import type { ParamsSchema, ValidatorsSchema } from './schema/governance.ts'
import type { ChainHealthSchema, DatabaseHealthSchema, NodeFacts, NodeSchema, PeerSchema, StatusSchema } from './schema/node.ts'
import type { TransactionSchema } from './schema/transaction.ts'

export type NodeInfo = Static<typeof NodeFacts>
/** What `/v2/node` answers. */
export type NodeView = Static<typeof NodeSchema>
export type Status = Static<typeof StatusSchema>
export type PeerView = Static<typeof PeerSchema>
export type BlockView = Static<typeof BlockSchema>
export type HeartbeatView = Static<typeof CommittedHeartbeat>
/** Told apart by `kind`. */
export type TransactionView = Static<typeof TransactionSchema>
export type ValidatorsView = Static<typeof ValidatorsSchema>
export type ParamsView = Static<typeof ParamsSchema>
export type AccountView = Static<typeof AccountSchema>
export type DatabaseHealth = Static<typeof DatabaseHealthSchema>
export type ChainHealth = Static<typeof ChainHealthSchema>

/** Vitals in range, with the nonce (16 bytes) of the evidence that commits to them. */
export interface SubmittedVitals extends Vitals {
  readonly nonce: Uint8Array
}

interface RefusedSubmission {
  readonly accepted: false
  readonly reason: Reason
  /** More than the reason's own text says. */
  readonly detail?: string
}

export type HeartbeatVerdict = { readonly accepted: true; /** hex */ readonly id: string; readonly weightPpm: number } | RefusedSubmission
export type TransactionVerdict = { readonly accepted: true; /** hex */ readonly id: string } | RefusedSubmission

/** A height, an id of 32 bytes, or the last committed block. */
export type BlockRef = number | Uint8Array | 'latest'

/** Some items of one block, from an offset on. */
export interface BlockItems<T> {
  readonly blockId: string
  readonly height: number
  /** Items in the whole block. */
  readonly total: number
  readonly items: readonly T[]
}

export type NodeEvent = { readonly type: 'block'; readonly block: BlockView } | { readonly type: 'status'; readonly status: Status }

export interface Backend {
  readonly node: NodeInfo
  nowMs(): number
  /** Of libp2p: multiaddrs with the peer id. */
  addresses(): readonly string[]

  /**
   * @param batch n × 245 bytes: message (181) ‖ signature (64). Its memory is its own and may be transferred
   * @param vitals one per heartbeat, null if not sent; in range, but not checked against the evidence
   * @returns one verdict per heartbeat, in their order
   */
  submitHeartbeats(batch: Uint8Array<ArrayBuffer>, vitals: readonly (SubmittedVitals | null)[]): Promise<readonly HeartbeatVerdict[]>
  /** A transfer, as its sender signed it. @param signature 64 bytes */
  submitTransaction(message: Uint8Array, signature: Uint8Array): Promise<TransactionVerdict>
  /** A transaction of any kind. @param bytes encoded as in a block */
  submitEncodedTransaction(bytes: Uint8Array): Promise<TransactionVerdict>

  status(): Promise<Status>
  /** Null if there is no such block (yet). What it returns for a committed block must not change: it is cached for ever. */
  block(ref: BlockRef): Promise<BlockView | null>
  /** At most `limit` blocks below height `before` (null: from the last one), newest first. */
  blocks(before: number | null, limit: number): Promise<BlockView[]>
  /** Null if there is no such block; an offset past the end gives no items. */
  blockHeartbeats(ref: BlockRef, offset: number, limit: number): Promise<BlockItems<HeartbeatView> | null>
  blockTransactions(ref: BlockRef, offset: number, limit: number): Promise<BlockItems<TransactionView> | null>
  /** @param key tagged, 35 bytes */
  account(key: Uint8Array): Promise<AccountView | null>
  /** At most `limit` accounts, by ascending index, from index `from` on. */
  accounts(from: number, limit: number): Promise<AccountView[]>
  /** Committed or waiting. @param id 32 bytes */
  transaction(id: Uint8Array): Promise<TransactionView | null>
  /** Of the epoch of the next block. */
  validators(): Promise<ValidatorsView>
  /** Those of the next block. */
  params(): Promise<ParamsView>

  /** Cheap: the connected peers. */
  peers(): readonly PeerView[]
  database(): Promise<DatabaseHealth>
  blockchain(): Promise<ChainHealth>
  /** Cheap: asked by every probe. Reasons are sentences, empty if ready. */
  readiness(): { readonly ready: boolean; readonly reasons: readonly string[] }
  /** The core's metrics in Prometheus text format. */
  metricsText(): Promise<string>
  /** @returns ends the subscription */
  subscribe(listener: (event: NodeEvent) => void): () => void
}
