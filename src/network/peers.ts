// Who is connected, and who has completed the handshake. Everything that serves a peer waits here for its handshake first.

import type { Clock, Timer } from '../ops/clock.ts'
import type { Connection, PeerId } from './libp2p-types.ts'
import type { Status } from './status.ts'

export interface Peer {
  readonly id: string
  readonly peerId: PeerId
  /** Null until the handshake is complete. */
  status: Status | null
  /** Monotonic ms. */
  readonly connectedMs: number
  /** Monotonic ms; when its status came last. */
  heardMs: number
  /** Where it listens, by its own word, each ending in `/p2p/<id>`; empty until it has said so. */
  addresses: readonly string[]
  /** The open connections, oldest first. */
  connections: Connection[]
}

export interface Peers {
  /** @returns the peer, new or known */
  opened(connection: Connection): Peer
  /** @returns the peer, if that was its last connection */
  closed(connection: Connection): Peer | null
  get(id: string): Peer | undefined
  all(): Iterable<Peer>
  /** Those with a completed handshake. */
  met(): Peer[]
  isMet(id: string): boolean
  /** @returns true if it is the first status of this peer since it connected */
  heard(peer: Peer, status: Status): boolean
  /** True once its handshake is complete; false if it leaves or takes too long. */
  waitMet(id: string): Promise<boolean>
}

export function createPeers(clock: Clock, handshakeTimeoutMs: number): Peers {
  const peers = new Map<string, Peer>()
  const waiting = new Map<string, Set<(met: boolean) => void>>()

  function settle(id: string, met: boolean): void {
    for (const resolve of waiting.get(id) ?? []) resolve(met)
    waiting.delete(id)
  }

  return {
    opened(connection) {
      const id = connection.remotePeer.toString()
      let peer = peers.get(id)
      if (peer === undefined) {
        const nowMs = clock.monotonicMs()
        peer = { id, peerId: connection.remotePeer, status: null, connectedMs: nowMs, heardMs: nowMs, addresses: [], connections: [] }
        peers.set(id, peer)
      }
      peer.connections.push(connection)
      return peer
    },
    closed(connection) {
      const id = connection.remotePeer.toString()
      const peer = peers.get(id)
      if (peer === undefined) return null
      peer.connections = peer.connections.filter((open) => open !== connection)
      if (peer.connections.length > 0) return null
      peers.delete(id)
      settle(id, false)
      return peer
    },
    get: (id) => peers.get(id),
    all: () => peers.values(),
    met: () => [...peers.values()].filter((peer) => peer.status !== null),
    isMet: (id) => (peers.get(id)?.status ?? null) !== null,
    heard(peer, status) {
      const first = peer.status === null
      peer.status = status
      peer.heardMs = clock.monotonicMs()
      if (first) settle(peer.id, true)
      return first
    },
    waitMet(id) {
      const peer = peers.get(id)
      if (peer === undefined) return Promise.resolve(false)
      if (peer.status !== null) return Promise.resolve(true)
      return new Promise((resolve) => {
        const set = waiting.get(id) ?? new Set()
        waiting.set(id, set)
        let timer: Timer | null = null
        const done = (met: boolean): void => {
          timer?.cancel()
          set.delete(done)
          resolve(met)
        }
        timer = clock.after(handshakeTimeoutMs, () => done(false))
        set.add(done)
      })
    },
  }
}

export const addressOf = (peer: Peer): string => peer.connections[0]?.remoteAddr.toString() ?? ''
