// One simulation: a seed in, a report out. First the safety phase, in which everything goes wrong that the seed draws; then the
// liveness phase, in which only the villain is left and every honest node must go on deciding.

import type { Violation } from './checker.ts'
import { EVIDENCE_KIND, isGovernance } from '../protocol/transaction.ts'
import type { FaultCounts } from './faults.ts'
import type { NetworkCounts } from './network.ts'
import type { Villainy } from './scenario.ts'
import { drawScenario } from './scenario.ts'
import { World } from './world.ts'

export interface SimulateOptions {
  /** uint32 */
  readonly seed: number
  /** Honest validators; 4 if left out. */
  readonly nodes?: number
  /** What one more validator does; drawn if left out. */
  readonly villainy?: Villainy
  /** Heights that every honest node must decide at least; 30 if left out. */
  readonly heights?: number
  /** Lines of the trace to keep, the last ones; 0 if left out. */
  readonly traceLines?: number
}

export interface SimulationReport {
  readonly seed: number
  readonly nodes: number
  /** Decided by every honest node. */
  readonly heights: number
  /** Of those, decided while faults happened. */
  readonly heightsInStorm: number
  /** The highest round that a node entered. */
  readonly maxRound: number
  readonly virtualMs: number
  readonly heartbeats: number
  readonly transactions: number
  readonly faults: FaultCounts & NetworkCounts
  /** Contradicting votes that honest nodes saw. */
  readonly equivocations: number
  /** Nodes that were started from a backup. */
  readonly restored: number
  /** Transactions other than transfers, epochs, and validators that lost their place for signing twice. */
  readonly governance: number
  readonly barred: number
  /** Questions that signers refused. */
  readonly refusals: number
  readonly events: number
  readonly traceHash: string
  /** What must not happen. Empty if all is well. */
  readonly violations: readonly Violation[]
  readonly trace: readonly string[]
}

/** Heights that must be decided after the faults have stopped. */
const LIVE_HEIGHTS = 5
/** Heights within which more than one validator must have proposed. */
const LONG_RUN = 30
/** Without a new height of the node that is furthest behind for this long, the network counts as stalled. */
const STALL_MS = 120_000

export function simulate(options: SimulateOptions): SimulationReport {
  const { seed, nodes = 4, heights = 30, traceLines = 0, ...rest } = options
  const scenario = drawScenario({ seed, nodes, ...rest })
  const world = new World(scenario, traceLines)
  world.run(() => false, scenario.safetyMs)
  const heightsInStorm = world.lowestHeight
  world.calmDown()
  const target = Math.max(heights, ...world.honest.map(({ store }) => store.head + LIVE_HEIGHTS))
  while (world.lowestHeight < target && world.checker.violations.length === 0) {
    const { lowestHeight } = world
    if (!world.run(() => world.lowestHeight > lowestHeight, world.elapsedMs + STALL_MS)) {
      world.checker.complain('stall', lowestHeight + 1, `no decision by all for ${STALL_MS} ms`)
    }
  }
  if (nodes > 1 && target >= LONG_RUN) world.checker.variety()
  const honest = world.honest
  const blocks = world.checker.chain.map(({ block }) => block)
  return {
    seed,
    nodes,
    heights: world.lowestHeight,
    heightsInStorm,
    maxRound: Math.max(...honest.map(({ counts }) => counts.maxRound)),
    virtualMs: world.elapsedMs,
    heartbeats: blocks.reduce((sum, { body }) => sum + body.heartbeats.length, 0),
    transactions: blocks.reduce((sum, { body }) => sum + body.transactions.length, 0),
    faults: { ...world.faults.counts, ...world.network.counts },
    equivocations: honest.reduce((sum, { counts }) => sum + counts.equivocations, 0),
    restored: honest.reduce((sum, { counts }) => sum + counts.restored, 0),
    governance: blocks.reduce((sum, { body }) => sum + body.transactions.filter(isGovernance).length, 0),
    barred: blocks.reduce((sum, { body }) => sum + body.transactions.filter(({ kind }) => kind === EVIDENCE_KIND).length, 0),
    refusals: honest.reduce((sum, { counts }) => sum + counts.refusals, 0),
    events: world.log.count,
    traceHash: world.log.hash,
    violations: world.checker.violations,
    trace: world.log.lines,
  }
}
