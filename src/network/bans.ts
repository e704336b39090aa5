// Peers that are neither dialled nor let in for a while, with the reason. Pure: the time is an argument.

import { BoundedMap } from '../base/bounded.ts'
import { MAX_BANS, MAX_REASON_LENGTH } from './limits.ts'

export interface Ban {
  readonly peer: string
  /** Unix time, ms. */
  readonly untilMs: number
  readonly reason: string
}

export interface Bans {
  /** A longer ban replaces a shorter one; a shorter one is ignored. */
  add(peer: string, untilMs: number, reason: string): void
  /** @returns whether there was one */
  remove(peer: string): boolean
  /** The ban in force, or null. */
  get(peer: string, nowMs: number): Ban | null
  list(nowMs: number): Ban[]
}

export function createBans(max = MAX_BANS): Bans {
  const bans = new BoundedMap<string, Ban>(max)
  const inForce = (ban: Ban | undefined, nowMs: number): Ban | null => (ban !== undefined && ban.untilMs > nowMs ? ban : null)
  return {
    add: (peer, untilMs, reason) => {
      if ((bans.get(peer)?.untilMs ?? 0) < untilMs) bans.set(peer, { peer, untilMs, reason: reason.slice(0, MAX_REASON_LENGTH) })
    },
    remove: (peer) => bans.delete(peer),
    get: (peer, nowMs) => {
      const ban = bans.get(peer)
      if (ban !== undefined && ban.untilMs <= nowMs) bans.delete(peer)
      return inForce(ban, nowMs)
    },
    list: (nowMs) => [...bans.values()].filter((ban) => inForce(ban, nowMs) !== null),
  }
}
