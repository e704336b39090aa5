// What a peer has done wrong, as a number with reasons. Pure: the time is an argument. Scores start at 0, never rise above it,
// fall by penalties and come back by half-life. A peer that leaves keeps its score, so that it cannot clear it by coming back.

import { BoundedMap } from '../base/bounded.ts'
import { MAX_REASON_LENGTH, MAX_REASONS, MAX_SCORED_PEERS } from './limits.ts'

/** At or below this a peer is hung up and banned for a while. */
export const SCORE_FLOOR = -100
/** A score halves in this time. */
export const SCORE_HALF_LIFE_MS = 300_000
const FORGET_ABOVE = -0.5

/** What the network itself charges. Handlers charge what they find with penalties of their own. */
export const PENALTIES = {
  /** Bytes that are no frame, no status, no address. Two in a row are a ban; the first only ends the connection. */
  garbage: 60,
  /** A gossip RPC that cannot be decoded. */
  gossip_garbage: 25,
  /** A gossip RPC with more entries than anyone honest sends. */
  gossip_excess: 5,
  oversized_message: 50,
  /** A message that the handler rejected. */
  invalid_message: 20,
  oversized_answer: 40,
  /** A request or an answer that did not arrive in time. It may be the link's fault: it alone never adds up to a ban. */
  slow: 1,
  /** More requests at once than the limit. */
  too_many_requests: 1,
  /** It may be overloaded: dialled every few seconds it still is not banned. */
  no_handshake: 2,
} as const

export type Penalty = keyof typeof PENALTIES

export interface Charge {
  readonly atMs: number
  readonly reason: string
  readonly penalty: number
}

interface Entry {
  score: number
  updatedMs: number
  readonly charges: Charge[]
}

export interface Scores {
  /** @param penalty points, above 0 @returns the score after it */
  charge(peer: string, reason: string, penalty: number, nowMs: number): number
  /** Writes something into the history without a penalty. */
  note(peer: string, reason: string, nowMs: number): void
  /** 0 for a peer that has done nothing wrong. */
  score(peer: string, nowMs: number): number
  /** The last reasons, oldest first. */
  charges(peer: string): readonly Charge[]
  /** Starts anew, as after `unban`; the history stays. */
  clear(peer: string, nowMs: number): void
}

export function createScores(max = MAX_SCORED_PEERS): Scores {
  const entries = new BoundedMap<string, Entry>(max)

  function current(entry: Entry, nowMs: number): number {
    const elapsedMs = Math.max(0, nowMs - entry.updatedMs)
    const score = entry.score * 0.5 ** (elapsedMs / SCORE_HALF_LIFE_MS)
    return score > FORGET_ABOVE ? 0 : score
  }

  function add(peer: string, reason: string, penalty: number, nowMs: number): number {
    const old = entries.get(peer)
    const score = (old === undefined ? 0 : current(old, nowMs)) - penalty
    const charges = old?.charges ?? []
    charges.push({ atMs: nowMs, reason: reason.slice(0, MAX_REASON_LENGTH), penalty })
    if (charges.length > MAX_REASONS) charges.shift()
    entries.set(peer, { score, updatedMs: nowMs, charges })
    return score
  }

  return {
    charge: (peer, reason, penalty, nowMs) => add(peer, reason, Number.isFinite(penalty) && penalty > 0 ? penalty : 0, nowMs),
    note: (peer, reason, nowMs) => void add(peer, reason, 0, nowMs),
    score: (peer, nowMs) => {
      const entry = entries.get(peer)
      return entry === undefined ? 0 : current(entry, nowMs)
    },
    charges: (peer) => entries.get(peer)?.charges ?? [],
    clear: (peer, nowMs) => {
      const entry = entries.get(peer)
      if (entry !== undefined) entries.set(peer, { score: 0, updatedMs: nowMs, charges: entry.charges })
    },
  }
}

/** One line for people: `2026-01-01T00:00:00.000Z -20 invalid_signature`. */
export function chargeLine({ atMs, reason, penalty }: Charge): string {
  return `${new Date(atMs).toISOString()} ${penalty > 0 ? `-${penalty} ` : ''}${reason}`
}
