// The core's metrics and the rolling figures of the last minute.

import type { Clock } from '../ops/clock.ts'
import type { Metrics } from '../ops/metrics.ts'
import type { ChainStore } from '../chain/store.ts'
import type { Engine } from '../engine/engine.ts'
import { lastHeight, RECORD_SIZE } from '../ledger/account.ts'
import type { ExecutedBlock } from '../ledger/blocks.ts'
import type { Ledger } from '../ledger/state.ts'
import { COIN } from '../protocol/params.ts'
import type { Reason } from '../protocol/reason.ts'

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const WINDOW_MS = 60_000

/** What was committed in the last minute. */
export interface Rates {
  readonly heartbeatsPerMinute: number
  readonly blocksPerMinute: number
  readonly transactionsPerSecond: number
}

export interface CoreMetrics {
  observeVerdict(kind: 'heartbeat' | 'transaction', reason: Reason | null, count: number): void
  observeCommit(executed: ExecutedBlock): void
  observeRound(round: number): void
  rates(): Rates
  /** Lives with a heartbeat in one of the last blocks in which a sender counts as alive. */
  liveLives(): number
}

export function createCoreMetrics(metrics: Metrics, engine: Engine, store: ChainStore, clock: Clock): CoreMetrics {
  const accepted = {
    heartbeat: metrics.counter({ name: 'pulse_heartbeats_accepted_total', help: 'Heartbeats taken into the mempool.' }),
    transaction: metrics.counter({ name: 'pulse_transactions_accepted_total', help: 'Transactions taken into the mempool.' }),
  }
  const rejected = {
    heartbeat: metrics.counter({ name: 'pulse_heartbeats_rejected_total', help: 'Heartbeats refused, by reason.', labelNames: ['reason'] }),
    transaction: metrics.counter({ name: 'pulse_transactions_rejected_total', help: 'Transactions refused, by reason.', labelNames: ['reason'] }),
  }
  const committed = {
    blocks: metrics.counter({ name: 'pulse_blocks_committed_total', help: 'Blocks committed since the start.' }),
    heartbeats: metrics.counter({ name: 'pulse_heartbeats_committed_total', help: 'Heartbeats committed since the start.' }),
    transactions: metrics.counter({ name: 'pulse_transactions_committed_total', help: 'Transactions committed since the start.' }),
  }
  const rounds = metrics.counter({ name: 'pulse_consensus_extra_rounds_total', help: 'Rounds above the first of a height.' })
  const confirmation = metrics.histogram({ name: 'pulse_block_confirmation_seconds', help: "From a block's timestamp to its commit on disk.", buckets: SECONDS })
  const window: { atMs: number; heartbeats: number; transactions: number }[] = []
  let lives = { height: -1, count: 0 }

  function rates(): Rates {
    const nowMs = clock.nowMs()
    while (window[0] !== undefined && window[0].atMs < nowMs - WINDOW_MS) window.shift()
    const sum = (of: 'heartbeats' | 'transactions'): number => window.reduce((total, entry) => total + entry[of], 0)
    return { heartbeatsPerMinute: sum('heartbeats'), blocksPerMinute: window.length, transactionsPerSecond: sum('transactions') / (WINDOW_MS / 1_000) }
  }

  function liveLives(): number {
    const { ledger } = engine
    if (lives.height !== ledger.height) lives = { height: ledger.height, count: countLive(ledger) }
    return lives.count
  }

  const gauges: [name: string, help: string, value: () => number][] = [
    ['pulse_chain_height', 'Height of the last committed block.', () => engine.ledger.height],
    ['pulse_live_lives', 'Lives with a heartbeat in the last blocks.', liveLives],
    ['pulse_accounts', 'Accounts in the state.', () => engine.ledger.accounts.count],
    ['pulse_supply_pulse', 'PULSE ever minted.', () => Number(engine.ledger.supply) / Number(COIN)],
    ['pulse_heartbeats_per_minute', 'Heartbeats committed in the last minute.', () => rates().heartbeatsPerMinute],
    ['pulse_blocks_per_minute', 'Blocks committed in the last minute.', () => rates().blocksPerMinute],
    ['pulse_transactions_per_second', 'Transactions committed per second, over the last minute.', () => rates().transactionsPerSecond],
    ['pulse_mempool_heartbeats', 'Heartbeats that wait.', () => engine.heartbeats.count],
    ['pulse_mempool_transactions', 'Transactions that wait.', () => engine.transfers.count + engine.governance.count],
    ['pulse_mempool_bytes', 'Size of all that wait.', () => engine.heartbeats.sizeBytes + engine.transfers.sizeBytes + engine.governance.sizeBytes],
    ['pulse_consensus_round', 'Round of the height that is being decided; -1 while it waits.', () => engine.consensus.round],
    ['pulse_store_height', 'Height of the last block on disk.', () => store.head],
  ]
  for (const [name, help, value] of gauges) metrics.gauge({ name, help, collect: (gauge) => gauge.set(value()) })

  return {
    observeVerdict(kind, reason, count) {
      if (reason === null) accepted[kind].inc(count)
      else rejected[kind].inc({ reason }, count)
    },
    observeCommit({ block }) {
      const { header, body } = block
      const nowMs = clock.nowMs()
      committed.blocks.inc()
      committed.heartbeats.inc(body.heartbeats.length)
      committed.transactions.inc(body.transactions.length)
      confirmation.observe(Math.max(0, nowMs - header.timestampMs) / 1_000)
      window.push({ atMs: nowMs, heartbeats: body.heartbeats.length, transactions: body.transactions.length })
      rates()
    },
    observeRound(round) {
      if (round > 0) rounds.inc()
    },
    rates,
    liveLives,
  }
}

function countLive({ accounts, height, params }: Ledger): number {
  let count = 0
  for (let index = 0; index < accounts.count; index++) {
    const last = lastHeight(accounts.records, index * RECORD_SIZE)
    if (last > 0 && height - last < params.aliveBlocks) count++
  }
  return count
}
