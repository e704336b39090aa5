// Finds peers that are connected but deaf. A message over the receiver's limit, or a full buffer, ends the gossip stream of a
// link for good while the connection stays up; only a new connection brings it back.

import type { Clock } from '../ops/clock.ts'
import { BoundedMap } from '../base/bounded.ts'

export interface WatchdogDependencies<P extends { readonly id: string }> {
  readonly clock: Clock
  readonly deafMs: number
  /** Those with a completed handshake. */
  readonly peers: () => readonly P[]
  /** Whether gossip passes, both ways. */
  readonly passes: (peer: P) => boolean
  readonly onDeaf: (peer: P) => void
}

export interface Watchdog {
  tick(): void
}

/** A peer that is deaf again and again is given more and more time, up to this many times `deafMs`. */
const MAX_PATIENCE = 16
const MAX_REMEMBERED = 256

export function createWatchdog<P extends { readonly id: string }>(dependencies: WatchdogDependencies<P>): Watchdog {
  const { clock, deafMs, peers, passes, onDeaf } = dependencies
  const since = new Map<P, number>()
  const patience = new BoundedMap<string, number>(MAX_REMEMBERED)

  return {
    tick() {
      const nowMs = clock.monotonicMs()
      const present = new Set(peers())
      for (const peer of since.keys()) if (!present.has(peer)) since.delete(peer)
      for (const peer of present) {
        if (passes(peer)) {
          since.delete(peer)
          continue
        }
        const sinceMs = since.get(peer) ?? nowMs
        const factor = patience.get(peer.id) ?? 1
        since.set(peer, sinceMs)
        if (nowMs - sinceMs < deafMs * factor) continue
        since.delete(peer)
        patience.set(peer.id, Math.min(MAX_PATIENCE, 2 * factor))
        onDeaf(peer)
      }
    },
  }
}
