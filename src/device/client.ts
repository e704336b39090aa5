// A small client for the node's HTTP API, version 2.

import { base64 } from '@scure/base'
import { equalBytes } from '../base/bytes.ts'
import { DeviceError } from './error.ts'
import type { DeviceHeartbeat } from './heartbeat.ts'
import type { Fetch, HttpAnswer, HttpOptions, HttpRequest } from './http.ts'
import { problemOf, requestJson } from './http.ts'
import { createNodeClock } from './node-clock.ts'
import type { NodeInfo } from './node-info.ts'
import { parseNodeInfo } from './node-info.ts'
import type { Timing } from './timing.ts'
import { systemTiming } from './timing.ts'
import type { DeviceTransfer } from './transfer.ts'
import type { HeartbeatVerdict } from './verdict.ts'
import { isReason, parseVerdict } from './verdict.ts'

/** Heartbeats that the API takes in one request. */
export const MAX_BATCH = 1_000

export interface ClientOptions {
  /** Of the node, such as `http://127.0.0.1:8080`. */
  readonly url: string
  /** The network to insist on. If absent, the network of the first answer. */
  readonly genesisHash?: Uint8Array
  readonly timeoutMs?: number
  readonly fetch?: Fetch
  readonly timing?: Timing
}

export interface Client {
  /** Reads `/v2/node` and sets the clock by it. @throws DeviceError, `wrong_network` among others */
  readNode(signal?: AbortSignal): Promise<NodeInfo>
  /** The last answer of `readNode`, or null before the first. */
  readonly node: NodeInfo | null
  /** Unix ms by the node's clock, as far as known. */
  nowMs(): number
  readonly clockOffsetMs: number
  /** Sends 1 to 1000 heartbeats in one request; a verdict for each, in order. @throws DeviceError */
  sendHeartbeats(heartbeats: readonly DeviceHeartbeat[], signal?: AbortSignal): Promise<HeartbeatVerdict[]>
  /** Hands in a signed transfer. @returns its id, hex. @throws DeviceError; `refused` carries the node's code */
  sendTransfer(transfer: DeviceTransfer, signal?: AbortSignal): Promise<string>
  /** Any other route: the JSON of an answer below 400. @throws DeviceError; `refused` carries status and code */
  request(request: HttpRequest): Promise<unknown>
}

export function createClient(options: ClientOptions): Client {
  const timing = options.timing ?? systemTiming
  const http: HttpOptions = { url: options.url, fetch: options.fetch ?? platformFetch, timing, timeoutMs: options.timeoutMs ?? 10_000 }
  const clock = createNodeClock(timing)
  let node: NodeInfo | null = null

  async function request(what: HttpRequest): Promise<HttpAnswer> {
    const answer = await requestJson(http, what)
    if (answer.status < 400) return answer
    throw refusal(http.url + what.path, answer)
  }

  return {
    async readNode(signal) {
      const answer = await request({ method: 'GET', path: '/v2/node', ...withSignal(signal) })
      const info = parseNodeInfo(answer.json)
      const expected = options.genesisHash ?? node?.genesisHash
      if (expected !== undefined && !equalBytes(info.genesisHash, expected)) {
        throw new DeviceError('wrong_network', `${http.url} serves the network "${info.name}" with another genesis than expected`)
      }
      clock.observe(answer.sentMs, answer.receivedMs, info.nodeTimeMs)
      return (node = info)
    },
    get node() {
      return node
    },
    nowMs: () => clock.nowMs(),
    get clockOffsetMs() {
      return clock.offsetMs
    },
    async sendHeartbeats(heartbeats, signal) {
      const only = heartbeats.length === 1
      if (heartbeats.length === 0 || heartbeats.length > MAX_BATCH) throw new RangeError(`a request carries 1 to ${MAX_BATCH} heartbeats`)
      const body = only ? heartbeatJson(heartbeats[0]!) : { heartbeats: heartbeats.map(heartbeatJson) }
      const answer = await requestJson(http, { method: 'POST', path: '/v2/heartbeats', body, ...withSignal(signal) })
      if (answer.status < 400) return only ? [parseVerdict(answer.json)] : parseVerdicts(answer.json, heartbeats.length)
      const { code, detail = '' } = problemOf(answer.json)
      // A refusal of the one heartbeat, for a reason of the protocol, is its verdict; 503 asks to come again.
      if (only && code !== undefined && isReason(code) && answer.status !== 503) return [{ accepted: false, code, detail }]
      throw refusal(`${http.url}/v2/heartbeats`, answer)
    },
    async sendTransfer({ id, message, signature }, signal) {
      const body = { message: base64.encode(message), signature: base64.encode(signature) }
      const answer = await request({ method: 'POST', path: '/v2/transactions', body, ...withSignal(signal) })
      const taken = (answer.json as { id?: unknown } | null | undefined)?.id
      if (taken !== id) throw new DeviceError('bad_answer', 'the node took the transfer under another id than its own')
      return id
    },
    request: async (what) => (await request(what)).json,
  }
}

const withSignal = (signal: AbortSignal | undefined): { signal?: AbortSignal } => (signal === undefined ? {} : { signal })

/** A method of no object: browsers insist on `fetch` being called as one of the global object. */
const platformFetch: Fetch = (url, init) => globalThis.fetch(url, init)

/** The members of one heartbeat in a request's body. */
export function heartbeatJson(heartbeat: DeviceHeartbeat): object {
  const { message, signature, nonce } = heartbeat
  // By name: a sensor may add members of its own, which are nobody's business and which the API refuses.
  const { rrMs, motionMilliG, temperatureCentiC } = heartbeat.vitals
  const vitals = { rrMs, motionMilliG, temperatureCentiC }
  return { message: base64.encode(message), signature: base64.encode(signature), vitals, nonce: base64.encode(nonce) }
}

function parseVerdicts(json: unknown, expected: number): HeartbeatVerdict[] {
  const verdicts = typeof json === 'object' && json !== null && 'verdicts' in json ? json.verdicts : null
  if (!Array.isArray(verdicts) || verdicts.length !== expected) {
    throw new DeviceError('bad_answer', `the node did not answer ${expected} heartbeats with as many verdicts`)
  }
  return verdicts.map(parseVerdict)
}

/** Statuses that ask to come again. */
const isTemporaryStatus = (status: number): boolean => status === 408 || status === 429 || status >= 500

function refusal(url: string, answer: HttpAnswer): DeviceError {
  const { code, detail } = problemOf(answer.json)
  const details = {
    status: answer.status,
    ...(code === undefined ? {} : { nodeCode: code }),
    ...(answer.retryAfterMs === undefined ? {} : { retryAfterMs: answer.retryAfterMs }),
  }
  const text = `${url} answered ${answer.status}${code === undefined ? '' : ` (${code})`}${detail === undefined ? '' : `: ${detail}`}`
  return new DeviceError(isTemporaryStatus(answer.status) ? 'unavailable' : 'refused', text, details)
}
