// The peers that we have met, on disk, so that a node comes back without its seeds. JSON, written whole; bans are kept too.

import { readFileSync, statSync } from 'node:fs'
import { replaceFile } from '../ops/fsync.ts'
import type { Clock, Timer } from '../ops/clock.ts'
import type { Logger } from '../ops/logger.ts'
import { parseAddress, peerText } from './address.ts'
import type { Ban } from './bans.ts'
import { MAX_ADDRESSES_PER_PEER, MAX_BANS, MAX_PEERS_FILE_BYTES, MAX_REASON_LENGTH, MAX_STORED_PEERS } from './limits.ts'

export interface StoredPeer {
  readonly id: string
  /** Multiaddrs that end in `/p2p/<id>`. */
  readonly addresses: readonly string[]
  readonly lastSeenMs: number
}

export interface PeerStore {
  /** Of a peer with a completed handshake. */
  seen(id: string, addresses: readonly string[]): void
  peers(): readonly StoredPeer[]
  get(id: string): StoredPeer | undefined
  /** Bans that the file held. */
  readonly bans: readonly Ban[]
  /** Something that the file should hold has changed. */
  touch(): void
  /** Writes what has changed. */
  close(): void
}

export interface PeerStoreDependencies {
  readonly logger: Logger
  readonly clock: Clock
  /** The bans to write. */
  readonly bans: () => readonly Ban[]
}

/** From a change to the write: short, so that a node that is killed soon after it started knows its peers. */
const SAVE_DELAY_MS = 1_000
/** A peer that is there all the time is written again after this. */
const REFRESH_MS = 3_600_000

export function openPeerStore(path: string, { logger, clock, bans }: PeerStoreDependencies): PeerStore {
  const loaded = load(path, logger)
  const peers = new Map(loaded.peers.map((peer) => [peer.id, peer]))
  let timer: Timer | null = null
  let warned = false

  function save(): void {
    timer = null
    const content = { version: 1, peers: [...peers.values()], bans: bans() }
    try {
      replaceFile(path, new TextEncoder().encode(JSON.stringify(content, null, 1) + '\n'), 0o600)
      warned = false
    } catch (error) {
      if (!warned) logger.warn('Peers file not written', { path, error: String(error) })
      warned = true
    }
  }

  const touch = (): void => {
    timer ??= clock.after(SAVE_DELAY_MS, save)
  }

  return {
    seen(id, addresses) {
      const nowMs = clock.nowMs()
      const old = peers.get(id)
      const kept = addresses.length > 0 ? addresses.slice(0, MAX_ADDRESSES_PER_PEER) : (old?.addresses ?? [])
      if (kept.length === 0) return
      const same = old !== undefined && old.addresses.join() === kept.join()
      peers.set(id, { id, addresses: kept, lastSeenMs: nowMs })
      if (peers.size > MAX_STORED_PEERS) peers.delete(longestUnseen(peers.values()))
      if (!same || nowMs - old.lastSeenMs > REFRESH_MS) touch()
    },
    peers: () => [...peers.values()],
    get: (id) => peers.get(id),
    bans: loaded.bans,
    touch,
    close() {
      if (timer === null) return
      timer.cancel()
      save()
    },
  }
}

function longestUnseen(peers: Iterable<StoredPeer>): string {
  let found: StoredPeer | null = null
  for (const peer of peers) if (found === null || peer.lastSeenMs < found.lastSeenMs) found = peer
  return found?.id ?? ''
}

interface Content {
  readonly peers: StoredPeer[]
  readonly bans: Ban[]
}

/** A file that is missing is empty; one that cannot be read is too, with a warning. The node finds its peers again. */
function load(path: string, logger: Logger): Content {
  try {
    if (statSync(path).size > MAX_PEERS_FILE_BYTES) throw new RangeError(`more than ${MAX_PEERS_FILE_BYTES} bytes`)
    return parsePeersFile(readFileSync(path, 'utf8'))
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    if (!isMissing) logger.warn('Peers file not read: starting without known peers', { path, error: String(error) })
    return { peers: [], bans: [] }
  }
}

/** Entries that are not as they should be are left out. @throws if the text is no JSON object */
export function parsePeersFile(text: string): Content {
  const content: unknown = JSON.parse(text)
  if (typeof content !== 'object' || content === null) throw new TypeError('not an object')
  const list = (name: string): unknown[] => {
    const value = (content as Record<string, unknown>)[name]
    return Array.isArray(value) ? (value as unknown[]) : []
  }
  return {
    peers: list('peers').slice(0, MAX_STORED_PEERS).map(toPeer).filter((peer) => peer !== null),
    bans: list('bans').slice(0, MAX_BANS).map(toBan).filter((ban) => ban !== null),
  }
}

function toPeer(value: unknown): StoredPeer | null {
  if (typeof value !== 'object' || value === null) return null
  const { id: rawId, addresses, lastSeenMs } = value as Record<string, unknown>
  const id = typeof rawId === 'string' ? peerText(rawId) : null
  if (id === null || !Array.isArray(addresses)) return null
  const texts = (addresses as unknown[]).slice(0, MAX_ADDRESSES_PER_PEER).flatMap((address) => {
    const parsed = typeof address === 'string' ? parseAddress(address) : null
    return parsed !== null && parsed.peer === id ? [parsed.text] : []
  })
  return texts.length === 0 ? null : { id, addresses: texts, lastSeenMs: typeof lastSeenMs === 'number' ? lastSeenMs : 0 }
}

function toBan(value: unknown): Ban | null {
  if (typeof value !== 'object' || value === null) return null
  const { peer, untilMs, reason } = value as Record<string, unknown>
  const id = typeof peer === 'string' ? peerText(peer) : null
  if (id === null || typeof untilMs !== 'number' || typeof reason !== 'string') return null
  return { peer: id, untilMs, reason: reason.slice(0, MAX_REASON_LENGTH) }
}
