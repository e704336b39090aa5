// What follows from what a peer does: points off, hanging up, bans; and who is refused at the door.

import { BoundedMap } from '../base/bounded.ts'
import type { Clock } from '../ops/clock.ts'
import type { Bans } from './bans.ts'
import type { LimitedLog } from './limited-log.ts'
import type { NetworkLimits } from './limits.ts'
import { MAX_REASON_LENGTH } from './limits.ts'
import type { HangUpReason, NetworkMetrics } from './metrics.ts'
import type { Peer, Peers } from './peers.ts'
import { addressOf } from './peers.ts'
import type { Penalty, Scores } from './score.ts'
import { PENALTIES, SCORE_FLOOR } from './score.ts'
import type { Status } from './status.ts'

export interface DisciplineDependencies {
  readonly clock: Clock
  readonly limits: NetworkLimits
  readonly log: LimitedLog
  readonly metrics: () => NetworkMetrics
  readonly peers: Peers
  readonly scores: Scores
  readonly bans: Bans
  /** The bans have changed. */
  readonly onBans: () => void
}

export interface Discipline {
  /** Charges a peer; at the floor it is banned. @param penalty points of 100 */
  report(id: string, reason: string, penalty: number): void
  /** Charges what the network itself has found; garbage ends the connection as well. */
  charge(id: string, reason: Penalty, detail?: string): void
  ban(id: string, forMs: number, reason: string): void
  hangUp(peer: Peer, reason: HangUpReason): void
  /** A peer of another network is told from the others: no points, one line, and the door shut for a while. */
  otherNetwork(peer: Peer, theirs: Status, ours: { readonly network: string; readonly genesis: string }, theirGenesis: string): void
  /** Neither dialled nor let in. */
  isRefused(id: string): boolean
}

const CLOSE_MS = 500
const MAX_REMEMBERED = 256

export function createDiscipline({ clock, limits, log, metrics, peers, scores, bans, onBans }: DisciplineDependencies): Discipline {
  /** Peers of other networks that were named in the log already. */
  const named = new BoundedMap<string, true>(MAX_REMEMBERED)
  /** Peers of other networks, until when (monotonic ms) they are refused. */
  const foreign = new BoundedMap<string, number>(MAX_REMEMBERED)

  const isBanned = (id: string): boolean => bans.get(id, clock.nowMs()) !== null
  const isRefused = (id: string): boolean => (foreign.get(id) ?? 0) > clock.monotonicMs() || isBanned(id)

  function hangUp(peer: Peer, reason: HangUpReason): void {
    metrics().hungUp(reason)
    for (const connection of peer.connections) {
      void connection.close({ signal: AbortSignal.timeout(CLOSE_MS) }).catch((error: unknown) => connection.abort(error as Error))
    }
  }

  function ban(id: string, forMs: number, fullReason: string): void {
    const nowMs = clock.nowMs()
    const reason = fullReason.slice(0, MAX_REASON_LENGTH)
    const seconds = Math.round(forMs / 1_000)
    bans.add(id, nowMs + forMs, reason)
    scores.note(id, `banned for ${seconds} s: ${reason}`, nowMs)
    onBans()
    const peer = peers.get(id)
    if (peer === undefined) return
    log.warn('Peer banned', { peer: id, address: addressOf(peer), reason, seconds })
    hangUp(peer, 'banned')
  }

  function report(id: string, reason: string, penalty: number): void {
    const score = scores.charge(id, reason, penalty, clock.nowMs())
    if (score <= SCORE_FLOOR && !isBanned(id)) ban(id, limits.banMs, reason)
  }

  return {
    report,
    ban,
    hangUp,
    isRefused,
    charge(id, reason, detail) {
      report(id, detail === undefined ? reason : `${reason}: ${detail}`, PENALTIES[reason])
      const peer = peers.get(id)
      if (reason !== 'garbage' || peer === undefined || isRefused(id)) return
      log.info('Peer hung up', { peer: id, address: addressOf(peer), reason })
      hangUp(peer, 'garbage')
    },
    otherNetwork(peer, theirs, ours, theirGenesis) {
      foreign.set(peer.id, clock.monotonicMs() + limits.otherNetworkMs)
      scores.note(peer.id, 'other network', clock.nowMs())
      if (!named.has(peer.id)) {
        const fields = { theirNetwork: theirs.network, theirGenesis, ...ours }
        log.warn('Peer of another network refused', { peer: peer.id, address: addressOf(peer), ...fields })
      }
      named.set(peer.id, true)
      hangUp(peer, 'other_network')
    },
  }
}
