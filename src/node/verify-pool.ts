// Signature verification off the core thread. Heartbeats are sharded by device key, so that each worker keeps its own
// key objects; each worker has one job at a time, and what arrives meanwhile becomes its next: batches grow with load.

import { assert } from '../base/assert.ts'
import { SIGNING_PREFIX_SIZE } from '../crypto/hash.ts'
import { HEARTBEAT_ROW_SIZE } from '../protocol/heartbeat.ts'
import type { Worker } from 'node:worker_threads'
import { startThread } from './thread.ts'

export interface SignatureItem {
  readonly message: Uint8Array
  readonly signature: Uint8Array
  /** Tagged, 35 bytes. */
  readonly key: Uint8Array
}

export type VerifyJob =
  | { readonly kind: 'heartbeats'; /** n × 245 bytes */ readonly rows: Uint8Array; readonly hashes: boolean }
  | { readonly kind: 'signatures'; readonly items: readonly SignatureItem[] }

export interface VerifyResult {
  /** 1 for a valid signature, in order. */
  readonly valid: Uint8Array
  /** For heartbeats: id and name (32 bytes each), zero where the signature is not valid. */
  readonly hashes: Uint8Array
}

export interface VerifyPool {
  /** Heartbeats that wait for their turn, over all threads: who asks strangers for more should look here first. */
  readonly waiting: number
  /** For how long the oldest of them has waited, ms: threads that share their cores with others are slower than they look. */
  readonly delayMs: number
  /** @param rows n × 245 bytes: message ‖ signature. @param hashes false for who knows them already: then there are none */
  heartbeats(rows: Uint8Array, hashes?: boolean): Promise<VerifyResult>
  /** The same for what a proposal lacks: it goes before what clients and peers send. */
  urgentHeartbeats(rows: Uint8Array): Promise<VerifyResult>
  signatures(items: readonly SignatureItem[]): Promise<boolean[]>
  close(): Promise<void>
}

export interface VerifyPoolOptions {
  readonly threads: number
  /** Over all threads. */
  readonly maxCachedKeys: number
  /** A worker died: the node cannot go on. */
  readonly onFailure: (error: Error) => void
}

/** Verification makes short-lived garbage only. */
const WORKER_HEAP = { maxYoungGenerationSizeMb: 8 } as const
/** Rows of one job: long enough to spread the cost of a message, short enough to answer soon. */
const MAX_ROWS = 512
/** The last bytes of a compressed key spread evenly over the shards. */
const SHARD_BYTE = SIGNING_PREFIX_SIZE + 33

interface Batch {
  readonly rows: Uint8Array
  readonly valid: Uint8Array
  readonly hashes: Uint8Array
  /** Monotonic ms. */
  readonly atMs: number
  left: number
  readonly resolve: (result: VerifyResult) => void
}

type Task =
  | { readonly kind: 'row'; readonly batch: Batch; readonly row: number }
  | { readonly kind: 'signatures'; readonly items: readonly SignatureItem[]; readonly resolve: (valid: boolean[]) => void }

interface Shard {
  readonly worker: Worker
  /** Votes, certificates, and what a proposal lacks go first: the chain must not wait for what its clients send. */
  readonly urgent: Task[]
  readonly waiting: Task[]
  running: Task[]
}

export function createVerifyPool({ threads, maxCachedKeys, onFailure }: VerifyPoolOptions): VerifyPool {
  let closing = false
  const shards: Shard[] = Array.from({ length: threads }, () => {
    const worker = startThread('verify-worker', { maxCachedKeys: Math.ceil(maxCachedKeys / threads) }, WORKER_HEAP)
    const shard: Shard = { worker, urgent: [], waiting: [], running: [] }
    worker.on('message', (result: VerifyResult) => finish(shard, result))
    worker.on('error', onFailure)
    worker.on('exit', () => {
      if (!closing) onFailure(new Error('a verification thread has ended'))
    })
    return shard
  })

  function enqueue(shard: Shard, queue: Task[], task: Task): void {
    queue.push(task)
    if (shard.running.length === 0 && waitingOf(shard) === 1) queueMicrotask(() => next(shard))
  }

  function verifyRows(rows: Uint8Array, hashes: boolean, queueOf: (shard: Shard) => Task[]): Promise<VerifyResult> {
    const count = rows.length / HEARTBEAT_ROW_SIZE
    assert(Number.isInteger(count), 'rows are whole')
    if (count === 0) return Promise.resolve({ valid: new Uint8Array(0), hashes: new Uint8Array(0) })
    return new Promise((resolve) => {
      const batch: Batch = { rows, valid: new Uint8Array(count), hashes: new Uint8Array(hashes ? count * 64 : 0), atMs: performance.now(), left: count, resolve }
      for (let row = 0; row < count; row++) {
        const shard = shards[rows[row * HEARTBEAT_ROW_SIZE + SHARD_BYTE]! % threads]!
        enqueue(shard, queueOf(shard), { kind: 'row', batch, row })
      }
    })
  }

  function next(shard: Shard): void {
    const queue = shard.urgent.length > 0 ? shard.urgent : shard.waiting
    const first = queue[0]
    if (first === undefined || shard.running.length > 0) return
    if (first.kind === 'signatures') {
      shard.running = queue.splice(0, 1)
      shard.worker.postMessage({ kind: 'signatures', items: first.items } satisfies VerifyJob)
      return
    }
    let count = 0
    while (count < MAX_ROWS && queue[count]?.kind === 'row') count++
    const tasks = queue.splice(0, count) as Extract<Task, { kind: 'row' }>[]
    const rows = new Uint8Array(count * HEARTBEAT_ROW_SIZE)
    tasks.forEach(({ batch, row }, i) => rows.set(rowOf(batch.rows, row), i * HEARTBEAT_ROW_SIZE))
    shard.running = tasks
    const hashes = tasks.some(({ batch }) => batch.hashes.length > 0)
    shard.worker.postMessage({ kind: 'heartbeats', rows, hashes } satisfies VerifyJob, [rows.buffer])
  }

  function finish(shard: Shard, result: VerifyResult): void {
    const tasks = shard.running
    shard.running = []
    next(shard)
    tasks.forEach((task, i) => {
      if (task.kind === 'signatures') {
        task.resolve(Array.from(result.valid, (valid) => valid === 1))
        return
      }
      const { batch, row } = task
      batch.valid[row] = result.valid[i]!
      if (batch.hashes.length > 0) batch.hashes.set(result.hashes.subarray(i * 64, i * 64 + 64), row * 64)
      if (--batch.left === 0) batch.resolve({ valid: batch.valid, hashes: batch.hashes })
    })
  }

  return {
    get waiting() {
      return shards.reduce((sum, shard) => sum + waitingOf(shard), 0)
    },
    get delayMs() {
      const nowMs = performance.now()
      return shards.reduce((longest, { waiting: [first] }) => (first?.kind === 'row' ? Math.max(longest, nowMs - first.batch.atMs) : longest), 0)
    },
    heartbeats: (rows, hashes = true) => verifyRows(rows, hashes, ({ waiting }) => waiting),
    urgentHeartbeats: (rows) => verifyRows(rows, true, ({ urgent }) => urgent),
    signatures(items) {
      if (items.length === 0) return Promise.resolve([])
      const shard = shards.reduce((least, other) => (waitingOf(other) < waitingOf(least) ? other : least))
      return new Promise((resolve) => enqueue(shard, shard.urgent, { kind: 'signatures', items, resolve }))
    },
    async close() {
      closing = true
      await Promise.all(shards.map(({ worker }) => worker.terminate()))
    },
  }
}

const waitingOf = ({ urgent, waiting }: Shard): number => urgent.length + waiting.length

const rowOf = (rows: Uint8Array, row: number): Uint8Array => rows.subarray(row * HEARTBEAT_ROW_SIZE, (row + 1) * HEARTBEAT_ROW_SIZE)

/** Heartbeats whose signatures wait to be verified: memory would fill. */
const MAX_WAITING = 32_768
/** Clients that come behind others that wait for longer than this are told to come again: it costs less than to let them wait as well. */
const MAX_CLIENT_DELAY_MS = 1_500
/** Peers have their turn for longer: what they bring has been verified once, and nobody brings it again. */
const MAX_PEER_DELAY_MS = 4_000

/** Whether the threads that verify are behind with what came in: clients and peers alike add to that. */
export function isBusy({ waiting, delayMs }: Pick<VerifyPool, 'waiting' | 'delayMs'>, count: number, from: 'client' | 'peer'): boolean {
  return waiting + count > MAX_WAITING || delayMs > (from === 'client' ? MAX_CLIENT_DELAY_MS : MAX_PEER_DELAY_MS)
}
