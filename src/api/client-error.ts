// Requests that are not even HTTP: Node's parser refuses them before fastify sees them.

import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ProblemCode } from './problem.ts'
import { PROBLEM_TYPE, problemBody } from './problem.ts'

const CODES: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

/** Answers with a problem if the connection still can, and ends it. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const known = CODES[error.code ?? '']
  const problem = known === undefined ? problemBody('malformed', 'The request is not valid HTTP.') : problemBody(known)
  const body = JSON.stringify(problem)
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\ncontent-type: ${PROBLEM_TYPE}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\naccess-control-allow-origin: *\r\n\r\n${body}`,
  )
}
