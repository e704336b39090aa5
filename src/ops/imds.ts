// The instance metadata service of EC2, version 2: what a machine is told about itself. Asked by token only, never by version 1.
//
// Whatever else may answer at that address (a proxy, another cloud, a broken emulator) is not believed: a wrong answer is a
// Failure, never a default.

import type { Clock } from './clock.ts'
import { Failure } from './failure.ts'
import { readBody } from './http-body.ts'

export const IMDS_URL = 'http://169.254.169.254'

export interface Imds {
  /** @param path below /latest/, as `meta-data/public-ipv4` @returns null if there is no such thing @throws Failure('unreachable') */
  bytes(path: string): Promise<Uint8Array | null>
  /** One line of printable ASCII. @throws Failure('unreachable') */
  text(path: string): Promise<string | null>
  /** How far the system's clock is ahead of the service's, ms; null before the first answer. */
  readonly skewMs: number | null
}

export interface ImdsDependencies {
  readonly fetch: typeof fetch
  readonly clock: Clock
  /** Without a slash at its end. */
  readonly url?: string
  readonly timeoutMs?: number
  /** Pauses between attempts; one attempt more than there are pauses. */
  readonly pausesMs?: readonly number[]
}

const TOKEN_SECONDS = 300
/** User-data has at most 16 KiB; nothing else comes near. */
const MAX_ANSWER_BYTES = 64 * 1024
const DEFAULT_TIMEOUT_MS = 2_000
/** The service may come up after the network does. */
const DEFAULT_PAUSES_MS = [250, 500, 1_000, 2_000, 4_000]

type Answer = { readonly status: number; readonly body: Uint8Array }

export function createImds({ fetch, clock, url = IMDS_URL, timeoutMs = DEFAULT_TIMEOUT_MS, pausesMs = DEFAULT_PAUSES_MS }: ImdsDependencies): Imds {
  let token: string | null = null
  let skewMs: number | null = null

  async function ask(method: 'GET' | 'PUT', path: string, headers: Record<string, string>): Promise<Answer> {
    const response = await fetch(`${url}/latest/${path}`, { method, headers, redirect: 'error', signal: AbortSignal.timeout(timeoutMs) })
    const serverMs = Date.parse(response.headers.get('date') ?? '')
    if (!Number.isNaN(serverMs)) skewMs = clock.nowMs() - serverMs
    return { status: response.status, body: await readBody(response, MAX_ANSWER_BYTES) }
  }

  /** Asks again while nothing answers, or only a server in trouble. */
  async function insist(method: 'GET' | 'PUT', path: string, headers: Record<string, string>): Promise<Answer> {
    for (let attempt = 0; ; attempt++) {
      let trouble: string
      try {
        const answer = await ask(method, path, headers)
        if (answer.status < 500 && answer.status !== 429) return answer
        trouble = `HTTP ${answer.status}`
      } catch (error) {
        trouble = reasonOf(error)
      }
      const pauseMs = pausesMs[attempt]
      if (pauseMs === undefined) {
        throw new Failure(
          'unreachable',
          `The instance metadata service at ${url} does not answer: ${trouble}`,
          'Check that the metadata options of the instance have HttpEndpoint=enabled, and that no firewall rule stops it.',
        )
      }
      await new Promise<void>((resolve) => clock.after(pauseMs, resolve))
    }
  }

  async function newToken(): Promise<string> {
    const { status, body } = await insist('PUT', 'api/token', { 'x-aws-ec2-metadata-token-ttl-seconds': String(TOKEN_SECONDS) })
    const text = asciiLine(body)
    if (status !== 200 || text === null || text.length < 16) throw rubbish(url, 'api/token', `HTTP ${status}, ${body.length} bytes that are no token`)
    return text
  }

  async function bytes(path: string): Promise<Uint8Array | null> {
    for (let attempt = 0; ; attempt++) {
      token ??= await newToken()
      const { status, body } = await insist('GET', path, { 'x-aws-ec2-metadata-token': token })
      if (status === 200) return body
      if (status === 404) return null
      if (status !== 401 || attempt > 0) throw rubbish(url, path, `HTTP ${status}`)
      token = null
    }
  }

  return {
    bytes,
    async text(path) {
      const body = await bytes(path)
      if (body === null) return null
      const text = asciiLine(body)
      if (text === null) throw rubbish(url, path, `${body.length} bytes that are no line of text`)
      return text
    },
    get skewMs() {
      return skewMs
    },
  }
}

/** One line of printable ASCII; a line feed at its end does not count. */
function asciiLine(body: Uint8Array): string | null {
  const text = Buffer.from(body).toString('latin1').replace(/\n$/, '')
  return /^[\x20-\x7e]{1,4096}$/.test(text) ? text : null
}

function rubbish(url: string, path: string, what: string): Failure {
  return new Failure('unreachable', `The instance metadata service at ${url} answers rubbish for ${path}: ${what}`, 'Check what answers at that address.')
}

/** The innermost reason: `fetch failed` says nothing. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return 'no answer in time'
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message
}
