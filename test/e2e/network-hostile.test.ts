// Peers that lie, stall, flood, or belong to another network.

import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import type { Libp2p } from 'libp2p'
import { createLibp2p } from 'libp2p'
import t from 'tap'
import { concat } from '../../src/base/bytes.ts'
import { encodeFrame } from '../../src/network/frames.ts'
import type { Stream } from '../../src/network/libp2p-types.ts'
import type { RequestProblem } from '../../src/network/reqresp.ts'
import { encodeStatus } from '../../src/network/status.ts'
import type { TestNode } from './network-support.ts'
import { all, hashOf, sleep, startNode, stopAll, until } from './network-support.ts'

t.teardown(() => {
  setTimeout(() => process.exit(), 100).unref()
})
const villains: Libp2p[] = []
t.after(async () => {
  await stopAll()
  for (const villain of villains) await villain.stop()
})

const STATUS = encodeStatus({ genesisHash: hashOf('genesis'), height: 3, headId: hashOf('x'), network: 'testnet', version: 'villain' })

/** A bare libp2p node that does what the test says. */
async function newVillain(): Promise<Libp2p> {
  const villain = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify() },
  })
  await villain.handle('/pulse/status/1', (stream) => {
    stream.send(encodeFrame('chunk', STATUS))
    void stream.close()
  })
  villains.push(villain)
  return villain
}

async function connect(villain: Libp2p, node: TestNode): Promise<void> {
  const connection = await villain.dial(multiaddr(node.addresses[0]))
  const stream = await connection.newStream('/pulse/status/1')
  stream.send(encodeFrame('chunk', STATUS))
  await until('the handshake is complete', () => node.network.peers().some(({ id }) => id === villain.peerId.toString()))
}

async function open(villain: Libp2p, node: TestNode, protocol: string): Promise<Stream> {
  const stream = await villain.dialProtocol(multiaddr(node.addresses[0]), protocol)
  stream.addEventListener('message', () => undefined)
  return stream
}

const has = (node: TestNode, villain: Libp2p): boolean => node.network.peers().some(({ id }) => id === villain.peerId.toString())
const connected = (villain: Libp2p, node: TestNode): boolean => villain.getConnections().some(({ remotePeer }) => remotePeer.toString() === node.id)

t.test('a peer of another network is refused with one line, and not dialled at once again', async (t) => {
  const ours = await startNode({ name: 'ours', genesis: 'our genesis' })
  const theirs = await startNode({ name: 'theirs', genesis: 'their genesis', seeds: ours.addresses })
  await until('both have said so', () => [ours, theirs].every(({ lines }) => lines.some(({ msg }) => msg === 'Peer of another network refused')))
  await sleep(3_000)
  for (const node of [ours, theirs]) {
    const refused = node.lines.filter(({ msg }) => msg === 'Peer of another network refused')
    t.equal(refused.length, 1)
    t.equal(refused[0]!.level, 'warn')
    t.equal(node.network.peers().length, 0)
    t.equal(node.statuses.size, 0, 'the node never hears of it')
  }
  const [line] = theirs.lines.filter(({ msg }) => msg === 'Peer of another network refused')
  t.match(line, { peer: ours.id, network: 'their genesis', theirNetwork: 'our genesis' })
  const page = await theirs.metrics.registry.metrics()
  t.match(page, /pulse_network_dials_total\{result="ok"\} 1\b/, 'one dial got through')
})

t.test('nothing is served before the handshake, and who does not shake hands is hung up', async (t) => {
  let asked = 0
  const node = await startNode({ name: 'reserved', limits: { handshakeTimeoutMs: 700 }, request: async () => [Uint8Array.of(++asked)] })
  const villain = await newVillain()
  await villain.unhandle('/pulse/status/1')
  const stream = await open(villain, node, '/pulse/blocks/1')
  stream.send(encodeFrame('chunk', Uint8Array.of(1)))
  await sleep(300)
  t.equal(asked, 0)
  t.equal(node.network.peers().length, 0)
  await until('it is hung up', () => !connected(villain, node), 3_000)
  t.equal(asked, 0)
  t.match(node.network.why(villain.peerId.toString()), [/ -2 no_handshake$/])
  t.same(node.gone, [], 'the node never heard of it')
})

for (const [what, protocol, garbage] of [
  ['a status that is none', '/pulse/status/1', encodeFrame('chunk', new Uint8Array(40))],
  ['a frame of an unknown kind', '/pulse/status/1', Uint8Array.of(9, 0, 0, 0, 0)],
  ['bytes that are no frame', '/pulse/blocks/1', new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n')],
  ['a request over the limit', '/pulse/blocks/1', Uint8Array.of(1, 0xff, 0xff, 0xff, 0x7f)],
  ['an end where a request should be', '/pulse/round/1', encodeFrame('end')],
  ['a question for peers with too much in it', '/pulse/peers/1', encodeFrame('chunk', new Uint8Array(17))],
] as const) {
  t.test(`${what} scores the peer down and hangs it up`, async (t) => {
    const node = await startNode({ name: `garbage ${what}` })
    const villain = await newVillain()
    await connect(villain, node)
    const stream = await open(villain, node, protocol)
    stream.send(garbage)
    await until('it is hung up', () => !connected(villain, node) && !has(node, villain), 3_000)
    t.match(node.network.why(villain.peerId.toString()), [/ -60 garbage$/])
    t.same(node.network.bans(), [], 'once may be an accident')

    await connect(villain, node)
    const again = await open(villain, node, protocol)
    again.send(garbage)
    await until('it is banned', () => node.network.bans().length === 1, 3_000)
    await until('and hung up', () => !connected(villain, node), 3_000)
    await t.rejects(connect(villain, node), 'and not let in')
    t.equal(node.gone.length, 2)
  })
}

t.test('a status with more behind it, as a later version may send, is a status', async (t) => {
  const node = await startNode({ name: 'younger' })
  const villain = await newVillain()
  const connection = await villain.dial(multiaddr(node.addresses[0]))
  const stream = await connection.newStream('/pulse/status/1')
  stream.send(encodeFrame('chunk', concat(STATUS, new Uint8Array(500))))
  await until('the handshake is complete', () => has(node, villain))
  t.same(node.network.why(villain.peerId.toString()), [])
})

t.test('a stream that ends before its request, or within it, is no offence: its sender may have died', async (t) => {
  const node = await startNode({ name: 'cut short' })
  const villain = await newVillain()
  await connect(villain, node)
  for (const protocol of ['/pulse/status/1', '/pulse/blocks/1', '/pulse/round/1', '/pulse/peers/1']) {
    const silent = await open(villain, node, protocol)
    await silent.close()
    const torn = await open(villain, node, protocol)
    torn.send(encodeFrame('chunk', new Uint8Array(10)).subarray(0, 7))
    await torn.close()
    await until('both are over', () => silent.status !== 'open' && torn.status !== 'open', 3_000)
  }
  await sleep(200)
  t.same(node.network.why(villain.peerId.toString()), [])
  t.ok(has(node, villain), 'it is still there')
})

t.test('garbage on the gossip stream is charged to its sender', async (t) => {
  const node = await startNode({ name: 'gossip garbage' })
  const villain = await newVillain()
  await connect(villain, node)
  const stream = await open(villain, node, '/meshsub/1.1.0')
  for (let i = 0; i < 5; i++) stream.send(Uint8Array.of(3, 0xff, 0xff, 0xff))
  await until('it is banned', () => node.network.bans().length === 1, 3_000)
  t.match(node.network.why(villain.peerId.toString())[0], / -25 gossip_garbage$/)
})

t.test('a request that comes too slowly is given up, and so is an answer that nobody takes', async (t) => {
  let produced = 0
  const chunk = new Uint8Array(256 * 1024)
  const node = await startNode({
    name: 'slow',
    limits: { requestReadMs: 400, stallMs: 600 },
    async *request () {
      for (; produced < 1_000; produced++) yield chunk
    },
  })
  const villain = await newVillain()
  await connect(villain, node)
  const slow = await open(villain, node, '/pulse/blocks/1')
  slow.send(Uint8Array.of(1, 10, 0, 0, 0, 1))
  await until('the slow request is aborted', () => slow.status !== 'open', 3_000)
  t.match(node.network.why(villain.peerId.toString()), [/ -1 slow$/])

  const deaf = await villain.dialProtocol(multiaddr(node.addresses[0]), '/pulse/blocks/1')
  deaf.pause()
  deaf.send(encodeFrame('chunk', Uint8Array.of(1)))
  await until('the answer is aborted', () => node.network.why(villain.peerId.toString()).length === 2, 4_000)
  t.ok(produced < 40, `the answer waits for its reader: ${produced} chunks were made`)
})

t.test('more requests at once than the limit are refused; below it all are served', async (t) => {
  const waiting: (() => void)[] = []
  const node = await startNode({
    name: 'busy',
    limits: { maxServedPerPeer: 2 },
    request: () => new Promise((resolve) => void waiting.push(() => resolve([Uint8Array.of(5)]))),
  })
  const asker = await startNode({ name: 'asker', seeds: node.addresses })
  await until('they are connected', () => asker.network.peers().length === 1 && node.network.peers().length === 1)
  const answers = [1, 2, 3].map((i) => all(asker.network.request(node.id, 'round', Uint8Array.of(i))).then((chunks) => chunks.map(([byte]) => byte).join(), (error: Error & { problem: RequestProblem }) => error.problem))
  await until('two are served', () => waiting.length === 2)
  t.equal(await Promise.race(answers), 'refused')
  for (const go of waiting) go()
  t.same((await Promise.all(answers)).sort(), ['5', '5', 'refused'])
})

t.test('answers come whole and in order, empty, long, refused, or failed', async (t) => {
  const node = await startNode({
    name: 'server',
    request: (_protocol, data) => {
      if (data[0] === 0) return Promise.resolve(null)
      if (data[0] === 1) return Promise.resolve([])
      if (data[0] === 2) return Promise.reject(new Error('a bug'))
      return (async function* () {
        for (let i = 0; i < data[1]!; i++) yield new Uint8Array(500_000).fill(i)
      })()
    },
  })
  const asker = await startNode({ name: 'asker 2', seeds: node.addresses })
  await until('they are connected', () => asker.network.peers().length === 1 && node.network.peers().length === 1)
  const ask = (...bytes: number[]): Promise<Uint8Array[]> => all(asker.network.request(node.id, 'blocks', Uint8Array.from(bytes)))
  await t.rejects(ask(0), { name: 'RequestError', problem: 'refused' })
  t.same(await ask(1), [])
  await t.rejects(ask(2), { name: 'RequestError', problem: 'closed' })
  t.equal(node.lines.filter(({ msg }) => msg === 'Request handler failed').length, 1)
  const chunks = await ask(3, 40)
  t.same(chunks.map((chunk) => [chunk.length, chunk[0], chunk.at(-1)]), Array.from({ length: 40 }, (_, i) => [500_000, i, i]))
  t.equal(asker.network.peers()[0]!.score, 0)
  t.equal(node.network.peers()[0]!.score, 0)
  await t.rejects(all(asker.network.request('nobody', 'blocks', Uint8Array.of(1))), { name: 'RequestError', problem: 'not_connected' })
})

const KIB = new Uint8Array(1024)
for (const [what, problem, charged, serve] of [
  ['endless', 'too_large', 'oversized_answer', async (stream: Stream) => {
    while (stream.status === 'open') {
      stream.send(encodeFrame('chunk', KIB))
      await sleep(1)
    }
  }],
  ['endless and empty', 'too_large', 'oversized_answer', async (stream: Stream) => {
    const many = concat(...new Array<Uint8Array>(1_000).fill(encodeFrame('chunk')))
    while (stream.status === 'open') {
      stream.send(many)
      await sleep(1)
    }
  }],
  ['silent', 'timeout', 'slow', async () => undefined],
  ['dripping', 'timeout', 'slow', async (stream: Stream) => {
    while (stream.status === 'open') {
      stream.send(encodeFrame('chunk', Uint8Array.of(1)))
      await sleep(100)
    }
  }],
  ['truncating', 'closed', null, async (stream: Stream) => {
    stream.send(encodeFrame('chunk', KIB))
    await stream.close()
  }],
  ['resetting', 'closed', null, async (stream: Stream) => stream.abort(new Error('reset'))],
  ['boasting', 'garbled', 'garbage', async (stream: Stream) => void stream.send(Uint8Array.of(1, 0xff, 0xff, 0xff, 0xff))],
  ['babbling', 'garbled', 'garbage', async (stream: Stream) => void stream.send(new TextEncoder().encode('hello world'))],
] as const) {
  t.test(`a server that is ${what} is bounded: ${problem}`, async (t) => {
    const villain = await newVillain()
    await villain.handle('/pulse/blocks/1', (stream) => void serve(stream).catch(() => undefined))
    const node = await startNode({ name: `asker of ${what}`, seeds: villain.getMultiaddrs().map(String) })
    await until('they are connected', () => has(node, villain))
    const options = { maxBytes: 20_000, timeoutMs: 600 }
    let bytes = 0
    const request = (async () => {
      for await (const chunk of node.network.request(villain.peerId.toString(), 'blocks', Uint8Array.of(1), options)) bytes += chunk.length
    })()
    await t.rejects(request, { name: 'RequestError', problem })
    t.ok(bytes <= options.maxBytes)
    const why = node.network.why(villain.peerId.toString())
    if (charged === null) t.same(why, [])
    else t.match(why, [new RegExp(` -\\d+ ${charged}$`)])
  })
}

t.test('a peer that is connected but deaf is hung up, and dialled again', async (t) => {
  const villain = await newVillain()
  const node = await startNode({ name: 'watchful', seeds: villain.getMultiaddrs().map(String), limits: { deafMs: 800 } })
  await until('they are connected', () => has(node, villain))
  await until('it is hung up', () => node.gone.length === 1, 3_000)
  await until('and dialled again', () => has(node, villain), 4_000)
  t.equal(node.lines.filter(({ msg }) => msg === 'Peer deaf: connected, but gossip does not pass').length, 1)
  t.same(node.network.bans(), [])
  t.equal(node.network.peers()[0]!.score, 0, 'it may be the fault of the link')
})

t.test('a ban hangs up, keeps out, ends, and can be taken back', async (t) => {
  const a = await startNode({ name: 'banner' })
  const b = await startNode({ name: 'banned', seeds: a.addresses })
  await until('they are connected', () => a.network.peers().length === 1 && b.network.peers().length === 1)
  a.network.ban(b.id, 3_600, 'by hand')
  await until('b is gone', () => a.network.peers().length === 0 && b.network.peers().length === 0)
  t.match(a.network.bans(), [{ peer: b.id, reason: 'by hand' }])
  t.match(a.network.why(b.id), [/banned for 3600 s: by hand$/])
  await sleep(1_500)
  t.equal(a.network.peers().length, 0, 'b is not let in, though it dials its seed')
  t.same(a.gone, [b.id])
  t.equal(a.network.unban(b.id), true)
  t.equal(a.network.unban(b.id), false)
  await until('b is back', () => a.network.peers().length === 1 && b.network.peers().length === 1, 12_000)
  a.network.report(b.id, 'sends_nonsense', 99)
  t.equal(a.network.peers()[0]!.score, -99)
  a.network.report(b.id, 'sends_nonsense', 5)
  await until('b is gone again', () => a.network.peers().length === 0)
  t.match(a.network.bans(), [{ peer: b.id, reason: 'sends_nonsense' }])
})

t.test('connections from one address are limited', async (t) => {
  const node = await startNode({ name: 'popular', limits: { maxConnectionsPerAddress: 2 } })
  const made = await Promise.all([newVillain(), newVillain(), newVillain()])
  await connect(made[0], node)
  await connect(made[1], node)
  await t.rejects(connect(made[2], node))
  await made[0].hangUp(multiaddr(node.addresses[0]))
  await until('there is room again', () => node.network.peers().length === 1)
  await connect(made[2], node)
  t.equal(node.network.peers().length, 2)
})
