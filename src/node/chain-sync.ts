// Catching up: asks peers that are ahead for blocks, several peers at once, checks every block as `verify` does, and
// hands them to the engine one after the other. Also the other side: serves blocks to peers.
//
//   request: first height uint64 ‖ count uint8      frame: certificate length uint32 ‖ certificate ‖ block (SSZ)

import { concat, readUint32, readUint64, writeUint32, writeUint64 } from '../base/bytes.ts'
import type { ChainStore } from '../chain/store.ts'
import type { KeyBin } from '../crypto/keys.ts'
import { markVerified } from '../crypto/verified.ts'
import type { Verified } from '../crypto/verified.ts'
import type { Engine } from '../engine/engine.ts'
import type { Clock } from '../ops/clock.ts'
import type { Logger } from '../ops/logger.ts'
import type { Block } from '../protocol/block.ts'
import { decodeBlock, encodeBlock } from '../protocol/block.ts'
import type { Certificate } from '../protocol/certificate.ts'
import { decodeCertificate, hasQuorum } from '../protocol/certificate.ts'
import { headerId } from '../protocol/header.ts'
import { decodeHeartbeat, rowsOf } from '../protocol/heartbeat.ts'
import { decodeTransaction, transactionSignature } from '../protocol/transaction.ts'
import { certificateSignatures } from './assembler.ts'
import { openStoredBody } from './body-codec.ts'
import { digest } from './digest.ts'
import { decodeStoredHeader } from './header-codec.ts'
import { corrupt } from './ledger-store.ts'
import type { PeerPort } from './peer-port.ts'
import type { VerifyPool } from './verify-pool.ts'

/** Blocks of one request, and their size. */
const RANGE = 16
const MAX_ANSWER_BYTES = 16 * 1024 * 1024
const REQUEST_LIMITS = { maxBytes: 2 * MAX_ANSWER_BYTES, timeoutMs: 20_000 } as const
/** Heights that are fetched ahead of the engine. */
const WINDOW = 64
/** Behind by one block is everyday: consensus itself brings it. Only if that lasts, the block is asked for. */
const PATIENCE_MS = 1_000
const TICK_MS = 200
/** Peers whose head is remembered. */
const MAX_PEERS = 1_024
/** Penalty of a peer whose blocks are wrong. */
const LIED = 100

interface Checked {
  readonly block: Verified<Block>
  readonly certificate: Verified<Certificate>
}

export interface SyncStatus {
  /** True while blocks are fetched from peers. */
  readonly syncing: boolean
  /** Highest height that a peer claims; 0 without peers. */
  readonly target: number
}

export interface ChainSync {
  noteHead(peer: string, height: number): void
  forget(peer: string): void
  /** A block was committed: the next may follow. */
  committed(): void
  status(): SyncStatus
  /** Answers a request of a peer. Null if it is malformed. */
  serve(request: Uint8Array): Promise<Uint8Array[] | null>
  start(): void
  close(): void
}

export interface ChainSyncDependencies {
  readonly engine: Engine
  readonly store: ChainStore
  readonly pool: VerifyPool
  readonly peers: PeerPort
  readonly clock: Clock
  readonly logger: Logger
  readonly keyOf: (index: number) => KeyBin | undefined
  readonly deliver: (decided: Checked) => void
}

export function createChainSync({ engine, store, pool, peers, clock, logger, keyOf, deliver }: ChainSyncDependencies): ChainSync {
  const { genesisHash } = engine.ledger
  const heads = new Map<string, number>()
  /** Peers that are answering, with the first height of what they were asked for. */
  const asked = new Map<string, number>()
  const ready = new Map<number, Checked & { readonly from: string }>()
  let behindSinceMs: number | null = null
  let syncing = false
  let timer: { cancel(): void } | null = null

  const target = (): number => Math.max(0, ...heads.values())

  function tick(): void {
    const height = engine.ledger.height
    const behind = target() - height
    if (behind <= 0) {
      behindSinceMs = null
      if (syncing) logger.info('Caught up', { height })
      syncing = false
      return
    }
    behindSinceMs ??= clock.monotonicMs()
    if (behind === 1 && !syncing && clock.monotonicMs() - behindSinceMs < PATIENCE_MS) return
    if (behind > 1 && !syncing) logger.info('Catching up', { height, target: target() })
    syncing ||= behind > 1
    for (const first of ready.keys()) if (first <= height) ready.delete(first)
    plan(height)
    feed()
  }

  /** Asks idle peers for the lowest heights that nobody was asked for. */
  function plan(height: number): void {
    for (const [peer, head] of heads) {
      if (asked.has(peer)) continue
      const first = lowestGap(height)
      if (first > Math.min(head, height + WINDOW)) continue
      asked.set(peer, first)
      void fetchRange(peer, first, Math.min(RANGE, head - first + 1)).finally(() => asked.delete(peer))
    }
  }

  function lowestGap(height: number): number {
    const taken = (candidate: number): boolean => ready.has(candidate) || [...asked.values()].some((first) => candidate >= first && candidate < first + RANGE)
    let candidate = height + 1
    while (taken(candidate)) candidate++
    return candidate
  }

  async function fetchRange(peer: string, first: number, count: number): Promise<void> {
    const request = new Uint8Array(9)
    writeUint64(request, 0, first)
    request[8] = count
    let frames: Uint8Array[]
    try {
      frames = await peers.request(peer, 'blocks', request, REQUEST_LIMITS)
    } catch {
      // It may have gone; whoever replaces it asks for the same.
      heads.delete(peer)
      return
    }
    if (frames.length === 0 || frames.length > count) {
      heads.delete(peer)
      peers.report(peer, 'no_blocks', LIED / 4)
      return
    }
    for (const [i, frame] of frames.entries()) {
      const checked = await check(frame, first + i)
      if (checked === null) {
        heads.delete(peer)
        peers.report(peer, 'bad_block', LIED)
        return
      }
      ready.set(first + i, { ...checked, from: peer })
      feed()
    }
  }

  function feed(): void {
    const next = ready.get(engine.consensus.height)
    if (next !== undefined && engine.phase !== 'committing') deliver(next)
  }

  /** Verifies all signatures of a block from a peer. Null if anything is wrong. */
  async function check(frame: Uint8Array, height: number): Promise<Checked | null> {
    const size = frame.length < 4 ? -1 : readUint32(frame, 0)
    if (size < 0 || size > frame.length - 4) return null
    const certificate = decodeCertificate(frame.subarray(4, 4 + size))
    const block = decodeBlock(frame.subarray(4 + size), genesisHash, digest)
    if (!certificate.ok || !block.ok) return null
    const { header, body } = block.value
    if (header.height !== height || certificate.value.height !== height || certificate.value.blockId !== headerId(header)) return null
    const { validators } = engine.ledger
    if (!hasQuorum(certificate.value, validators)) return null
    const rows = rowsOf(body.heartbeats.map(({ record }) => record), genesisHash)
    const [{ valid }, others] = await Promise.all([
      pool.heartbeats(rows),
      pool.signatures([
        ...body.transactions.map((transaction) => transactionSignature(transaction, genesisHash)),
        ...certificateSignatures(certificate.value, genesisHash, validators),
        ...(body.parentCertificate === null ? [] : certificateSignatures(body.parentCertificate, genesisHash, validators)),
      ]),
    ])
    if (!valid.every((bit) => bit === 1) || others.includes(false)) return null
    return { block: markVerified(block.value), certificate: markVerified(certificate.value) }
  }

  async function readFrame(height: number): Promise<Uint8Array> {
    const [headerBytes, bodyBytes, certificate] = await Promise.all([store.header(height), store.body(height), store.certificate(height)])
    const stored = headerBytes === undefined ? null : decodeStoredHeader(headerBytes)
    if (stored === null || bodyBytes === undefined || certificate === undefined) throw corrupt(`block ${height} cannot be read`)
    const { header } = stored
    const body = openStoredBody(bodyBytes, header.timestampMs)
    const heartbeats = Array.from({ length: body.heartbeats }, (_, i) => decodeHeartbeat(body.record(i, keyOf), '')!)
    const transactions = body.transactions.map((encoded) => decodeTransaction(encoded, genesisHash)!)
    const block = encodeBlock({ header, body: { parentCertificate: body.parentCertificate, heartbeats, transactions } })
    const size = new Uint8Array(4)
    writeUint32(size, 0, certificate.length)
    return concat(size, certificate, block)
  }

  return {
    noteHead(peer, height) {
      if (heads.has(peer) || heads.size < MAX_PEERS) heads.set(peer, Math.max(heads.get(peer) ?? 0, height))
    },
    forget: (peer) => void heads.delete(peer),
    committed() {
      ready.delete(engine.ledger.height)
      feed()
    },
    status: () => ({ syncing, target: target() }),
    async serve(request) {
      if (request.length !== 9) return null
      const first = readUint64(request, 0)
      const last = Math.min(first + Math.min(request[8]!, RANGE) - 1, store.head)
      const frames: Uint8Array[] = []
      let bytes = 0
      for (let height = first; height >= 1 && height <= last && bytes < MAX_ANSWER_BYTES; height++) {
        const frame = await readFrame(height)
        bytes += frame.length
        frames.push(frame)
      }
      return frames
    },
    start: () => void (timer = clock.every(TICK_MS, tick)),
    close: () => timer?.cancel(),
  }
}

