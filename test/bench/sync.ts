// Catching up: a new node fetches a chain from a peer on the same machine, over libp2p, and verifies every signature
// before it executes and stores a block. The peer's work is on the same cores.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { initialise } from '../../src/cli/network.ts'
import { dataDir as pathsOf } from '../../src/ops/datadir.ts'
import { genesisFromJson } from '../../src/protocol/genesis.ts'
import type { Chain } from './chain.ts'
import { makeChain } from './chain.ts'
import type { Bench, Context } from './context.ts'
import { size } from './context.ts'
import type { Daemon } from './daemon.ts'
import { startDaemon } from './daemon.ts'
import { cpuMs, memory } from './proc.ts'
import { besideRaw } from './raw.ts'
import { maximum, median, minimum } from './stats.ts'
import { freePort } from '../ports.ts'

const POLL_MS = 50
const GIVE_UP_MS = 600_000

interface Synced {
  readonly heartbeatsPerS: number
  readonly seconds: number
  readonly peakMb: number
  /** Processor time of a heartbeat, all threads, µs: of the node that catches up, and of the peer that serves it. */
  readonly cpuUs: number
  readonly servedCpuUs: number
  /** Seconds by what the next block waited for. */
  readonly waited: Readonly<Record<string, number>>
}

/** As many heartbeats per block as a network of 10 000 lives that beat every 5 s would have at one block a second. */
const chainToSync = (context: Context): Promise<Chain> =>
  context.shared('sync-chain', () => makeChain(join(context.directory, 'sync-chain'), { lives: size(context, 10_000, 500), everyS: 5, seconds: size(context, 200, 20) }))

/** @param flags of the node that catches up */
export async function syncOnce(context: Context, chain: Chain, name: string, flags: readonly string[], nodeFlags: readonly string[] = []): Promise<Synced> {
  const { program } = context
  const genesis = genesisFromJson(readFileSync(pathsOf(chain.dataDir).genesis, 'utf8'))
  if (!genesis.ok) throw new Error(genesis.error[0])
  const dataDir = join(context.directory, name)
  initialise(dataDir, genesis.value)
  const port = await freePort()
  const peer = await startDaemon({ program, dataDir: chain.dataDir, flags: ['--p2p-port', String(port)] })
  try {
    const follower = await startDaemon({ program, dataDir, flags: ['--seed', `/ip4/127.0.0.1/tcp/${port}`, ...flags], nodeFlags })
    try {
      return await measure(follower, peer, chain)
    } finally {
      await follower.stop()
    }
  } finally {
    await peer.stop()
  }
}

async function measure(follower: Daemon, peer: Daemon, chain: Chain): Promise<Synced> {
  const startedMs = performance.now()
  const perBlock = chain.heartbeats / chain.blocks
  let first: { height: number; atMs: number; cpuMs: number; servedCpuMs: number } | null = null
  for (;;) {
    const { height } = await Promise.race([follower.get<{ height: number }>('/status'), follower.died])
    const atMs = performance.now()
    if (first === null && height > 0) first = { height, atMs, cpuMs: cpuMs(follower.pid), servedCpuMs: cpuMs(peer.pid) }
    if (first !== null && height >= chain.blocks) {
      const seconds = (atMs - first.atMs) / 1_000
      const waited: Record<string, number> = {}
      for (const [, stage, value] of (await follower.text('/metrics')).matchAll(/pulse_sync_waited_seconds_total\{[^}]*stage="(\w+)"[^}]*\} ([0-9.e-]+)/g)) waited[stage!] = Number(value)
      const heartbeats = (height - first.height) * perBlock
      const cpuUs = (1_000 * (cpuMs(follower.pid) - first.cpuMs)) / heartbeats
      const servedCpuUs = (1_000 * (cpuMs(peer.pid) - first.servedCpuMs)) / heartbeats
      return { heartbeatsPerS: heartbeats / seconds, cpuUs, servedCpuUs, seconds, peakMb: memory(follower.pid).peakMb, waited }
    }
    if (atMs - startedMs > GIVE_UP_MS) throw new Error(`the node did not catch up: height ${height} of ${chain.blocks}`)
    await delay(POLL_MS)
  }
}

const stagesText = (waited: Synced['waited']): string => Object.entries(waited).map(([stage, seconds]) => `${stage} ${seconds.toFixed(1)} s`).join(', ')

export const syncBench: Bench = {
  name: 'sync',
  description: 'a new node catches up from one peer over loopback, every heartbeat verified, blocks of 2 000',
  async run(context) {
    const chain = await chainToSync(context)
    const { result, raw } = await besideRaw(size(context, 1_000, 200), () => syncOnce(context, chain, 'sync-full', ['--verify-threads', '2']))
    const trusting = await syncOnce(context, chain, 'sync-certificates', ['--verify-threads', '2', '--verify', 'certificates'])
    return {
      figures: [
        { name: 'full: verified, executed and stored', value: result.heartbeatsPerS, unit: '/s' },
        { name: 'full / raw rate of two cores', value: result.heartbeatsPerS / median(raw), unit: 'ratio', target: { atLeast: 0.5 } },
        { name: 'raw rate beside it', value: median(raw), unit: '/s', spread: [minimum(raw), maximum(raw)], repetitions: raw.length },
        { name: 'full: processor time of a heartbeat', value: result.cpuUs, unit: 'µs' },
        { name: 'full: of the peer that serves it, besides', value: result.servedCpuUs, unit: 'µs' },
        { name: 'full: blocks', value: chain.blocks / result.seconds, unit: '/s' },
        { name: 'full: resident memory, highest', value: result.peakMb, unit: 'MB' },
        { name: '--verify certificates: executed and stored', value: trusting.heartbeatsPerS, unit: '/s' },
      ],
      notes: [
        `The chain has ${chain.heartbeats} heartbeats of ${chain.lives} lives in ${chain.blocks} blocks; the peer that serves it runs on the same two cores.`,
        `The next block waited for (full): ${stagesText(result.waited)}; (certificates): ${stagesText(trusting.waited)}.`,
      ],
    }
  },
}
