// Catching up: fetches what the planner (src/sync) wants, several ranges of several peers at once, checks every block, and
// hands them to the engine one after the other. Nothing of a block is believed because of who sent it.
//
//   fetch ── opened: readable, in order, names its certificate ──┬── certificate: as soon as its validators are known
//                                                                └── content: ahead of execution, some blocks at a time
//   both right ── engine executes it ── stored ── next

import type { Clock } from '../ops/clock.ts'
import type { Engine } from '../engine/engine.ts'
import { validatorsAt } from '../ledger/validators-at.ts'
import type { Verified } from '../crypto/verified.ts'
import { markVerified } from '../crypto/verified.ts'
import { Failure } from '../ops/failure.ts'
import type { Logger } from '../ops/logger.ts'
import type { Block } from '../protocol/block.ts'
import type { Certificate } from '../protocol/certificate.ts'
import { HEARTBEAT_RECORD_SIZE } from '../protocol/heartbeat.ts'
import type { Ask, PlannerLimits } from '../sync/planner.ts'
import { createPlanner } from '../sync/planner.ts'
import type { PeerPort } from './peer-port.ts'
import type { VerifyMode } from './sync-check.ts'
import { checkCertificates, checkContent, sameCertificate } from './sync-check.ts'
import type { OpenedFrame } from './sync-frame.ts'
import { encodeRequest, MAX_ANSWER_BYTES, openFrame } from './sync-frame.ts'
import type { Bottleneck, Progress } from './sync-progress.ts'
import { createProgressMeter } from './sync-progress.ts'
import type { VerifyPool } from './verify-pool.ts'

const REQUEST_LIMITS = { maxBytes: MAX_ANSWER_BYTES, timeoutMs: 20_000 } as const
/** Heartbeats of blocks that are decoded ahead of execution; one block may have more. */
const MAX_HEARTBEATS_AHEAD = 4_096
/** Behind by one block is everyday: consensus itself brings it. Only if that lasts, the block is asked for. */
const PATIENCE_MS = 1_000
const TICK_MS = 200
/** Peers that have just come may not know yet how far they are themselves. */
const SETTLE_MS = 15_000
const LOG_EVERY_MS = 10_000
/** Points off a peer whose blocks are wrong, and one that has not got what it claims. */
const LIED = 100
const EMPTY = 25

export interface DecidedBlock {
  readonly block: Verified<Block>
  readonly certificate: Verified<Certificate>
}

export interface SyncStatus {
  /** True while this node is behind, and fetches blocks. */
  readonly syncing: boolean
  /** Highest height that is known of, or claimed; 0 without peers. */
  readonly target: number
  /** Null while it is not syncing. */
  readonly progress: Progress | null
}

/** For metrics. */
export interface SyncObserver {
  answered(result: 'ok' | 'empty' | 'failed' | 'bad'): void
  waited(stage: Bottleneck, seconds: number): void
}

export interface ChainSync {
  /** What a peer claims of itself. */
  noteHead(peer: string, height: number): void
  /** A peer has passed an announcement on: it need not have the block. @param proven its certificate was verified */
  noteAnnounced(peer: string, height: number, proven: boolean): void
  forget(peer: string): void
  /** A block was committed: the next may follow. */
  committed(heartbeats: number): void
  status(): SyncStatus
  /** Bytes of fetched blocks that wait. */
  readonly heldBytes: number
  start(): void
  close(): void
}

export interface ChainSyncDependencies {
  readonly engine: Engine
  readonly pool: VerifyPool
  readonly peers: PeerPort
  readonly clock: Clock
  readonly logger: Logger
  readonly mode: VerifyMode
  readonly observer: SyncObserver
  readonly deliver: (decided: DecidedBlock) => void
  /** The node cannot go on: a quorum certified what is not valid. */
  readonly failed: (error: Failure) => void
  readonly limits?: PlannerLimits
}

type Verdict = 'waiting' | 'checking' | 'right' | 'wrong'

/** A fetched block on its way. */
interface Entry extends OpenedFrame {
  readonly from: string
  readonly height: number
  own: Verdict
  /** Of the parent's certificate; it waits until the body is decoded. */
  parent: Verdict
  body: Block | null
  sound: Verdict
}

export function createChainSync(dependencies: ChainSyncDependencies): ChainSync {
  const { engine, pool, peers, clock, logger, mode, observer, deliver, failed, limits } = dependencies
  const { genesisHash } = engine.ledger
  const planner = createPlanner(limits)
  const meter = createProgressMeter((stage, seconds) => observer.waited(stage, seconds))
  const entries = new Map<number, Entry>()
  /** Highest height with a certificate that we have verified. */
  let proven = engine.ledger.height
  /** Height of the block that was handed to the engine last. */
  let delivered = 0
  /** Whether consensus has decided a block with us: from then on a claim alone does not make us late. */
  let tookPart = false
  let behindSinceMs: number | null = null
  let syncing = false
  let target = 0
  /** When a peer was last as far as this node, or none was there. */
  let reachedMs = 0
  let closed = false
  let loggedMs = 0
  let timer: { cancel(): void } | null = null
  let pumping = false

  const now = (): number => clock.monotonicMs()
  /** The height to reach. Where those who claimed it have gone, nothing better is known than what they said. */
  function known(): number {
    if (tookPart) return proven
    const isAlone = planner.peers === 0 || (planner.target() < engine.ledger.height && now() - reachedMs < SETTLE_MS)
    return Math.max(proven, syncing && isAlone ? target : planner.target())
  }
  const isCurrent = (entry: Entry): boolean => entries.get(entry.height) === entry

  function updateState(): void {
    const { height } = engine.ledger
    if (planner.peers === 0 || planner.target() >= height) reachedMs = now()
    target = known()
    const behind = target - height
    if (!syncing && behind > 1) {
      syncing = true
      loggedMs = now()
      meter.reset(loggedMs)
      logger.info('Catching up', { height, target })
    } else if (syncing && behind <= 0) {
      syncing = false
      meter.stage(null, now())
      logger.info('Caught up', { height })
    }
    if (Math.max(behind, planner.target() - height) <= 0) behindSinceMs = null
    else behindSinceMs ??= now()
  }

  /** Whether there is anything to ask for. */
  function isWanted(): boolean {
    const behind = Math.max(proven, planner.target()) - engine.ledger.height
    return behind > 1 || (behind === 1 && (syncing || (behindSinceMs !== null && now() - behindSinceMs >= PATIENCE_MS)))
  }

  function logProgress(): void {
    if (!syncing || now() - loggedMs < LOG_EVERY_MS) return
    loggedMs = now()
    const { height } = engine.ledger
    logger.info('Catching up', { height, target, ...meter.progress(target - height, loggedMs) })
  }

  /** Does whatever has become possible. */
  function pump(): void {
    if (closed || pumping) return
    pumping = true
    try {
      const { height } = engine.ledger
      for (const at of entries.keys()) if (at <= height) entries.delete(at)
      updateState()
      feed()
      judge()
      verifyAhead()
      if (isWanted()) for (const ask of planner.plan(engine.ledger.height, now())) void fetchRange(ask)
    } finally {
      pumping = false
    }
  }

  const pumpSoon = (): void => void setImmediate(pump)

  async function fetchRange({ id, peer, first, count }: Ask): Promise<void> {
    let frames: Uint8Array[]
    try {
      frames = await peers.request(peer, 'blocks', encodeRequest(first, count), REQUEST_LIMITS)
    } catch {
      // It may have gone, or be slow or busy; what it owes is asked for elsewhere.
      observer.answered('failed')
      planner.unanswered(id, 'failed', now())
      pump()
      return
    }
    if (closed || !planner.isAsked(id)) return
    if (frames.length === 0) {
      observer.answered('empty')
      if (planner.unanswered(id, 'empty', now())) peers.report(peer, 'no_blocks', EMPTY)
      pump()
      return
    }
    const opened = openAll(frames, first, count)
    if (typeof opened === 'string') {
      accuse(peer, opened)
      return
    }
    observer.answered('ok')
    const wanted = planner.answered(id, frames.map((frame, i) => ({ height: first + i, bytes: frame.length })), now())
    for (const { height } of wanted) {
      const parent = height === 1 ? 'right' : 'waiting'
      if (height > engine.ledger.height) entries.set(height, { ...opened[height - first]!, from: peer, height, own: 'waiting', parent, body: null, sound: 'waiting' })
    }
    pump()
  }

  /** The frames of an answer, or what is wrong with it. */
  function openAll(frames: readonly Uint8Array[], first: number, count: number): OpenedFrame[] | string {
    if (frames.length > count) return 'too_many_blocks'
    const opened: OpenedFrame[] = []
    for (const [i, frame] of frames.entries()) {
      const one = openFrame(frame)
      if (one === null) return 'bad_frame'
      if (one.header.height !== first + i) return 'gap_in_blocks'
      const { ledger } = engine
      const parentId = i > 0 ? opened[i - 1]!.id : first === ledger.height + 1 ? ledger.headId : null
      if (parentId !== null && one.header.parentId !== parentId) return 'other_chain'
      opened.push(one)
    }
    return opened
  }

  /** Nothing that it brought counts any more. */
  function accuse(peer: string, reason: string): void {
    observer.answered('bad')
    for (const height of planner.accuse(peer, now())) entries.delete(height)
    peers.report(peer, reason, LIED)
    pumpSoon()
  }

  /** Verifies the certificates whose validators are known by now. */
  function judge(): void {
    const due: { readonly entry: Entry; readonly which: 'own' | 'parent'; readonly certificate: Certificate; readonly validators: NonNullable<ReturnType<typeof validatorsAt>> }[] = []
    for (const entry of entries.values()) {
      if (entry.own === 'waiting') {
        const validators = validatorsAt(engine.ledger, entry.height)
        if (validators !== null) due.push({ entry, which: 'own', certificate: entry.certificate, validators })
      }
      if (entry.parent !== 'waiting' || entry.body === null) continue
      const certificate = entry.body.body.parentCertificate
      const validators = validatorsAt(engine.ledger, entry.height - 1)
      if (certificate === null || certificate.height !== entry.height - 1 || certificate.blockId !== entry.header.parentId) entry.parent = 'wrong'
      else if (isVerified(certificate)) entry.parent = 'right'
      else if (validators !== null) due.push({ entry, which: 'parent', certificate, validators })
    }
    if (due.length === 0) return
    for (const { entry, which } of due) entry[which] = 'checking'
    void checkCertificates(due, genesisHash, pool).then((verdicts) => {
      due.forEach(({ entry, which }, i) => {
        if (!isCurrent(entry)) return
        entry[which] = verdicts[i] === true ? 'right' : 'wrong'
        if (which !== 'own') return
        if (verdicts[i] === true) proven = Math.max(proven, entry.height)
        else accuse(entry.from, 'bad_certificate')
      })
      pump()
    }, ignoreAtClose)
  }

  /** A certificate that was verified beside the block that it is for. */
  function isVerified(certificate: Certificate): boolean {
    const beside = certificate.height === engine.ledger.height ? engine.headCertificate : entries.get(certificate.height)?.own === 'right' ? entries.get(certificate.height)!.certificate : null
    return beside !== null && sameCertificate(beside, certificate)
  }

  /** Decodes the next block that is due, and lets the pool verify what it holds. One at a time: execution comes first. */
  function verifyAhead(): void {
    let ahead = 0
    for (const height of [...entries.keys()].sort((a, b) => a - b)) {
      const entry = entries.get(height)!
      const size = Math.ceil(entry.block.length / HEARTBEAT_RECORD_SIZE)
      if (entry.sound === 'waiting') {
        if (ahead > 0 && ahead + size > MAX_HEARTBEATS_AHEAD) return
        // A forged certificate costs nothing but its own check, where that can be made already.
        const judged = entry.own === 'right' || validatorsAt(engine.ledger, height) === null
        if (judged) {
          verifyContent(entry)
          pumpSoon()
          return
        }
      }
      ahead += size
    }
  }

  function verifyContent(entry: Entry): void {
    entry.sound = 'checking'
    const content = checkContent(entry, genesisHash, mode, pool)
    if (content === null) {
      accuse(entry.from, 'wrong_body')
      return
    }
    entry.body = content.block
    content.sound.then((sound) => {
      entry.sound = sound ? 'right' : 'wrong'
      if (isCurrent(entry)) pump()
    }, ignoreAtClose)
  }

  /** Hands the next block to the engine, if it is there and right. */
  function feed(): void {
    if (engine.phase === 'committing') return
    const { height } = engine.consensus
    const entry = entries.get(height)
    if (entry?.own !== 'right' || entry.body === null || [entry.parent, entry.sound].some((verdict) => verdict === 'waiting' || verdict === 'checking')) {
      if (syncing) meter.stage(entry === undefined ? 'network' : 'verification', now())
      return
    }
    if (entry.parent === 'wrong' || entry.sound === 'wrong') {
      const what = entry.sound === 'wrong' ? 'holds a signature that does not verify' : 'shows a certificate of its parent that does not hold'
      failed(new Failure('diverged', `More than two thirds signed the block of height ${height}, which ${what}`, 'Run verify, compare versions with other operators, and keep the data directory for study.'))
      closed = true
      return
    }
    entries.delete(height)
    delivered = height
    if (syncing) meter.stage('execution', now())
    deliver({ block: markVerified(entry.body), certificate: markVerified(entry.certificate) })
    if (syncing) meter.stage('disk', now())
  }

  /** A pool that was closed answers nothing. */
  function ignoreAtClose(error: unknown): void {
    if (!closed) throw error
  }

  return {
    noteHead: (peer, height) => planner.noteHead(peer, height, now()),
    noteAnnounced(peer, height, isProven) {
      planner.noteHead(peer, height, now(), false)
      if (isProven) proven = Math.max(proven, height)
    },
    forget: (peer) => planner.forget(peer),
    committed(heartbeats) {
      const { height } = engine.ledger
      if (height !== delivered) tookPart = true
      proven = Math.max(proven, height)
      meter.committed(heartbeats, now())
      pump()
    },
    status() {
      const { height } = engine.ledger
      const reached = Math.max(known(), height)
      return { syncing, target: reached, progress: syncing ? meter.progress(reached - height, now()) : null }
    },
    get heldBytes() {
      return planner.heldBytes
    },
    start() {
      timer = clock.every(TICK_MS, () => {
        pump()
        logProgress()
      })
    },
    close() {
      closed = true
      timer?.cancel()
    },
  }
}
