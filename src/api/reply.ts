// How answers are sent: problems, cacheable bodies, headers that every answer carries.

import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Problem } from './problem.ts'
import { PROBLEM_TYPE } from './problem.ts'

export const SAFE_HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
} as const

export function sendProblem(reply: FastifyReply, { body, headers }: Problem): FastifyReply {
  return reply.code(body.status).headers(headers).header('cache-control', 'no-store').type(PROBLEM_TYPE).send(JSON.stringify(body))
}

/** For what can never change. */
export const IMMUTABLE = 'public, max-age=31536000, immutable'
/** For what may have changed: ask, and get 304 if it has not. */
export const REVALIDATE = 'no-cache'

/** Sends `body` under a strong entity tag, or 304 if the client has it. @param tag characters that may stand in an ETag */
export function sendTagged(request: FastifyRequest, reply: FastifyReply, tag: string, cacheControl: string, body: unknown): FastifyReply {
  reply.headers({ etag: `"${tag}"`, 'cache-control': cacheControl })
  return matches(request.headers['if-none-match'], tag) ? reply.code(304).send() : reply.send(body)
}

function matches(header: string | undefined, tag: string): boolean {
  return header !== undefined && header.split(',').some((entry) => ['*', `"${tag}"`, `W/"${tag}"`].includes(entry.trim()))
}

/** An entity tag for content that has no name of its own. */
export const contentTag = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex').slice(0, 32)
