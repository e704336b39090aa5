// Every maximum of the network, in one place. All of it is local policy: nodes with other limits still understand each other,
// except for the message sizes, which an operator must not lower below those of the network.

import { MAX_BLOCK_BYTES } from '../protocol/limits.ts'
import type { Topic } from './topics.ts'

const KIBIBYTE = 1024
const MEBIBYTE = 1024 * KIBIBYTE

export interface NetworkLimits {
  /** Connections in all. */
  readonly maxConnections: number
  /** Connections that others opened; the rest is kept for those that we choose ourselves. */
  readonly maxInboundConnections: number
  /** Connections from one address (IPv6: from one /64). */
  readonly maxConnectionsPerAddress: number
  /** New connections from one address in a second. */
  readonly maxNewConnectionsPerSecond: number
  /** Connections whose encryption is still being negotiated. */
  readonly maxPendingInbound: number
  /** Streams that one connection may hold open, in each direction. */
  readonly maxStreamsPerConnection: number
  /** Below this many peers, known addresses are dialled and peers asked for more. */
  readonly targetPeers: number
  /** Dials at once, seeds not counted. */
  readonly maxParallelDials: number
  readonly dialTimeoutMs: number

  readonly handshakeTimeoutMs: number
  /** A peer's height and head are asked again after this long. */
  readonly statusIntervalMs: number
  /** Handshakes that one peer may ask for in `statusIntervalMs`. */
  readonly maxStatusRequests: number
  /** For how long a peer of another network is neither dialled nor let in. */
  readonly otherNetworkMs: number

  /** One gossip message, by topic, bytes. */
  readonly maxMessageBytes: Readonly<Record<Topic, number>>
  /** Messages of one peer and topic that wait for their verdict; more are dropped. */
  readonly maxValidatingMessages: number
  /** Bytes of one peer's messages that wait for their verdict. */
  readonly maxValidatingBytes: number

  /** A request, bytes. */
  readonly maxRequestBytes: number
  /** One frame of an answer, bytes. */
  readonly maxFrameBytes: number
  /** A whole answer, bytes; a request may ask for less. */
  readonly maxAnswerBytes: number
  readonly maxServedPerPeer: number
  readonly maxServedTotal: number
  /** Less than others serve, so that nobody is charged for asking. */
  readonly maxAskedPerPeer: number
  /** Requests of one peer that are served in a second. */
  readonly maxRequestsPerSecond: number
  /** For the bytes of a request to arrive. */
  readonly requestReadMs: number
  /** Without progress for this long, an answer is aborted. */
  readonly stallMs: number
  /** The longest time that an answer may take in all. */
  readonly answerMs: number

  readonly banMs: number
  /** Connected, but no gossip passes: hang up after this long. */
  readonly deafMs: number
}

export const DEFAULT_LIMITS: NetworkLimits = {
  maxConnections: 96,
  maxInboundConnections: 64,
  maxConnectionsPerAddress: 32,
  maxNewConnectionsPerSecond: 20,
  maxPendingInbound: 64,
  maxStreamsPerConnection: 64,
  targetPeers: 16,
  maxParallelDials: 4,
  dialTimeoutMs: 5_000,

  handshakeTimeoutMs: 5_000,
  statusIntervalMs: 5_000,
  maxStatusRequests: 16,
  otherNetworkMs: 60_000,

  maxMessageBytes: { heartbeats: 512 * KIBIBYTE, transfers: 128 * KIBIBYTE, consensus: 3_584 * KIBIBYTE, blocks: 3 * MEBIBYTE },
  maxValidatingMessages: 256,
  maxValidatingBytes: 16 * MEBIBYTE,

  maxRequestBytes: MEBIBYTE + 4 * KIBIBYTE,
  maxFrameBytes: MAX_BLOCK_BYTES + 64 * KIBIBYTE,
  maxAnswerBytes: 32 * MEBIBYTE,
  maxServedPerPeer: 8,
  maxServedTotal: 64,
  maxAskedPerPeer: 6,
  maxRequestsPerSecond: 200,
  requestReadMs: 5_000,
  stallMs: 10_000,
  answerMs: 60_000,

  banMs: 600_000,
  deafMs: 6_000,
}

/** Connections with the same peer: one that each of the two dialled. */
export const MAX_CONNECTIONS_PER_PEER = 2
/** What gossipsub sends and takes in one piece, bytes. It is also the limit of its sender: the two must not differ. */
export const MAX_GOSSIP_RPC_BYTES = 4 * MEBIBYTE
/** Bytes that wait in a stream until the peer takes them; then the stream is reset. */
export const MAX_WRITE_BUFFER_BYTES = 16 * MEBIBYTE
/** An answer is read ahead of its consumer by at most this, and a frame. */
export const READ_AHEAD_BYTES = MEBIBYTE

/** Addresses in one answer of the peer exchange. */
export const MAX_EXCHANGED_PEERS = 32
export const MAX_ADDRESS_LENGTH = 256
export const MAX_ADDRESSES_PER_PEER = 4
/** Peers in the file. */
export const MAX_STORED_PEERS = 256
export const MAX_PEERS_FILE_BYTES = MEBIBYTE
/** Peers that others told of and that were not reached yet. */
export const MAX_CANDIDATES = 512
export const MAX_CANDIDATES_PER_SOURCE = 64
export const MAX_SEEDS = 64
/** Addresses that one seed may stand for. */
export const MAX_SEED_ADDRESSES = 16

export const MAX_SCORED_PEERS = 1_024
/** Reasons kept for each peer. */
export const MAX_REASONS = 16
export const MAX_REASON_LENGTH = 64
export const MAX_BANS = 1_024
