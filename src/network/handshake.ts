// `/pulse/status/1`: both sides say which network they belong to and how far they are. Whoever dialled asks first; later either
// side asks again for news. A peer of another network is told who we are, then hung up.

import type { Libp2p } from 'libp2p'
import { equalBytes } from '../base/bytes.ts'
import type { Clock } from '../ops/clock.ts'
import { encodeFrame, FrameError } from './frames.ts'
import type { Connection, Stream } from './libp2p-types.ts'
import type { NetworkLimits } from './limits.ts'
import type { Peer, Peers } from './peers.ts'
import type { Penalty } from './score.ts'
import { decodeStatus, encodeStatus, MAX_STATUS_READ_BYTES } from './status.ts'
import type { Status } from './status.ts'
import { exchange, finish, nextRequest, readFrames, StreamTimeoutError, writeFrame } from './streams.ts'
import { protocolName } from './topics.ts'

export interface HandshakeDependencies {
  readonly node: Libp2p
  readonly limits: NetworkLimits
  readonly peers: Peers
  readonly clock: Clock
  readonly own: () => Status
  /** A status of our own network. @param first the handshake is complete with it */
  readonly heard: (peer: Peer, status: Status, first: boolean) => void
  readonly otherNetwork: (peer: Peer, status: Status) => void
  readonly charge: (peer: string, reason: Penalty) => void
  readonly noHandshake: (peer: Peer) => void
}

export interface Handshake {
  start(): Promise<void>
  /** A connection has been opened. */
  opened(peer: Peer, connection: Connection): void
  /** Asks those that have not been heard for a while. */
  refresh(): void
}

const PROTOCOL = protocolName('status')

export function createHandshake(dependencies: HandshakeDependencies): Handshake {
  const { node, limits, peers, clock, own, heard, otherNetwork, charge, noHandshake } = dependencies
  const asking = new Set<string>()
  const asked = new Map<string, number>()

  /** @returns whether the peer belongs to our network */
  function take(peer: Peer, bytes: Uint8Array): boolean {
    const status = decodeStatus(bytes)
    if (status === null) {
      charge(peer.id, 'garbage')
      return false
    }
    if (!equalBytes(status.genesisHash, own().genesisHash)) {
      otherNetwork(peer, status)
      return false
    }
    heard(peer, status, peers.heard(peer, status))
    return true
  }

  async function ask(peer: Peer, connection: Connection): Promise<void> {
    if (asking.has(connection.id)) return
    asking.add(connection.id)
    try {
      const signal = AbortSignal.timeout(limits.handshakeTimeoutMs)
      const stream = await connection.newStream(PROTOCOL, { signal, maxOutboundStreams: 4 })
      take(peer, await exchange(stream, encodeStatus(own()), MAX_STATUS_READ_BYTES, limits.handshakeTimeoutMs))
    } catch (error) {
      if (error instanceof FrameError) charge(peer.id, 'garbage')
      else if (error instanceof StreamTimeoutError) charge(peer.id, 'slow')
      // Anything else is a connection that went away, or a peer that is no Pulse node: the time limit sees to it.
    } finally {
      asking.delete(connection.id)
    }
  }

  async function answer(stream: Stream, connection: Connection): Promise<void> {
    const peer = peers.get(connection.remotePeer.toString())
    const count = (asked.get(peer?.id ?? '') ?? 0) + 1
    if (peer === undefined || count > limits.maxStatusRequests) {
      if (peer !== undefined) charge(peer.id, 'too_many_requests')
      stream.abort(new Error('too many requests'))
      return
    }
    asked.set(peer.id, count)
    const reader = readFrames(stream, MAX_STATUS_READ_BYTES)
    try {
      const status = await nextRequest(reader, limits.handshakeTimeoutMs)
      await writeFrame(stream, encodeFrame('chunk', encodeStatus(own())), limits.handshakeTimeoutMs)
      await finish(stream, limits.handshakeTimeoutMs)
      take(peer, status)
    } catch (error) {
      stream.abort(error as Error)
      if (error instanceof FrameError) charge(peer.id, 'garbage')
    } finally {
      reader.release()
    }
  }

  return {
    async start() {
      await node.handle(PROTOCOL, (stream, connection) => void answer(stream, connection), { maxInboundStreams: 4, maxOutboundStreams: 4 })
    },
    opened(peer, connection) {
      if (connection.direction === 'outbound' && peer.status === null) void ask(peer, connection)
      clock.after(limits.handshakeTimeoutMs, () => {
        if (peers.get(peer.id) === peer && peer.status === null) noHandshake(peer)
      })
    },
    refresh() {
      asked.clear()
      const nowMs = clock.monotonicMs()
      for (const peer of peers.met()) {
        const connection = peer.connections.at(-1)
        if (connection !== undefined && nowMs - peer.heardMs >= limits.statusIntervalMs) void ask(peer, connection)
      }
    },
  }
}
