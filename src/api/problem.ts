// Refusals as problem details (RFC 9457), and how errors become them. Codes are stable: those of protocol/reason.ts
// for what a message says, and the ones below for how it was asked.

import { STATUS_CODES } from 'node:http'
import type { Reason } from '../protocol/reason.ts'
import { REASONS } from '../protocol/reason.ts'

const requestProblems = {
  not_found: { status: 404, text: 'There is no such thing here.' },
  method_not_allowed: { status: 405, text: 'The resource exists, but not with this method. See the Allow header.' },
  request_timeout: { status: 408, text: 'The request did not arrive in time.' },
  unsupported_media_type: { status: 415, text: 'The content type is not one that this resource takes.' },
  upgrade_required: { status: 426, text: 'This resource speaks WebSocket: connect with an upgrade.' },
  rate_limited: { status: 429, text: 'Too many requests from this address.' },
  headers_too_large: { status: 431, text: 'The header of the request is larger than the limit.' },
  internal: { status: 500, text: 'The node failed to answer. Its log has the details under the request id.' },
  unhealthy: { status: 503, text: 'A part of the node is not working.' },
  not_ready: { status: 503, text: 'The node is not ready.' },
  too_many_clients: { status: 503, text: 'No further WebSocket clients are taken at the moment.' },
  busy: { status: 503, text: 'The node holds as many requests as it may at the moment.' },
  timeout: { status: 503, text: 'The node was too busy to answer in time.' },
} as const

export type ProblemCode = Reason | keyof typeof requestProblems

const PROBLEMS: Readonly<Record<ProblemCode, { readonly status: number; readonly text: string }>> = { ...REASONS, ...requestProblems }

export const PROBLEM_TYPE = 'application/problem+json'

export interface ProblemBody {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: ProblemCode
  readonly detail: string
  readonly requestId?: string
  readonly reasons?: readonly string[]
}

export function problemBody(code: ProblemCode, detail?: string, more: Pick<ProblemBody, 'requestId' | 'reasons'> = {}): ProblemBody {
  const { status, text } = PROBLEMS[code]
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, code, detail: detail ?? text, ...more }
}

/** Thrown by hooks and handlers to refuse a request. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly body: ProblemBody
  readonly headers: Readonly<Record<string, string>>

  constructor(code: ProblemCode, detail?: string, headers: Readonly<Record<string, string>> = {}, more: Pick<ProblemBody, 'reasons'> = {}) {
    super(code)
    this.body = problemBody(code, detail, more)
    this.headers = { ...retryHeaders(code), ...headers }
  }
}

/** What will probably work if it is tried again. */
function retryHeaders(code: ProblemCode): Record<string, string> {
  const { status } = PROBLEMS[code]
  return status === 429 || status === 503 ? { 'retry-after': '1' } : {}
}

const FRAMEWORK_CODES: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_HANDLER_TIMEOUT: 'timeout',
  FST_ERR_NOT_FOUND: 'not_found',
}

/** The problem that an error of the framework stands for; null if the error is our own fault. */
export function problemOf(error: unknown): Problem | null {
  if (error instanceof Problem) return error
  if (!(error instanceof Error)) return null
  const { code, statusCode, validation } = error as Error & { code?: string; statusCode?: number; validation?: unknown }
  const known = code === undefined ? undefined : FRAMEWORK_CODES[code]
  if (known !== undefined) return new Problem(known)
  if (validation !== undefined) return new Problem('malformed', error.message)
  const isClients = statusCode !== undefined && statusCode >= 400 && statusCode < 500
  return isClients ? new Problem('malformed', 'The request is not well-formed.') : null
}
