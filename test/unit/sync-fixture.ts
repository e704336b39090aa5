// A node that catches up, with everything around it scripted: peers are functions, time stands still until it is told.

import { setImmediate as turn } from 'node:timers/promises'
import { toBin } from '../../src/base/bytes.ts'
import { rawKey } from '../../src/crypto/keys.ts'
import type { KeyPair } from '../../src/crypto/sign.ts'
import { keyPairFromSecret } from '../../src/crypto/sign.ts'
import { markVerified } from '../../src/crypto/verified.ts'
import type { Effect } from '../../src/engine/effect.ts'
import { createEngine, DEFAULT_MEMPOOL_LIMITS } from '../../src/engine/engine.ts'
import type { Input } from '../../src/engine/input.ts'
import { step } from '../../src/engine/step.ts'
import { genesisLedger } from '../../src/ledger/state.ts'
import type { SyncObserver } from '../../src/node/chain-sync.ts'
import { createChainSync } from '../../src/node/chain-sync.ts'
import type { VerifyMode } from '../../src/node/sync-check.ts'
import type { Clock } from '../../src/ops/clock.ts'
import type { Failure } from '../../src/ops/failure.ts'
import { silentLogger } from '../../src/ops/logger.ts'
import { encodeBlock } from '../../src/protocol/block.ts'
import { encodeCertificate } from '../../src/protocol/certificate.ts'
import type { Genesis } from '../../src/protocol/genesis.ts'
import type { Params } from '../../src/protocol/params.ts'
import type { PlannerLimits } from '../../src/sync/planner.ts'
import { DEFAULT_PLANNER_LIMITS } from '../../src/sync/planner.ts'
import type { OfflineBlock, OfflineOptions } from '../e2e/offline-chain.ts'
import { frameOf, offlineBlocks } from '../e2e/offline-chain.ts'
import { inlinePool } from './inline-pool.ts'
import { bytesOf, genesisOf } from './ledger-fixture.ts'

export const VALIDATORS: readonly KeyPair[] = ['A', 'B', 'C', 'D'].map((name) => keyPairFromSecret('ed25519', bytesOf(`validator ${name}`, 32)))

export function networkOf(params: Partial<Params> = {}, network = 'pulse-test'): Genesis {
  const validators = VALIDATORS.map((keys, i) => ({ key: toBin(rawKey(keys.publicKey, 'ed25519')), nodeKey: toBin(bytesOf(`node ${i}`, 32)), power: 1_000_000 }))
  return genesisOf({ blockIntervalMs: 100, ...params }, { network, validators: validators.sort((a, b) => (a.key < b.key ? -1 : 1)) })
}

export interface TestChain {
  readonly genesis: Genesis
  readonly blocks: readonly Omit<OfflineBlock, 'ledger'>[]
  /** As a peer serves them; the frame of height h is at h − 1. */
  readonly frames: readonly Uint8Array[]
}

export function chainOf(blocks: number, options: Partial<OfflineOptions> = {}): TestChain {
  const genesis = options.genesis ?? networkOf()
  const made = [...offlineBlocks({ validators: VALIDATORS, genesis, blocks, ...options })]
  return { genesis, blocks: made, frames: made.map(({ executed, certificate }) => frameOf(encodeCertificate(certificate), encodeBlock(executed.block))) }
}

/** The frames of an answer. It may never come. */
export type ScriptedPeer = (first: number, count: number) => Promise<Uint8Array[]> | Uint8Array[]

export const honest = ({ frames }: TestChain): ScriptedPeer => (first, count) => frames.slice(first - 1, first - 1 + count)
export const silent: ScriptedPeer = () => new Promise(() => {})

export interface Request {
  readonly peer: string
  readonly first: number
  readonly count: number
}

export interface SyncingOptions {
  readonly genesis: Genesis
  readonly peers: Readonly<Record<string, ScriptedPeer>>
  readonly mode?: VerifyMode
  readonly limits?: Partial<PlannerLimits>
}

export interface ReportedPeer {
  readonly peer: string
  readonly reason: string
  readonly penalty: number
}

export function startSyncing({ genesis, peers, mode = 'full', limits = {} }: SyncingOptions) {
  const engine = createEngine({ ledger: genesisLedger(genesis), headCertificate: null, self: null, mempool: DEFAULT_MEMPOOL_LIMITS, signedHeight: null, trusted: false })
  const { pool, heartbeats: verified } = inlinePool()
  const requests: Request[] = []
  const reported: ReportedPeer[] = []
  const failures: Failure[] = []
  const logged: { message: string; fields: Record<string, unknown> | undefined }[] = []
  const results: string[] = []
  const waited: Record<string, number> = {}
  let nowMs = 1_000
  let ticks: (() => void)[] = []
  let maxHeldBytes = 0
  const clock: Clock = {
    nowMs: () => genesis.timeMs + 3_600_000,
    monotonicMs: () => nowMs,
    after: () => ({ cancel: () => {} }),
    every(_, call) {
      ticks.push(call)
      return { cancel: () => void (ticks = ticks.filter((other) => other !== call)) }
    },
  }
  const observer: SyncObserver = { answered: (result) => void results.push(result), waited: (stage, seconds) => void (waited[stage] = (waited[stage] ?? 0) + seconds) }

  function feed(input: Input): void {
    for (const effect of step(engine, input, clock.nowMs())) carryOut(effect)
  }

  function carryOut(effect: Effect): void {
    if (effect.kind === 'diverged') throw new Error(`diverged at height ${effect.height}`)
    if (effect.kind !== 'commit') return
    const { executed } = effect
    setImmediate(() => {
      feed({ kind: 'stored', height: executed.block.header.height })
      sync.committed(executed.block.body.heartbeats.length)
    })
  }

  const sync = createChainSync({
    engine,
    pool,
    peers: {
      publish: () => {},
      async request(peer, _protocol, data) {
        const view = new DataView(data.buffer, data.byteOffset)
        const [first, count] = [Number(view.getBigUint64(0, true)), data[8]!]
        requests.push({ peer, first, count })
        await turn()
        return peers[peer]!(first, count)
      },
      report(peer, reason, penalty) {
        reported.push({ peer, reason, penalty })
        if (penalty >= 100) sync.forget(peer)
      },
    },
    clock,
    logger: { ...silentLogger(), info: (message, fields) => void logged.push({ message, fields }) },
    mode,
    observer,
    deliver: (decided) => feed({ kind: 'decided', ...decided }),
    failed: (error) => void failures.push(error),
    limits: { ...DEFAULT_PLANNER_LIMITS, ...limits },
  })
  feed({ kind: 'start' })
  sync.start()

  async function pass(ms: number): Promise<void> {
    nowMs += ms
    for (const tick of ticks) tick()
    for (let i = 0; i < 10; i++) await turn()
    maxHeldBytes = Math.max(maxHeldBytes, sync.heldBytes)
  }

  return {
    engine,
    sync,
    requests,
    reported,
    failures,
    logged,
    results,
    waited,
    verified,
    pass,
    maxHeldBytes: () => maxHeldBytes,
    height: () => engine.ledger.height,
    /** Consensus decides a block here, without any sync. */
    decide({ executed, certificate }: Omit<OfflineBlock, 'ledger'>) {
      feed({ kind: 'decided', block: markVerified(executed.block), certificate: markVerified(certificate) })
    },
    /** Lets time pass in steps of 200 ms until this holds. @returns whether it did */
    async until(holds: () => boolean, timeoutMs = 60_000): Promise<boolean> {
      for (let passedMs = 0; passedMs < timeoutMs; passedMs += 200) {
        if (holds()) return true
        await pass(200)
      }
      return holds()
    },
  }
}
