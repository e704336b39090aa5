// Several nodes' networks in one process, on loopback, with handlers that record.

import { createHash } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KeyPair } from '../../src/crypto/sign.ts'
import { keyPairFromSecret } from '../../src/crypto/sign.ts'
import type { GossipVerdict } from '../../src/network/gossip.ts'
import type { NetworkLimits } from '../../src/network/limits.ts'
import type { Network, NetworkHandlers } from '../../src/network/network.ts'
import { createNetwork } from '../../src/network/network.ts'
import type { Topic } from '../../src/network/topics.ts'
import { systemClock } from '../../src/ops/clock.ts'
import { createLogger } from '../../src/ops/logger.ts'
import type { Metrics } from '../../src/ops/metrics.ts'
import { createMetrics } from '../../src/ops/metrics.ts'

export interface Line {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

export interface TestNode {
  readonly network: Network
  readonly id: string
  readonly addresses: string[]
  readonly lines: Line[]
  readonly received: { topic: Topic; data: Uint8Array; from: string }[]
  readonly statuses: Map<string, number>
  readonly gone: string[]
  readonly metrics: Metrics
}

export interface NodeOptions {
  readonly name: string
  readonly genesis?: string
  readonly port?: number
  readonly seeds?: readonly string[]
  readonly directory?: string
  readonly limits?: Partial<NetworkLimits>
  readonly verdict?: (topic: Topic, data: Uint8Array, from: string) => GossipVerdict | Promise<GossipVerdict>
  readonly request?: NetworkHandlers['request']
  readonly height?: number
}

export const hashOf = (text: string): Uint8Array => new Uint8Array(createHash('sha256').update(text).digest())
export const keysOf = (name: string): KeyPair => keyPairFromSecret('ed25519', hashOf(name))
export const newDirectory = (): string => mkdtempSync(join(tmpdir(), 'pulse-network-'))
export const running = new Set<Network>()

export async function startNode(options: NodeOptions): Promise<TestNode> {
  const lines: Line[] = []
  const received: TestNode['received'] = []
  const statuses = new Map<string, number>()
  const gone: string[] = []
  const metrics = createMetrics({ labels: {}, clock: systemClock })
  const logger = createLogger({ level: 'debug', format: 'json', destination: { write: (line) => lines.push(JSON.parse(line) as Line) } })
  const network = await createNetwork(
    {
      keys: keysOf(options.name),
      genesisHash: hashOf(options.genesis ?? 'genesis'),
      network: options.genesis ?? 'testnet',
      version: '0.0.0',
      host: '127.0.0.1',
      port: options.port ?? 0,
      announce: [],
      seeds: options.seeds ?? [],
      peersFile: join(options.directory ?? newDirectory(), `${options.name}-peers.json`),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    },
    {
      logger,
      clock: systemClock,
      metrics,
      handlers: {
        gossip: async (topic, data, from) => {
          received.push({ topic, data, from })
          return (await options.verdict?.(topic, data, from)) ?? { verdict: 'accept' }
        },
        request: options.request ?? (async () => null),
        status: () => ({ height: options.height ?? 7, headId: hashOf('head') }),
        peerStatus: (peer, { height }) => void statuses.set(peer, height),
        peerGone: (peer) => void gone.push(peer),
      },
    },
  )
  running.add(network)
  const { peerId, multiaddrs } = await network.start()
  return { network, id: peerId, addresses: multiaddrs, lines, received, statuses, gone, metrics }
}

export async function stopNode({ network, metrics }: TestNode): Promise<void> {
  metrics.close()
  running.delete(network)
  await network.stop()
}

export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((network) => network.stop()))
}

/** @throws if it has not become true by then */
export async function until(what: string, holds: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`still not: ${what}`)
    await sleep(20)
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms))

/** Whether every one of these is connected with all the others. */
export const meshed = (nodes: readonly TestNode[]): boolean =>
  nodes.every(({ id, network }) => {
    const connected = new Set(network.peers().map((peer) => peer.id))
    return nodes.every((other) => other.id === id || connected.has(other.id))
  })

export const counts = (nodes: readonly TestNode[]): number[] => nodes.map(({ network }) => network.peers().length)

export async function* collect(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield chunk
}

export async function all(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const found: Uint8Array[] = []
  for await (const chunk of chunks) found.push(chunk)
  return found
}
