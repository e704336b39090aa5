// What the API asks for, answered by the core thread.

import type { Backend, Status } from '../api/backend.ts'
import type { Clock } from '../ops/clock.ts'
import type { Genesis } from '../protocol/genesis.ts'
import type { CoreInfo } from './core.ts'
import type { CoreMethods } from './core-client.ts'

export interface Readiness {
  readonly ready: boolean
  readonly reasons: readonly string[]
}

export interface BackendDependencies {
  readonly version: string
  readonly genesis: Genesis
  readonly info: CoreInfo
  readonly core: CoreMethods
  readonly clock: Clock
  readonly readiness: () => Readiness
  readonly peers: Backend['peers']
  readonly addresses: Backend['addresses']
  readonly subscribe: Backend['subscribe']
}

export function createBackend({ version, genesis, info, core, clock, readiness, peers, addresses, subscribe }: BackendDependencies): Backend {
  const startedMs = clock.monotonicMs()
  const status = async (): Promise<Status> => ({ ...(await core.status()), ...mutable(readiness()), uptimeMs: Math.round(clock.monotonicMs() - startedMs) })
  return {
    node: { version, network: genesis.network, ...info },
    nowMs: () => clock.nowMs(),
    addresses,
    submitHeartbeats: (batch, vitals) => core.heartbeats(batch, vitals),
    submitTransaction: (message, signature) => core.submitTransaction(message, signature),
    submitEncodedTransaction: (bytes) => core.submitEncodedTransaction(bytes),
    status,
    block: (ref) => core.block(ref),
    blocks: (before, limit) => core.blocks(before, limit),
    blockHeartbeats: (ref, offset, limit) => core.blockHeartbeats(ref, offset, limit),
    blockTransactions: (ref, offset, limit) => core.blockTransactions(ref, offset, limit),
    account: (key) => core.account(key),
    accounts: (from, limit) => core.accounts(from, limit),
    transaction: (id) => core.transaction(id),
    validators: () => core.validators(),
    params: () => core.params(),
    database: () => core.database(),
    blockchain: () => core.blockchain(),
    peers,
    readiness,
    metricsText: () => core.metricsText(),
    subscribe,
  }
}

const mutable = ({ ready, reasons }: Readiness): { ready: boolean; reasons: string[] } => ({ ready, reasons: [...reasons] })
