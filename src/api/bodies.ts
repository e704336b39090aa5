// Bodies that are on their way: each is held in memory until it is whole, and its sender decides when that is. So what all
// of them may hold is bounded, and what those of one address may, so that nobody can keep the others out.

import { networkOf } from './limiter.ts'

export interface BodyLimits {
  readonly totalBytes: number
  readonly perAddressBytes: number
}

export interface BodyBudget {
  /** @returns what gives the bytes back, once; null if there is no room */
  take(address: string, bytes: number): (() => void) | null
}

export function createBodyBudget({ totalBytes, perAddressBytes }: BodyLimits): BodyBudget {
  const held = new Map<string, number>()
  let total = 0

  function add(network: string, bytes: number): void {
    const sum = (held.get(network) ?? 0) + bytes
    total += bytes
    if (sum > 0) held.set(network, sum)
    else held.delete(network)
  }

  return {
    take(address, bytes) {
      const network = networkOf(address)
      if (total + bytes > totalBytes || (held.get(network) ?? 0) + bytes > perAddressBytes) return null
      add(network, bytes)
      let given = false
      return () => {
        if (!given) add(network, -bytes)
        given = true
      }
    },
  }
}
