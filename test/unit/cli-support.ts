// Runs command lines within the test's own process, with an outside world of its own.

import { EventEmitter } from 'node:events'
import type { Io } from '../../src/cli/io.ts'
import { main } from '../../src/cli/main.ts'
import { systemClock } from '../../src/ops/clock.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export async function runCli(args: readonly string[], io: Partial<Io> = {}): Promise<Ran> {
  let out = ''
  let err = ''
  const code = await main(args, {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    outIsTerminal: false,
    errIsTerminal: false,
    env: {},
    fetch: () => Promise.reject(new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') })),
    clock: systemClock,
    signals: new EventEmitter(),
    ...io,
  })
  return { code, out, err }
}

export interface Request {
  readonly method: string
  readonly path: string
  readonly body: unknown
}

/** A node that answers from a table of `METHOD /path`; what is not in it is 404. Functions get the body. */
export function fakeNode(answers: Readonly<Record<string, unknown>>): { fetch: typeof fetch; requests: Request[] } {
  const requests: Request[] = []
  const answer = async (url: string | URL | globalThis.Request, init: RequestInit = {}): Promise<Response> => {
    const { pathname } = new URL(String(url))
    const { method = 'GET' } = init
    const body: unknown = typeof init.body === 'string' ? JSON.parse(init.body) : undefined
    requests.push({ method, path: pathname, body })
    const found = answers[`${method} ${pathname}`]
    const value: unknown = typeof found === 'function' ? (found as (body: unknown) => unknown)(body) : found
    if (value === undefined) return problem(404, 'not_found', 'There is no such thing here.')
    return value instanceof Response ? value : Response.json(value)
  }
  return { fetch: answer, requests }
}

export const problem = (status: number, code: string, detail: string): Response =>
  Response.json({ type: 'about:blank', title: '', status, code, detail }, { status, headers: { 'content-type': 'application/problem+json' } })
