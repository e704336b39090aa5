// The core of a node: engine, mempool, store, write-ahead log, signer and verification pool, put together. It runs in a
// thread of its own, so that a large block never stalls the API; everything that crosses is structured-clonable.

import { existsSync } from 'node:fs'
import type { BlockView, NodeInfo } from '../api/backend.ts'
import type { Bin } from '../base/bytes.ts'
import { binToHex, toHex } from '../base/bytes.ts'
import { corruptChain } from '../chain/seal.ts'
import { openChainStore } from '../chain/store.ts'
import type { Wal } from '../chain/wal.ts'
import { openWal } from '../chain/wal.ts'
import { bareBin } from '../crypto/keys.ts'
import { maySign } from '../engine/caution.ts'
import type { Engine } from '../engine/engine.ts'
import { createEngine, DEFAULT_MEMPOOL_LIMITS } from '../engine/engine.ts'
import type { ExecutedBlock } from '../ledger/blocks.ts'
import type { Ledger } from '../ledger/state.ts'
import { genesisHash as hashOf } from '../protocol/genesis.ts'
import { systemClock } from '../ops/clock.ts'
import { readValidatorKey } from '../ops/credentials.ts'
import type { DataDir } from '../ops/datadir.ts'
import { Failure } from '../ops/failure.ts'
import { readKeyFile } from '../ops/keyfile.ts'
import type { Logger } from '../ops/logger.ts'
import { createMetrics } from '../ops/metrics.ts'
import type { Config } from '../ops/settings.ts'
import type { Signer } from '../ops/signer.ts'
import { createSigner } from '../ops/signer.ts'
import type { Genesis } from '../protocol/genesis.ts'
import { createCoreMetrics } from './core-metrics.ts'
import { createDeviceLimiter } from './device-limiter.ts'
import type { Ingress } from './ingress.ts'
import { createIngress } from './ingress.ts'
import type { StoredHeader } from './header-codec.ts'
import { blockCommit, loadChain, storedHeader } from './ledger-store.ts'
import type { PeerPort } from './peer-port.ts'
import { NO_PEERS } from './peer-port.ts'
import type { Peers } from './peers.ts'
import { createPeers } from './peers.ts'
import type { CoreProgress } from './progress.ts'
import { createProgressProbe } from './progress.ts'
import type { Reads } from './reads.ts'
import { createReads } from './reads.ts'
import { createRunner } from './runner.ts'
import { createStallWatch } from './stall.ts'
import type { StatusReads } from './status.ts'
import { createStatusReads } from './status.ts'
import { createSyncMetrics } from './sync-metrics.ts'
import { createVerifyPool } from './verify-pool.ts'
import { blockView } from './views.ts'
import { decodeWal } from './wal-codec.ts'

export interface CoreOptions {
  readonly paths: DataDir
  readonly genesis: Genesis
  readonly config: Pick<
    Config,
    'verifyThreads' | 'verify' | 'mempoolHeartbeats' | 'mempoolTransactions' | 'mempoolBytes' | 'heartbeatsPerDevicePerSecond' | 'walKeepSegments'
  >
}

export interface CoreEvents {
  committed(block: BlockView): void
  failed(error: unknown): void
}

export type CoreInfo = Pick<NodeInfo, 'genesisHash' | 'witness' | 'validator' | 'policy'>

export interface Core extends Reads, StatusReads {
  readonly info: CoreInfo
  heartbeats: Ingress['heartbeats']
  submitTransaction: Ingress['transaction']
  submitEncodedTransaction: Ingress['encodedTransaction']
  metricsText(): Promise<string>
  /** Why the node is not ready; empty if it is. */
  reasons(): string[]
  /** Resolves if thread, database and disk have made progress; see progress.ts. */
  progress(): Promise<CoreProgress>
  /** Of the network: see peers.ts. */
  gossip: Peers['gossip']
  peerRequest: Peers['request']
  peerStatus: Peers['peerStatus']
  peerGone: Peers['peerGone']
  drain(): void
  stop(): Promise<void>
}

/** Transfers of one sender beside its mempool quota, and what a device may send at once. */
const POLICY = { transfersPerSecond: 10, burst: 20 } as const
const MAX_LIMITED_DEVICES = 200_000
/** About 3 kB each: 36 MB at the most. */
const MAX_CACHED_KEYS = 12_288

/**
 * @param onWrite called at every step of every write that must survive a crash (store, log, last-signed record); tests crash there
 * @throws Failure with the cause, if the node cannot start; nothing has been changed then
 */
export async function createCore({ paths, genesis, config }: CoreOptions, logger: Logger, events: CoreEvents, onWrite: (label: string) => void = () => {}, port: PeerPort = NO_PEERS): Promise<Core> {
  const clock = systemClock
  const nodeKeys = readKeyFile(paths.nodeKey, 'ed25519')
  const validatorKeys = readValidatorKey(paths)
  const validatorKey: Bin = bareBin(validatorKeys.publicKey)
  const witness: Bin = bareBin(nodeKeys.publicKey)

  const genesisHash = hashOf(genesis)
  const store = await openChainStore({ path: paths.db, genesisHash, createIfMissing: true, onWrite })
  try {
    const { ledger, headCertificate } = await loadChain(store, genesis)
    const isValidator = ledger.validators.some(({ key }) => key === validatorKey)
    const isAlone = isValidator && ledger.validators.length === 1
    const recordLost = !isAlone && !existsSync(paths.lastSigned)
    if (recordLost) logger.warn('Last-signed record is lost: this node signs nothing until two blocks are committed without it', {})
    // Also for a node that only follows: it may join later.
    const signer = createSigner({ keys: validatorKeys, path: paths.lastSigned, initialise: recordLost, onWrite })
    const wal = openWal({ dir: paths.wal, keepSegments: config.walKeepSegments, onWrite })
    refuseLostBlocks(ledger, signer, wal, logger)
    if (!isValidator) logger.warn('Validator key is none of the network: this node follows only', {})

    const engine = createEngine({
      ledger,
      headCertificate,
      self: validatorKey,
      signedHeight: recordLost ? null : signer.last().height,
      trusted: isAlone,
      mempool: {
        ...DEFAULT_MEMPOOL_LIMITS,
        maxHeartbeats: config.mempoolHeartbeats,
        maxTransactions: config.mempoolTransactions,
        // Each of the two pools may use half.
        maxBytes: Math.floor(config.mempoolBytes / 2),
      },
    })
    const metrics = createMetrics({ labels: {}, clock, thread: 'core' })
    const observed = createCoreMetrics(metrics, engine, store, clock)
    const entries = readLog(() => decodeWal(wal.replay(ledger.height + 1), genesisHash))
    // Only now, when nothing can be found broken any more, is something written.
    signer.advanceTo(ledger.height + 1)
    wal.begin(ledger.height + 1)
    const pool = createVerifyPool({ threads: config.verifyThreads, maxCachedKeys: MAX_CACHED_KEYS, onFailure: (error) => events.failed(error) })

    /** What is told of a block once it is on disk. By then the next one may be on its way. */
    const headers = new WeakMap<ExecutedBlock, StoredHeader>()
    const syncMetrics = createSyncMetrics(metrics)
    const peers = createPeers({
      engine,
      store,
      pool,
      port,
      witness: nodeKeys,
      clock,
      logger,
      keyOf: (index) => engine.ledger.accounts.keyAt(index),
      verify: config.verify,
      syncObserver: syncMetrics.observer,
      failed: (error) => events.failed(error),
      observe: observed.observeVerdict,
    })
    syncMetrics.watch(peers.status)
    const runner = createRunner({
      engine,
      outgoing: peers.outgoing,
      wal,
      signer,
      store(executed, certificate) {
        const commit = blockCommit(engine.ledger, executed, certificate)
        headers.set(executed, storedHeader(engine.ledger, executed, certificate, commit.body.length))
        return store.commit(commit)
      },
      clock,
      logger,
      events: {
        committed(executed, certificate) {
          observed.observeCommit(executed)
          const { header, body } = executed.block
          const { shares } = executed.execution
          // Thousands of them would hide everything else: the progress stands for them.
          logger[peers.status().syncing ? 'debug' : 'info']('Block committed', {
            height: header.height,
            lives: shares.length,
            heartbeats: body.heartbeats.length,
            transactions: body.transactions.length,
            round: certificate.round,
            id: binToHex(executed.id).slice(0, 16),
          })
          events.committed(blockView(headers.get(executed)!, certificate))
          peers.outgoing.committed(executed, certificate)
        },
        round(height, round, proposer) {
          observed.observeRound(round)
          logger.debug('Round entered', { height, round, proposer: binToHex(proposer) })
        },
        failed: (error) => events.failed(error),
      },
    })
    const limiters = {
      heartbeats: createDeviceLimiter({ perSecond: config.heartbeatsPerDevicePerSecond, burst: POLICY.burst, maxDevices: MAX_LIMITED_DEVICES }),
      transfers: createDeviceLimiter({ perSecond: POLICY.transfersPerSecond, burst: POLICY.burst, maxDevices: MAX_LIMITED_DEVICES }),
    }
    const ingress = createIngress({ engine, runner, pool, clock, witness, limiters, observe: observed.observeVerdict, outgoing: peers.outgoing })
    logger.info('Chain loaded', { height: ledger.height, accounts: ledger.accounts.count, replayed: entries.length, validator: isValidator })
    const stall = createStallWatch(engine, peers.status, clock, logger)
    runner.start(entries)
    peers.start(runner)
    stall.start()

    return {
      ...createReads(engine, store),
      info: {
        genesisHash: toHex(genesisHash),
        witness: binToHex(witness),
        validator: isValidator ? binToHex(validatorKey) : null,
        policy: { heartbeatsPerSecond: config.heartbeatsPerDevicePerSecond, ...POLICY },
      },
      heartbeats: ingress.heartbeats,
      submitTransaction: ingress.transaction,
      submitEncodedTransaction: ingress.encodedTransaction,
      ...createStatusReads({ engine, store, observed, peers, clock }),
      metricsText: () => metrics.registry.metrics(),
      reasons: () => [...stall.reasons(), ...(isSilent(engine, clock.nowMs()) ? ['This validator signs nothing yet: it waits until peers have shown that nobody else signs with its key.'] : [])],
      progress: createProgressProbe(engine, store, paths.root),
      gossip: peers.gossip,
      peerRequest: peers.request,
      peerStatus: peers.peerStatus,
      peerGone: peers.peerGone,
      drain: () => ingress.drain(),
      async stop() {
        ingress.drain()
        peers.close()
        stall.close()
        await runner.stop()
        await store.close()
        await pool.close()
        metrics.close()
      },
    }
  } catch (error) {
    await store.close()
    throw error
  }
}

const isSilent = (engine: Engine, nowMs: number): boolean => engine.consensus.self !== null && !maySign(engine, nowMs)

/**
 * The log and the signer are never more than one height ahead: what they know of was stored before. Peers still have what
 * is missing, and the signer signs nothing that lies behind it; a network of one has lost it.
 */
function refuseLostBlocks({ height, validators }: Ledger, signer: Signer, wal: Wal, logger: Logger): void {
  const known = Math.max(signer.last().height, wal.heights().at(-1) ?? 0)
  if (known <= height + 1) return
  const what = `The database ends at height ${height}, but this node has worked on height ${known}`
  if (validators.length === 1) throw new Failure('corrupt', what, 'Restore a database that reaches that height: blocks that were committed are missing.')
  logger.warn('Database is behind what this node signed: it catches up from its peers', { height, known })
}

function readLog<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof Failure ? error : corruptChain(error instanceof Error ? error.message : String(error))
  }
}
