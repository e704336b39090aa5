// From a seed's multiaddr to addresses with IP numbers: /dns4 and /dns6 by the system's resolver (all hosts behind the name),
// /dnsaddr by its TXT records.

import { lookup, resolveTxt } from 'node:dns/promises'
import type { Address } from './address.ts'
import { parseAddress } from './address.ts'
import { MAX_SEED_ADDRESSES } from './limits.ts'

export interface Resolver {
  /** IP addresses of a host. */
  hosts(name: string, family: 4 | 6): Promise<readonly string[]>
  /** TXT records, each joined. */
  texts(name: string): Promise<readonly string[]>
}

export const systemResolver: Resolver = {
  hosts: async (name, family) => (await lookup(name, { all: true, family })).map(({ address }) => address),
  texts: async (name) => (await resolveTxt(name)).map((parts) => parts.join('')),
}

const MAX_DNSADDR_DEPTH = 3

/** At most 16; empty if nothing was found. @throws the resolver's error, if it failed for the seed's own name */
export async function resolveAddress(address: Address, resolver: Resolver): Promise<Address[]> {
  return (await expand(address, resolver, 0)).slice(0, MAX_SEED_ADDRESSES)
}

async function expand(address: Address, resolver: Resolver, depth: number): Promise<Address[]> {
  const { kind, host, port, peer } = address
  const suffix = peer === null ? '' : `/p2p/${peer}`
  if (kind === 'ip4' || kind === 'ip6') return [address]
  if (kind === 'dns4' || kind === 'dns6') {
    const ip = kind === 'dns4' ? 'ip4' : 'ip6'
    const hosts = await resolver.hosts(host, kind === 'dns4' ? 4 : 6)
    const texts = hosts.slice(0, MAX_SEED_ADDRESSES).map((found) => `/${ip}/${found}/tcp/${port}${suffix}`)
    return texts.map(parseAddress).filter((parsed) => parsed !== null)
  }
  if (depth >= MAX_DNSADDR_DEPTH) return []
  const found: Address[] = []
  for (const text of (await resolver.texts(`_dnsaddr.${host}`)).slice(0, MAX_SEED_ADDRESSES)) {
    const inner = text.startsWith('dnsaddr=') ? parseAddress(text.slice('dnsaddr='.length)) : null
    if (inner === null || (peer !== null && inner.peer !== peer)) continue
    found.push(...(await expand(inner, resolver, depth + 1).catch(() => [])))
    if (found.length >= MAX_SEED_ADDRESSES) break
  }
  return found
}
