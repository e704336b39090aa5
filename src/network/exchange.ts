// `/pulse/peers/1`: where other peers listen. One question, one answer of at most 32 addresses, one to a line.

import type { Libp2p } from 'libp2p'
import type { Address, Reach } from './address.ts'
import { mayPass, parseAddress, reachOf } from './address.ts'
import { Rate } from './counts.ts'
import { encodeFrame, FrameError } from './frames.ts'
import type { Connection, Stream } from './libp2p-types.ts'
import type { NetworkLimits } from './limits.ts'
import { MAX_ADDRESS_LENGTH, MAX_EXCHANGED_PEERS } from './limits.ts'
import type { Peer, Peers } from './peers.ts'
import type { Penalty } from './score.ts'
import { exchange, finish, nextRequest, readFrames, StreamTimeoutError, writeFrame } from './streams.ts'
import { protocolName } from './topics.ts'

export interface ExchangeDependencies {
  readonly node: Libp2p
  readonly limits: NetworkLimits
  readonly peers: Peers
  readonly charge: (peer: string, reason: Penalty) => void
  /** Addresses that a peer told of; each has a peer id. */
  readonly learned: (addresses: readonly Address[], from: string) => void
}

export interface Exchange {
  start(): Promise<void>
  /** Never throws. */
  ask(peer: Peer): Promise<void>
}

const PROTOCOL = protocolName('peers')
/** To one peer. */
const ANSWERS_PER_WINDOW = 12
const WINDOW_MS = 5_000
export const MAX_PEERS_ANSWER_BYTES = MAX_EXCHANGED_PEERS * (MAX_ADDRESS_LENGTH + 1)

export function encodePeers(addresses: readonly string[]): Uint8Array {
  return new TextEncoder().encode(addresses.slice(0, MAX_EXCHANGED_PEERS).join('\n'))
}

/** Null if it is no list of multiaddrs with peer ids. Addresses that make no sense from there are left out. */
export function decodePeers(bytes: Uint8Array, link: Reach): Address[] | null {
  if (bytes.length === 0) return []
  if (bytes.length > MAX_PEERS_ANSWER_BYTES) return null
  const lines = new TextDecoder().decode(bytes).split('\n')
  if (lines.length > MAX_EXCHANGED_PEERS) return null
  const addresses = lines.map(parseAddress)
  if (!addresses.every((address) => address !== null && address.peer !== null)) return null
  return (addresses as Address[]).filter((address) => passes(address, link))
}

function passes(address: Address, link: Reach): boolean {
  const reach = reachOf(address)
  return address.kind !== 'dnsaddr' && reach !== null && mayPass(reach, link)
}

/** How far away the other end of a connection is. */
export function reachOfConnection(connection: Connection): Reach {
  const address = parseAddress(connection.remoteAddr.toString())
  return (address === null ? null : reachOf(address)) ?? 'public'
}

/** The addresses of peers other than `to` that make sense there; one of each peer before second ones. */
export function addressesFor(peers: readonly Pick<Peer, 'id' | 'addresses'>[], to: string, link: Reach): string[] {
  const lists = peers
    .filter(({ id }) => id !== to)
    .map(({ addresses }) =>
      addresses.filter((text) => {
        const address = parseAddress(text)
        return address !== null && passes(address, link)
      }),
    )
  const chosen: string[] = []
  for (let rank = 0; chosen.length < MAX_EXCHANGED_PEERS && lists.some((list) => list.length > rank); rank++) {
    for (const list of lists) if (list[rank] !== undefined) chosen.push(list[rank]!)
  }
  return chosen.slice(0, MAX_EXCHANGED_PEERS)
}

export function createExchange({ node, limits, peers, charge, learned }: ExchangeDependencies): Exchange {
  const rate = new Rate(ANSWERS_PER_WINDOW, WINDOW_MS)

  async function answer(stream: Stream, connection: Connection): Promise<void> {
    const from = connection.remotePeer.toString()
    if (!rate.take(from)) {
      charge(from, 'too_many_requests')
      stream.abort(new Error('too many requests'))
      return
    }
    const reader = readFrames(stream, 16)
    try {
      if (!(await peers.waitMet(from))) throw new Error('no handshake')
      await nextRequest(reader, limits.requestReadMs)
      const addresses = addressesFor(peers.met(), from, reachOfConnection(connection))
      await writeFrame(stream, encodeFrame('chunk', encodePeers(addresses)), limits.stallMs)
      await finish(stream, limits.stallMs)
    } catch (error) {
      stream.abort(error as Error)
      if (error instanceof FrameError) charge(from, 'garbage')
    } finally {
      reader.release()
    }
  }

  return {
    async start() {
      await node.handle(PROTOCOL, (stream, connection) => void answer(stream, connection), { maxInboundStreams: 2, maxOutboundStreams: 2 })
    },
    async ask(peer) {
      const connection = peer.connections.at(-1)
      if (connection === undefined) return
      try {
        const signal = AbortSignal.timeout(limits.handshakeTimeoutMs)
        const stream = await connection.newStream(PROTOCOL, { signal, maxOutboundStreams: 2 })
        const bytes = await exchange(stream, new Uint8Array(0), MAX_PEERS_ANSWER_BYTES, limits.handshakeTimeoutMs)
        const addresses = decodePeers(bytes, reachOfConnection(connection))
        if (addresses === null) throw new FrameError('unknown_kind')
        learned(addresses, peer.id)
      } catch (error) {
        if (error instanceof FrameError) charge(peer.id, 'garbage')
        else if (error instanceof StreamTimeoutError) charge(peer.id, 'slow')
      }
    },
  }
}
