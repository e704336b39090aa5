// What a testnet's nodes say about themselves, asked again and again.

import type { Status } from '../api/backend.ts'
import type { NodeClient } from './client.ts'
import { createClient } from './client.ts'
import type { Io } from './io.ts'
import type { TestnetNode } from './testnet.ts'
import type { NodeProcess } from './testnet-nodes.ts'

/** `down`: its process ended, and nobody started it again. `silent`: the process is there, but does not answer. */
export type NodeState = 'starting' | 'ready' | 'not ready' | 'catching up' | 'silent' | 'down'

/** Null where a node has not answered. */
export interface NodeRow extends Pick<TestnetNode, 'name' | 'dataDir' | 'url'> {
  /** Of the process that we started; null once that has ended. */
  readonly pid: number | null
  readonly state: NodeState
  /** The last that was heard, even if the node is down. */
  readonly height: number | null
  readonly headId: string | null
  readonly round: number | null
  /** Of its validator: all of it, and the part that lives do not make. */
  readonly power: number | null
  readonly base: number | null
  readonly totalPower: number | null
  readonly peers: number | null
  readonly lives: number | null
  readonly heartbeatsPerMinute: number | null
  /** Mean time from a block's timestamp to its commit, over the blocks since the last time. */
  readonly finalityMs: number | null
  /** Why it is not ready; one sentence each. */
  readonly reasons: readonly string[]
}

export interface NodeWatch {
  readonly node: TestnetNode
  /** Asks, unless an answer is awaited already. Never rejects. */
  poll(): Promise<void>
  row(): NodeRow
}

const TIMEOUT_MS = 3_000

export function watchNode(process: NodeProcess, { fetch }: Pick<Io, 'fetch'>): NodeWatch {
  const { node } = process
  const timed = (to: Parameters<typeof fetch>[0], init: RequestInit = {}): Promise<Response> =>
    fetch(to, { ...init, signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ...(init.signal ? [init.signal] : [])]) })
  const client: Pick<NodeClient, 'status'> = createClient(node.url, timed)
  let asking = false
  let answering = false
  let status: Status | null = null
  let totals: Totals = { seconds: 0, count: 0 }
  let finalityMs: number | null = null

  async function poll(): Promise<void> {
    if (asking) return
    asking = true
    try {
      const [now, metrics] = await Promise.all([client.status(), timed(`${node.url}/metrics`).then((response) => response.text())])
      const next = confirmations(metrics)
      // Blocks that are fetched later say nothing about how fast they were final.
      const steady = answering && status?.syncing === false && !now.syncing
      finalityMs = steady ? (meanMs(totals, next) ?? finalityMs) : null
      totals = next
      status = now
      answering = true
    } catch {
      answering = false
    } finally {
      asking = false
    }
  }

  function state(): NodeState {
    if (answering && status !== null) return status.syncing ? 'catching up' : status.ready ? 'ready' : 'not ready'
    if (process.end !== null) return 'down'
    return status === null ? 'starting' : 'silent'
  }

  return {
    node,
    poll,
    row() {
      const heard = answering ? status : null
      const own = heard?.validators.find(({ key }) => key === node.validator)
      return {
        name: node.name,
        dataDir: node.dataDir,
        url: node.url,
        pid: process.end === null ? process.pid : null,
        state: state(),
        height: status?.height ?? null,
        headId: status?.headId ?? null,
        round: heard?.consensus.round ?? null,
        power: heard === null ? null : (own?.power ?? 0),
        base: heard === null ? null : (own?.base ?? 0),
        totalPower: heard?.validators.reduce((sum, { power }) => sum + power, 0) ?? null,
        peers: heard?.peers ?? null,
        lives: heard?.lives ?? null,
        heartbeatsPerMinute: heard?.heartbeatsPerMinute ?? null,
        finalityMs: heard === null ? null : finalityMs,
        reasons: heard?.reasons ?? [],
      }
    },
  }
}

export interface Totals {
  readonly seconds: number
  readonly count: number
}

/** Sum and number of the times to commit, from the metrics in Prometheus' text format. */
export function confirmations(metrics: string): Totals {
  const value = (name: string): number => Number(new RegExp(`^pulse_block_confirmation_seconds_${name}(?:\\{[^}]*\\})? (\\S+)`, 'm').exec(metrics)?.[1] ?? 0)
  return { seconds: value('sum'), count: value('count') }
}

/** Null if nothing was committed in between, or if the node was restarted. */
export function meanMs(before: Totals, after: Totals): number | null {
  const count = after.count - before.count
  return count <= 0 ? null : Math.round((1_000 * (after.seconds - before.seconds)) / count)
}
