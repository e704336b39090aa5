// Administration of a running node: HTTP on a unix socket in its data directory, for nobody but the user that runs it (0600).
//
//   GET  /node               {url}
//   GET  /peers              {peers, bans}
//   GET  /peers/why?id=…     {id, reasons}
//   POST /peers/ban          {id, seconds, reason}   -> the same
//   POST /peers/unban        {id}                    -> {id, unbanned}
//
// Strict: one request for each connection; every member must be there and no other. Refusals are {code, detail}.

import { chmodSync, lstatSync, rmSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import { nodeKeyOfPeer } from '../crypto/peer-id.ts'
import { Failure } from './failure.ts'
import { storageFailure } from './fsync.ts'
import { socketPath } from './unix-socket.ts'

export const MAX_BAN_SECONDS = 366 * 24 * 3_600
export const MAX_BAN_REASON_LENGTH = 64

export interface AdminBan {
  readonly peer: string
  /** Unix time, ms. */
  readonly untilMs: number
  readonly reason: string
}

export interface AdminHandlers {
  /** Where its API is reached from this machine. */
  node(): { readonly url: string }
  peers(): { readonly peers: readonly { readonly id: string }[]; readonly bans: readonly AdminBan[] }
  /** What is known against a peer, one line each. */
  why(id: string): readonly string[]
  ban(id: string, seconds: number, reason: string): void
  /** @returns whether it was banned */
  unban(id: string): boolean
}

export interface AdminOptions {
  /** See `adminSocketOf`. */
  readonly path: string
  readonly handlers: AdminHandlers
}

export interface Admin {
  /** @throws Failure `locked` if another process answers on the socket, `storage` if it cannot be made */
  listen(): Promise<void>
  /** Breaks what is running, and removes the socket. */
  close(): Promise<void>
}

export const adminSocketOf = (dataDir: string): string => join(resolve(dataDir), 'admin.sock')

const SOCKET_MODE = 0o600
const MAX_BODY_BYTES = 4_096
const MAX_CONNECTIONS = 16
const TIMEOUT_MS = 5_000

export function createAdmin({ path, handlers }: AdminOptions): Admin {
  let listening: { readonly server: Server; release(): void } | null = null

  return {
    async listen() {
      const { path: short, release } = openPath(path)
      const server = createServer(
        { maxHeaderSize: MAX_BODY_BYTES, headersTimeout: TIMEOUT_MS, requestTimeout: TIMEOUT_MS, connectionsCheckingInterval: TIMEOUT_MS / 5 },
        (request, response) => void answer(handlers, request, response),
      )
      server.maxConnections = MAX_CONNECTIONS
      try {
        await removeStale(path, short)
        await listenPrivately(server, short)
        chmodSync(path, SOCKET_MODE)
        listening = { server, release }
      } catch (error) {
        server.close()
        release()
        throw storageFailure(`Cannot make the socket ${path}`, error)
      }
    },
    async close() {
      if (listening === null) return
      const { server, release } = listening
      listening = null
      // The socket goes with the server.
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
      release()
    },
  }
}

function openPath(path: string): ReturnType<typeof socketPath> {
  try {
    return socketPath(path)
  } catch (error) {
    throw storageFailure(`Cannot make the socket ${path}`, error)
  }
}

/** The socket exists from within the call on: it must never have been open to others, whatever the process' mask says. */
function listenPrivately(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('listening', () => {
      server.off('error', reject)
      resolve()
    })
    const mask = process.umask(0o077)
    try {
      server.listen(path)
    } finally {
      process.umask(mask)
    }
  })
}

/** A process that was killed leaves its socket behind. @throws Failure */
async function removeStale(path: string, short: string): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return
  if (!stats.isSocket()) throw new Failure('storage', `${path} is in the way: it is no socket`, 'Move it to another place.')
  if (await answers(short)) throw new Failure('locked', `Another process answers on ${path}`, 'Stop it first.')
  rmSync(path, { force: true })
}

/** False only if it is certain that nobody is there. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const settle = (there: boolean): void => {
      socket.destroy()
      resolve(there)
    }
    socket.once('connect', () => settle(true))
    socket.once('error', ({ code }: NodeJS.ErrnoException) => settle(code !== 'ECONNREFUSED' && code !== 'ENOENT'))
  })
}

const STATUSES = { malformed: 400, not_found: 404, method_not_allowed: 405, too_large: 413, internal: 500 } as const

class Refusal extends Error {
  readonly code: keyof typeof STATUSES

  constructor(code: keyof typeof STATUSES, detail: string) {
    super(detail)
    this.code = code
  }
}

async function answer(handlers: AdminHandlers, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let status = 200
  let body: string
  try {
    body = JSON.stringify(await route(handlers, request))
  } catch (error) {
    // Whoever asks here runs the node: an error of its own is for them.
    const code = error instanceof Refusal ? error.code : 'internal'
    status = STATUSES[code]
    body = JSON.stringify({ code, detail: error instanceof Error ? error.message : String(error) })
  }
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(body + '\n')
}

async function route(handlers: AdminHandlers, request: IncomingMessage): Promise<unknown> {
  const { pathname, searchParams } = urlOf(request)
  switch (pathname) {
    case '/node':
      expectMethod(request, 'GET')
      return handlers.node()
    case '/peers':
      expectMethod(request, 'GET')
      return handlers.peers()
    case '/peers/why': {
      expectMethod(request, 'GET')
      const { id } = fields(searchParams.size === 1 ? Object.fromEntries(searchParams) : null, ['id'])
      return { id: peerId(id), reasons: handlers.why(peerId(id)) }
    }
    case '/peers/ban': {
      expectMethod(request, 'POST')
      const { id, seconds, reason } = fields(await readJson(request), ['id', 'seconds', 'reason'])
      const ban = { id: peerId(id), seconds: banSeconds(seconds), reason: banReason(reason) }
      handlers.ban(ban.id, ban.seconds, ban.reason)
      return ban
    }
    case '/peers/unban': {
      expectMethod(request, 'POST')
      const { id } = fields(await readJson(request), ['id'])
      return { id: peerId(id), unbanned: handlers.unban(peerId(id)) }
    }
    default:
      throw new Refusal('not_found', `There is no ${pathname} here.`)
  }
}

function urlOf({ url = '' }: IncomingMessage): URL {
  if (url.startsWith('/') && URL.canParse(url, 'http://admin')) return new URL(url, 'http://admin')
  throw new Refusal('malformed', 'The request names no path.')
}

function expectMethod(request: IncomingMessage, method: string): void {
  if (request.method !== method) throw new Refusal('method_not_allowed', `This takes ${method}.`)
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  // Not destroyed when we stop reading: the answer goes out on the same socket.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) throw new Refusal('too_large', `A request has at most ${MAX_BODY_BYTES} bytes.`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    throw new Refusal('malformed', 'The request is not JSON.')
  }
}

function fields(value: unknown, names: readonly string[]): Readonly<Record<string, unknown>> {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  if (isObject && Object.keys(value).length === names.length && names.every((name) => Object.hasOwn(value, name))) return value as Record<string, unknown>
  throw new Refusal('malformed', `The request must have ${names.join(', ')} and nothing else.`)
}

function peerId(value: unknown): string {
  if (typeof value === 'string' && nodeKeyOfPeer(value) !== null) return value
  throw new Refusal('malformed', 'id must be a peer id (12D3KooW…).')
}

function banSeconds(value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_BAN_SECONDS) return value
  throw new Refusal('malformed', `seconds must be an integer from 1 to ${MAX_BAN_SECONDS}.`)
}

function banReason(value: unknown): string {
  if (typeof value === 'string' && value.length <= MAX_BAN_REASON_LENGTH && value.trim() !== '' && !/[\p{Cc}\p{Cf}\u2028\u2029]/u.test(value)) return value
  throw new Refusal('malformed', `reason must be a text of 1 to ${MAX_BAN_REASON_LENGTH} printable characters.`)
}
