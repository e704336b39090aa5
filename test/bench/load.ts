// One loaded node: starts it in a fresh data directory, lets a generator send a schedule, and takes the measurements
// that several benches share.

import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { BlockFacts, Daemon } from './daemon.ts'
import { startDaemon } from './daemon.ts'
import { startGenerator } from './generate.ts'
import type { GeneratorOptions, GeneratorResult } from './generator.ts'
import type { Stalls } from './health.ts'
import { startHealthProbe } from './health.ts'
import { histogram } from './metrics.ts'
import { cpuMs } from './proc.ts'
import type { Schedule } from './schedule.ts'
import { sum } from './stats.ts'

export interface LoadOptions {
  readonly program: string
  /** In which a data directory is made. */
  readonly directory: string
  readonly schedule: Schedule
  readonly format: GeneratorOptions['format']
  readonly intervalMs: number
  /** Blocks before this, and what else happens then, are not counted. */
  readonly warmUpS: number
  readonly healthEveryMs: number
  readonly nodeFlags?: readonly string[]
  /** Called while the node still runs, after the last heartbeat was sent and answered. */
  readonly atEnd?: (daemon: Daemon) => Promise<void>
}

export interface Loaded {
  readonly dataDir: string
  readonly generator: GeneratorResult
  /** Those whose timestamp lies in the measured time. */
  readonly blocks: readonly BlockFacts[]
  /** Heartbeats in all blocks. */
  readonly committed: number
  /** Per second, over the measured blocks. */
  readonly committedPerS: number
  readonly health: Stalls
  /** Of the main thread's event loop: times that it was more than 200 ms late. */
  readonly lagOver200Ms: number
  /** Processor time of the node in the measured time, as a number of cores. */
  readonly nodeCores: number
  readonly complaints: readonly string[]
}

/** Heartbeats per request: the most that the API takes. */
const BATCH = 1_000
const POLL_MS = 250
/** As long as a heartbeat may wait. */
const MAX_TAIL_MS = 30_000

export async function runLoad(options: LoadOptions): Promise<Loaded> {
  const dataDir = join(mkdtempSync(join(options.directory, 'node-')), 'data')
  const daemon = await startDaemon({
    program: options.program,
    dataDir,
    flags: ['--interval', String(options.intervalMs)],
    nodeFlags: options.nodeFlags ?? [],
  })
  return Promise.race([measure(options, daemon), daemon.died])
}

async function measure(options: LoadOptions, daemon: Daemon): Promise<Loaded> {
  const { schedule, warmUpS } = options
  const { genesisHash, witness } = await daemon.node()
  const generating = startGenerator({ nodes: [{ url: daemon.url, witness }], genesisHash, schedule, format: options.format, batch: BATCH, follow: false })
  const startS = await generating.startS
  const health = startHealthProbe(daemon.url, options.healthEveryMs)
  const fromMs = (startS + warmUpS) * 1_000
  await delay(fromMs - Date.now())
  health.reset()
  const [cpuBefore, cpuFromMs] = [cpuMs(daemon.pid), performance.now()]
  const generator = await generating.result
  const nodeCores = (cpuMs(daemon.pid) - cpuBefore) / (performance.now() - cpuFromMs)
  await settle(daemon)
  const stalls = await health.stop()
  const lag = histogram(await daemon.text('/metrics'), 'pulse_event_loop_lag_seconds')
  const all = await daemon.blocksFrom(1)
  await options.atEnd?.(daemon)
  const complaints = [...daemon.complaints]
  await daemon.stop()

  const untilMs = (startS + schedule.seconds) * 1_000
  const blocks = all.filter(({ timestampMs }) => timestampMs >= fromMs && timestampMs <= untilMs)
  return {
    dataDir: daemon.dataDir,
    generator,
    blocks,
    committed: sum(all.map(({ heartbeats }) => heartbeats)),
    committedPerS: ratePerS(blocks),
    health: stalls,
    lagOver200Ms: lag.above(0.2),
    nodeCores,
    complaints,
  }
}

/** The first block only marks the beginning: its heartbeats came before it. */
export function ratePerS(blocks: readonly BlockFacts[]): number {
  const first = blocks[0]
  const last = blocks.at(-1)
  if (first === undefined || last === undefined || first === last) return 0
  return (1_000 * sum(blocks.slice(1).map(({ heartbeats }) => heartbeats))) / (last.timestampMs - first.timestampMs)
}

/** Waits until nothing waits for a block any more. */
export async function settle(daemon: Daemon): Promise<void> {
  const untilMs = performance.now() + MAX_TAIL_MS
  while (performance.now() < untilMs) {
    const { mempool } = await daemon.get<{ mempool: { heartbeats: number } }>('/status')
    if (mempool.heartbeats === 0) return
    await delay(POLL_MS)
  }
}

/** What was refused, in words; none if nothing was. */
export function refusals({ refused }: GeneratorResult): string[] {
  return Object.entries(refused).map(([code, count]) => `${count} heartbeats were refused: ${code}.`)
}
