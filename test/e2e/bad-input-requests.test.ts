// Bad requests against a living node: unknown routes and methods, strings that attack other programs, what is no HTTP at
// all, and bad frames. A stable code and message for each, and nothing stored or sent back.

import t from 'tap'
import type { Test } from 'tap'
import { connect } from 'node:net'
import { join } from 'node:path'
import { REASONS } from '../../src/protocol/reason.ts'
import type { Target } from './bad-input.ts'
import { assertProblem, bodyOf, startTarget } from './bad-input.ts'
import type { Answer, Json } from './harness.ts'
import { request } from './harness.ts'
import { makeBeat, mirrored, newLife } from './lives.ts'

t.setTimeout(240_000)

const file = t
const dir = join(t.testdir(), 'data')
let target: Target
let url = ''

t.test('a node', async () => {
  target = await startTarget(file, dir)
  url = target.node.url
})

t.test('unknown routes and methods', async (t) => {
  for (const path of ['/v2', '/v2/heartbeat', '/v3/blocks', '/admin', '/.env', '/v2/blocks/1/secrets', '//v2/blocks']) {
    assertProblem(t, await request(url + path), 404, 'not_found', path)
  }
  for (const [method, path, allow] of [
    ['GET', '/v2/heartbeats', 'POST'],
    ['DELETE', '/v2/blocks/1', 'GET, HEAD'],
    ['PUT', '/status', 'GET, HEAD'],
    ['POST', '/v2/accounts', 'GET, HEAD'],
    ['PATCH', '/v2/transactions', 'POST'],
  ] as const) {
    const answer = await request(url + path, { method })
    assertProblem(t, answer, 405, 'method_not_allowed', `${method} ${path}`)
    t.equal(answer.headers.get('allow'), allow)
  }
})

const STRINGS = [
  ...['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "' OR '1'='1", '1; DROP TABLE blocks'],
  ...['$' + '{7*7}', '{{7*7}}', '`id`', '$(id)', '__proto__', 'constructor'],
  ...['../../../../etc/passwd', '..%2f..%2fetc%2fpasswd', '....//etc/passwd', 'C:\\Windows\\system.ini', 'file:///etc/passwd'],
  ...['\u0000', '\r\nset-cookie: a=b', '\u202e', 'NaN', '-1', '1e3', '0x10', '１', 'latest ', 'x'.repeat(5_000)],
]

function assertNotSentBack(t: Test, { headers, json }: Answer, text: string): void {
  if (text.length > 3 && /\W/.test(text)) t.notOk(json.detail.includes(text.slice(0, 12)), 'it is not sent back')
  t.equal(headers.get('set-cookie'), null)
}

t.test('script, path and query strings in parameters', async (t) => {
  const before = await target.holdings()
  for (const text of STRINGS) {
    const encoded = encodeURIComponent(text)
    for (const path of [`blocks/${encoded}`, `blocks/${encoded}/heartbeats`, `accounts/${encoded}`, `transactions/${encoded}`]) {
      const answer = await request(`${url}/v2/${path}`)
      const [status, code] = answer.status === 404 ? [404, 'not_found'] : [400, 'malformed']
      assertProblem(t, answer, status, code, path.slice(0, 80))
      assertNotSentBack(t, answer, text)
    }
    for (const query of [`?limit=${encoded}`, `?cursor=${encoded}`, `?${encoded}=1`]) {
      const answer = await request(`${url}/v2/accounts${query}`)
      assertProblem(t, answer, 400, 'malformed', query.slice(0, 80))
      assertNotSentBack(t, answer, text)
    }
  }
  for (const query of ['?limit=0', '?limit=201', '?limit=1&limit=2', '?cursor=1.5', '?limit=']) {
    assertProblem(t, await request(`${url}/v2/blocks${query}`), 400, 'malformed', query)
  }
  t.same(await target.holdings(), before)
})

t.test('what is no HTTP at all', async (t) => {
  const smuggled = 'POST /v2/heartbeats HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n'
  for (const text of ['hello\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', '\u0016\u0003\u0001', smuggled]) {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk) => (answer += chunk.toString()))
    const closed = new Promise((resolve) => socket.on('close', resolve).on('error', () => {}))
    socket.write(text)
    await closed
    t.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n[^]*"code":"malformed"/, JSON.stringify(text))
  }
})

t.test('frames of a WebSocket', async (t) => {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v2/ws`)
  t.teardown(() => socket.close())
  await new Promise((resolve) => socket.addEventListener('open', resolve))
  const ask = (frame: string | Uint8Array<ArrayBuffer>): Promise<Json> => {
    const { promise, resolve } = Promise.withResolvers()
    socket.addEventListener('message', ({ data }) => resolve(JSON.parse(data as string)), { once: true })
    socket.send(frame)
    return promise
  }
  const life = newLife('p256')
  const good = makeBeat(target.network, life)
  const before = await target.holdings()
  const frames = ['{', '[]', '{"type":"shutdown"}', '{"type":"heartbeats","heartbeats":[]}', '{"type":"subscribe","topics":["secrets"]}']
  for (const frame of [...frames, new Uint8Array([1, 2, 3])]) {
    t.match(await ask(frame), { type: 'error', code: 'malformed', detail: /^.+\.$/ }, String(frame))
  }
  const forgery = bodyOf({ message: good.message, signature: mirrored(good.signature) })
  t.match(await ask(JSON.stringify({ type: 'heartbeat', ref: 'a', ...forgery })), {
    type: 'verdicts',
    ref: 'a',
    verdicts: [{ accepted: false, code: 'bad_signature', detail: REASONS.bad_signature.text }],
  })
  t.same(await target.holdings(), before, 'nothing is stored')
  const accepted = await ask(JSON.stringify({ type: 'heartbeat', ref: 'b', ...bodyOf(good) }))
  t.match(accepted, { ref: 'b', verdicts: [{ accepted: true, id: good.id }] })
  target.honest.add(life.keyText)
})

t.test('after all this', (t) => target.assertUnharmed(t))
