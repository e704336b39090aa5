// A worker that simulates the seeds of its share, one after the other, and reports each.

import { parentPort, workerData } from 'node:worker_threads'
import { simulate } from '../../src/sim/simulate.ts'

export interface SeedsOrder {
  readonly seeds: readonly number[]
  readonly heights: number
  readonly traceLines: number
}

const { seeds, ...options } = workerData as SeedsOrder
for (const seed of seeds) {
  const report = simulate({ seed, ...options })
  parentPort!.postMessage(report.violations.length === 0 ? { ...report, trace: [] } : report)
}
