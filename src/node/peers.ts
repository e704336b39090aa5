// The core's side of the network: what other nodes send comes in here, and what they should know goes out.

import { randomInt } from 'node:crypto'
import { concatAll, equalBytes, toBin } from '../base/bytes.ts'
import type { ChainStore } from '../chain/store.ts'
import type { KeyBin } from '../crypto/keys.ts'
import { rawKey } from '../crypto/keys.ts'
import { nodeKeyOfPeer } from '../crypto/peer-id.ts'
import type { KeyPair } from '../crypto/sign.ts'
import type { Engine } from '../engine/engine.ts'
import type { ExecutedBlock } from '../ledger/blocks.ts'
import type { GossipVerdict } from '../network/gossip.ts'
import type { RequestProtocol, Topic } from '../network/topics.ts'
import type { Clock } from '../ops/clock.ts'
import type { Logger } from '../ops/logger.ts'
import { decodeCertificate } from '../protocol/certificate.ts'
import { compactProposal, encodeCompactProposal } from '../protocol/compact.ts'
import { decodeHave, encodeHave } from '../protocol/have.ts'
import { heartbeatWitness } from '../protocol/heartbeat.ts'
import { MAX_BLOCK_HEARTBEATS } from '../protocol/limits.ts'
import type { Reason } from '../protocol/reason.ts'
import { encodeTransaction } from '../protocol/transaction.ts'
import { encodeVote } from '../protocol/vote.ts'
import { encodeAnnouncement } from './announcement.ts'
import { createAssembler } from './assembler.ts'
import { createBundler } from './bundler.ts'
import { createChainSync } from './chain-sync.ts'
import type { SyncObserver, SyncStatus } from './chain-sync.ts'
import { FRAME, framed } from './frames.ts'
import { createGossip } from './gossip.ts'
import { decodeStoredHeader } from './header-codec.ts'
import type { Outgoing, PeerHead, PeerPort } from './peer-port.ts'
import { missingFor, ownHave } from './rounds.ts'
import type { Runner } from './runner.ts'
import type { VerifyMode } from './sync-check.ts'
import { createBlockServer } from './sync-serve.ts'
import type { VerifyPool } from './verify-pool.ts'

/** A node compares what it has with a random peer's this often. */
const COMPARE_EVERY_MS = 300
/** Gossip with a new peer needs a moment to open. */
const TELL_AGAIN_MS = 1_000
const MAX_TOLD_AGAIN = 4_096
const COMPARE_LIMITS = { maxBytes: 8 * 1024 * 1024, timeoutMs: 5_000 } as const
/** A frame of heartbeats in an answer. */
const MAX_FRAME_BYTES = 256 * 1024

export interface PeersDependencies {
  readonly engine: Engine
  readonly store: ChainStore
  readonly pool: VerifyPool
  readonly port: PeerPort
  readonly witness: KeyPair
  readonly clock: Clock
  readonly logger: Logger
  readonly keyOf: (index: number) => KeyBin | undefined
  /** What is checked of blocks when catching up. */
  readonly verify: VerifyMode
  readonly syncObserver: SyncObserver
  /** The node cannot go on. */
  readonly failed: (error: unknown) => void
  readonly observe: (kind: 'heartbeat' | 'transaction', reason: Reason | null, count: number) => void
}

export interface Peers {
  readonly outgoing: Outgoing
  start(runner: Runner): void
  gossip(topic: Topic, data: Uint8Array, from: string): Promise<GossipVerdict>
  request(protocol: RequestProtocol, data: Uint8Array): Promise<Uint8Array[] | null>
  peerStatus(peer: string, head: PeerHead): void
  peerGone(peer: string): void
  status(): SyncStatus & { readonly peers: number; /** Bytes of fetched blocks that wait. */ readonly heldBytes: number }
  close(): void
}

export function createPeers(dependencies: PeersDependencies): Peers {
  const { engine, store, pool, port, witness, clock, logger, keyOf, verify, syncObserver, failed, observe } = dependencies
  const { genesisHash } = engine.ledger
  const connected: string[] = []
  const recordsByName = new WeakMap<ExecutedBlock, ReadonlyMap<string, Uint8Array>>()
  let runner: Runner | null = null
  let timer: { cancel(): void } | null = null
  let comparing = false

  const deliver: Runner['deliver'] = (input) => runner?.deliver(input)
  const sync = createChainSync({
    engine,
    pool,
    peers: port,
    clock,
    logger,
    mode: verify,
    observer: syncObserver,
    deliver: (decided) => deliver({ kind: 'decided', ...decided }),
    failed,
  })
  const server = createBlockServer(store, keyOf)
  const assembler = createAssembler({ engine, pool, peers: port, deliver: (proposed) => deliver({ kind: 'proposal', proposed }) })
  const bundler = createBundler(witness, genesisHash, (bundle) => port.publish('heartbeats', bundle), clock)
  const submit: Runner['submit'] = (make) => runner?.submit(make) ?? Promise.resolve([])
  const gossip = createGossip({ engine, runner: { submit, deliver }, pool, assembler, sync, clock, observe })

  /** A node that is alone encodes nothing. */
  function tell(topic: Topic, message: () => Uint8Array): void {
    if (connected.length > 0) port.publish(topic, message())
  }

  /** What came in while nobody was there to hear it. A follower has no turn of its own to put it into a block. */
  function tellAgain(): void {
    const own = rawKey(witness.publicKey, 'ed25519')
    bundler.add(engine.heartbeats.reap(MAX_TOLD_AGAIN, 0, Infinity).filter(({ record }) => equalBytes(heartbeatWitness(record), own)))
    for (const transaction of [...engine.governance.reap(), ...engine.transfers.reap(MAX_TOLD_AGAIN)]) tell('transfers', () => encodeTransaction(transaction))
  }

  /** Shows one peer what we have; it answers with what we lack. */
  async function compare(): Promise<void> {
    const peer = connected.length === 0 ? undefined : connected[randomInt(connected.length)]
    // Who is far behind asks for blocks, not for votes.
    if (peer === undefined || comparing || sync.status().syncing) return
    comparing = true
    try {
      for (const frame of await port.request(peer, 'round', encodeHave(ownHave(engine)), COMPARE_LIMITS)) {
        const { verdict, reason } = await gossip.frame(frame, peer)
        if (verdict === 'reject') port.report(peer, reason ?? 'malformed', 50)
      }
    } catch {
      // The next peer may answer.
    } finally {
      comparing = false
    }
  }

  /** For a peer that is behind: the certificate that decided its height. */
  async function announcementOf(height: number): Promise<Uint8Array[]> {
    const [header, certificate] = await Promise.all([store.header(height), store.certificate(height)])
    const stored = header === undefined ? null : decodeStoredHeader(header)
    const decoded = certificate === undefined ? null : decodeCertificate(certificate)
    if (stored === null || decoded?.ok !== true) return []
    return [framed(FRAME.announcement, encodeAnnouncement({ header: stored.header, certificate: decoded.value }))]
  }

  async function answerRound(data: Uint8Array): Promise<Uint8Array[] | null> {
    const have = decodeHave(data)
    if (!have.ok) return null
    return have.value.height <= store.head ? announcementOf(have.value.height) : missingFor(engine, have.value)
  }

  /** The records of a candidate by name, gathered once: a question of 32 bytes must not cost as much as a block. */
  function recordsOf(executed: ExecutedBlock): ReadonlyMap<string, Uint8Array> {
    let records = recordsByName.get(executed)
    if (records === undefined) recordsByName.set(executed, (records = new Map(executed.block.body.heartbeats.map(({ name, record }) => [name, record]))))
    return records
  }

  /** Heartbeats by name: 32 bytes each, in the order asked. Null if one of them is not here. */
  function answerHeartbeats(data: Uint8Array): Uint8Array[] | null {
    if (data.length === 0 || data.length % 32 !== 0 || data.length / 32 > MAX_BLOCK_HEARTBEATS) return null
    const candidates = [...engine.candidates.values()].flatMap((executed) => (executed === null ? [] : [recordsOf(executed)]))
    const records: Uint8Array[] = []
    for (let at = 0; at < data.length; at += 32) {
      const name = toBin(data.subarray(at, at + 32))
      const record = engine.heartbeats.find(name)?.record ?? candidates.find((each) => each.has(name))?.get(name)
      if (record === undefined) return null
      records.push(record)
    }
    const whole = concatAll(records)
    return Array.from({ length: Math.ceil(whole.length / MAX_FRAME_BYTES) }, (_, i) => whole.subarray(i * MAX_FRAME_BYTES, (i + 1) * MAX_FRAME_BYTES))
  }

  return {
    outgoing: {
      vote: (vote) => tell('consensus', () => framed(FRAME.vote, encodeVote(vote))),
      proposal: (proposed) => tell('consensus', () => framed(FRAME.proposal, encodeCompactProposal(compactProposal(proposed)))),
      heartbeats(heartbeats) {
        if (connected.length > 0) bundler.add(heartbeats)
      },
      transaction: (transaction) => tell('transfers', () => encodeTransaction(transaction)),
      committed({ block }, certificate) {
        const { syncing } = sync.status()
        sync.committed(block.body.heartbeats.length)
        // What is caught up on is news to nobody.
        if (!syncing) tell('blocks', () => framed(FRAME.announcement, encodeAnnouncement({ header: block.header, certificate })))
      },
    },
    start(running) {
      runner = running
      sync.start()
      timer = clock.every(COMPARE_EVERY_MS, () => void compare())
    },
    gossip: (topic, data, from) => gossip.receive(topic, data, from),
    async request(protocol, data) {
      switch (protocol) {
        case 'round':
          return answerRound(data)
        case 'heartbeats':
          return answerHeartbeats(data)
        case 'blocks':
          return server.serve(data)
      }
    },
    peerStatus(peer, { height }) {
      if (!connected.includes(peer)) {
        connected.push(peer)
        if (connected.length === 1) clock.after(TELL_AGAIN_MS, tellAgain)
      }
      sync.noteHead(peer, height)
      const nodeKey = nodeKeyOfPeer(peer)
      if (nodeKey !== null) deliver({ kind: 'head', nodeKey: toBin(nodeKey), height })
    },
    peerGone(peer) {
      const at = connected.indexOf(peer)
      if (at >= 0) connected.splice(at, 1)
      sync.forget(peer)
    },
    status: () => ({ ...sync.status(), peers: connected.length, heldBytes: sync.heldBytes }),
    close() {
      timer?.cancel()
      sync.close()
      bundler.close()
    },
  }
}
