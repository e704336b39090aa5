// The client of the node's API: what it learns from /v2/node, its clock, and how it reads answers.

import { base64 } from '@scure/base'
import t from 'tap'
import { sha256 } from '../../src/crypto/hash.ts'
import type { ClientOptions } from '../../src/device/client.ts'
import { createClient, heartbeatJson } from '../../src/device/client.ts'
import type { DeviceHeartbeat } from '../../src/device/heartbeat.ts'
import { makeHeartbeat } from '../../src/device/heartbeat.ts'
import { createIdentity } from '../../src/device/identity.ts'
import { createNodeClock } from '../../src/device/node-clock.ts'
import { parseNodeInfo } from '../../src/device/node-info.ts'
import { makeTransfer } from '../../src/device/transfer.ts'
import { FakeNode, FakeTiming, GENESIS, NETWORK, problem, START_MS, VITALS, WITNESS } from './device-helpers.ts'

function setUp(options: Partial<ClientOptions> = {}) {
  const timing = new FakeTiming()
  const node = new FakeNode(timing)
  const client = createClient({ url: 'http://node.test/', fetch: node.fetch, timing, ...options })
  return { timing, node, client }
}

const FIELDS = { genesisHash: GENESIS, witness: WITNESS, timestampS: START_MS / 1_000, sequence: 1, vitals: VITALS }
/** Of as many devices. */
const heartbeats = (count: number): DeviceHeartbeat[] =>
  Array.from({ length: count }, () => makeHeartbeat({ keys: createIdentity('ed25519').keys, ...FIELDS }))

t.test('readNode learns the network, the witness and the parameters', async (t) => {
  const { client, node } = setUp()
  t.equal(client.node, null)
  const info = await client.readNode()
  t.match(info, { ...NETWORK, name: 'test', nodeTimeMs: START_MS, blockIntervalMs: 1_000 })
  t.equal(client.node, info)
  t.strictSame(node.requests.map(({ path }) => path), ['/v2/node'], 'a slash at the end of the address does no harm')
})

t.test('an answer that is not that of a node is refused, with the member that is wrong', async (t) => {
  const { node } = setUp()
  const good = node.answer('GET', '/v2/node', undefined).json as Record<string, unknown>
  t.doesNotThrow(() => parseNodeInfo(good))
  const params = good.params as object
  const cases: readonly [string, unknown][] = [
    ['the answer', null],
    ['the answer', undefined],
    ['params', { ...good, params: undefined }],
    ['network', { ...good, network: 1 }],
    ['development', { ...good, development: 'yes' }],
    ['genesisHash', { ...good, genesisHash: 'ab' }],
    ['witness', { ...good, witness: 'zz'.repeat(32) }],
    ['nowMs', { ...good, nowMs: -1 }],
    ['params.lifeMinIntervalMs', { ...good, params: { ...params, lifeMinIntervalMs: '1000' } }],
    ['params.heartbeatMaxAgeMs', { ...good, params: { ...params, heartbeatMaxAgeMs: 0.5 } }],
  ]
  for (const [what, json] of cases) {
    t.throws(() => parseNodeInfo(json), { code: 'bad_answer', message: new RegExp(`^${what} of /v2/node`) }, what)
  }
})

t.test('the clock follows the node, from the middle of the request', async (t) => {
  const timing = new FakeTiming()
  const clock = createNodeClock(timing)
  t.equal(clock.nowMs(), START_MS)
  clock.observe(1_000, 1_400, 91_200)
  t.equal(clock.offsetMs, 90_000)
  t.equal(clock.nowMs(), START_MS + 90_000)
  clock.observe(1_000, 1_400, 61_200)
  t.equal(clock.offsetMs, 60_000, 'the newest reading counts')
  clock.observe(1_400, 1_000, 5_000)
  t.equal(clock.offsetMs, 60_000, 'a request during which our clock was set back says nothing')
  clock.observe(1_000, 1_400, 1_400)
  t.equal(clock.offsetMs, 0, 'a difference that the duration of the request explains is none')
  clock.observe(1_000, 1_400, 1_401)
  t.equal(clock.offsetMs, 201)
})

t.test('the client reads the clock with each readNode', async (t) => {
  const { client, node, timing } = setUp()
  node.clockAheadMs = -45_000
  await client.readNode()
  t.equal(client.clockOffsetMs, -45_000)
  t.equal(client.nowMs(), timing.nowMs() - 45_000)
})

t.test('the client stays with the network of its first answer, or that it was given', async (t) => {
  const { client, node } = setUp()
  await client.readNode()
  node.genesisHash = sha256(GENESIS)
  node.clockAheadMs = 77_000
  await t.rejects(client.readNode(), { code: 'wrong_network', message: /another genesis/ })
  t.strictSame(client.node?.genesisHash, GENESIS)
  t.equal(client.clockOffsetMs, 0, "another network's clock is not ours")
  await t.rejects(setUp({ genesisHash: sha256(GENESIS) }).client.readNode(), { code: 'wrong_network' })
})

t.test('one heartbeat gets its verdict, accepted or refused', async (t) => {
  const { client, node } = setUp()
  const [heartbeat] = heartbeats(1)
  t.strictSame(await client.sendHeartbeats([heartbeat!]), [{ accepted: true, id: heartbeat!.id, weightPpm: 123_456 }])
  t.match(await client.sendHeartbeats([heartbeat!]), [{ accepted: false, code: 'duplicate', detail: 'refused: duplicate' }])
  node.refuseNext.push('too_fast')
  const limited = await client.sendHeartbeats([heartbeat!])
  t.match(limited, [{ accepted: false, code: 'too_fast' }], '429 for a reason of the protocol is a verdict')
})

t.test('a batch gets a verdict for each, in order', async (t) => {
  const { client } = setUp()
  const [a, b, c] = heartbeats(3) as [DeviceHeartbeat, DeviceHeartbeat, DeviceHeartbeat]
  const forged = { ...b, signature: a.signature }
  t.match(await client.sendHeartbeats([a, forged, c]), [{ id: a.id }, { accepted: false, code: 'bad_signature' }, { id: c.id }])
  await t.rejects(client.sendHeartbeats([]), RangeError)
  await t.rejects(client.sendHeartbeats(Array<DeviceHeartbeat>(1_001).fill(a)), RangeError)
})

t.test('the body holds the bytes as base64, and of the vitals nothing but the three members', async (t) => {
  const [heartbeat] = heartbeats(1)
  const json = heartbeatJson({ ...heartbeat!, vitals: { ...VITALS, name: 'Anna' } as typeof VITALS }) as Record<string, string>
  t.strictSame(Object.keys(json), ['message', 'signature', 'vitals', 'nonce'])
  t.strictSame(json.vitals, VITALS)
  t.strictSame(base64.decode(json.message!), heartbeat!.message)
  t.strictSame(base64.decode(json.nonce!), heartbeat!.nonce)
})

t.test('what failed is told apart: unreachable, unavailable, refused, bad answer', async (t) => {
  const { client, node, timing } = setUp({ timeoutMs: 3_000 })
  const [heartbeat] = heartbeats(1)
  const attempt = (): Promise<unknown> => client.sendHeartbeats([heartbeat!])
  node.mode = 'down'
  await t.rejects(attempt(), { code: 'unreachable', message: /ECONNREFUSED/ })
  node.mode = problem(429, 'rate_limited', { 'retry-after': '7' })
  await t.rejects(attempt(), { code: 'unavailable', details: { status: 429, nodeCode: 'rate_limited', retryAfterMs: 7_000 } })
  node.mode = problem(503, 'mempool_full')
  await t.rejects(attempt(), { code: 'unavailable', details: { status: 503, nodeCode: 'mempool_full' } })
  node.mode = { status: 502, json: '<html>' }
  await t.rejects(attempt(), { code: 'unavailable', details: { status: 502 } })
  node.mode = { status: 404, json: '' }
  await t.rejects(attempt(), { code: 'refused', details: { status: 404 } })
  for (const json of ['<html>', null, {}, { accepted: true, id: 'ab' }, { accepted: false }, { verdicts: [] }]) {
    node.mode = { status: 200, json }
    await t.rejects(attempt(), { code: 'bad_answer' }, JSON.stringify(json))
  }
  node.mode = { status: 200, json: { verdicts: [{ accepted: true, id: 'ab', weightPpm: 1 }] } }
  await t.rejects(client.sendHeartbeats([heartbeat!, heartbeat!]), { code: 'bad_answer' }, 'one verdict for two heartbeats')
  node.mode = 'silent'
  const waiting = t.rejects(attempt(), { code: 'unreachable', message: /no answer within 3000 ms/ })
  await timing.advance(3_000)
  await waiting
  t.equal(timing.pending, 0, 'no timer is left')
})

t.test('a request can be stopped', async (t) => {
  const { client, node, timing } = setUp()
  node.mode = 'silent'
  const stop = new AbortController()
  const waiting = t.rejects(client.readNode(stop.signal), { code: 'unreachable', message: /was stopped/ })
  await timing.advance(10)
  stop.abort()
  await waiting
  node.mode = 'up'
  t.equal(timing.pending, 0)
})

t.test('transfers are handed in, and other routes can be asked', async (t) => {
  const { client, node } = setUp()
  const { keys, keyText } = createIdentity()
  const transfer = makeTransfer({ genesisHash: GENESIS, keys, recipient: keyText, amount: 5n, nonce: 0, expiryHeight: 9 })
  t.equal(await client.sendTransfer(transfer), transfer.id)
  const absent = { code: 'refused', details: { status: 404, nodeCode: 'not_found' } }
  await t.rejects(client.request({ method: 'GET', path: '/v2/nothing' }), absent)
  node.mode = { status: 200, json: { accepted: true, id: 'another' } }
  await t.rejects(client.sendTransfer(transfer), { code: 'bad_answer' })
})
