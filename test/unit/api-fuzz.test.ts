// Whatever strangers send, the answer is one of the documented kinds and the server lives on.

import { connect } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import fc from 'fast-check'
import { Registry } from 'prom-client'
import { WebSocket } from 'ws'
import { createApi } from '../../src/api/api.ts'
import { fakeBackend, heartbeatJson, hex32, keyText, NONCE, OPTIONS, post, silentLogger, testServer, VITALS } from './api-fixture.ts'

const nasty = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('<script>alert(1)</script>', '../../etc/passwd', '%00', '%2e%2e%2f', "' OR 1=1 --", '__proto__', 'constructor', '$' + '{7*7}'),
  fc.constantFrom('\r\nx: y', 'NaN', '1e999', '-0', '\uffff', 'a'.repeat(5_000), hex32(7), keyText(3), 'latest', '7'),
)
const methods = fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE')
const roots = fc.constantFrom(
  '/', '/v2/heartbeats', '/v2/transactions', '/v2/blocks', '/v2/accounts', '/v2/node', '/v2/ws', '/v2/openapi.json', '/health', '/ready',
  '/status', '/metrics', '/page/',
)
const encoded = (text: string): string => encodeURIComponent(text.toWellFormed())
const printable = (text: string): string => text.replaceAll(/[^\x21-\x7e]/g, '')
const url = fc
  .record({
    root: roots,
    parts: fc.array(nasty, { maxLength: 2 }),
    query: fc.array(fc.tuple(nasty, nasty), { maxLength: 2 }),
    write: fc.constantFrom(encoded, printable),
  })
  .map(({ root, parts, query, write }) => {
    const path = [root, ...parts.map(write)].join('/')
    return query.length === 0 ? path : `${path}?${query.map((pair) => pair.map(write).join('=')).join('&')}`
  })
const headerText = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)), maxLength: 200 })
const headers = fc.dictionary(
  fc.constantFrom(
    'accept', 'origin', 'if-none-match', 'x-forwarded-for', 'x-forwarded-host', 'range', 'cookie', 'authorization', 'accept-version',
    'content-encoding', 'x-http-method-override',
  ),
  fc.oneof(headerText, fc.constantFrom('*', 'W/"', '1.2.3.4, ::1', 'gzip', 'bytes=0-1')),
)

/** An answer is fine if its status is documented and, when it refuses, it is a problem with a code. */
function isFine(answer: { statusCode: number; headers: Record<string, unknown>; body: string }, method: string): boolean {
  if (answer.statusCode >= 500) return false
  if (answer.statusCode < 400 || method === 'HEAD') return true
  const { code, status } = JSON.parse(answer.body) as { code?: string; status?: number }
  const isProblem = String(answer.headers['content-type']).startsWith('application/problem+json')
  return isProblem && typeof code === 'string' && status === answer.statusCode && !/\bat .*\.ts:/.test(answer.body)
}

t.test('random paths, queries and headers', async (t) => {
  const { inject } = await testServer(t)
  await fc.assert(
    fc.asyncProperty(methods, url, headers, async (method, url, headers) => isFine(await inject({ method: method as 'GET', url, headers }), method)),
    { numRuns: 800 },
  )
  t.pass()
})

/** A good body with some part replaced by something else. */
const mutated = fc
  .tuple(
    fc.constantFrom(
      heartbeatJson(1),
      { ...heartbeatJson(1), vitals: VITALS, nonce: NONCE },
      { heartbeats: [heartbeatJson(1), heartbeatJson(2)] },
    ),
    fc.integer({ min: 0, max: 30 }),
    fc.json({ maxDepth: 3 }),
  )
  .map(([body, at, replacement]) => {
    let seen = 0
    const visit = (value: unknown): unknown => {
      if (seen++ === at) return JSON.parse(replacement)
      if (Array.isArray(value)) return value.map(visit)
      if (typeof value !== 'object' || value === null) return value
      return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, visit(member)]))
    }
    return JSON.stringify(visit(body))
  })
const cut = fc.tuple(mutated, fc.nat(2_000)).map(([text, at]) => text.slice(0, at))
const deep = fc.integer({ min: 1, max: 50_000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth))
const bodies = fc.oneof(mutated, cut, fc.json(), nasty, deep, fc.constant('{"heartbeats":' + '['.repeat(10_000)))
const types = fc.oneof(
  { weight: 5, arbitrary: fc.constant('application/json') },
  fc.constantFrom('application/octet-stream', 'application/octet-stream; x', 'text/plain', 'multipart/form-data', '/', ';'),
  fc.constantFrom('application/json; charset=utf-16', 'application/json;'),
  headerText,
)

t.test('random bodies and content types', async (t) => {
  const { inject } = await testServer(t)
  const target = fc.constantFrom('/v2/heartbeats', '/v2/transactions', '/v2/node', '/nope')
  await fc.assert(
    fc.asyncProperty(target, bodies, types, async (url, body, type) => isFine(await inject(post(url, body, { 'content-type': type })), 'POST')),
    { numRuns: 800 },
  )
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 1_000 }), fc.boolean(), async (bytes, multiple) => {
      const body = Buffer.from(multiple ? bytes.subarray(0, 245 * Math.floor(bytes.length / 245)) : bytes)
      const answer = await inject(post('/v2/heartbeats', body, { 'content-type': 'application/octet-stream' }))
      return answer.statusCode === (body.length > 0 && body.length % 245 === 0 ? 200 : 400)
    }),
    { numRuns: 200 },
  )
  t.pass()
})

t.test('random bytes on the port and random frames on the WebSocket', async (t) => {
  const logger = silentLogger()
  const api = await createApi(OPTIONS, { backend: fakeBackend(), logger, registry: new Registry() })
  t.teardown(() => api.close())
  const { url } = await api.listen()
  const port = Number(new URL(url).port)

  const line = fc.oneof(
    fc.constantFrom('GET / HTTP/1.1', 'POST /v2/heartbeats HTTP/1.1', 'host: x', 'content-length: 5', 'transfer-encoding: chunked', ''),
    fc.constantFrom('upgrade: websocket', 'connection: upgrade', 'sec-websocket-version: 13', 'sec-websocket-key: x', 'expect: 100-continue'),
    nasty,
  )
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 8 }), async (lines) => {
      const socket = connect(port, '127.0.0.1')
      let answer = ''
      socket.on('data', (data) => (answer += data.toString('latin1')))
      socket.on('error', () => undefined)
      socket.end(lines.join('\r\n') + '\r\n\r\n')
      await once(socket, 'close')
      return !/^HTTP\/1\.1 5/.test(answer)
    }),
    { numRuns: 150 },
  )

  const socket = new WebSocket(`${url.replace('http', 'ws')}/v2/ws`)
  await once(socket, 'open')
  const frame = fc.oneof(
    bodies,
    mutated.map((text) => text.replace('{', '{"type":"heartbeat",')),
    mutated.map((text) => text.replace('{', '{"type":"heartbeats","ref":"r",')),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  )
  await fc.assert(
    fc.asyncProperty(frame, async (frame) => {
      socket.send(frame)
      const [data] = (await once(socket, 'message')) as [Buffer]
      const { type, code } = JSON.parse(data.toString()) as { type: string; code?: string }
      return type === 'verdicts' || (type === 'error' && (code === 'malformed' || code === 'too_large'))
    }),
    { numRuns: 300 },
  )
  socket.close()
  t.equal((await fetch(`${url}/health`)).status, 200)
  t.same(logger.lines, [])
})
