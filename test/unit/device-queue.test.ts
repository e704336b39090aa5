// The queue: order, offline times, retries, drops.

import t from 'tap'
import { sha256 } from '../../src/crypto/hash.ts'
import { createClient } from '../../src/device/client.ts'
import type { DeviceHeartbeat } from '../../src/device/heartbeat.ts'
import { beat } from '../../src/device/heartbeat.ts'
import { createIdentity } from '../../src/device/identity.ts'
import type { QueueOptions } from '../../src/device/queue.ts'
import { createQueue } from '../../src/device/queue.ts'
import type { HeartbeatVerdict } from '../../src/device/verdict.ts'
import { FakeNode, FakeTiming, problem, settle, VITALS, WITNESS } from './device-helpers.ts'

async function setUp(options: Partial<QueueOptions> = {}) {
  const timing = new FakeTiming()
  const node = new FakeNode(timing)
  const client = createClient({ url: 'http://node.test', fetch: node.fetch, timing })
  await client.readNode()
  node.requests.length = 0
  const waits: number[] = []
  const queue = createQueue({ client, timing, random: () => 1, onFailure: (_, waitMs) => waits.push(waitMs), ...options })
  const identity = createIdentity('ed25519')
  const verdicts: HeartbeatVerdict[] = []
  /** Makes and sends one heartbeat now. */
  const send = (device = identity): DeviceHeartbeat => {
    const heartbeat = beat(device, queue.network(), VITALS, queue.nowMs())
    if (heartbeat === null) throw new Error('too early for a heartbeat')
    void queue.send([heartbeat]).then(([verdict]) => verdicts.push(verdict!))
    return heartbeat
  }
  return { timing, node, client, queue, identity, verdicts, send, waits }
}

t.test('a heartbeat goes out at once and its verdict comes back', async (t) => {
  const { node, queue, send, verdicts } = await setUp()
  const heartbeat = send()
  await settle()
  t.strictSame(verdicts, [{ accepted: true, id: heartbeat.id, weightPpm: 123_456 }])
  t.match(queue.stats, { waiting: 0, accepted: 1, refused: 0, failures: 0 })
  t.strictSame(node.requests, [{ path: '/v2/heartbeats', heartbeats: 1 }])
})

t.test('what is sent while a request is under way waits for it, and then goes out together', async (t) => {
  const { node, queue, timing } = await setUp()
  const make = (): DeviceHeartbeat => beat(createIdentity('ed25519'), queue.network(), VITALS, timing.nowMs())!
  const gate = Promise.withResolvers<void>()
  node.gate = gate.promise
  const first = queue.send([make()])
  await settle()
  const second = queue.send([make(), make()])
  const third = queue.send([make()])
  await settle()
  t.strictSame(node.requests.map(({ heartbeats }) => heartbeats), [1], 'one request at a time')
  gate.resolve()
  t.match(await third, [{ accepted: true }])
  t.match(await second, [{ accepted: true }, { accepted: true }])
  t.match(await first, [{ accepted: true }])
  t.strictSame(node.requests.map(({ heartbeats }) => heartbeats), [1, 3])
})

t.test('heartbeats made offline arrive in order once the node is back', async (t) => {
  const { node, queue, timing, send, verdicts } = await setUp()
  node.mode = 'down'
  for (let i = 0; i < 10; i++) {
    send()
    await timing.advance(2_000)
  }
  t.strictSame(verdicts, [])
  t.equal(queue.stats.waiting, 10)
  node.mode = 'up'
  await timing.advance(10_000)
  t.equal(node.taken.length, 10)
  t.strictSame(node.taken.map(({ sequence }) => sequence), node.taken.map(({ sequence }) => sequence).toSorted((a, b) => a - b))
  t.match(queue.stats, { waiting: 0, accepted: 10, droppedOld: 0 })
})

t.test('nothing waits for ever for a node that stays away', async (t) => {
  const { node, queue, timing, send, verdicts } = await setUp()
  node.mode = 'down'
  send()
  await timing.advance(45_000)
  t.match(verdicts, [{ code: 'dropped_old' }])
  t.match(queue.stats, { waiting: 0, droppedOld: 1 })
  t.equal(timing.pending, 0, 'an empty queue is at rest')
})

t.test('what grows too old while the node is away is dropped and counted', async (t) => {
  const { node, queue, timing, send, verdicts } = await setUp()
  node.mode = 'down'
  send()
  await timing.advance(20_000)
  send()
  await timing.advance(19_000)
  node.mode = 'up'
  await timing.advance(10_000)
  t.match(verdicts, [{ accepted: false, code: 'dropped_old' }, { accepted: true }])
  t.match(queue.stats, { waiting: 0, accepted: 1, refused: 0, droppedOld: 1 })
})

t.test('a full queue drops its oldest', async (t) => {
  const { node, queue, timing, send, verdicts } = await setUp({ maxHeartbeats: 3 })
  node.mode = 'down'
  for (let i = 0; i < 3; i++) {
    send()
    await timing.advance(1_000)
  }
  t.match(queue.stats, { waiting: 3, droppedFull: 0 })
  send()
  await timing.advance(0)
  t.match(queue.stats, { waiting: 3, droppedFull: 1 })
  node.mode = 'up'
  await timing.advance(20_000)
  t.match(verdicts, [{ code: 'dropped_full' }, { accepted: true }, { accepted: true }, { accepted: true }])
  t.strictSame(node.taken.map(({ sequence }) => sequence - node.taken[0]!.sequence), [0, 1, 2])
})

t.test('the wait doubles with each failure, up to a limit, and starts anew after a success', async (t) => {
  const { node, timing, send, waits } = await setUp({ backoffMs: 500, maxBackoffMs: 4_000 })
  node.mode = 'down'
  send()
  await timing.advance(16_000)
  t.strictSame(waits.slice(0, 6), [500, 1_000, 2_000, 4_000, 4_000, 4_000])
  node.mode = 'up'
  await timing.advance(4_000)
  node.mode = 'down'
  waits.length = 0
  send()
  await timing.advance(100)
  t.strictSame(waits, [500])
})

t.test('the wait is spread at random, and follows Retry-After', async (t) => {
  const spread = await setUp({ random: () => 0 })
  spread.node.mode = 'down'
  spread.send()
  await spread.timing.advance(0)
  t.strictSame(spread.waits, [250])
  const asked = await setUp()
  asked.node.mode = problem(429, 'rate_limited', { 'retry-after': '6' })
  asked.send()
  await asked.timing.advance(0)
  t.strictSame(asked.waits, [6_000])
})

t.test('a full mempool is not the end: the heartbeat is sent again', async (t) => {
  const { node, queue, timing, send, verdicts } = await setUp()
  node.mode = problem(503, 'mempool_full')
  send()
  await timing.advance(400)
  node.mode = 'up'
  await timing.advance(1_000)
  t.match(verdicts, [{ accepted: true }], 'alone')
  verdicts.length = 0
  node.refuseNext.push('mempool_full', 'not_enrolled')
  const batch = [1, 2, 3].map(() => beat(createIdentity('ed25519'), queue.network(), VITALS, timing.nowMs())!)
  const answer = queue.send(batch)
  await timing.advance(1_000)
  t.match(await answer, [{ accepted: true }, { accepted: false, code: 'not_enrolled' }, { accepted: true }], 'in a batch')
  t.equal(queue.stats.refused, 1)
})

t.test('an answer that was lost does not make a refusal of what the node took', async (t) => {
  const { node, timing, send, verdicts } = await setUp()
  node.mode = 'mute'
  const heartbeat = send()
  await timing.advance(100)
  t.equal(node.taken.length, 1)
  node.mode = 'up'
  await timing.advance(2_000)
  t.strictSame(verdicts, [{ accepted: true, id: heartbeat.id, weightPpm: null }])
})

t.test('a duplicate that nothing explains stays a refusal', async (t) => {
  const { queue, send, verdicts } = await setUp()
  const heartbeat = send()
  await settle()
  t.match(await queue.send([heartbeat]), [{ accepted: false, code: 'duplicate' }])
  t.equal(verdicts.length, 1)
})

t.test('a refused request is not repeated', async (t) => {
  const { node, timing, send, verdicts } = await setUp()
  node.mode = { status: 404, json: '' }
  send()
  await timing.advance(30_000)
  t.match(verdicts, [{ accepted: false, code: 'http_404' }])
  t.equal(node.requests.length, 1)
})

t.test('a batch that is too large for the node is halved until it fits', async (t) => {
  const { node, queue, timing } = await setUp()
  node.maxBatch = 3
  const batch = Array.from({ length: 10 }, () => beat(createIdentity('ed25519'), queue.network(), VITALS, timing.nowMs())!)
  const verdicts = await queue.send(batch)
  t.ok(verdicts.every(({ accepted }) => accepted))
  t.strictSame(node.requests.map(({ heartbeats }) => heartbeats), [10, 5, 3, 3, 3, 1])
  t.equal(queue.stats.failures, 0)
})

t.test('a verdict that points to a wrong clock or witness makes the queue ask the node again', async (t) => {
  const { node, timing, send, verdicts, client, queue } = await setUp()
  await timing.advance(11_000)
  node.clockAheadMs = 120_000
  node.witness = sha256(WITNESS)
  send()
  await settle()
  t.match(verdicts, [{ accepted: false }])
  await timing.advance(2_000)
  send()
  await settle()
  t.equal(client.clockOffsetMs, 120_000)
  t.strictSame(queue.network().witness, node.witness)
  await timing.advance(2_000)
  send()
  await settle()
  t.match(verdicts.at(-1), { accepted: true })
  t.equal(node.requests.filter(({ path }) => path === '/v2/node').length, 1, 'once')
})

t.test('after an outage the node is asked before anything is sent', async (t) => {
  const { node, timing, send } = await setUp()
  node.mode = 'down'
  send()
  await timing.advance(400)
  node.mode = 'up'
  await timing.advance(1_000)
  t.strictSame(node.requests.map(({ path }) => path), ['/v2/node', '/v2/heartbeats'])
})

t.test('nothing is sent to a node that changed its network', async (t) => {
  const { node, timing, send, verdicts } = await setUp()
  node.mode = 'down'
  send()
  await timing.advance(100)
  node.mode = 'up'
  node.genesisHash = sha256(node.genesisHash)
  await timing.advance(60_000)
  t.ok(node.requests.length > 0 && node.requests.every(({ path }) => path === '/v2/node'))
  t.match(verdicts, [{ code: 'dropped_old' }])
})

t.test('closing drops what waits and leaves nothing behind', async (t) => {
  const { node, queue, timing, send, verdicts } = await setUp()
  node.mode = 'silent'
  send()
  await timing.advance(1_000)
  send()
  queue.close()
  await settle()
  t.match(verdicts, [{ code: 'dropped_closed' }, { code: 'dropped_closed' }])
  t.equal(timing.pending, 0)
  await timing.advance(1_000)
  send()
  await settle()
  t.match(verdicts.at(-1), { code: 'dropped_closed' })
  t.equal(queue.stats.waiting, 0)
})

t.test('a queue before the first readNode says so', async (t) => {
  const timing = new FakeTiming()
  const queue = createQueue({ client: createClient({ url: 'http://node.test', fetch: new FakeNode(timing).fetch, timing }), timing })
  t.throws(() => queue.network(), /readNode/)
  await t.rejects(queue.send([]), /readNode/)
})
