// Talks to the administration socket of the node that runs in a data directory.

import { request as httpRequest } from 'node:http'
import type { AdminHandlers } from '../ops/admin.ts'
import { adminSocketOf } from '../ops/admin.ts'
import { Failure } from '../ops/failure.ts'
import { socketPath } from '../ops/unix-socket.ts'

const TIMEOUT_MS = 5_000
const MAX_ANSWER_BYTES = 4 * 1024 * 1024

export interface AdminClient {
  /** API of the node. */
  url(): Promise<string>
  peers(): Promise<ReturnType<AdminHandlers['peers']>>
  why(id: string): Promise<readonly string[]>
  ban(id: string, seconds: number, reason: string): Promise<void>
  /** @returns whether it was banned */
  unban(id: string): Promise<boolean>
}

/** Every method throws Failure `unreachable` if no node runs there, `refused`. */
export function createAdminClient(dataDir: string): AdminClient {
  const call = (method: 'GET' | 'POST', path: string, body?: unknown): Promise<unknown> => ask(dataDir, method, path, body)
  return {
    url: async () => ((await call('GET', '/node')) as ReturnType<AdminHandlers['node']>).url,
    peers: async () => (await call('GET', '/peers')) as ReturnType<AdminHandlers['peers']>,
    why: async (id) => ((await call('GET', `/peers/why?id=${encodeURIComponent(id)}`)) as { reasons: string[] }).reasons,
    ban: async (id, seconds, reason) => void (await call('POST', '/peers/ban', { id, seconds, reason })),
    unban: async (id) => ((await call('POST', '/peers/unban', { id })) as { unbanned: boolean }).unbanned,
  }
}

async function ask(dataDir: string, method: string, path: string, body: unknown): Promise<unknown> {
  let answer: { status: number; text: string }
  try {
    answer = await exchange(adminSocketOf(dataDir), method, path, body)
  } catch (error) {
    throw error instanceof Failure ? error : unreachable(dataDir, error as NodeJS.ErrnoException)
  }
  const json = parse(answer.text)
  if (answer.status < 400 && json !== null) return json
  const { code = `HTTP ${answer.status}`, detail = '' } = (json ?? {}) as { code?: string; detail?: string }
  throw new Failure('refused', `The node refused: ${code}`, detail)
}

function parse(text: string): object | null {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' ? json : null
  } catch {
    return null
  }
}

function exchange(path: string, method: string, url: string, body: unknown): Promise<{ status: number; text: string }> {
  const { path: socket, release } = socketPath(path)
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const request = httpRequest({ socketPath: socket, method, path: url, agent: false, signal: AbortSignal.timeout(TIMEOUT_MS) }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
        if (text.length > MAX_ANSWER_BYTES) request.destroy(new Error('the answer is too long'))
      })
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    request.on('error', reject)
    request.end(body === undefined ? undefined : JSON.stringify(body))
  }).finally(release)
}

function unreachable(dataDir: string, error: NodeJS.ErrnoException): Failure {
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return new Failure('unreachable', `The node in ${dataDir} is another user's`, 'Ask as the user that runs it.', { cause: error })
  }
  const gone = error.code === 'ENOENT' || error.code === 'ECONNREFUSED' || error.code === 'ENOTDIR'
  const cause = gone ? `No node runs in ${dataDir}` : `The node in ${dataDir} does not answer (${error.code ?? error.message})`
  return new Failure('unreachable', cause, 'Start it with pulse-node start, or name another node with --data-dir or --url.', { cause: error })
}
