// POST /v2/heartbeats and /v2/transactions: what reaches the node, and what is answered.

import t from 'tap'
import fc from 'fast-check'
import type { HeartbeatVerdict } from '../../src/api/backend.ts'
import { decodeBase64 } from '../../src/api/base64.ts'
import { MAX_BATCH, MAX_BODY_BYTES } from '../../src/api/limits.ts'
import { Accepted, TransactionAccepted, Verdicts } from '../../src/api/schema/heartbeat.ts'
import { Problem } from '../../src/api/schema/common.ts'
import { MAX_TRANSACTION_BYTES } from '../../src/protocol/limits.ts'
import type { Reason } from '../../src/protocol/reason.ts'
import { REASONS } from '../../src/protocol/reason.ts'
import { heartbeatJson, hex32, mismatches, NONCE, post, testServer, VITALS } from './api-fixture.ts'

const bytesOf = (n: number): string => Buffer.alloc(245, n).toString('hex')

t.test('a single heartbeat reaches the node byte for byte, and its verdict comes back', async (t) => {
  const server = await testServer(t)
  const answer = await server.inject(post('/v2/heartbeats', { ...heartbeatJson(7), vitals: VITALS, nonce: NONCE }))
  t.equal(answer.statusCode, 200)
  t.same(answer.json(), { accepted: true, id: hex32(0), weightPpm: 300_000 })
  t.same(mismatches(server, Accepted, answer.json()), [])
  t.same(server.backend.submitted[0]?.heartbeats, [bytesOf(7)])
  t.same(server.backend.submitted[0]?.vitals, [{ ...VITALS, nonce: new Uint8Array(16).fill(5) }])
})

t.test('a batch gets one verdict for each heartbeat, in order, and wrong ones do not hold up the others', async (t) => {
  const server = await testServer(t, {
    backend: {
      submitHeartbeats: async (batch, vitals) => {
        t.equal(Buffer.from(batch).toString('hex'), [1, 2, 3].map(bytesOf).join(''))
        t.equal(batch.byteLength, batch.buffer.byteLength, 'the memory is its own')
        t.same(vitals, [null, { ...VITALS, nonce: new Uint8Array(16).fill(5) }, null])
        return [{ accepted: true, id: hex32(1), weightPpm: 1 }, { accepted: false, reason: 'duplicate' }, { accepted: false, reason: 'too_old', detail: 'by 3 s' }]
      },
    },
  })
  const heartbeats = [5, heartbeatJson(1), { ...heartbeatJson(2), vitals: VITALS, nonce: NONCE }, { ...heartbeatJson(9), more: 1 }, heartbeatJson(3)]
  const answer = await server.inject(post('/v2/heartbeats', { heartbeats }))
  t.equal(answer.statusCode, 200)
  t.same(mismatches(server, Verdicts, answer.json()), [])
  const { verdicts } = answer.json<{ verdicts: { accepted: boolean; code?: string; detail?: string }[] }>()
  t.same(verdicts.map(({ accepted, code }) => code ?? accepted), ['malformed', true, 'duplicate', 'malformed', 'too_old'])
  t.equal(verdicts[2]?.detail, REASONS.duplicate.text)
  t.equal(verdicts[4]?.detail, 'by 3 s')
})

t.test('a binary batch reaches the node byte for byte, without vitals', async (t) => {
  const server = await testServer(t)
  const body = Buffer.concat([Buffer.alloc(245, 1), Buffer.alloc(245, 2)])
  const answer = await server.inject(post('/v2/heartbeats', body, { 'content-type': 'application/octet-stream' }))
  t.equal(answer.statusCode, 200)
  t.equal(answer.json<{ verdicts: unknown[] }>().verdicts.length, 2)
  t.same(server.backend.submitted, [{ heartbeats: [bytesOf(1), bytesOf(2)], vitals: [null, null] }])
})

t.test(`batches of 1 to ${MAX_BATCH} are taken, one more and none are not`, async (t) => {
  const server = await testServer(t)
  const json = (count: number) => server.inject(post('/v2/heartbeats', { heartbeats: Array(count).fill(heartbeatJson(1)) }))
  const binary = (size: number) => server.inject(post('/v2/heartbeats', Buffer.alloc(size), { 'content-type': 'application/octet-stream' }))
  t.equal((await json(1)).statusCode, 200)
  t.equal((await json(MAX_BATCH)).json<{ verdicts: unknown[] }>().verdicts.length, MAX_BATCH)
  t.match((await json(MAX_BATCH + 1)).json(), { status: 413, code: 'too_large' })
  t.match((await json(0)).json(), { status: 400, code: 'malformed' })
  t.equal((await binary(245)).statusCode, 200)
  t.equal((await binary(245 * MAX_BATCH)).json<{ verdicts: unknown[] }>().verdicts.length, MAX_BATCH)
  t.match((await binary(245 * (MAX_BATCH + 1))).json(), { status: 413, code: 'too_large' })
  for (const size of [0, 244, 246]) t.match((await binary(size)).json(), { status: 400, code: 'malformed' })
  t.equal(server.backend.submitted.length, 4, 'nothing of what was refused reached the node')
})

t.test('the body may have 2 MiB and not a byte more', async (t) => {
  const server = await testServer(t)
  const padded = (size: number): string => {
    const text = JSON.stringify(heartbeatJson(1))
    return text + ' '.repeat(size - text.length)
  }
  t.equal((await server.inject(post('/v2/heartbeats', padded(MAX_BODY_BYTES)))).statusCode, 200)
  const refused = await server.inject(post('/v2/heartbeats', padded(MAX_BODY_BYTES + 1)))
  t.match(refused.json(), { status: 413, code: 'too_large' })
  t.equal(refused.statusCode, 413)
})

t.test('a heartbeat that cannot be read is refused with a code, and never reaches the node', async (t) => {
  const server = await testServer(t)
  const good = heartbeatJson(1)
  const vitals = (change: object) => ({ ...good, nonce: NONCE, vitals: { ...VITALS, ...change } })
  const cases: [string, unknown, Reason][] = [
    ['no member', {}, 'malformed'],
    ['no signature', { message: good.message }, 'malformed'],
    ['an unknown member', { ...good, extra: 1 }, 'malformed'],
    ['a member called __proto__', JSON.stringify(good).replace('{', '{"__proto__":{},'), 'malformed'],
    ['a message that is a number', { ...good, message: 5 }, 'malformed'],
    ['a message one byte short', { ...good, message: Buffer.alloc(180).toString('base64') }, 'malformed'],
    ['a message one byte long', { ...good, message: Buffer.alloc(182).toString('base64') }, 'malformed'],
    ['a signature one byte short', { ...good, signature: Buffer.alloc(63).toString('base64') }, 'malformed'],
    ['a signature one byte long', { ...good, signature: Buffer.alloc(65).toString('base64') }, 'malformed'],
    ['base64 without padding', { ...good, message: good.message.replaceAll('=', '') }, 'malformed'],
    ['base64 with a space', { ...good, message: ` ${good.message.slice(1)}` }, 'malformed'],
    ['vitals without a nonce', { ...good, vitals: VITALS }, 'malformed'],
    ['a nonce without vitals', { ...good, nonce: NONCE }, 'malformed'],
    ['a nonce one byte short', { ...good, vitals: VITALS, nonce: Buffer.alloc(15).toString('base64') }, 'malformed'],
    ['vitals that are a list', { ...good, vitals: [], nonce: NONCE }, 'malformed'],
    ['vitals that are null', { ...good, vitals: null, nonce: NONCE }, 'malformed'],
    ['vitals with an unknown member', vitals({ bpm: 70 }), 'malformed'],
    ['vitals without intervals', vitals({ rrMs: undefined }), 'malformed'],
    ['an empty list of intervals', vitals({ rrMs: [] }), 'out_of_range'],
    ['65 intervals', vitals({ rrMs: Array(65).fill(800) }), 'out_of_range'],
    ['an interval of 199 ms', vitals({ rrMs: [199] }), 'out_of_range'],
    ['an interval of 3001 ms', vitals({ rrMs: [3001] }), 'out_of_range'],
    ['an interval with a fraction', vitals({ rrMs: [800.5] }), 'out_of_range'],
    ['an interval that is a string', vitals({ rrMs: ['800'] }), 'out_of_range'],
    ['65 motion samples', vitals({ motionMilliG: Array(65).fill(1) }), 'out_of_range'],
    ['too much motion', vitals({ motionMilliG: [16_001] }), 'out_of_range'],
    ['a temperature of 65536', vitals({ temperatureCentiC: 65_536 }), 'out_of_range'],
  ]
  for (const [name, body, code] of cases) {
    const answer = await server.inject(post('/v2/heartbeats', body))
    t.match(answer.json(), { code, status: REASONS[code].status }, name)
  }
  const atLimits = { rrMs: Array(64).fill(3_000), motionMilliG: Array(64).fill(16_000), temperatureCentiC: 65_535 }
  t.equal((await server.inject(post('/v2/heartbeats', vitals(atLimits)))).statusCode, 200, 'vitals at their limits')
  t.equal((await server.inject(post('/v2/heartbeats', vitals({ rrMs: [200], motionMilliG: [], temperatureCentiC: 0 })))).statusCode, 200)
  t.equal(server.backend.submitted.length, 2)
})

t.test('a request that is wrong as a whole is refused as a whole', async (t) => {
  const server = await testServer(t)
  const bodies = ['', '{', 'null', '5', '"x"', '[]', '{"heartbeats":5}', '{"heartbeats":[]}', '{"heartbeats":{}}', '{"heartbeats":[{}],"x":1}', '\u0000', '{"a":1}}']
  for (const body of bodies) t.match((await server.inject(post('/v2/heartbeats', body))).json(), { status: 400, code: 'malformed' }, JSON.stringify(body))
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/xml', 'nonsense', 'application/json-seq']) {
    const answer = await server.inject(post('/v2/heartbeats', JSON.stringify(heartbeatJson(1)), { 'content-type': type }))
    t.match(answer.json(), { status: 415, code: 'unsupported_media_type' }, type)
  }
  t.match((await server.inject({ method: 'POST', url: '/v2/heartbeats' })).json(), { status: 400, code: 'malformed' }, 'no body at all')
  t.same(server.backend.submitted, [])
  const charset = await server.inject(post('/v2/heartbeats', heartbeatJson(1), { 'content-type': 'Application/JSON; charset=utf-8' }))
  t.equal(charset.statusCode, 200, 'parameters of the type are fine')
})

t.test('every reason answers a single heartbeat and a transaction with its own status and code', async (t) => {
  let reason: Reason = 'malformed'
  const refused = async () => ({ accepted: false, reason }) as const
  const server = await testServer(t, { backend: { submitHeartbeats: async () => [await refused()], submitTransaction: refused, submitEncodedTransaction: refused } })
  for (reason of Object.keys(REASONS) as Reason[]) {
    const { status, text } = REASONS[reason]
    for (const request of [post('/v2/heartbeats', heartbeatJson(1)), post('/v2/transactions', heartbeatJson(1)), post('/v2/transactions', { transaction: 'AAAA' })]) {
      const answer = await server.inject(request)
      t.equal(answer.statusCode, status, reason)
      t.match(answer.headers['content-type'], /^application\/problem\+json/)
      t.match(answer.json(), { type: 'about:blank', status, code: reason, detail: text })
      t.same(mismatches(server, Problem, answer.json()), [])
      t.equal(answer.headers['retry-after'], status === 429 || status === 503 ? '1' : undefined)
    }
  }
})

t.test('a transaction reaches the node byte for byte', async (t) => {
  const server = await testServer(t)
  const answer = await server.inject(post('/v2/transactions', { message: Buffer.alloc(200, 3).toString('base64'), signature: Buffer.alloc(64, 4).toString('base64') }))
  t.equal(answer.statusCode, 200)
  t.same(mismatches(server, TransactionAccepted, answer.json()), [])
  t.same(server.backend.transactions, [{ message: '03'.repeat(200), signature: '04'.repeat(64) }])
})

t.test('a transaction of any kind is taken as a block would hold it', async (t) => {
  const server = await testServer(t)
  for (const size of [3, MAX_TRANSACTION_BYTES]) {
    const answer = await server.inject(post('/v2/transactions', { transaction: Buffer.alloc(size, 5).toString('base64') }))
    t.equal(answer.statusCode, 200)
    t.same(mismatches(server, TransactionAccepted, answer.json()), [])
    t.match(answer.json(), { id: hex32(43) })
  }
  t.same(server.backend.transactions, [3, MAX_TRANSACTION_BYTES].map((size) => ({ encoded: '05'.repeat(size) })))
  const wrong: [unknown, RegExp][] = [
    [{ transaction: Buffer.alloc(MAX_TRANSACTION_BYTES + 1).toString('base64') }, /transaction/],
    [{ transaction: 'AAA' }, /transaction/],
    [{ transaction: '====' }, /transaction must be the canonical base64/],
    [{ transaction: 5 }, /body\/transaction must be string/],
    [{ transaction: 'AAAA', signature: Buffer.alloc(64).toString('base64') }, /signature is not known|must not have additional/],
  ]
  for (const [body, detail] of wrong) t.match((await server.inject(post('/v2/transactions', body))).json(), { status: 400, code: 'malformed', detail }, String(detail))
  t.equal(server.backend.transactions.length, 2)
})

t.test('a transaction that cannot be read is refused', async (t) => {
  const server = await testServer(t)
  const signature = Buffer.alloc(64).toString('base64')
  const message = (size: number) => Buffer.alloc(size).toString('base64')
  t.equal((await server.inject(post('/v2/transactions', { message: message(MAX_TRANSACTION_BYTES), signature }))).statusCode, 200, 'at the limit')
  const bodies = [
    {}, [], null, 5, { message: message(200) }, { message: message(200), signature, x: 1 }, { message: 5, signature }, { message: '', signature },
    { message: message(MAX_TRANSACTION_BYTES + 1), signature }, { message: message(200).replace('=', ''), signature }, { message: '====', signature },
    { message: message(200), signature: Buffer.alloc(63).toString('base64') }, { message: message(200), signature: Buffer.alloc(65).toString('base64') },
  ]
  for (const body of bodies) t.match((await server.inject(post('/v2/transactions', body))).json(), { status: 400, code: 'malformed' }, JSON.stringify(body)?.slice(0, 50))
  const binary = await server.inject(post('/v2/transactions', Buffer.alloc(245), { 'content-type': 'application/octet-stream' }))
  t.match(binary.json(), { status: 415 }, 'bytes are for heartbeats only')
  t.equal(server.backend.transactions.length, 1)
})

t.test('a backend that loses verdicts is our own fault', async (t) => {
  const verdicts: HeartbeatVerdict[] = []
  const server = await testServer(t, { backend: { submitHeartbeats: async () => verdicts } })
  t.match((await server.inject(post('/v2/heartbeats', heartbeatJson(1)))).json(), { status: 500, code: 'internal' })
})

t.test('base64 is read in its one canonical spelling only', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), (bytes) => {
      const text = Buffer.from(bytes).toString('base64')
      t.same(decodeBase64(text, 100), bytes)
      t.equal(decodeBase64(text, bytes.length - 1), null)
    }),
    { numRuns: 50 },
  )
  fc.assert(
    fc.property(fc.string({ maxLength: 24, unit: fc.constantFrom(...'ABab01+/=-_ \n') }), (text) => {
      const bytes = decodeBase64(text, 100)
      if (bytes !== null) t.equal(Buffer.from(bytes).toString('base64'), text)
    }),
    { numRuns: 300 },
  )
  for (const text of ['', 'AB==', 'AAB=', 'AA', 'AA=', '-_-_', 'AAAA\n', 'A A=', '====', 'AA==AA==']) t.equal(decodeBase64(text, 100), null, JSON.stringify(text))
})
