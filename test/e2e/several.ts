// Several nodes of one network, each a process of its own with a data directory that outlives it; and what they must
// agree on.

import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import { concat } from '../../src/base/bytes.ts'
import { prepareTestnet } from '../../src/cli/testnet.ts'
import type { TestnetNode, TestnetOptions } from '../../src/cli/testnet.ts'
import type { Json, ProgramOptions } from './harness.ts'
import { postBytes, read, readAll, RunningNode } from './harness.ts'
import type { Life, NetworkFacts } from './lives.ts'
import { networkOf, newLife, nextBeat } from './lives.ts'
import { freePorts } from '../ports.ts'

export interface Several {
  readonly nodes: readonly TestnetNode[]
  /** Every process that was started so far, by node: the last is the one that runs. */
  readonly processes: readonly RunningNode[][]
  /** Starts a node and waits until it is up. */
  start(index: number, options?: ProgramOptions): Promise<RunningNode>
  running(index: number): RunningNode
}

/** Makes the data directories; node 0 is the seed of the others. */
export async function several(t: Test, count: number, options: Pick<TestnetOptions, 'intervalMs' | 'powers'> = {}): Promise<Several> {
  const processes: RunningNode[][] = Array.from({ length: count }, () => [])
  // Said before the directory is made: otherwise tap removes that first.
  t.teardown(() => Promise.all(processes.flat().map((node) => node.kill())))
  const base = await freePorts(2 * count)
  const { nodes } = prepareTestnet({ dir: join(t.testdir(), 'net'), nodes: count, basePort: base, baseP2pPort: base + count, nowMs: Date.now(), ...options })
  return {
    nodes,
    processes,
    async start(index, options = {}) {
      const { dataDir } = nodes[index]!
      const node = new RunningNode(dataDir, ['start', '--data-dir', dataDir, '--json'], options)
      processes[index]!.push(node)
      await node.message('Node started')
      return node
    },
    running: (index) => processes[index]!.at(-1)!,
  }
}

export const statusOf = (url: string): Promise<Json> => read(`${url}/status`)

/** Height -> id, as one node has it. */
export async function chainOf(url: string): Promise<Map<number, string>> {
  const blocks = (await readAll(`${url}/v2/blocks`, 'blocks')) as { height: number; id: string }[]
  return new Map(blocks.map(({ height, id }) => [height, id]))
}

/** Every height up to the lowest head has one id on all nodes. @returns that height */
export async function assertAgreement(t: Test, urls: readonly string[], atLeast: number): Promise<number> {
  const chains = await Promise.all(urls.map(chainOf))
  const common = Math.min(...chains.map((chain) => Math.max(...chain.keys())))
  t.ok(common >= atLeast, `${urls.length} nodes have ${common} heights`)
  const differing = Array.from({ length: common }, (_, i) => i + 1).filter((height) => new Set(chains.map((chain) => chain.get(height))).size !== 1)
  t.same(differing, [], 'at every height all have the same block')
  return common
}

/** Lives that beat through one node for as long as it is there, and through the next process of it. */
export class Beating {
  accepted = 0
  /** Codes of refusals. */
  readonly refused: string[] = []
  readonly #lives: readonly Life[]
  readonly #url: string
  #facts: NetworkFacts | null = null
  #stopped = false
  readonly #done: Promise<void>

  constructor(url: string, lives: number, pauseMs: number) {
    this.#url = url
    this.#lives = Array.from({ length: lives }, () => newLife())
    this.#done = this.#run(pauseMs)
  }

  async #run(pauseMs: number): Promise<void> {
    while (!this.#stopped) {
      // A node that is away is no fault of its lives.
      await this.#beat().catch(() => {})
      await delay(pauseMs)
    }
  }

  async #beat(): Promise<void> {
    this.#facts ??= await networkOf(this.#url)
    const beats = this.#lives.map((life) => nextBeat(this.#facts!, life)).filter((beat) => beat !== null)
    if (beats.length === 0) return
    const { json } = await postBytes(`${this.#url}/v2/heartbeats`, concat(...beats.map(({ row }) => row)))
    for (const verdict of json.verdicts as { accepted: boolean; code?: string }[]) {
      if (verdict.accepted) this.accepted++
      else this.refused.push(verdict.code!)
    }
  }

  stop(): Promise<void> {
    this.#stopped = true
    return this.#done
  }
}
