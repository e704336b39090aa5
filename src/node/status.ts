// What the core says of itself: status and health.

import type { ChainHealth, DatabaseHealth, Status } from '../api/backend.ts'
import { binToHex, toHex } from '../base/bytes.ts'
import { SCHEMA_VERSION } from '../chain/buckets.ts'
import type { ChainStore } from '../chain/store.ts'
import type { Engine } from '../engine/engine.ts'
import { mintedAt } from '../ledger/reward.ts'
import { stateRoot } from '../ledger/state.ts'
import type { Clock } from '../ops/clock.ts'
import type { CoreMetrics } from './core-metrics.ts'
import type { Peers } from './peers.ts'

export interface StatusReads {
  status(): Omit<Status, 'ready' | 'reasons' | 'uptimeMs'>
  database(): Promise<DatabaseHealth>
  blockchain(): ChainHealth
}

export interface StatusDependencies {
  readonly engine: Engine
  readonly store: ChainStore
  readonly observed: CoreMetrics
  readonly peers: Pick<Peers, 'status'>
  readonly clock: Clock
}

export function createStatusReads({ engine, store, observed, peers, clock }: StatusDependencies): StatusReads {
  /** Round and step of the height that is being decided; before it begins and while it is stored, the phase stands for the step. */
  const position = (): { round: number; step: string } => ({
    round: Math.max(engine.consensus.round, 0),
    step: engine.phase === 'deciding' ? engine.consensus.step : engine.phase,
  })

  return {
    status() {
      const { ledger, heartbeats, transfers, governance } = engine
      const { syncing, target, progress, peers: connected } = peers.status()
      const bases = new Map(ledger.governance.members.map(({ key, base }) => [key, base]))
      return {
        syncing,
        sync: progress === null ? null : { target, ...progress },
        height: ledger.height,
        headId: binToHex(ledger.headId),
        timestampMs: ledger.timestampMs,
        stateRoot: toHex(stateRoot(ledger, ledger.accountsRoot)),
        supply: ledger.supply.toString(),
        reward: mintedAt(ledger.params, ledger.height + 1, ledger.supply).toString(),
        cumulativeLifePpm: ledger.cumulativeLifePpm.toString(),
        consensus: { height: engine.consensus.height, ...position() },
        lives: observed.liveLives(),
        accounts: ledger.accounts.count,
        mempool: {
          heartbeats: heartbeats.count,
          transactions: transfers.count + governance.count,
          bytes: heartbeats.sizeBytes + transfers.sizeBytes + governance.sizeBytes,
        },
        ...observed.rates(),
        peers: connected,
        validators: ledger.validators.map(({ key, power }) => ({ key: binToHex(key), power, base: bases.get(key) ?? 0 })),
      }
    },

    async database() {
      const reasons: string[] = []
      try {
        await store.verifyReadable()
      } catch (error) {
        reasons.push(error instanceof Error ? error.message : String(error))
      }
      return { ok: reasons.length === 0, reasons, schemaVersion: SCHEMA_VERSION, height: store.head, sizeBytes: await store.sizeBytes() }
    },

    blockchain() {
      const { ledger } = engine
      const agrees = store.head === ledger.height
      return {
        ok: agrees,
        reasons: agrees ? [] : [`The store is at height ${store.head}, the ledger at ${ledger.height}.`],
        height: ledger.height,
        headId: binToHex(ledger.headId),
        headAgeMs: clock.nowMs() - ledger.timestampMs,
        ...position(),
      }
    },
  }
}
