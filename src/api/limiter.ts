// Rate limits: a token bucket per address, in one number each (the time at which the bucket will be full again), in a
// map with a maximum. IPv6 addresses count by their /64, since whoever has one has all of it.

import { isIPv6 } from 'node:net'
import { BoundedMap } from '../base/bounded.ts'

export interface Rate {
  /** 0 = no limit. */
  readonly perSecond: number
  /** Requests at once from a full bucket. */
  readonly burst: number
}

export interface RateLimiter {
  /** @returns 0 if the request may pass, otherwise the ms until it may */
  take(address: string, nowMs: number): number
}

const MAX_ADDRESSES = 100_000

export function createRateLimiter({ perSecond, burst }: Rate, maxAddresses = MAX_ADDRESSES): RateLimiter {
  if (perSecond === 0) return { take: () => 0 }
  const intervalMs = 1_000 / perSecond
  // The small surplus absorbs rounding, so that a burst is never one short.
  const depthMs = intervalMs * (burst - 1) + 1e-6
  const fullAtMs = new BoundedMap<string, number>(maxAddresses)
  return {
    take(address, nowMs) {
      const network = networkOf(address)
      const atMs = Math.max(fullAtMs.get(network) ?? 0, nowMs)
      if (atMs - nowMs > depthMs) return atMs - nowMs - depthMs
      fullAtMs.set(network, atMs + intervalMs)
      return 0
    },
  }
}

/** The address, or the first four groups of an IPv6 one. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)
  if (mapped !== null) return mapped[1]!
  const [head = '', tail] = address.split('%')[0]!.split('::')
  const groups = head === '' ? [] : head.split(':')
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length)
  const full = [...groups, ...Array<string>(Math.max(missing, 0)).fill('0'), ...(tail === undefined || tail === '' ? [] : tail.split(':'))]
  return full.slice(0, 4).map((group) => parseInt(group, 16).toString(16)).join(':')
}
