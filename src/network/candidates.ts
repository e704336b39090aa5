// Peers that others told of and that were not reached yet. Nobody can fill it alone: each source has a share of its own.

import type { Address } from './address.ts'
import { MAX_ADDRESSES_PER_PEER, MAX_CANDIDATES, MAX_CANDIDATES_PER_SOURCE } from './limits.ts'

export interface Candidate {
  readonly id: string
  readonly addresses: readonly string[]
  readonly source: string
}

export interface Candidates {
  add(address: Address, source: string): void
  remove(id: string): void
  all(): Iterable<Candidate>
  readonly size: number
}

export function createCandidates(max = MAX_CANDIDATES, maxPerSource = MAX_CANDIDATES_PER_SOURCE): Candidates {
  const candidates = new Map<string, Candidate>()

  /** The oldest of this source, or of all. */
  function oldest(source: string | null): string | null {
    for (const candidate of candidates.values()) if (source === null || candidate.source === source) return candidate.id
    return null
  }

  function countOf(source: string): number {
    let count = 0
    for (const candidate of candidates.values()) if (candidate.source === source) count++
    return count
  }

  return {
    add(address, source) {
      if (address.peer === null) return
      const known = candidates.get(address.peer)
      if (known !== undefined) {
        if (known.addresses.includes(address.text) || known.addresses.length >= MAX_ADDRESSES_PER_PEER) return
        candidates.set(known.id, { ...known, addresses: [...known.addresses, address.text] })
        return
      }
      const full = countOf(source) >= maxPerSource ? oldest(source) : candidates.size >= max ? oldest(null) : null
      if (full !== null) candidates.delete(full)
      candidates.set(address.peer, { id: address.peer, addresses: [address.text], source })
    },
    remove: (id) => void candidates.delete(id),
    all: () => candidates.values(),
    get size() {
      return candidates.size
    },
  }
}
