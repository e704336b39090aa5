// Four validators as four processes under load: makes their network, lets a generator send to all of them, and takes the
// measurements that the parts of the bench `four` share. Each node is the witness of a quarter of the heartbeats.

import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { prepareTestnet } from '../../src/cli/testnet.ts'
import type { BlockFacts, Daemon } from './daemon.ts'
import { startDaemon } from './daemon.ts'
import { startGenerator } from './generate.ts'
import type { GeneratorResult } from './generator.ts'
import { ratePerS, settle } from './load.ts'
import { total } from './metrics.ts'
import type { Memory } from './proc.ts'
import { cpuMs, memory } from './proc.ts'
import type { Schedule } from './schedule.ts'
import { sum } from './stats.ts'
import { freePorts } from '../ports.ts'

export const NODES = 4

export interface FourOptions {
  readonly program: string
  /** In which the data directories are made. */
  readonly directory: string
  /** Of each node. */
  readonly schedule: Schedule
  readonly intervalMs: number
  /** What happens before this is not counted. */
  readonly warmUpS: number
  /** Whether to note when the devices see what. */
  readonly follow: boolean
  /** Flags of Node itself, such as --cpu-prof, for the first of the four. */
  readonly nodeFlags?: readonly string[]
}

export interface FourLoaded {
  readonly generator: GeneratorResult
  /** Those whose timestamp lies in the measured time. */
  readonly blocks: readonly BlockFacts[]
  /** Heartbeats in all blocks. */
  readonly committed: number
  /** Per second, over the measured blocks. */
  readonly committedPerS: number
  /** From a heartbeat's acceptance to the announcement of its block, both by its witness; those of the measured blocks. */
  readonly finalityMs: readonly number[]
  /** By all nodes, from the first heartbeat on. */
  readonly traffic: Traffic
  /** At the end, by node. */
  readonly memory: readonly Memory[]
  /** By node: processor time in the measured time, as a number of cores. */
  readonly cores: readonly number[]
  /** Rounds above the first of a height, as the first node counted them. */
  readonly extraRounds: number
  readonly complaints: readonly string[]
}

export interface Traffic {
  /** Gossip messages published. */
  readonly published: number
  /** First copies of gossip messages received. */
  readonly received: number
  readonly requests: number
  /** On all connections, encrypted, everything included. */
  readonly bytes: number
}

/** Heartbeats per request: devices come one by one, but whoever makes thousands of requests a second measures HTTP. */
const BATCH = 25
const START_MS = 20_000
const POLL_MS = 100

export async function runFour(options: FourOptions): Promise<FourLoaded> {
  const base = await freePorts(2 * NODES)
  const dir = join(mkdtempSync(join(options.directory, 'four-')), 'net')
  const { nodes } = prepareTestnet({ dir, nodes: NODES, intervalMs: options.intervalMs, basePort: base, baseP2pPort: base + NODES, nowMs: Date.now() })
  const daemons = await Promise.all(
    nodes.map(({ dataDir, port, p2pPort }, i) =>
      startDaemon({
        program: options.program,
        dataDir,
        flags: ['--port', String(port), '--p2p-port', String(p2pPort)],
        nodeFlags: i === 0 ? (options.nodeFlags ?? []) : [],
      }),
    ),
  )
  return Promise.race([measure(options, daemons), ...daemons.map(({ died }) => died)])
}

async function measure(options: FourOptions, daemons: readonly Daemon[]): Promise<FourLoaded> {
  const { schedule, warmUpS } = options
  const first = daemons[0]!
  await meshed(daemons)
  const facts = await Promise.all(daemons.map((daemon) => daemon.node()))
  const generating = startGenerator({
    nodes: daemons.map(({ url }, i) => ({ url, witness: facts[i]!.witness })),
    genesisHash: facts[0]!.genesisHash,
    schedule,
    format: 'binary',
    batch: BATCH,
    follow: options.follow,
  })
  const startS = await generating.startS
  const fromMs = (startS + warmUpS) * 1_000
  const before = await trafficOf(daemons)
  await delay(fromMs - Date.now())
  const [cpuBefore, cpuFromMs] = [daemons.map(({ pid }) => cpuMs(pid)), performance.now()]
  const generator = await generating.result
  const seconds = (performance.now() - cpuFromMs) / 1_000
  const cores = daemons.map(({ pid }, i) => (cpuMs(pid) - cpuBefore[i]!) / 1_000 / seconds)
  await settle(first)
  const after = await trafficOf(daemons)
  const extraRounds = total(await first.text('/metrics'), 'pulse_consensus_extra_rounds_total')
  const all = await first.blocksFrom(1)
  const untilMs = (startS + schedule.seconds) * 1_000
  const blocks = all.filter(({ timestampMs }) => timestampMs >= fromMs && timestampMs <= untilMs)
  const finalityMs = options.follow ? await finality(first, blocks, generator) : []
  const used = daemons.map(({ pid }) => memory(pid))
  const complaints = daemons.flatMap((daemon) => daemon.complaints)
  await Promise.all(daemons.map((daemon) => daemon.stop()))
  return {
    generator,
    blocks,
    committed: sum(all.map(({ heartbeats }) => heartbeats)),
    committedPerS: ratePerS(blocks),
    finalityMs,
    traffic: {
      published: after.published - before.published,
      received: after.received - before.received,
      requests: after.requests - before.requests,
      bytes: after.bytes - before.bytes,
    },
    memory: used,
    cores,
    extraRounds,
    complaints,
  }
}

/** Waits until each is connected with all the others. */
async function meshed(daemons: readonly Daemon[]): Promise<void> {
  const untilMs = performance.now() + START_MS
  while (performance.now() < untilMs) {
    const counts = await Promise.all(daemons.map(async (daemon) => (await daemon.get<{ peers: number }>('/status')).peers))
    if (counts.every((count) => count === daemons.length - 1)) return
    await delay(POLL_MS)
  }
  throw new Error('the nodes have not found each other')
}

async function trafficOf(daemons: readonly Daemon[]): Promise<Traffic> {
  const pages = await Promise.all(daemons.map((daemon) => daemon.text('/metrics')))
  const over = (name: string): number => sum(pages.map((page) => total(page, name)))
  return {
    published: over('pulse_network_gossip_published_total'),
    received: over('pulse_network_gossip_messages_total'),
    // Each request is counted by both sides, and so is each byte.
    requests: over('pulse_network_requests_total') / 2,
    bytes: over('pulse_network_transport_bytes_total') / 2,
  }
}

/** Reads which heartbeats the blocks hold, and compares with what the devices saw. Not more often than a node lets itself be read. */
async function finality(daemon: Daemon, blocks: readonly BlockFacts[], { observed }: GeneratorResult): Promise<number[]> {
  const elapsedMs: number[] = []
  for (const { height } of blocks) {
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: { heartbeats: { id: string }[]; next: string | null } = await daemon.get(`/v2/blocks/${height}/heartbeats?limit=200${cursor === '' ? '' : `&cursor=${cursor}`}`)
      for (const { id } of page.heartbeats) {
        const witness = observed.find(({ acceptedAtMs }) => acceptedAtMs.has(id))
        const announcedMs = witness?.announcedAtMs.get(height)
        if (witness === undefined || announcedMs === undefined) throw new Error(`heartbeat ${id} of block ${height} was not seen by the devices`)
        // An answer may come later than the block.
        elapsedMs.push(Math.max(0, announcedMs - witness.acceptedAtMs.get(id)!))
      }
      cursor = page.next
      await delay(READ_EVERY_MS)
    }
  }
  return elapsedMs
}

const READ_EVERY_MS = 6
