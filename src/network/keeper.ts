// Keeps enough peers connected: dials those in the store and those that others told of, with a backoff for each, and asks
// peers for more. Seeds have a supervisor of their own.

import { BoundedMap } from '../base/bounded.ts'
import type { Clock } from '../ops/clock.ts'
import { backoffMs } from './backoff.ts'
import type { Candidates } from './candidates.ts'
import type { Dial } from './dialer.ts'
import type { NetworkLimits } from './limits.ts'
import { MAX_CANDIDATES, MAX_STORED_PEERS } from './limits.ts'
import type { Peer, Peers } from './peers.ts'
import type { PeerStore } from './store.ts'

export interface KeeperDependencies {
  readonly limits: NetworkLimits
  readonly clock: Clock
  readonly random: () => number
  readonly peers: Peers
  readonly store: PeerStore
  readonly candidates: Candidates
  readonly dial: Dial
  readonly ask: (peer: Peer) => Promise<void>
  readonly ownPeer: string
  readonly isRefused: (peer: string) => boolean
}

export interface Keeper {
  /** Call it often: about twice a second. */
  tick(): void
  /** A peer is there: it is asked soon. */
  met(peer: Peer): void
  /** Dial it as soon as possible, if its address is known. */
  hurry(peer: string): void
}

/** The first question to a peer comes again soon, since others have just arrived as well; then at ease. */
const ASK_AFTER_MS = [0, 300, 700, 1_500, 3_000]
const ASK_INTERVAL_MS = 5_000
const ASKED_AT_ONCE = 8
/** A peer that nobody but a stranger vouches for is given up then. */
const MAX_CANDIDATE_FAILURES = 3
/** One that was met before is tried at short intervals for about five minutes, then at longer ones. */
const PATIENT_AFTER = 60
const PATIENCE = 12

interface Attempts {
  failures: number
  dueMs: number
}

export function createKeeper(dependencies: KeeperDependencies): Keeper {
  const { limits, clock, random, peers, store, candidates, dial, ask, ownPeer, isRefused } = dependencies
  const attempts = new BoundedMap<string, Attempts>(MAX_CANDIDATES + MAX_STORED_PEERS)
  const dialling = new Set<string>()
  const questions = new Map<Peer, { asked: number; dueMs: number }>()

  function enough(): boolean {
    return peers.met().length >= limits.targetPeers
  }

  async function tryPeer(id: string, addresses: readonly string[]): Promise<void> {
    dialling.add(id)
    const { result } = await dial(addresses)
    dialling.delete(id)
    const failures = result === 'ok' ? 0 : (attempts.get(id)?.failures ?? 0) + 1
    // After a success the handshake may still fail: it is not dialled again at once.
    const factor = failures > PATIENT_AFTER ? PATIENCE : 1
    attempts.set(id, { failures, dueMs: clock.monotonicMs() + factor * backoffMs(Math.max(1, failures), random()) })
    if (result === 'self' || (result !== 'ok' && failures >= MAX_CANDIDATE_FAILURES)) candidates.remove(id)
  }

  function dialSome(nowMs: number): void {
    const known = [...store.peers()].sort((a, b) => b.lastSeenMs - a.lastSeenMs)
    const places = new Map<string, readonly string[]>()
    for (const { id, addresses } of [...known, ...candidates.all()]) places.set(id, [...(places.get(id) ?? []), ...addresses])
    for (const [id, addresses] of places) {
      if (dialling.size >= limits.maxParallelDials) return
      if (id === ownPeer || dialling.has(id) || peers.get(id) !== undefined || isRefused(id)) continue
      if ((attempts.get(id)?.dueMs ?? 0) > nowMs) continue
      void tryPeer(id, addresses)
    }
  }

  function askSome(nowMs: number): void {
    let asked = 0
    for (const [peer, question] of questions) {
      if (question.dueMs > nowMs || asked >= ASKED_AT_ONCE) continue
      asked++
      question.asked++
      question.dueMs = nowMs + (ASK_AFTER_MS[question.asked] ?? ASK_INTERVAL_MS)
      void ask(peer)
    }
  }

  return {
    tick() {
      const nowMs = clock.monotonicMs()
      for (const peer of questions.keys()) if (peers.get(peer.id) !== peer) questions.delete(peer)
      if (enough()) return
      dialSome(nowMs)
      askSome(nowMs)
    },
    met(peer) {
      candidates.remove(peer.id)
      attempts.delete(peer.id)
      questions.set(peer, { asked: 0, dueMs: clock.monotonicMs() + ASK_AFTER_MS[0]! })
    },
    hurry: (peer) => void attempts.delete(peer),
  }
}
