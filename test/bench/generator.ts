// Entry of the generator's process: signs a schedule beforehand, then sends every heartbeat within its second, whatever
// the nodes do (a node that answers late is sent the next ones all the same). It may also note, as the devices would,
// when each heartbeat was accepted and when each block was announced.

import { Agent, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { HEARTBEAT_MESSAGE_SIZE, HEARTBEAT_ROW_SIZE } from '../../src/protocol/heartbeat.ts'
import type { Schedule } from './schedule.ts'
import { beatsOf, beatsPerSecond } from './schedule.ts'
import type { SignedBeats } from './signing.ts'
import { signBeats } from './signing.ts'
import { readVitals, VITALS_SIZE } from './vitals-record.ts'

export interface GeneratorOptions {
  readonly nodes: readonly { readonly url: string; /** hex */ readonly witness: string }[]
  /** hex */
  readonly genesisHash: string
  /** Of each node. */
  readonly schedule: Schedule
  /** Rows of bytes without vitals, or JSON with vitals as devices send it. */
  readonly format: 'binary' | 'json'
  /** Heartbeats per request. */
  readonly batch: number
  /** Whether to note what `Observed` holds. */
  readonly follow: boolean
}

/** What the devices of one node saw, and when, in ms of this process. */
export interface Observed {
  /** By id of the heartbeat, hex: its acceptance. */
  readonly acceptedAtMs: ReadonlyMap<string, number>
  /** By height: the announcement of the block. */
  readonly announcedAtMs: ReadonlyMap<number, number>
}

export type GeneratorMessage =
  | { readonly kind: 'signed'; readonly startS: number }
  | { readonly kind: 'done'; readonly result: GeneratorResult }
  | { readonly kind: 'failed'; readonly message: string }

export interface GeneratorResult {
  readonly sent: number
  readonly accepted: number
  /** Refused heartbeats by code; `http <status>` and `lost` where a whole request failed. */
  readonly refused: Readonly<Record<string, number>>
  /** From the moment that a request was sent to the end of its answer. */
  readonly latenciesMs: readonly number[]
  /** How much later than planned the requests left, at worst. */
  readonly latenessMs: number
  /** Of this process while it sent, all threads. */
  readonly cpuMs: number
  readonly durationMs: number
  /** By node; empty unless it was asked for. */
  readonly observed: readonly Observed[]
}

/** Blocks that are still announced after the last heartbeat. */
const FOLLOW_TAIL_MS = 4_000

interface Verdicts {
  readonly verdicts: readonly ({ readonly accepted: true; readonly id: string } | { readonly accepted: false; readonly code: string })[]
}

async function send(options: GeneratorOptions, { startS, rows, vitals }: SignedBeats): Promise<GeneratorResult> {
  const { nodes, schedule, batch } = options
  const followers = options.follow ? await Promise.all(nodes.map(({ url }) => follow(url))) : []
  const perSecond = beatsPerSecond(schedule)
  const requestsPerSecond = Math.ceil(perSecond / batch)
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const accepts = nodes.map(() => new Map<string, number>())
  const refused: Record<string, number> = {}
  const latenciesMs: number[] = []
  const open: Promise<void>[] = []
  let accepted = 0
  let latenessMs = 0

  const refuse = (code: string, count: number): void => {
    refused[code] = (refused[code] ?? 0) + count
  }
  async function offer(node: number, from: number, to: number): Promise<void> {
    const body = options.format === 'binary' ? rows.slice(from * HEARTBEAT_ROW_SIZE, to * HEARTBEAT_ROW_SIZE) : jsonBatch(rows, vitals, from, to)
    const sentMs = performance.now()
    try {
      const { status, text } = await post(agent, `${nodes[node]!.url}/v2/heartbeats`, body)
      const answeredMs = performance.now()
      latenciesMs.push(answeredMs - sentMs)
      if (status !== 200) return refuse(`http ${status}`, to - from)
      for (const verdict of (JSON.parse(text) as Verdicts).verdicts) {
        if (!verdict.accepted) {
          refuse(verdict.code, 1)
          continue
        }
        accepted++
        if (options.follow) accepts[node]!.set(verdict.id, answeredMs)
      }
    } catch {
      refuse('lost', to - from)
    }
  }

  await delay(startS * 1_000 - Date.now())
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  for (let second = 0; second < schedule.seconds; second++) {
    for (let turn = 0; turn < requestsPerSecond * nodes.length; turn++) {
      const dueMs = (startS + second + turn / (requestsPerSecond * nodes.length)) * 1_000
      const waitMs = dueMs - Date.now()
      if (waitMs > 0) await delay(waitMs)
      latenessMs = Math.max(latenessMs, Date.now() - dueMs)
      const node = turn % nodes.length
      const i = Math.floor(turn / nodes.length)
      const first = node * beatsOf(schedule) + second * perSecond
      const [from, to] = [i, i + 1].map((part) => first + Math.round((part * perSecond) / requestsPerSecond))
      if (to! > from!) open.push(offer(node, from!, to!))
    }
  }
  const { user, system } = process.cpuUsage(cpu)
  const durationMs = performance.now() - startedMs
  await Promise.all(open)
  agent.destroy()
  if (options.follow) await delay(FOLLOW_TAIL_MS)
  const observed = followers.map(({ announcedAtMs, close }, i): Observed => {
    close()
    return { acceptedAtMs: accepts[i]!, announcedAtMs }
  })
  return { sent: nodes.length * beatsOf(schedule), accepted, refused, latenciesMs, latenessMs, cpuMs: (user + system) / 1_000, durationMs, observed }
}

/** Notes when the node announces its blocks on the WebSocket. */
async function follow(url: string): Promise<{ announcedAtMs: Map<number, number>; close(): void }> {
  const announcedAtMs = new Map<number, number>()
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v2/ws`)
  await new Promise((resolve, reject) => {
    socket.onopen = resolve
    socket.onerror = () => reject(new Error(`no WebSocket at ${url}`))
  })
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(data as string) as { type: string; block?: { height: number } }
    if (frame.block !== undefined) announcedAtMs.set(frame.block.height, performance.now())
  }
  socket.send('{"type":"subscribe","topics":["blocks"]}')
  return { announcedAtMs, close: () => socket.close() }
}

function post(agent: Agent, url: string, body: Uint8Array | string): Promise<{ status: number; text: string }> {
  const type = typeof body === 'string' ? 'application/json' : 'application/octet-stream'
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, method: 'POST', headers: { 'content-type': type, 'content-length': Buffer.byteLength(body) } }, (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
      incoming.on('error', reject)
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

function jsonBatch(rows: Uint8Array, vitals: Uint8Array, from: number, to: number): string {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
  const heartbeats = Array.from({ length: to - from }, (_, i) => {
    const row = rows.subarray((from + i) * HEARTBEAT_ROW_SIZE, (from + i + 1) * HEARTBEAT_ROW_SIZE)
    const { vitals: measured, nonce } = readVitals(vitals, (from + i) * VITALS_SIZE)
    return { message: base64(row.subarray(0, HEARTBEAT_MESSAGE_SIZE)), signature: base64(row.subarray(HEARTBEAT_MESSAGE_SIZE)), vitals: measured, nonce: base64(nonce) }
  })
  return JSON.stringify({ heartbeats })
}

const say = (message: GeneratorMessage): Promise<void> => new Promise((resolve) => void process.send!(message, () => resolve()))

process.once('message', (options: GeneratorOptions) => {
  void (async () => {
    const { schedule, genesisHash, nodes } = options
    const witnesses = nodes.map(({ witness }) => Buffer.from(witness, 'hex'))
    const signed = await signBeats(schedule, Buffer.from(genesisHash, 'hex'), witnesses, null)
    await say({ kind: 'signed', startS: signed.startS })
    await say({ kind: 'done', result: await send(options, signed) })
  })()
    .catch((error: unknown) => say({ kind: 'failed', message: String(error) }))
    .finally(() => process.disconnect())
})
