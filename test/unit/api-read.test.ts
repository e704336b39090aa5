// The routes that read: what they answer, by their own schemas, and how it may be cached.

import t from 'tap'
import type { TSchema } from 'typebox'
import { MAX_PAGE } from '../../src/api/limits.ts'
import { AccountPage, AccountSchema, BlockPage, BlockSchema, HeartbeatPage, TransactionPage } from '../../src/api/schema/chain.ts'
import { Problem } from '../../src/api/schema/common.ts'
import { ParamsSchema, ValidatorsSchema } from '../../src/api/schema/governance.ts'
import { AliveSchema, ChainHealthSchema, DatabaseHealthSchema, NodeSchema, ReadySchema, StatusSchema } from '../../src/api/schema/node.ts'
import { TransactionSchema } from '../../src/api/schema/transaction.ts'
import { blockView, HEAD, hex32, keyText, mismatches, NOW_MS, paramsView, testServer, validatorsView } from './api-fixture.ts'

t.test('every answer is what the schema of its route says', async (t) => {
  const server = await testServer(t)
  const routes: [string, TSchema][] = [
    ['/v2/node', NodeSchema], ['/status', StatusSchema], ['/health', AliveSchema], ['/ready', ReadySchema],
    ['/health/database', DatabaseHealthSchema], ['/health/blockchain', ChainHealthSchema],
    ['/v2/blocks', BlockPage], ['/v2/blocks/latest', BlockSchema], ['/v2/blocks/1', BlockSchema], [`/v2/blocks/${hex32(5)}`, BlockSchema],
    ['/v2/blocks/7/heartbeats', HeartbeatPage], ['/v2/blocks/latest/heartbeats', HeartbeatPage], [`/v2/blocks/${hex32(5)}/transactions`, TransactionPage],
    ['/v2/validators', ValidatorsSchema], ['/v2/params', ParamsSchema],
    ['/v2/accounts', AccountPage], [`/v2/accounts/${keyText(3)}`, AccountSchema],
    [`/v2/transactions/${hex32(7)}`, TransactionSchema], [`/v2/transactions/${hex32(8)}`, TransactionSchema],
  ]
  for (const [url, schema] of routes) {
    const answer = await server.inject(url)
    t.equal(answer.statusCode, 200, url)
    t.same(mismatches(server, schema, answer.json()), [], url)
    t.equal(answer.headers['x-content-type-options'], 'nosniff')
  }
})

t.test('a device learns network, witness, clock and limits from /v2/node', async (t) => {
  const server = await testServer(t, { options: { writes: { perSecond: 1_000, burst: 1_000 }, reads: { perSecond: 200, burst: 400 } } })
  t.match((await server.inject('/v2/node')).json(), {
    network: 'pulse-test', genesisHash: hex32(100), witness: hex32(9), nowMs: NOW_MS, params: { rewardInitial: '10000000000' },
    limits: { batchHeartbeats: 1_000, bodyBytes: 2_097_152, deviceHeartbeatsPerSecond: 2, deviceBurst: 20, addressWritesPerSecond: 1_000, addressReadsPerSecond: 200 },
  })
})

t.test('the parameters of a device are those of now, not those of the genesis', async (t) => {
  const server = await testServer(t, { backend: { params: async () => ({ ...paramsView(), params: { blockIntervalMs: 7_000, development: false } }) } })
  t.match((await server.inject('/v2/node')).json(), { development: false, params: { blockIntervalMs: 7_000 } })
})

t.test('a node is a validator as long as the network lists its key', async (t) => {
  const view = validatorsView()
  for (const [nodeKey, validator] of [[hex32(9), hex32(1)], [hex32(8), null]] as const) {
    const server = await testServer(t, { backend: { validators: async () => ({ ...view, validators: [{ ...view.validators[0]!, nodeKey }] }) } })
    t.equal((await server.inject('/v2/node')).json().validator, validator)
  }
})

t.test('validators and parameters are asked for again each time', async (t) => {
  const server = await testServer(t)
  for (const [url, view] of [['/v2/validators', validatorsView()], ['/v2/params', paramsView()]] as const) {
    const answer = await server.inject(url)
    t.same(answer.json(), view)
    t.equal(answer.headers['cache-control'], 'no-cache')
  }
})

t.test('pages of blocks lead from the newest to the first, each block once', async (t) => {
  const server = await testServer(t)
  const heights: number[] = []
  let cursor: string | null = null
  do {
    const answer = await server.inject(`/v2/blocks?limit=50${cursor === null ? '' : `&cursor=${cursor}`}`)
    const { blocks, next } = answer.json<{ blocks: { height: number }[]; next: string | null }>()
    heights.push(...blocks.map(({ height }) => height))
    cursor = next
  } while (cursor !== null)
  t.same(heights, Array.from({ length: HEAD }, (_, i) => HEAD - i))
})

t.test('pages within a block, and of accounts, give each item once', async (t) => {
  const server = await testServer(t)
  for (const [url, name, key, count] of [
    ['/v2/blocks/7/heartbeats', 'heartbeats', 'sequence', 5],
    ['/v2/blocks/7/transactions', 'transactions', 'nonce', 3],
    ['/v2/accounts', 'accounts', 'index', 5],
  ] as const) {
    const seen: unknown[] = []
    let next: string | null = '0'
    while (next !== null) {
      const page: Record<string, unknown> = (await server.inject(`${url}?limit=2&cursor=${next}`)).json()
      seen.push(...(page[name] as Record<string, unknown>[]).map((item) => item[key]))
      next = page['next'] as string | null
    }
    t.equal(new Set(seen).size, count, url)
    t.equal(seen.length, count, url)
  }
})

t.test(`a page has 1 to ${MAX_PAGE} items, and what a client may say about it is checked`, async (t) => {
  const limits: number[] = []
  const server = await testServer(t, { backend: { blocks: async (_before, limit) => (limits.push(limit), []) } })
  for (const query of ['', '?limit=1', `?limit=${MAX_PAGE}`]) t.equal((await server.inject(`/v2/blocks${query}`)).statusCode, 200, query)
  t.same(limits, [50, 1, MAX_PAGE])
  const wrong = [
    'limit=0', `limit=${MAX_PAGE + 1}`, 'limit=-1', 'limit=1.5', 'limit=x', 'limit=', 'limit=1e2', 'limit=1&limit=2',
    'cursor=', 'cursor=x', 'cursor=-1', 'cursor=1'.padEnd(30, '0'), 'page=1', '__proto__=1', '%00=1', '<script>=1',
  ]
  for (const query of wrong) t.match((await server.inject(`/v2/blocks?${query}`)).json(), { status: 400, code: 'malformed' }, query)
})

t.test('a block by height or id is cached for ever, the latest is asked for again', async (t) => {
  const server = await testServer(t)
  for (const ref of ['7', hex32(7), hex32(7).toUpperCase()]) {
    const answer = await server.inject(`/v2/blocks/${ref}`)
    t.same(answer.json(), blockView(7))
    t.equal(answer.headers.etag, `"${hex32(7)}"`)
    t.match(answer.headers['cache-control'], /max-age=31536000.*immutable/)
  }
  const latest = await server.inject('/v2/blocks/latest')
  t.equal(latest.headers.etag, `"${hex32(HEAD)}"`)
  t.equal(latest.headers['cache-control'], 'no-cache')
  for (const tag of [`"${hex32(7)}"`, `W/"${hex32(7)}"`, `"x", "${hex32(7)}"`, '*']) {
    const answer = await server.inject({ url: '/v2/blocks/7', headers: { 'if-none-match': tag } })
    t.equal(answer.statusCode, 304, tag)
    t.equal(answer.body, '')
  }
  t.equal((await server.inject({ url: '/v2/blocks/7', headers: { 'if-none-match': `"${hex32(8)}"` } })).statusCode, 200)
  const first = await server.inject('/v2/blocks/7/heartbeats?limit=2')
  const second = await server.inject('/v2/blocks/7/heartbeats?limit=2&cursor=2')
  t.not(first.headers.etag, second.headers.etag, 'pages have tags of their own')
  t.match((await server.inject('/v2/blocks/999')).headers, { 'cache-control': 'no-store' }, 'a block that is still to come')
})

t.test('a committed transaction is cached for ever, a waiting one is not', async (t) => {
  const server = await testServer(t)
  t.match((await server.inject(`/v2/transactions/${hex32(7)}`)).headers['cache-control'], /immutable/)
  t.equal((await server.inject(`/v2/transactions/${hex32(8)}`)).headers['cache-control'], 'no-cache')
})

t.test('what does not exist is 404, what cannot exist is 400', async (t) => {
  const server = await testServer(t)
  const script = encodeURIComponent('<script>alert(1)</script>')
  const absent = [
    '/v2/blocks/121', `/v2/blocks/${hex32(999)}`, '/v2/blocks/999/heartbeats', '/v2/blocks/999/transactions',
    `/v2/accounts/${keyText(9)}`, `/v2/transactions/${hex32(1)}`,
  ]
  const impossible = [
    '/v2/blocks/0', '/v2/blocks/007', '/v2/blocks/-1', '/v2/blocks/1.5', '/v2/blocks/1e3', '/v2/blocks/9999999999999999999',
    '/v2/blocks/Latest', `/v2/blocks/${script}`, '/v2/blocks/..%2f..%2fetc%2fpasswd', '/v2/blocks/%00', '/v2/blocks/%', '/v2/blocks/%ff',
    '/v2/blocks/', `/v2/blocks/${'a'.repeat(63)}`, `/v2/blocks/${'a'.repeat(65)}`, `/v2/blocks/${'a'.repeat(500)}`,
    '/v2/accounts/x', `/v2/accounts/${script}`, `/v2/accounts/${'z'.repeat(48)}`, `/v2/accounts/z${'1'.repeat(46)}`,
    `/v2/accounts/${keyText(3)}x`, `/v2/accounts/${encodeURIComponent("' OR 1=1 --")}`,
    '/v2/transactions/x', `/v2/transactions/${'g'.repeat(64)}`, `/v2/transactions/${script}`,
  ]
  for (const url of absent) t.match((await server.inject(url)).json(), { status: 404, code: 'not_found' }, url)
  for (const url of impossible) {
    const answer = await server.inject(url)
    t.match(answer.json(), { status: 400, code: 'malformed' }, url)
    t.match(answer.headers, { 'x-content-type-options': 'nosniff', 'access-control-allow-origin': '*' }, url)
    t.same(mismatches(server, Problem, answer.json()), [], url)
  }
})

t.test('a node that is not ready, or whose parts fail, says why with 503', async (t) => {
  const server = await testServer(t, {
    backend: {
      readiness: () => ({ ready: false, reasons: ['The chain is being replayed.'] }),
      database: async () => ({ ok: false, reasons: ['The disk is full.'], schemaVersion: 1, height: 1, sizeBytes: 1 }),
      blockchain: async () => ({ ok: false, reasons: ['No block for 60 s.'], height: 1, headId: hex32(1), headAgeMs: 60_000, round: 9, step: 'propose' }),
    },
  })
  const ready = await server.inject('/ready')
  t.equal(ready.statusCode, 503)
  t.match(ready.json(), { code: 'not_ready', detail: 'The chain is being replayed.', reasons: ['The chain is being replayed.'] })
  t.match((await server.inject('/health/database')).json(), { status: 503, code: 'unhealthy', reasons: ['The disk is full.'] })
  t.match((await server.inject('/health/blockchain')).json(), { status: 503, code: 'unhealthy', reasons: ['No block for 60 s.'] })
  t.equal((await server.inject('/health')).statusCode, 200, 'the process is alive all the same')
  for (const url of ['/ready', '/health/database']) t.same(mismatches(server, Problem, (await server.inject(url)).json()), [])
})

t.test('metrics are those of the main thread and of the core, by route template and status', async (t) => {
  const server = await testServer(t)
  await server.inject('/v2/blocks/7')
  await server.inject('/v2/blocks/8')
  await server.inject('/v2/blocks/x')
  await server.inject('/nowhere/1')
  const answer = await server.inject('/metrics')
  t.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/)
  t.match(answer.body, 'pulse_http_requests_total{method="GET",route="/v2/blocks/:ref",status="200"} 2\n')
  t.match(answer.body, 'pulse_http_requests_total{method="GET",route="/v2/blocks/:ref",status="400"} 1\n')
  t.match(answer.body, 'pulse_http_requests_total{method="GET",route="none",status="404"} 1\n')
  t.match(answer.body, 'pulse_http_request_duration_seconds_count{method="GET",route="/v2/blocks/:ref"} 3\n')
  t.match(answer.body, '\npulse_height 120\n')
  t.notMatch(answer.body, 'nowhere')
})
