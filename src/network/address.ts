// Multiaddrs that this node can dial, and from where they make sense: an address of somebody's own machine or house is no
// use to the rest of the world, and dialling one that a stranger names would be a way to scan private networks.

import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { MAX_ADDRESS_LENGTH, MAX_ADDRESSES_PER_PEER } from './limits.ts'

export type HostKind = 'ip4' | 'ip6' | 'dns4' | 'dns6' | 'dnsaddr'

export interface Address {
  readonly kind: HostKind
  readonly host: string
  /** Absent for dnsaddr. */
  readonly port: number | null
  /** Base58 peer id, or null. */
  readonly peer: string | null
  /** Canonical text. */
  readonly text: string
}

/** From near to far. */
export type Reach = 'loopback' | 'private' | 'public'
const REACH_ORDER: Readonly<Record<Reach, number>> = { loopback: 0, private: 1, public: 2 }

const KINDS: readonly string[] = ['ip4', 'ip6', 'dns4', 'dns6']
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62}\.?)+$/i

/** Reads `/ip4|ip6|dns4|dns6/<host>/tcp/<port>[/p2p/<id>]` or `/dnsaddr/<name>[/p2p/<id>]`; null for everything else. */
export function parseAddress(text: string): Address | null {
  if (text.length > MAX_ADDRESS_LENGTH) return null
  try {
    const parts = multiaddr(text).getComponents()
    const [first, second] = parts
    const isDnsaddr = first?.name === 'dnsaddr'
    if (first?.value === undefined || (!isDnsaddr && !KINDS.includes(first.name))) return null
    if (first.name.startsWith('dns') && !HOST_NAME.test(first.value)) return null
    if (!isDnsaddr && second?.name !== 'tcp') return null
    const port = isDnsaddr ? null : Number(second?.value)
    if (port !== null && !(Number.isInteger(port) && port > 0 && port < 65_536)) return null
    const rest = parts.slice(isDnsaddr ? 1 : 2)
    if (rest.length > 1 || (rest[0] !== undefined && rest[0].name !== 'p2p')) return null
    const peer = rest[0] === undefined ? null : peerText(rest[0].value ?? '')
    if (rest.length === 1 && peer === null) return null
    const host = first.value
    const text2 = `/${first.name}/${host}${port === null ? '' : `/tcp/${port}`}${peer === null ? '' : `/p2p/${peer}`}`
    return { kind: first.name as HostKind, host, port, peer, text: text2 }
  } catch {
    return null
  }
}

/** The canonical text of an Ed25519 peer id, or null. */
export function peerText(text: string): string | null {
  try {
    const peer = peerIdFromString(text)
    return peer.type === 'Ed25519' ? peer.toString() : null
  } catch {
    return null
  }
}

export const withPeer = (address: Address, peer: string): string => (address.peer === null ? `${address.text}/p2p/${peer}` : address.text)

/** Null for addresses that nobody can dial: unspecified, multicast, broadcast. */
export function reachOf({ kind, host }: Pick<Address, 'kind' | 'host'>): Reach | null {
  if (kind === 'ip4') return reachOfIp4(host)
  if (kind === 'ip6') return reachOfIp6(host.toLowerCase())
  return /(^|\.)localhost$/i.test(host) ? 'loopback' : /\.(local|internal|lan)$/i.test(host) ? 'private' : 'public'
}

function reachOfIp4(host: string): Reach | null {
  const [a = 0, b = 0] = host.split('.').map(Number)
  if (a === 0 || a >= 224) return null
  if (a === 127) return 'loopback'
  const isPrivate = a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168)
  const isLinkLocal = a === 169 && b === 254
  const isCarriers = a === 100 && b >= 64 && b < 128
  return isPrivate || isLinkLocal || isCarriers ? 'private' : 'public'
}

function reachOfIp6(host: string): Reach | null {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(host)
  if (mapped !== null) return reachOfIp4(mapped[1]!)
  if (host === '::' || host.startsWith('ff')) return null
  if (host === '::1') return 'loopback'
  return /^(f[cd]|fe[89ab])/.test(host) ? 'private' : 'public'
}

/** Whether an address of reach `of` may pass between us and a peer at `link`: outward only. */
export const mayPass = (of: Reach, link: Reach): boolean => REACH_ORDER[of] >= REACH_ORDER[link]

/** What connections are counted by: an IPv4 address, or the /64 of an IPv6 address. */
export function addressGroup(text: string): string {
  const parsed = /^\/(ip4|ip6)\/([^/]+)/.exec(text)
  if (parsed === null) return 'other'
  if (parsed[1] === 'ip4') return parsed[2]!
  return expandIp6(parsed[2]!.toLowerCase())
}

function expandIp6(host: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(host)
  if (mapped !== null) return mapped[1]!
  const [head = '', tail] = host.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...left, ...new Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]
  return groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, '')).join(':')
}

const FARTHEST_FIRST: Readonly<Record<Reach, number>> = { public: 0, private: 1, loopback: 2 }

/** From what a peer says about where it listens: the addresses that can be dialled, far ones first, each with the peer's id. */
export function usableAddresses(listed: readonly string[], peer: string): string[] {
  return listed
    .slice(0, 4 * MAX_ADDRESSES_PER_PEER)
    .flatMap((text) => {
      const address = parseAddress(text)
      const reach = address === null || (address.peer !== null && address.peer !== peer) ? null : reachOf(address)
      return reach === null ? [] : [{ text: withPeer(address!, peer), reach }]
    })
    .sort((a, b) => FARTHEST_FIRST[a.reach] - FARTHEST_FIRST[b.reach])
    .slice(0, MAX_ADDRESSES_PER_PEER)
    .map(({ text }) => text)
}
