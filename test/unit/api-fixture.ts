// A node that exists only in memory, and a server in front of it, for the tests of the API.

import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { Registry } from 'prom-client'
import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { toHex } from '../../src/base/bytes.ts'
import { keyToText, tagKey } from '../../src/crypto/keys.ts'
import type {
  AccountView, Backend, BlockView, HeartbeatView, NodeEvent, ParamsView, Status, SubmittedVitals, TransactionView, ValidatorsView,
} from '../../src/api/backend.ts'
import type { ApiOptions } from '../../src/api/options.ts'
import { DEFAULT_API_OPTIONS } from '../../src/api/options.ts'
import type { Server } from '../../src/api/server.ts'
import { createServer } from '../../src/api/server.ts'
import { SUBMISSION_SIZE } from '../../src/api/submission.ts'

export const NOW_MS = 1_800_000_000_000
export const HEAD = 120

/** 32 bytes in hex, told apart by a number. */
export const hex32 = (n: number): string => n.toString(16).padStart(64, '0')
export const keyText = (n: number): string => keyToText(tagKey('ed25519', new Uint8Array(32).fill(n)))

export function blockView(height: number): BlockView {
  return {
    id: hex32(height), version: 1, height, parentId: hex32(height - 1), timestampMs: NOW_MS + height * 1_000, proposer: hex32(1),
    bodyRoot: hex32(2), stateRoot: hex32(3), validatorsRoot: hex32(4), nextValidatorsRoot: hex32(5), paramsRoot: hex32(6),
    parentCertificateRoot: hex32(7), lives: 5, weightPpm: 2_500_000, cumulativeLifePpm: '123456789012345678', heartbeats: 5,
    transactions: 3, reward: '10000000000', sizeBytes: 1_234, certificate: { round: 0, signatures: 1, power: 1_000_000, totalPower: 1_000_000 },
  }
}

export const heartbeatView = (n: number): HeartbeatView => ({
  id: hex32(n), device: keyText(n), timestampS: 1_800_000_000, sequence: n, witness: hex32(9), rateLevel: 2, motionLevel: 0, evidence: hex32(8),
  signature: Buffer.alloc(64, n).toString('base64'),
})

export const transactionView = (n: number, height: number | null = 7): TransactionView => ({
  id: hex32(n), kind: 'transfer', sender: keyText(1), recipient: keyText(2), amount: '18446744073709551615', nonce: n, expiryHeight: 99,
  memo: '<script>alert(1)</script>', signature: Buffer.alloc(64, n).toString('base64'), height,
})

export const accountView = (index: number): AccountView => ({
  key: keyText(index), index, balance: '100', available: '90', earned: '200', nonce: 1, nextNonce: 2, blocks: 3, enrolled: false, alive: true,
  lastHeartbeat: { height: 7, timestampS: 1_800_000_000, sequence: 12 }, streakMs: 60_000,
})

export const statusView = (): Status => ({
  ready: true, reasons: [], syncing: false, sync: null, uptimeMs: 60_000, height: HEAD, headId: hex32(HEAD), timestampMs: NOW_MS, stateRoot: hex32(3),
  supply: '1200000000000', reward: '10000000000', cumulativeLifePpm: '12', consensus: { height: HEAD + 1, round: 0, step: 'propose' }, lives: 5,
  accounts: 5, mempool: { heartbeats: 4, transactions: 1, bytes: 1_000 }, heartbeatsPerMinute: 300, blocksPerMinute: 60.5,
  transactionsPerSecond: 0, peers: 0, validators: [{ key: hex32(1), power: 1_000_000, base: 1_000_000 }],
})

const PARAMS = { blockIntervalMs: 1_000, rewardInitial: '10000000000', development: true }
const CHANGE = { activationHeight: 200, effectiveHeight: 241 }

export const validatorsView = (): ValidatorsView => ({
  height: HEAD, epoch: { number: 2, firstHeight: 61, lastHeight: 180, blocksLeft: 60, startMs: NOW_MS }, enrolled: true, totalPower: 3_500_000,
  validators: [
    {
      key: hex32(1), nodeKey: hex32(9), base: 1_000_000, power: 3_500_000, lives: 3, meanLives: 2.5, signed: 58, possible: 59, since: 1,
      leaving: false, barred: false,
    },
  ],
  waiting: [{ key: hex32(2), nodeKey: hex32(10), base: 0 }], barred: [hex32(3)], registrars: [{ key: keyText(1), used: 4, quota: 1_024 }],
  paramsSince: 0, change: CHANGE,
})

export const paramsView = (): ParamsView => ({
  height: HEAD, params: PARAMS, paramsRoot: hex32(6), paramsSince: 0, change: { ...CHANGE, params: { ...PARAMS, blockIntervalMs: 2_000 } },
})

const page = <T>(height: number, offset: number, limit: number, all: readonly T[]) => ({
  blockId: hex32(height), height, total: all.length, items: all.slice(offset, offset + limit),
})

export interface FakeBackend extends Backend {
  /** What was submitted: the batch cut into heartbeats, and the vitals. */
  readonly submitted: { heartbeats: string[]; vitals: readonly (SubmittedVitals | null)[] }[]
  readonly transactions: ({ message: string; signature: string } | { encoded: string })[]
  readonly listeners: Set<(event: NodeEvent) => void>
  emit(event: NodeEvent): void
}

/** Accepts everything; its chain has the heights 1…HEAD. */
export function fakeBackend(overrides: Partial<Backend> = {}): FakeBackend {
  const submitted: FakeBackend['submitted'] = []
  const transactions: FakeBackend['transactions'] = []
  const listeners: FakeBackend['listeners'] = new Set()
  const heightOf = (ref: number | Uint8Array | 'latest'): number | null => {
    const height = ref === 'latest' ? HEAD : typeof ref === 'number' ? ref : parseInt(toHex(ref).slice(-12), 16)
    return height >= 1 && height <= HEAD && (typeof ref !== 'object' || toHex(ref) === hex32(height)) ? height : null
  }
  return {
    submitted,
    transactions,
    listeners,
    emit: (event) => listeners.forEach((listener) => listener(event)),
    node: {
      version: '0.1.0', network: 'pulse-test', genesisHash: hex32(100), witness: hex32(9), validator: null,
      policy: { heartbeatsPerSecond: 2, transfersPerSecond: 10, burst: 20 },
    },
    nowMs: () => NOW_MS,
    addresses: () => ['/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWBsurHKRRSPUBo4PEp1R5x3jC3noz2WuhYy9tuFiWMsWJ'],
    async submitHeartbeats(batch, vitals) {
      const heartbeats = vitals.map((_, i) => toHex(batch.subarray(i * SUBMISSION_SIZE, (i + 1) * SUBMISSION_SIZE)))
      submitted.push({ heartbeats, vitals })
      return heartbeats.map((_, i) => ({ accepted: true, id: hex32(i), weightPpm: 300_000 }))
    },
    async submitTransaction(message, signature) {
      transactions.push({ message: toHex(message), signature: toHex(signature) })
      return { accepted: true, id: hex32(42) }
    },
    async submitEncodedTransaction(bytes) {
      transactions.push({ encoded: toHex(bytes) })
      return { accepted: true, id: hex32(43) }
    },
    status: async () => statusView(),
    async block(ref) {
      const height = heightOf(ref)
      return height === null ? null : blockView(height)
    },
    async blocks(before, limit) {
      const first = Math.min(HEAD, (before ?? HEAD + 1) - 1)
      return Array.from({ length: Math.max(0, Math.min(limit, first)) }, (_, i) => blockView(first - i))
    },
    async blockHeartbeats(ref, offset, limit) {
      const height = heightOf(ref)
      return height === null ? null : page(height, offset, limit, [1, 2, 3, 4, 5].map(heartbeatView))
    },
    async blockTransactions(ref, offset, limit) {
      const height = heightOf(ref)
      return height === null ? null : page(height, offset, limit, [1, 2, 3].map((n) => transactionView(n)))
    },
    account: async (key) => (keyToText(key) === keyText(3) ? accountView(3) : null),
    accounts: async (from, limit) => [0, 1, 2, 3, 4].map(accountView).slice(from, from + limit),
    transaction: async (id) => (toHex(id) === hex32(7) ? transactionView(7) : toHex(id) === hex32(8) ? transactionView(8, null) : null),
    validators: async () => validatorsView(),
    params: async () => paramsView(),
    database: async () => ({ ok: true, reasons: [], schemaVersion: 1, height: HEAD, sizeBytes: 1_000 }),
    blockchain: async () => ({ ok: true, reasons: [], height: HEAD, headId: hex32(HEAD), headAgeMs: 500, round: 0, step: 'propose' }),
    peers: () => [],
    readiness: () => ({ ready: true, reasons: [] }),
    metricsText: async () => '# HELP pulse_height Height\n# TYPE pulse_height gauge\npulse_height 120\n',
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    ...overrides,
  }
}

export const OPTIONS: ApiOptions = {
  ...DEFAULT_API_OPTIONS, host: '127.0.0.1', port: 0, writes: { perSecond: 0, burst: 0 }, reads: { perSecond: 0, burst: 0 }, drainTimeoutMs: 500,
}

export const silentLogger = () => {
  const lines: { level: string; fields: object; message: string }[] = []
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, fields, message })
  return { lines, info: at('info'), warn: at('warn'), error: at('error') }
}

export interface TestServer extends Server {
  readonly backend: FakeBackend
  readonly logger: ReturnType<typeof silentLogger>
  readonly registry: Registry
  drain(): void
  readonly inject: (request: InjectOptions | string) => Promise<LightMyRequestResponse>
}

/** A server to inject into; it is closed when the test ends. */
export async function testServer(
  t: { teardown(end: () => unknown): unknown },
  { options = {}, backend: overrides = {} }: { options?: Partial<ApiOptions>; backend?: Partial<Backend> } = {},
): Promise<TestServer> {
  const backend = fakeBackend(overrides)
  const logger = silentLogger()
  const registry = new Registry()
  let draining = false
  const server = await createServer({ ...OPTIONS, ...options }, { backend, logger, registry }, () => draining)
  t.teardown(async () => {
    server.stream.close()
    await server.app.close()
  })
  return {
    ...server,
    backend,
    logger,
    registry,
    drain: () => (draining = true),
    inject: (request) => server.app.inject(request),
  }
}

/** What is wrong with an answer, by a schema of the API with references resolved and no undeclared members; empty if nothing is. */
export function mismatches({ app }: Server, schema: TSchema, value: unknown): string[] {
  const strict = resolve(schema, app.getSchemas() as Record<string, TSchema>) as TSchema
  return [...Value.Errors(strict, value)].map(({ instancePath, message }) => `${instancePath} ${message}`)
}

function resolve(schema: unknown, shared: Record<string, TSchema>): unknown {
  if (Array.isArray(schema)) return schema.map((entry) => resolve(entry, shared))
  if (typeof schema !== 'object' || schema === null) return schema
  const { $ref, $id: _id, ...rest } = schema as Record<string, unknown>
  if (typeof $ref === 'string') return resolve(shared[$ref.replace('#', '')], shared)
  const resolved = Object.fromEntries(Object.entries(rest).map(([name, entry]) => [name, resolve(entry, shared)]))
  return resolved['type'] === 'object' && resolved['patternProperties'] === undefined ? { ...resolved, additionalProperties: false } : resolved
}

/** A heartbeat as a device posts it, filled with the byte `n`. */
export const heartbeatJson = (n: number) => ({ message: Buffer.alloc(181, n).toString('base64'), signature: Buffer.alloc(64, n).toString('base64') })

export const VITALS = { rrMs: [800, 810, 790], motionMilliG: [10, 20], temperatureCentiC: 3_650 }
export const NONCE = Buffer.alloc(16, 5).toString('base64')

export const post = (url: string, body: unknown, headers: Record<string, string> = {}): InjectOptions => ({
  method: 'POST', url, payload: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers },
})
