// Messages: who gets them, who does not, and how large they may be.

import t from 'tap'
import { DEFAULT_LIMITS } from '../../src/network/limits.ts'
import type { TestNode } from './network-support.ts'
import { sleep, startNode, stopAll, until } from './network-support.ts'

t.teardown(() => {
  setTimeout(() => process.exit(), 100).unref()
})
t.after(stopAll)

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const has = (node: TestNode, data: Uint8Array): boolean => node.received.some((message) => Buffer.from(message.data).equals(data))

/** a – b – c in a line: a and c know each other only through b, and neither dials. */
async function line(verdictOfB: 'accept' | 'ignore' | 'reject'): Promise<[TestNode, TestNode, TestNode]> {
  const limits = { targetPeers: 0 }
  const b = await startNode({ name: `b ${verdictOfB}`, limits, verdict: () => ({ verdict: verdictOfB, reason: 'bad_signature' }) })
  const a = await startNode({ name: `a ${verdictOfB}`, limits, seeds: b.addresses })
  const c = await startNode({ name: `c ${verdictOfB}`, limits, seeds: b.addresses })
  await until('b has both', () => b.network.peers().length === 2 && a.network.peers().length === 1 && c.network.peers().length === 1)
  await sleep(1_000)
  return [a, b, c]
}

t.test('what a node accepts is forwarded, once', async (t) => {
  const [a, b, c] = await line('accept')
  await a.network.publish('transfers', bytes('one'))
  await until('c has it', () => has(c, bytes('one')))
  await sleep(300)
  t.equal(c.received.length, 1)
  t.equal(c.received[0]!.topic, 'transfers')
  t.equal(c.received[0]!.from, b.id, 'it comes from the neighbour')
  t.same(b.received.map(({ from }) => from), [a.id])
  t.same(a.received, [], 'its author does not get it back')
  await a.network.publish('transfers', bytes('one'))
  await sleep(200)
  t.equal(b.received.length, 1, 'the same content again is not sent')
  await a.network.publish('heartbeats', bytes('one'))
  await until('but on another topic it is another message', () => c.received.length === 2)
})

t.test('what a node ignores is not forwarded, and nobody is charged', async (t) => {
  const [a, b, c] = await line('ignore')
  await a.network.publish('transfers', bytes('two'))
  await until('b has it', () => has(b, bytes('two')))
  await sleep(1_500)
  t.same(c.received, [])
  t.equal(b.network.peers().find(({ id }) => id === a.id)!.score, 0)
})

t.test('what a node rejects is not forwarded, its sender is charged, and in the end banned', async (t) => {
  const [a, b, c] = await line('reject')
  await a.network.publish('transfers', bytes('three'))
  await until('b has it', () => has(b, bytes('three')))
  await sleep(200)
  const charged = b.network.peers().find(({ id }) => id === a.id)!
  t.equal(charged.score, -20)
  t.match(charged.reasons, [/ -20 invalid_message: bad_signature$/])
  for (let i = 0; i < 5; i++) await a.network.publish('transfers', bytes(`more ${i}`))
  await until('a is hung up', () => b.network.peers().every(({ id }) => id !== a.id))
  t.match(b.network.bans(), [{ peer: a.id, reason: 'invalid_message: bad_signature' }])
  t.match(b.network.why(a.id).at(-1), /banned for 600 s: invalid_message: bad_signature/)
  t.equal(b.lines.filter(({ msg }) => msg === 'Peer banned').length, 1)
  await sleep(1_000)
  t.equal(a.network.peers().length, 0, 'and not let in again')
  t.ok(b.network.peers().some(({ id }) => id === c.id), 'the other one stays')
  t.same(c.received, [])
})

t.test('a message of a mebibyte reaches five nodes; one over the limit is refused where it is published', async (t) => {
  const seed = await startNode({ name: 'seed' })
  const nodes = [seed]
  for (const name of ['n1', 'n2', 'n3', 'n4']) nodes.push(await startNode({ name, seeds: seed.addresses }))
  await until('all are connected', () => nodes.every((node) => node.network.peers().length === 4))
  await sleep(1_000)
  const large = new Uint8Array(1024 * 1024).map((_, i) => (i * 7_919) >> 5)
  await nodes[2]!.network.publish('blocks', large)
  await until('all have it', () => nodes.every((node) => node === nodes[2] || has(node, large)))

  const max = DEFAULT_LIMITS.maxMessageBytes.transfers
  await nodes[1]!.network.publish('transfers', new Uint8Array(max).fill(1))
  await until('the limit passes', () => nodes.every((node) => node === nodes[1] || node.received.some(({ data }) => data.length === max)))
  await t.rejects(nodes[1]!.network.publish('transfers', new Uint8Array(max + 1)), { name: 'RangeError', message: /a message on transfers has 1 to 131072 bytes, not 131073/ })
  await t.rejects(nodes[1]!.network.publish('transfers', new Uint8Array(0)), { name: 'RangeError' })
  const page = await nodes[1]!.metrics.registry.metrics()
  t.match(page, /pulse_network_peers\{direction="outbound"\} [1-4]/)
  t.match(page, /pulse_network_gossip_published_bytes_total\{topic="transfers"\} 524288/)
})

t.test('a message over the limit of its receiver costs its sender dear', async (t) => {
  const small = { ...DEFAULT_LIMITS.maxMessageBytes, transfers: 1_000 }
  const strict = await startNode({ name: 'strict', limits: { maxMessageBytes: small } })
  const lax = await startNode({ name: 'lax', seeds: strict.addresses })
  await until('they are connected', () => strict.network.peers().length === 1 && lax.network.peers().length === 1)
  await sleep(500)
  await lax.network.publish('transfers', new Uint8Array(1_000).fill(1))
  await until('the limit passes', () => strict.received.length === 1)
  await lax.network.publish('transfers', new Uint8Array(1_001).fill(2))
  await until('it is charged', () => strict.network.peers()[0]?.score === -50)
  t.equal(strict.received.length, 1, 'the handler never sees it')
})
