// Dials addresses one after another and says how it went. Never throws.

import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { Libp2p } from 'libp2p'
import { parseAddress } from './address.ts'
import type { DialResult, NetworkMetrics } from './metrics.ts'

export type Dialled =
  | { readonly result: 'ok'; readonly peer: string }
  | { readonly result: Exclude<DialResult, 'ok'>; readonly error: string }

/** @param addresses multiaddrs; the first that answers wins */
export type Dial = (addresses: readonly string[]) => Promise<Dialled>

export function createDialer(node: Libp2p, dialTimeoutMs: number, metrics: NetworkMetrics): Dial {
  async function one(address: string): Promise<Dialled> {
    try {
      const connection = await node.dial(multiaddr(address), { signal: AbortSignal.timeout(dialTimeoutMs) })
      return { result: 'ok', peer: connection.remotePeer.toString() }
    } catch (error) {
      forget(address)
      const text = String(error)
      const result = /dial self/i.test(text) ? 'self' : /denied|blocked by gater/i.test(text) ? 'denied' : 'failed'
      return { result, error: text.slice(0, 200) }
    }
  }
  /** libp2p notes every failed dial in books that never shrink. */
  function forget(address: string): void {
    const peer = parseAddress(address)?.peer ?? null
    if (peer === null) return
    const peerId = peerIdFromString(peer)
    if (node.getConnections(peerId).length === 0) void node.peerStore.delete(peerId).catch(() => undefined)
  }

  return async (addresses) => {
    let last: Dialled = { result: 'failed', error: 'no address' }
    for (const address of addresses) {
      last = await one(address)
      metrics.dialled(last.result)
      if (last.result === 'ok' || last.result === 'self') return last
    }
    return last
  }
}
