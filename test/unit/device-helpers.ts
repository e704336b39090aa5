// A clock that tests turn, and a node that answers the device SDK as the real one would, over a fake fetch.

import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { base64 } from '@scure/base'
import { concat, equalBytes, fromHex, toHex } from '../../src/base/bytes.ts'
import { sha256 } from '../../src/crypto/hash.ts'
import { verifySignature } from '../../src/crypto/verify.ts'
import type { Fetch } from '../../src/device/http.ts'
import type { Timing } from '../../src/device/timing.ts'
import { decodeHeartbeat, heartbeatDeviceKey, heartbeatEvidence, heartbeatWitness, recordOfRow } from '../../src/protocol/heartbeat.ts'
import { REASONS } from '../../src/protocol/reason.ts'
import type { Reason } from '../../src/protocol/reason.ts'
import type { Vitals } from '../../src/protocol/vitals.ts'
import { evidenceOf, levelsOf, vitalsInRange } from '../../src/protocol/vitals.ts'

export const START_MS = 1_900_000_000_000
export const GENESIS = sha256(new TextEncoder().encode('a test'))
export const WITNESS = sha256(new TextEncoder().encode('a witness'))
export const VITALS: Vitals = { rrMs: [800, 820, 790], motionMilliG: [10, 20], temperatureCentiC: 3_390 }

export const NETWORK = {
  genesisHash: GENESIS,
  witness: WITNESS,
  development: true,
  heartbeatMaxAgeMs: 30_000,
  heartbeatMaxFutureMs: 5_000,
  lifeMinIntervalMs: 1_000,
}

/** Lets everything run that waits for promises only. */
export const settle = (): Promise<void> => setImmediate()

export class FakeTiming implements Timing {
  /** Added to the wall clock; tests may change it. */
  wallMs = START_MS
  #elapsedMs = 0
  #timers: { atMs: number; run: () => void }[] = []

  nowMs = (): number => Math.floor(this.wallMs + this.#elapsedMs)
  elapsedMs = (): number => this.#elapsedMs
  after = (delayMs: number, run: () => void): (() => void) => {
    const timer = { atMs: this.#elapsedMs + Math.max(0, delayMs), run }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** Runs every timer of the next `ms` at its time. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#elapsedMs + ms
    await settle()
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined || next.atMs > untilMs) break
      this.#elapsedMs = next.atMs
      this.#timers = this.#timers.filter((other) => other !== next)
      next.run()
      await settle()
    }
    this.#elapsedMs = untilMs
    await settle()
  }

  get pending(): number {
    return this.#timers.length
  }
}

interface Answer {
  readonly status: number
  readonly json: unknown
  readonly headers?: Record<string, string>
}

export interface Taken {
  readonly device: string
  readonly timestampS: number
  readonly sequence: number
  readonly vitals: Vitals
}

export class FakeNode {
  readonly timing: Pick<Timing, 'nowMs'>
  /** The node's clock minus the device's. */
  clockAheadMs = 0
  witness = WITNESS
  genesisHash = GENESIS
  development = true
  /** `down`: no connection. `mute`: works, but its answers are lost. An answer: gives it to every submission. */
  mode: 'up' | 'down' | 'mute' | 'silent' | Answer = 'up'
  /** Answers wait for this. */
  gate: Promise<void> = Promise.resolve()
  /** Submissions larger than this get 413. */
  maxBatch = 1_000
  /** Codes for the heartbeats of a batch that come next, before any check. */
  readonly refuseNext: Reason[] = []
  readonly requests: { path: string; heartbeats: number }[] = []
  readonly taken: Taken[] = []
  #ids = new Set<string>()

  constructor(timing: Pick<Timing, 'nowMs'>) {
    this.timing = timing
  }

  fetch: Fetch = async (url, init) => {
    const path = new URL(url).pathname
    if (this.mode === 'down') throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') })
    const answer = this.answer(init.method, path, init.body)
    await this.gate
    if (this.mode === 'mute' && path === '/v2/heartbeats') throw new TypeError('socket closed')
    if (this.mode === 'silent') {
      await once(init.signal, 'abort')
      throw new Error('aborted')
    }
    return {
      status: answer.status,
      headers: { get: (name: string) => answer.headers?.[name] ?? null },
      text: async () => (typeof answer.json === 'string' ? answer.json : JSON.stringify(answer.json)),
    } as unknown as Response
  }

  nowMs(): number {
    return this.timing.nowMs() + this.clockAheadMs
  }

  answer(method: string, path: string, body: string | undefined): Answer {
    const json = body === undefined ? {} : (JSON.parse(body) as Record<string, unknown>)
    const list = Array.isArray(json.heartbeats) ? (json.heartbeats as Record<string, unknown>[]) : null
    this.requests.push({ path, heartbeats: path === '/v2/heartbeats' ? (list?.length ?? 1) : 0 })
    if (method === 'GET' && path === '/v2/node') return { status: 200, json: this.#info() }
    if (typeof this.mode === 'object') return this.mode
    if (path === '/v2/transactions') {
      const id = toHex(sha256(base64.decode(json.message as string)))
      return { status: 200, json: { accepted: true, id } }
    }
    if (path !== '/v2/heartbeats') return problem(404, 'not_found')
    if (list === null) {
      const verdict = this.#take(json)
      return typeof verdict === 'string' ? problem(REASONS[verdict].status, verdict) : { status: 200, json: verdict }
    }
    if (list.length > this.maxBatch) return problem(413, 'too_large')
    const verdicts = list.map((heartbeat) => {
      const verdict = this.#take(heartbeat)
      return typeof verdict === 'string' ? { accepted: false, code: verdict, detail: REASONS[verdict].text } : verdict
    })
    return { status: 200, json: { verdicts } }
  }

  #info(): object {
    const { heartbeatMaxAgeMs, heartbeatMaxFutureMs, lifeMinIntervalMs } = NETWORK
    return {
      network: 'test',
      genesisHash: toHex(this.genesisHash),
      development: this.development,
      witness: toHex(this.witness),
      nowMs: this.nowMs(),
      params: { blockIntervalMs: 1_000, heartbeatMaxAgeMs, heartbeatMaxFutureMs, lifeMinIntervalMs, rewardInitial: '10000000000' },
      limits: { batchHeartbeats: 1_000 },
    }
  }

  /** All that a node checks, in its own words. */
  #take(json: Record<string, unknown>): Reason | { accepted: true; id: string; weightPpm: number } {
    const planned = this.refuseNext.shift()
    if (planned !== undefined) return planned
    const message = base64.decode(json.message as string)
    const record = recordOfRow(concat(message, base64.decode(json.signature as string)), this.genesisHash)
    if (!record.ok) return record.error
    const heartbeat = decodeHeartbeat(record.value, '')
    const vitals = json.vitals as Vitals
    if (heartbeat === null) return 'malformed'
    if (!equalBytes(heartbeatWitness(record.value), this.witness)) return 'wrong_witness'
    const ageMs = this.nowMs() - heartbeat.timestampS * 1_000
    if (ageMs > NETWORK.heartbeatMaxAgeMs) return 'too_old'
    if (ageMs < -NETWORK.heartbeatMaxFutureMs) return 'from_future'
    if (!vitalsInRange(vitals)) return 'out_of_range'
    const levels = levelsOf(vitals)
    if (levels.rateLevel !== heartbeat.rateLevel || levels.motionLevel !== heartbeat.motionLevel) return 'levels_mismatch'
    if (!equalBytes(evidenceOf(vitals, base64.decode(json.nonce as string)), heartbeatEvidence(record.value))) return 'evidence_mismatch'
    const id = toHex(sha256(message))
    if (this.#ids.has(id)) return 'duplicate'
    const device = toHex(heartbeatDeviceKey(record.value))
    const last = this.taken.findLast((other) => other.device === device)
    if (last !== undefined && heartbeat.sequence <= last.sequence) return 'sequence_replayed'
    if (last !== undefined && heartbeat.timestampS * 1_000 < last.timestampS * 1_000 + NETWORK.lifeMinIntervalMs) return 'too_fast'
    if (!verifySignature(message, base64.decode(json.signature as string), fromHex(device)!)) return 'bad_signature'
    this.#ids.add(id)
    this.taken.push({ device, timestampS: heartbeat.timestampS, sequence: heartbeat.sequence, vitals })
    return { accepted: true, id, weightPpm: 123_456 }
  }
}

export const problem = (status: number, code: string, headers: Record<string, string> = {}): Answer => ({
  status,
  json: { type: 'about:blank', status, code, detail: `refused: ${code}` },
  headers,
})

export const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
/** Standard deviation of the intervals. */
export const sdnn = (rr: readonly number[]): number => Math.sqrt(mean(rr.map((value) => value ** 2)) - mean(rr) ** 2)
/** Root mean square of successive differences. */
export const rmssd = (rr: readonly number[]): number => Math.sqrt(mean(rr.slice(1).map((value, i) => (value - rr[i]!) ** 2)))
export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
