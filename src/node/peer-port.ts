// What the core needs of the network, and what the network asks of the core. The network lives in the main thread.

import type { RequestProtocol, Topic } from '../network/topics.ts'
import type { ExecutedBlock } from '../ledger/blocks.ts'
import type { Certificate } from '../protocol/certificate.ts'
import type { Heartbeat } from '../protocol/heartbeat.ts'
import type { ProposedBlock } from '../protocol/proposal.ts'
import type { Transaction } from '../protocol/transaction.ts'
import type { Vote } from '../protocol/vote.ts'

export interface PeerHead {
  readonly height: number
  readonly headId: Uint8Array
}

/** Calls into the network. */
export interface PeerPort {
  publish(topic: Topic, data: Uint8Array): void
  /** @returns the frames of the answer; rejects if the peer refuses, is too slow or sends more than `maxBytes` */
  request(peer: string, protocol: RequestProtocol, data: Uint8Array, limits: { maxBytes: number; timeoutMs: number }): Promise<Uint8Array[]>
  /** Charges a peer for what it did. */
  report(peer: string, reason: string, penalty: number): void
}

/** What the runner and the ingress tell the network. */
export interface Outgoing {
  vote(vote: Vote): void
  proposal(proposed: ProposedBlock): void
  heartbeats(heartbeats: readonly Heartbeat[]): void
  transaction(transaction: Transaction): void
  committed(executed: ExecutedBlock, certificate: Certificate): void
}

/** Nobody there: a network of one. */
export const NO_PEERS: PeerPort = {
  publish: () => {},
  request: () => Promise.reject(new Error('there are no peers')),
  report: () => {},
}
