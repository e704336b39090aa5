// One JSON request to a node, with a time limit.

import { DeviceError } from './error.ts'
import type { Timing } from './timing.ts'

/** What the SDK uses of `fetch`. */
export type Fetch = (url: string, init: FetchInit) => Promise<Response>

export interface FetchInit {
  readonly method: string
  readonly headers: Record<string, string>
  readonly body?: string
  readonly signal: AbortSignal
}

export interface HttpOptions {
  /** Of the node, such as `http://127.0.0.1:8080`. */
  readonly url: string
  readonly fetch: Fetch
  readonly timing: Timing
  readonly timeoutMs: number
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  /** Starts with a slash. */
  readonly path: string
  readonly body?: unknown
  readonly signal?: AbortSignal
}

export interface HttpAnswer {
  readonly status: number
  /** Undefined if it is not JSON. */
  readonly json: unknown
  readonly retryAfterMs?: number
  /** Our clock before and after, unix ms. */
  readonly sentMs: number
  readonly receivedMs: number
}

/** @throws DeviceError `unreachable`; every status is an answer */
export async function requestJson(options: HttpOptions, request: HttpRequest): Promise<HttpAnswer> {
  const { timing } = options
  const abort = new AbortController()
  const stop = (): void => abort.abort()
  const cancelTimeout = timing.after(options.timeoutMs, stop)
  request.signal?.addEventListener('abort', stop, { once: true })
  if (request.signal?.aborted === true) stop()
  const sentMs = timing.nowMs()
  try {
    const headers: Record<string, string> = { accept: 'application/json' }
    if (request.body !== undefined) headers['content-type'] = 'application/json'
    const response = await options.fetch(options.url.replace(/\/+$/, '') + request.path, {
      method: request.method,
      headers,
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      signal: abort.signal,
    })
    // Before the body: the clock's reading lies nearer to the head of the answer.
    const receivedMs = timing.nowMs()
    const json = parse(await response.text())
    const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'))
    return { status: response.status, json, sentMs, receivedMs, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
  } catch (error) {
    const stopped = request.signal?.aborted === true
    const why = stopped ? 'the request was stopped' : abort.signal.aborted ? `no answer within ${options.timeoutMs} ms` : reason(error)
    throw new DeviceError('unreachable', `${options.url}: ${why}`, {}, { cause: error })
  } finally {
    cancelTimeout()
    request.signal?.removeEventListener('abort', stop)
  }
}

/** `fetch` hides the cause (ECONNREFUSED …) one level down. */
function reason(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { message?: string } }
  return cause?.message || message || String(error)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Seconds only; the form with a date is not worth a parser here. */
function parseRetryAfter(value: string | null): number | undefined {
  return value !== null && /^\d{1,6}$/.test(value) ? Number(value) * 1_000 : undefined
}

/** `code` and `detail` of problem details, as far as they are there. */
export function problemOf(json: unknown): { code?: string; detail?: string } {
  const { code, detail } = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>
  return { ...(typeof code === 'string' ? { code } : {}), ...(typeof detail === 'string' ? { detail } : {}) }
}
