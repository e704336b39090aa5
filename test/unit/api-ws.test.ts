// The WebSocket: frames and verdicts, events, limits, slow and dead clients, the end.

import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { Registry } from 'prom-client'
import { WebSocket } from 'ws'
import { createApi } from '../../src/api/api.ts'
import type { Backend } from '../../src/api/backend.ts'
import { MAX_BATCH } from '../../src/api/limits.ts'
import type { ApiOptions } from '../../src/api/options.ts'
import { ServerFrame } from '../../src/api/schema/stream.ts'
import { blockView, fakeBackend, heartbeatJson, hex32, mismatches, NONCE, OPTIONS, silentLogger, statusView, testServer, VITALS } from './api-fixture.ts'

/** What a client says that then says nothing more. */
const HANDSHAKE =
  'GET /v2/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n' +
  'sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'

type Ends = { teardown(end: () => unknown): unknown }

async function listening(t: Ends, { options = {}, backend: overrides = {} }: { options?: Partial<ApiOptions>; backend?: Partial<Backend> } = {}) {
  const backend = fakeBackend(overrides)
  const registry = new Registry()
  const logger = silentLogger()
  const api = await createApi({ ...OPTIONS, ...options }, { backend, logger, registry })
  t.teardown(() => api.close())
  const { url } = await api.listen()
  return { api, backend, registry, logger, url: `${url.replace('http', 'ws')}/v2/ws` }
}

interface Peer {
  readonly socket: WebSocket
  /** The next frame, parsed. */
  next(): Promise<Record<string, unknown>>
  ask(frame: unknown): Promise<Record<string, unknown>>
  /** Code and reason of the close. */
  readonly closed: Promise<[number, string]>
}

async function client(t: Ends, url: string): Promise<Peer> {
  const socket = new WebSocket(url)
  t.teardown(() => socket.terminate())
  const frames: Record<string, unknown>[] = []
  const waiting: ((frame: Record<string, unknown>) => void)[] = []
  socket.on('message', (data: Buffer) => {
    const frame = JSON.parse(data.toString()) as Record<string, unknown>
    const waiter = waiting.shift()
    if (waiter === undefined) frames.push(frame)
    else waiter(frame)
  })
  const closed = once(socket, 'close').then(([code, reason]) => [code, String(reason)] as [number, string])
  await once(socket, 'open')
  const next = () => {
    const frame = frames.shift()
    if (frame !== undefined) return Promise.resolve(frame)
    return new Promise<Record<string, unknown>>((resolve) => {
      waiting.push(resolve)
    })
  }
  return {
    socket,
    next,
    ask(frame) {
      socket.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame))
      return next()
    },
    closed,
  }
}

t.test('heartbeats over the WebSocket get their verdicts under the reference of their frame', async (t) => {
  const { url, backend } = await listening(t)
  const peer = await client(t, url)
  t.same(await peer.ask({ type: 'heartbeat', ref: 'a', ...heartbeatJson(1), vitals: VITALS, nonce: NONCE }), {
    type: 'verdicts', ref: 'a', verdicts: [{ accepted: true, id: hex32(0), weightPpm: 300_000 }],
  })
  const batch = await peer.ask({ type: 'heartbeats', ref: 'b', heartbeats: [heartbeatJson(2), {}, heartbeatJson(3)] })
  t.match(batch, { type: 'verdicts', ref: 'b', verdicts: [{ accepted: true }, { accepted: false, code: 'malformed' }, { accepted: true }] })
  t.match(await peer.ask({ type: 'heartbeats', heartbeats: [heartbeatJson(2)] }), { type: 'verdicts', ref: undefined })
  t.same(backend.submitted.map(({ heartbeats }) => heartbeats.length), [1, 2, 1])
  t.same(backend.submitted[0]?.heartbeats, [Buffer.alloc(245, 1).toString('hex')])
  t.same(backend.submitted[0]?.vitals, [{ ...VITALS, nonce: new Uint8Array(16).fill(5) }])
})

t.test('events come for the topics of the last subscription, and what is sent keeps to the schema', async (t) => {
  const { url, backend } = await listening(t)
  const shape = await testServer(t)
  const peer = await client(t, url)
  backend.emit({ type: 'block', block: blockView(1) })
  t.same(await peer.ask({ type: 'subscribe', ref: 's', topics: ['blocks'] }), { type: 'subscribed', ref: 's', topics: ['blocks'] })
  backend.emit({ type: 'status', status: statusView() })
  backend.emit({ type: 'block', block: blockView(2) })
  const block = await peer.next()
  t.same(block, { type: 'block', block: blockView(2) }, 'neither what came before nor the other topic')
  await peer.ask({ type: 'subscribe', topics: ['status'] })
  backend.emit({ type: 'block', block: blockView(3) })
  backend.emit({ type: 'status', status: statusView() })
  const status = await peer.next()
  t.same(status, { type: 'status', status: statusView() })
  const others = [await peer.ask('x'), await peer.ask({ type: 'heartbeat', ...heartbeatJson(1) })]
  for (const frame of [block, status, ...others]) t.same(mismatches(shape, ServerFrame, frame), [])
  await peer.ask({ type: 'subscribe', topics: [] })
  backend.emit({ type: 'block', block: blockView(4) })
  t.match(await peer.ask({ type: 'subscribe', ref: 'last', topics: [] }), { ref: 'last' })
})

t.test('a wrong frame is answered with a code, and the client may go on', async (t) => {
  const { url, backend } = await listening(t)
  const peer = await client(t, url)
  const wrong: unknown[] = [
    '', '{', 'null', '[]', '5', {}, { type: 'x' }, { type: '__proto__' }, Buffer.alloc(245),
    { type: 'heartbeats' }, { type: 'heartbeats', heartbeats: [] }, { type: 'heartbeats', heartbeats: [{}], x: 1 },
    { type: 'heartbeats', ref: 5, heartbeats: [heartbeatJson(1)] }, { type: 'subscribe', ref: 'a'.repeat(65), topics: [] },
    { type: 'subscribe' }, { type: 'subscribe', topics: ['nope'] }, { type: 'subscribe', topics: 'blocks' },
    { type: 'subscribe', topics: ['blocks', 'blocks', 'status'] }, { type: 'subscribe', topics: [], x: 1 },
  ]
  for (const frame of wrong) t.match(await peer.ask(frame), { type: 'error', code: 'malformed', detail: /.+/ }, JSON.stringify(frame))
  t.match(await peer.ask({ type: 'heartbeats', ref: 'big', heartbeats: Array(MAX_BATCH + 1).fill(1) }), { type: 'error', ref: 'big', code: 'too_large' })
  t.match(await peer.ask({ type: 'heartbeat', x: 1 }), { type: 'verdicts', verdicts: [{ code: 'malformed' }] })
  t.match(await peer.ask({ type: 'subscribe', ref: 'a'.repeat(64), topics: [] }), { type: 'subscribed' })
  t.same(backend.submitted, [])
})

t.test('a failure of the node is an error frame without details', async (t) => {
  const { url, logger } = await listening(t, { backend: { submitHeartbeats: () => Promise.reject(new Error('secret')) } })
  const peer = await client(t, url)
  const answer = await peer.ask({ type: 'heartbeat', ref: 'r', ...heartbeatJson(1) })
  t.match(answer, { type: 'error', ref: 'r', code: 'internal' })
  t.notMatch(JSON.stringify(answer), 'secret')
  t.match(logger.lines, [{ level: 'error', message: 'Frame failed' }])
})

t.test('a frame at the limit is read, a larger one ends the connection', async (t) => {
  const { url } = await listening(t, { options: { maxFrameBytes: 1_000 } })
  const frame = (size: number) => JSON.stringify({ type: 'subscribe', topics: [] }).padEnd(size, ' ')
  const peer = await client(t, url)
  t.match(await peer.ask(frame(1_000)), { type: 'subscribed' })
  peer.socket.send(frame(1_001))
  t.match(await peer.closed, [1009])
})

t.test('no more clients than the limit', async (t) => {
  const { url } = await listening(t, { options: { maxClients: 2 } })
  const first = await client(t, url)
  await client(t, url)
  const refused = new WebSocket(url)
  const [, response] = (await once(refused, 'unexpected-response')) as [unknown, IncomingMessage]
  t.equal(response.statusCode, 503)
  let body = ''
  for await (const text of response) body += String(text)
  t.match(JSON.parse(body), { code: 'too_many_clients' })
  first.socket.close()
  await first.closed
  await delay(20)
  t.match(await (await client(t, url)).ask({ type: 'subscribe', topics: [] }), { type: 'subscribed' }, 'a place that became free is given again')
})

t.test('frames count as writes of their address', async (t) => {
  const { url } = await listening(t, { options: { writes: { perSecond: 0.001, burst: 2 } } })
  const peer = await client(t, url)
  for (const type of ['subscribed', 'subscribed', 'error']) t.match(await peer.ask({ type: 'subscribe', topics: [] }), { type })
  const other = await client(t, url)
  t.match(await other.ask({ type: 'subscribe', topics: [] }), { type: 'error', code: 'rate_limited' })
})

t.test('a client that does not read is told that it lags, and dropped', async (t) => {
  const { url, backend, registry } = await listening(t, { options: { maxBufferedBytes: 100_000 } })
  const peer = await client(t, url)
  const healthy = await client(t, url)
  await peer.ask({ type: 'subscribe', topics: ['blocks'] })
  await healthy.ask({ type: 'subscribe', topics: ['blocks'] })
  peer.socket.pause()
  let received = 0
  let last: Record<string, unknown> = {}
  peer.socket.on('message', (data: Buffer) => {
    received++
    last = JSON.parse(data.toString()) as Record<string, unknown>
  })
  const block = { ...blockView(1), id: 'x'.repeat(50_000) }
  let sent = 0
  // The sockets of the machine hold some MiB before our own buffer grows.
  for (; sent < 2_000; sent++) {
    backend.emit({ type: 'block', block })
    await healthy.next()
    if ((await registry.metrics()).includes('pulse_websocket_lagged_total 1')) break
  }
  t.ok(sent < 2_000, 'it was dropped')
  peer.socket.resume()
  t.match(await peer.closed, [1013, 'lagged'])
  t.same(last, { type: 'lagged' })
  t.equal(received, sent + 1, 'the frames before it, and that one')
  backend.emit({ type: 'block', block })
  t.match(await healthy.next(), { type: 'block' }, 'others are not concerned')
})

t.test('a client that sends faster than it is answered is read more slowly, and loses nothing', async (t) => {
  let running = 0
  let most = 0
  const { url } = await listening(t, {
    backend: {
      submitHeartbeats: async (_batch, vitals) => {
        most = Math.max(most, ++running)
        await delay(1)
        running--
        return vitals.map((_, i) => ({ accepted: true, id: hex32(i), weightPpm: 1 }))
      },
    },
  })
  const peer = await client(t, url)
  // Frames of 200 kB: each takes several reads of the socket, so pausing takes effect between them.
  const heartbeats = Array(500).fill(heartbeatJson(1))
  for (let i = 0; i < 40; i++) peer.socket.send(JSON.stringify({ type: 'heartbeats', ref: String(i), heartbeats }))
  const refs = new Set<unknown>()
  for (let i = 0; i < 40; i++) refs.add((await peer.next())['ref'])
  t.equal(refs.size, 40)
  t.ok(most <= 9, `${most} at once`)
})

t.test('a client that does not answer pings is dropped, one that does stays', async (t) => {
  const { url, registry } = await listening(t, { options: { pingIntervalMs: 40 } })
  const peer = await client(t, url)
  const { port } = new URL(url)
  const dead = connect(Number(port), '127.0.0.1')
  dead.write(HANDSHAKE)
  dead.on('error', () => undefined)
  dead.resume()
  await once(dead, 'close')
  await delay(20)
  t.match(await registry.metrics(), 'pulse_websocket_clients 1\n')
  t.match(await peer.ask({ type: 'subscribe', topics: [] }), { type: 'subscribed' })
})

t.test('when the node stops, clients are told with 1001, and one that does not listen does not hold it up', async (t) => {
  const { api, url, backend } = await listening(t)
  const peer = await client(t, url)
  const deaf = connect(Number(new URL(url).port), '127.0.0.1')
  t.teardown(() => deaf.destroy())
  deaf.write(HANDSHAKE)
  deaf.on('error', () => undefined)
  await once(deaf, 'data')
  const closing = api.close()
  t.match(await peer.closed, [1001])
  await closing
  t.equal(backend.listeners.size, 0)
})

t.test('while the node drains, frames and new clients are refused', async (t) => {
  const { api, url } = await listening(t, { options: { drainDelayMs: 200 } })
  const peer = await client(t, url)
  void api.close()
  t.match(await peer.ask({ type: 'heartbeat', ref: 'x', ...heartbeatJson(1) }), { type: 'error', code: 'draining' })
  const refused = new WebSocket(url)
  const [, response] = (await once(refused, 'unexpected-response')) as [unknown, IncomingMessage]
  t.equal(response.statusCode, 503)
  response.resume()
  t.match(await peer.closed, [1001])
})
