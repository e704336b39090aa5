// What holds for every route: methods, CORS, limits per address, failures, ports, draining.

import { connect, createServer as createTcpServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { Registry } from 'prom-client'
import { createApi } from '../../src/api/api.ts'
import type { ApiOptions } from '../../src/api/options.ts'
import type { Backend } from '../../src/api/backend.ts'
import { Failure } from '../../src/ops/failure.ts'
import { fakeBackend, heartbeatJson, OPTIONS, post, silentLogger, statusView, testServer } from './api-fixture.ts'

/** An API on a real port. */
async function listening(t: { teardown(end: () => unknown): unknown }, options: Partial<ApiOptions> = {}, backend: Partial<Backend> = {}) {
  const api = await createApi({ ...OPTIONS, ...options }, { backend: fakeBackend(backend), logger: silentLogger(), registry: new Registry() })
  t.teardown(() => api.close())
  const { url } = await api.listen()
  return { api, url, port: Number(new URL(url).port) }
}

/** Sends raw bytes and returns what comes back until the other side ends. */
async function raw(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.setEncoding('utf8')
  let answer = ''
  socket.on('data', (text: string) => (answer += text))
  socket.on('error', () => undefined)
  socket.write(request)
  await once(socket, 'close')
  return answer
}

t.test('an unknown path is 404; a known one with another method is 405 and says which methods it has', async (t) => {
  const server = await testServer(t)
  const cases: [string, string, number, string | undefined][] = [
    ['GET', '/nope', 404, undefined],
    ['GET', '/v2', 404, undefined],
    ['GET', '/v1/blocks', 404, undefined],
    ['POST', '/v2/blocks/7/heartbeats/1', 404, undefined],
    ['GET', '/v2/heartbeats', 405, 'POST'],
    ['POST', '/v2/node', 405, 'GET, HEAD'],
    ['DELETE', '/v2/blocks/7', 405, 'GET, HEAD'],
    ['PUT', '/v2/transactions', 405, 'POST'],
    ['PATCH', '/v2/accounts/x?y=1', 405, 'GET, HEAD'],
    ['POST', '/', 405, 'GET, HEAD'],
    ['POST', '/v2/ws', 405, 'GET'],
    ['TRACE', '/health', 405, 'GET, HEAD'],
  ]
  for (const [method, url, status, allow] of cases) {
    const answer = await server.inject({ method: method as 'GET', url, payload: 'x', headers: { 'content-type': 'text/plain' } })
    t.match(answer.json(), { status, code: status === 404 ? 'not_found' : 'method_not_allowed' }, `${method} ${url}`)
    t.equal(answer.headers.allow, allow, `${method} ${url}`)
  }
  t.equal((await server.inject({ method: 'HEAD', url: '/v2/blocks/7' })).body, '')
})

t.test('any origin may read and post, and sees the headers of errors too', async (t) => {
  const server = await testServer(t)
  const preflight = await server.inject({
    method: 'OPTIONS',
    url: '/v2/heartbeats',
    headers: { origin: 'https://app.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
  })
  t.equal(preflight.statusCode, 204)
  t.match(preflight.headers, {
    'access-control-allow-origin': '*',
    'access-control-allow-methods': /POST/,
    'access-control-allow-headers': 'content-type',
  })
  t.equal((await server.inject({ method: 'OPTIONS', url: '/v2/node' })).statusCode, 204)
  for (const url of ['/v2/node', '/nope', '/v2/blocks/x', '/v2/blocks/%']) {
    t.equal((await server.inject({ url, headers: { origin: 'https://app.example' } })).headers['access-control-allow-origin'], '*', url)
  }
})

t.test('an address may read and write at its rates, and is told when to come back', async (t) => {
  const server = await testServer(t, { options: { writes: { perSecond: 0.001, burst: 2 }, reads: { perSecond: 0.001, burst: 3 } } })
  const read = (remoteAddress: string) => server.inject({ url: '/v2/node', remoteAddress })
  const write = (remoteAddress: string) => server.inject({ ...post('/v2/heartbeats', heartbeatJson(1)), remoteAddress })
  for (let i = 0; i < 3; i++) t.equal((await read('192.0.2.1')).statusCode, 200)
  for (let i = 0; i < 2; i++) t.equal((await write('192.0.2.1')).statusCode, 200, 'writes have a bucket of their own')
  for (const answer of [await read('192.0.2.1'), await write('192.0.2.1')]) {
    t.match(answer.json(), { status: 429, code: 'rate_limited' })
    const waitS = Number(answer.headers['retry-after'])
    t.ok(waitS > 900 && waitS <= 1_000, `Retry-After ${waitS}`)
    t.equal(answer.headers['access-control-allow-origin'], '*')
  }
  t.equal((await read('192.0.2.2')).statusCode, 200, 'another address is not concerned')
  t.equal((await server.inject({ url: '/nope', remoteAddress: '192.0.2.1' })).statusCode, 429, 'unknown paths count')
  for (const url of ['/health', '/ready']) t.equal((await server.inject({ url, remoteAddress: '192.0.2.1' })).statusCode, 200, 'probes do not')
})

t.test('X-Forwarded-For counts from a trusted proxy only', async (t) => {
  const limits = { reads: { perSecond: 0.001, burst: 1 } }
  const ask = (server: Awaited<ReturnType<typeof testServer>>, remoteAddress: string, forwarded: string) =>
    server.inject({ url: '/v2/node', remoteAddress, headers: { 'x-forwarded-for': forwarded } }).then(({ statusCode }) => statusCode)

  const open = await testServer(t, { options: limits })
  t.equal(await ask(open, '10.0.0.1', '192.0.2.1'), 200)
  t.equal(await ask(open, '10.0.0.1', '192.0.2.2'), 429, 'nobody is trusted by default')

  const behind = await testServer(t, { options: { ...limits, trustedProxies: ['10.0.0.0/8'] } })
  t.equal(await ask(behind, '10.0.0.1', '192.0.2.1'), 200)
  t.equal(await ask(behind, '10.0.0.2', '192.0.2.2'), 200)
  t.equal(await ask(behind, '10.0.0.1', '198.51.100.7, 192.0.2.1'), 429, 'what the client itself wrote before does not help')
  t.equal(await ask(behind, '203.0.113.5', '192.0.2.3'), 200)
  t.equal(await ask(behind, '203.0.113.5', '192.0.2.4'), 429, 'a stranger is no proxy')
})

t.test('a broken list of proxies is a failure of the configuration', async (t) => {
  const backend = fakeBackend()
  const dependencies = { backend, logger: silentLogger(), registry: new Registry() }
  for (const proxy of ['nonsense', '300.0.0.1', '10.0.0.0/99']) {
    await t.rejects(createApi({ ...OPTIONS, trustedProxies: [proxy] }, dependencies), { name: 'Failure', code: 'config' }, proxy)
  }
  t.equal(backend.listeners.size, 0, 'nothing is left behind')
})

t.test('a failure of the node answers 500 with a request id, and only the log says more', async (t) => {
  const secret = 'LEVEL_SECRET at /data/db'
  const server = await testServer(t, {
    backend: {
      status: () => Promise.reject(new Error(secret)),
      block: () => Promise.reject(Object.assign(new Error(secret), { statusCode: 500 })),
    },
  })
  for (const url of ['/status', '/v2/blocks/7']) {
    const answer = await server.inject(url)
    t.equal(answer.statusCode, 500)
    t.match(answer.json(), { status: 500, code: 'internal', requestId: /^[0-9a-z]+-[0-9a-z]+$/ })
    t.notMatch(answer.body, /LEVEL|data|stack|\.ts/)
    t.match(server.logger.lines.at(-1), { level: 'error', message: 'Request failed', fields: { requestId: answer.json<{ requestId: string }>().requestId } })
  }
  t.match(server.logger.lines[0], { fields: { err: { message: secret } } })
  for (let i = 0; i < 50; i++) await server.inject('/status')
  t.ok(server.logger.lines.length <= 22, 'the log is not filled by whoever asks')
})

t.test('a node that does not answer in time is 503', async (t) => {
  const server = await testServer(t, { options: { answerTimeoutMs: 20 }, backend: { status: () => delay(200).then(statusView) } })
  t.match((await server.inject('/status')).json(), { status: 503, code: 'timeout' })
})

t.test('what is not HTTP is refused with a problem, and the server goes on', async (t) => {
  const { port, url } = await listening(t)
  const refused = await raw(port, 'NONSENSE\r\n\r\n')
  t.match(refused, /^HTTP\/1\.1 400 /)
  t.match(refused, /application\/problem\+json[^]*"code":"malformed"/)
  t.match(await raw(port, `GET / HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 431 [^]*"code":"headers_too_large"/)
  t.match(await raw(port, 'GET /v2/blocks/latest HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 400 /, 'no host')
  t.match(await raw(port, 'PROPFIND /v2/node HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'), /^HTTP\/1\.1 405 [^]*allow: GET, HEAD/)
  t.match(await raw(port, 'GET //..//..//etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'), /^HTTP\/1\.1 404 /)
  t.match(await raw(port, 'GET http://evil.example/v2/node HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'), /^HTTP\/1\.1 [24]0/)
  const upgrade =
    'GET /v2/node HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n' +
    'sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
  t.match(await raw(port, upgrade), /^HTTP\/1\.1 400 /, 'an upgrade where there is no WebSocket')
  const large = 'POST /v2/heartbeats HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9999999\r\n\r\n{'
  t.match(await raw(port, large), /^HTTP\/1\.1 413 /)
  t.equal((await fetch(`${url}/health`)).status, 200)
})

t.test('a request that does not arrive in time is ended, in its header or in its body', async (t) => {
  const { port } = await listening(t, { requestTimeoutMs: 100 })
  t.match(await raw(port, 'GET /v2/node HTTP/1.1\r\n'), /^HTTP\/1\.1 408 [^]*"code":"request_timeout"/)
  const unfinished = 'POST /v2/heartbeats HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{'
  t.match(await raw(port, unfinished), /^HTTP\/1\.1 408 /)
})

t.test('a taken port and an address of another machine are failures that say what to do', async (t) => {
  const other = createTcpServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const { port } = other.address() as AddressInfo
  for (const [options, message] of [
    [{ port }, `Port ${port} on 127.0.0.1 is taken by another process`],
    [{ host: '192.0.2.1' }, '192.0.2.1 is not an address of this machine'],
  ] as const) {
    const backend = fakeBackend()
    const api = await createApi({ ...OPTIONS, ...options }, { backend, logger: silentLogger(), registry: new Registry() })
    const failure = await api.listen().catch((error: unknown) => error)
    t.ok(failure instanceof Failure)
    t.match(failure, { code: 'port', message, remedy: /^[A-Z].+/ })
    t.equal(backend.listeners.size, 0, 'nothing is left behind')
    await api.close()
  }
})

t.test('draining: /ready says so first, writes are refused, what runs is finished, then the port is free', async (t) => {
  const finish: { now?: () => void } = {}
  const running = new Promise<void>((resolve) => {
    finish.now = resolve
  })
  const { api, url, port } = await listening(t, { drainDelayMs: 150 }, { status: () => running.then(statusView) })
  const slow = fetch(`${url}/status`)
  await delay(20)
  const closing = api.close()
  const ready = await fetch(`${url}/ready`)
  t.equal(ready.status, 503)
  t.match(await ready.json(), { code: 'draining', reasons: ['The node is stopping.'] })
  const body = JSON.stringify(heartbeatJson(1))
  const write = await fetch(`${url}/v2/heartbeats`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  t.match(await write.json(), { status: 503, code: 'draining' })
  t.equal((await fetch(`${url}/v2/node`)).status, 200, 'reads still work')
  t.equal((await fetch(`${url}/health`)).status, 200, 'and the process is alive')
  finish.now?.()
  const answer = await slow
  t.equal(answer.status, 200)
  t.match(await answer.json(), { ready: false, reasons: ['The node is stopping.'] })
  await closing
  await t.rejects(fetch(`${url}/health`))
  const next = createTcpServer().listen(port, '127.0.0.1')
  await once(next, 'listening')
  next.close()
  await api.close()
})

t.test('a request that never ends does not keep the node from stopping', async (t) => {
  const { api, url } = await listening(t, { drainTimeoutMs: 50 }, { status: () => delay(60_000, statusView(), { ref: false }) })
  const hanging = fetch(`${url}/status`).then(() => 'answered', () => 'cut off')
  await delay(20)
  await api.close()
  t.equal(await hanging, 'cut off')
})
