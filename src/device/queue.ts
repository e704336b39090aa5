// Keeps heartbeats while the node cannot be reached, and sends them in order: one request at a time, as many heartbeats
// in it as are waiting.
//
// Nothing is kept for long: a heartbeat that the network would refuse as too old is dropped and counted, and so is the
// oldest one of a full queue (it would be the next to grow too old). Failed requests are repeated with backoff.

import type { Client } from './client.ts'
import { MAX_BATCH } from './client.ts'
import { DeviceError } from './error.ts'
import type { DeviceHeartbeat, Network } from './heartbeat.ts'
import type { Timing } from './timing.ts'
import { sleep, systemTiming } from './timing.ts'
import type { HeartbeatSink, HeartbeatVerdict } from './verdict.ts'
import { isReason, isTemporary, localVerdict } from './verdict.ts'

export interface QueueOptions {
  readonly client: Client
  /** Heartbeats that may wait. Default 1000. */
  readonly maxHeartbeats?: number
  /** Longest wait before the first retry, ms; doubles with each failure. Default 500. */
  readonly backoffMs?: number
  /** Default 10 000. */
  readonly maxBackoffMs?: number
  readonly timing?: Timing
  /** 0 ≤ x < 1. */
  readonly random?: () => number
  /** Called for each failed request, before the wait. */
  readonly onFailure?: (error: DeviceError, retryInMs: number) => void
}

export interface QueueStats {
  readonly waiting: number
  readonly accepted: number
  readonly refused: number
  readonly droppedOld: number
  readonly droppedFull: number
  /** Requests that failed and were, or will be, repeated. */
  readonly failures: number
}

export interface HeartbeatQueue extends HeartbeatSink {
  readonly stats: QueueStats
  /** Stops the request under way and drops what waits. */
  close(): void
}

interface Entry {
  readonly heartbeat: DeviceHeartbeat
  readonly settle: (verdict: HeartbeatVerdict) => void
  /** It was sent and the answer lost: the node may have it. */
  maybeThere: boolean
}

/** Verdicts which say that we know the node, or its clock, wrongly. */
const STALE_KNOWLEDGE = new Set(['wrong_witness', 'too_old', 'from_future'])
/** The node is asked again at most this often, and at least as often as the second, ms. */
const MIN_REFRESH_MS = 10_000
const MAX_REFRESH_MS = 600_000

/** The client must have read its node (`readNode`) before heartbeats are made for this sink. */
export function createQueue(options: QueueOptions): HeartbeatQueue {
  const { client, maxHeartbeats = 1_000, backoffMs = 500, maxBackoffMs = 10_000, timing = systemTiming, random = Math.random } = options
  const counts = { accepted: 0, refused: 0, droppedOld: 0, droppedFull: 0, failures: 0 }
  const closing = new AbortController()
  let waiting: Entry[] = []
  let pumping = false
  let batchSize = MAX_BATCH
  let failuresInRow = 0
  let refreshWanted = false
  let refreshedAtMs = timing.elapsedMs()

  function network(): Network {
    if (client.node === null) throw new Error('call readNode of the client before the first heartbeat')
    return client.node
  }

  function settle(entry: Entry, verdict: HeartbeatVerdict): void {
    if (verdict.accepted) counts.accepted++
    else if (verdict.code === 'dropped_old') counts.droppedOld++
    else if (verdict.code === 'dropped_full') counts.droppedFull++
    else if (verdict.code !== 'dropped_closed') counts.refused++
    entry.settle(verdict)
  }

  function dropOldAndExcess(): void {
    const oldestMs = client.nowMs() - network().heartbeatMaxAgeMs
    const fresh = waiting.filter((entry) => {
      if (entry.heartbeat.timestampS * 1_000 >= oldestMs) return true
      settle(entry, localVerdict('dropped_old', 'The heartbeat could not be sent before it became too old.'))
      return false
    })
    const excess = Math.max(0, fresh.length - maxHeartbeats)
    for (const entry of fresh.slice(0, excess)) settle(entry, localVerdict('dropped_full', 'The queue is full.'))
    waiting = fresh.slice(excess)
  }

  async function refresh(): Promise<void> {
    const ageMs = timing.elapsedMs() - refreshedAtMs
    const due = failuresInRow > 0 || ageMs >= MAX_REFRESH_MS || (refreshWanted && ageMs >= MIN_REFRESH_MS)
    if (!due) return
    await client.readNode(closing.signal)
    refreshedAtMs = timing.elapsedMs()
    refreshWanted = false
  }

  /** Sends once. What must be sent again goes back to the head of the queue. */
  async function sendBatch(batch: readonly Entry[]): Promise<void> {
    let verdicts: HeartbeatVerdict[]
    try {
      verdicts = await client.sendHeartbeats(batch.map((entry) => entry.heartbeat), closing.signal)
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error
      if (error.code === 'refused' && error.details.status === 413 && batch.length > 1) {
        batchSize = Math.ceil(batch.length / 2)
      } else if (error.code === 'refused') {
        const code = error.details.nodeCode ?? `http_${error.details.status}`
        for (const entry of batch) settle(entry, { accepted: false, code, detail: error.message })
        return
      } else {
        const { status, nodeCode } = error.details
        // Refused at the door. A 503 of another kind may come from a node, or a proxy, that had taken them in.
        const untouched = status === 429 || (status === 503 && nodeCode !== undefined && isReason(nodeCode))
        for (const entry of batch) entry.maybeThere ||= !untouched
      }
      waiting = [...batch, ...waiting]
      throw error
    }
    const again: Entry[] = []
    for (const [i, entry] of batch.entries()) {
      const verdict = verdicts[i]!
      const code = verdict.accepted ? null : verdict.code
      if (isTemporary(verdict)) again.push(entry)
      else if (code === 'duplicate' && entry.maybeThere) settle(entry, { accepted: true, id: entry.heartbeat.id, weightPpm: null })
      else settle(entry, verdict)
      if (code !== null && STALE_KNOWLEDGE.has(code)) refreshWanted = true
    }
    waiting = [...again, ...waiting]
    if (again.length > 0) throw new DeviceError('unavailable', 'the node could not take all heartbeats')
  }

  /** Runs while something waits; at most one at a time. */
  async function pump(): Promise<void> {
    if (pumping) return
    pumping = true
    while (waiting.length > 0 && !closing.signal.aborted) {
      dropOldAndExcess()
      if (waiting.length === 0) break
      try {
        await refresh()
        // Again: the refresh may have taken long, and moved the clock.
        dropOldAndExcess()
        if (waiting.length > 0) await sendBatch(waiting.splice(0, batchSize))
        failuresInRow = 0
      } catch (error) {
        if (!(error instanceof DeviceError)) throw error
        // Too large is no failure: the next batch is smaller.
        if (error.details.status !== 413) await backOff(error)
      }
    }
    if (closing.signal.aborted) dropAll()
    pumping = false
  }

  function dropAll(): void {
    for (const entry of waiting.splice(0)) settle(entry, localVerdict('dropped_closed', 'The queue was closed.'))
  }

  async function backOff(error: DeviceError): Promise<void> {
    if (closing.signal.aborted) return
    counts.failures++
    const longestMs = Math.min(maxBackoffMs, backoffMs * 2 ** Math.min(failuresInRow++, 20))
    const waitMs = Math.max(longestMs * (0.5 + random() / 2), Math.min(error.details.retryAfterMs ?? 0, maxBackoffMs))
    options.onFailure?.(error, waitMs)
    await sleep(timing, waitMs, closing.signal)
  }

  return {
    network,
    nowMs: () => client.nowMs(),
    async send(heartbeats) {
      network()
      const verdicts = heartbeats.map(
        (heartbeat) =>
          new Promise<HeartbeatVerdict>((resolve) => {
            if (closing.signal.aborted) resolve(localVerdict('dropped_closed', 'The queue is closed.'))
            else waiting.push({ heartbeat, settle: resolve, maybeThere: false })
          }),
      )
      if (waiting.length > maxHeartbeats) dropOldAndExcess()
      void pump()
      return Promise.all(verdicts)
    },
    get stats() {
      return { waiting: waiting.length, ...counts }
    },
    close() {
      closing.abort()
      dropAll()
    },
  }
}
