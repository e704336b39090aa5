// Talks to the HTTP API of a running node.

import { isIP } from 'node:net'
import type { AccountView, BlockView, NodeView, ParamsView, PeerView, Status, TransactionView, ValidatorsView } from '../api/backend.ts'
import { problemOf, requestJson } from '../device/http.ts'
import { systemTiming } from '../device/timing.ts'
import { Failure } from '../ops/failure.ts'
import type { Config } from '../ops/settings.ts'
import type { Run } from './cli.ts'
import { textOption } from './cli.ts'
import { configOf } from './flags.ts'

const TIMEOUT_MS = 10_000

export interface NodeClient {
  /** Without a slash at its end. */
  readonly url: string
  node(): Promise<NodeView>
  status(): Promise<Status>
  /** The connected ones. */
  peers(): Promise<readonly PeerView[]>
  /** Null if there is no such block. @param ref height, id or `latest` */
  block(ref: string): Promise<BlockView | null>
  /** Null if the key has no account. */
  account(key: string): Promise<AccountView | null>
  /** Null if the transaction is neither committed nor waiting. */
  transaction(id: string): Promise<TransactionView | null>
  validators(): Promise<ValidatorsView>
  params(): Promise<ParamsView>
  /** A transaction of any kind. @returns the id @throws Failure('refused') */
  sendEncodedTransaction(bytes: Uint8Array): Promise<string>
  /** A transfer. @returns the id @throws Failure('refused') */
  sendTransaction(message: Uint8Array, signature: Uint8Array): Promise<string>
}

/** What a data directory is named for: the node that runs in it, or keys. Then any node of the network will do. */
export type DataDirUse = 'node' | 'keys'

/** Of the node named by `--url`, else of the one that runs in the data directory. @throws Failure `config`, or `unreachable` if none runs there */
export async function clientUrl(run: Pick<Run, 'env' | 'options'>, use: DataDirUse = 'node'): Promise<string> {
  const url = textOption(run.options, 'url')
  if (url !== undefined) return checkedUrl(url)
  const { config, origins } = configOf(run)
  const { createAdminClient } = await import('./admin.ts')
  try {
    return await createAdminClient(config.dataDir).url()
  } catch (error) {
    // Where nobody has named a directory, whatever listens at the usual place is meant; otherwise its answers would mislead.
    if (use === 'keys' || origins.dataDir.layer === 'default') return localUrl(config)
    throw error
  }
}

export const clientOf = async (run: Run, use?: DataDirUse): Promise<NodeClient> => createClient(await clientUrl(run, use), run.fetch)

/** Where a node with this configuration is reached from its own machine. */
export function localUrl({ host, port }: Pick<Config, 'host' | 'port'>): string {
  const address = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${isIP(address) === 6 ? `[${address}]` : address}:${port}`
}

function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.href.replace(/\/+$/, '')
  throw new Failure('config', `--url is "${text}"`, 'It must be like http://127.0.0.1:8080.')
}

/** Every method throws DeviceError('unreachable') if nothing answers, Failure('unreachable') if no node does, Failure('refused'). */
export function createClient(url: string, fetch: typeof globalThis.fetch): NodeClient {
  const http = { url, fetch: (to: string, init: RequestInit) => fetch(to, init), timing: systemTiming, timeoutMs: TIMEOUT_MS }

  /** @returns the JSON of the answer, null for a thing that is not there */
  async function call(path: string, body?: unknown): Promise<unknown> {
    const { status, json } = await requestJson(http, body === undefined ? { method: 'GET', path } : { method: 'POST', path, body })
    if (status < 400 && json !== undefined) return json
    const { code, detail = '' } = problemOf(json)
    if (code === undefined) {
      throw new Failure('unreachable', `What answers at ${url} is no Pulse node (HTTP ${status})`, 'Check --url and the port.')
    }
    if (code === 'not_found') return null
    throw new Failure('refused', `The node refused: ${code}`, detail)
  }

  const existing = async <T>(path: string): Promise<T> => {
    const answer = await call(path)
    if (answer === null) throw new Failure('unreachable', `What answers at ${url} has no ${path}`, 'Check --url and the port.')
    return answer as T
  }

  return {
    url,
    node: () => existing<NodeView>('/v2/node'),
    status: () => existing<Status>('/status'),
    peers: async () => (await existing<{ peers: readonly PeerView[] }>('/v2/peers')).peers,
    block: async (ref) => (await call(`/v2/blocks/${encodeURIComponent(ref)}`)) as BlockView | null,
    account: async (key) => (await call(`/v2/accounts/${encodeURIComponent(key)}`)) as AccountView | null,
    transaction: async (id) => (await call(`/v2/transactions/${encodeURIComponent(id)}`)) as TransactionView | null,
    validators: () => existing<ValidatorsView>('/v2/validators'),
    params: () => existing<ParamsView>('/v2/params'),
    async sendEncodedTransaction(bytes) {
      return ((await call('/v2/transactions', { transaction: base64(bytes) })) as { id: string }).id
    },
    async sendTransaction(message, signature) {
      const answer = await call('/v2/transactions', { message: base64(message), signature: base64(signature) })
      return (answer as { id: string }).id
    },
  }
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
