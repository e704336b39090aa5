// Metrics of catching up.

import type { Metrics } from '../ops/metrics.ts'
import type { SyncObserver, SyncStatus } from './chain-sync.ts'

export interface SyncMetrics {
  readonly observer: SyncObserver
  /** Registers what is read at each scrape. */
  watch(status: () => SyncStatus & { readonly heldBytes: number }): void
}

export function createSyncMetrics(metrics: Metrics): SyncMetrics {
  const answers = metrics.counter({ name: 'pulse_sync_answers_total', help: 'Answers of peers that were asked for blocks, by result.', labelNames: ['result'] })
  const waited = metrics.counter({ name: 'pulse_sync_waited_seconds_total', help: 'Time that catching up spent waiting, by what it waited for.', labelNames: ['stage'] })
  return {
    observer: {
      answered: (result) => answers.inc({ result }),
      waited: (stage, seconds) => waited.inc({ stage }, seconds),
    },
    watch(status) {
      const gauges: [name: string, help: string, value: () => number][] = [
        ['pulse_syncing', '1 while this node is behind and fetches blocks.', () => Number(status().syncing)],
        ['pulse_sync_target_height', 'Highest height that is known of.', () => status().target],
        ['pulse_sync_blocks_per_second', 'Blocks caught up on per second, over the last ten.', () => status().progress?.blocksPerS ?? 0],
        ['pulse_sync_heartbeats_per_second', 'Heartbeats caught up on per second, over the last ten.', () => status().progress?.heartbeatsPerS ?? 0],
        ['pulse_sync_held_bytes', 'Fetched blocks that wait.', () => status().heldBytes],
      ]
      for (const [name, help, value] of gauges) metrics.gauge({ name, help, collect: (gauge) => gauge.set(value()) })
    },
  }
}
