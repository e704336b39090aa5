// Frames, statuses, addresses, exchanged peers: what comes from strangers.

import fc from 'fast-check'
import t from 'tap'
import { concat } from '../../src/base/bytes.ts'
import { addressGroup, mayPass, parseAddress, reachOf } from '../../src/network/address.ts'
import { createCandidates } from '../../src/network/candidates.ts'
import { addressesFor, decodePeers, encodePeers, MAX_PEERS_ANSWER_BYTES } from '../../src/network/exchange.ts'
import type { Frame } from '../../src/network/frames.ts'
import { createFrameParser, encodeFrame, FrameError } from '../../src/network/frames.ts'
import { contentId } from '../../src/network/gossip.ts'
import { MAX_EXCHANGED_PEERS } from '../../src/network/limits.ts'
import { decodeStatus, encodeStatus, MAX_STATUS_BYTES } from '../../src/network/status.ts'
import { topicName } from '../../src/network/topics.ts'
import { peerNamed } from './network-fixture.ts'

const peer = peerNamed('peer')

t.test('frames come out as they went in, however they are cut', async (t) => {
  const frame = fc.record({ kind: fc.constantFrom('chunk', 'end', 'refused'), payload: fc.uint8Array({ maxLength: 300 }) })
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 50 }), (frames, cuts) => {
      const sent = frames.map(({ kind, payload }): Frame => ({ kind, payload: kind === 'chunk' ? payload : new Uint8Array(0) }))
      const bytes = concat(...sent.map(({ kind, payload }) => encodeFrame(kind, payload)))
      const parser = createFrameParser(300)
      const got: Frame[] = []
      for (let offset = 0, i = 0; offset < bytes.length; i++) {
        const size = cuts[i % cuts.length]!
        got.push(...parser.push(bytes.subarray(offset, offset + size)))
        offset += size
      }
      return !parser.partial && got.length === sent.length && got.every(({ kind, payload }, i) => kind === sent[i]!.kind && Buffer.from(payload).equals(sent[i]!.payload))
    }),
  )
  t.pass()
})

t.test('a frame at the limit passes, one past it is refused by its header alone', async (t) => {
  const parser = createFrameParser(1_000)
  t.equal(parser.push(encodeFrame('chunk', new Uint8Array(1_000)))[0]!.payload.length, 1_000)
  t.throws(() => createFrameParser(1_000).push(encodeFrame('chunk', new Uint8Array(1_001)).subarray(0, 5)), { name: 'FrameError', problem: 'too_long' })
  t.throws(() => createFrameParser(1_000).push(Uint8Array.of(3, 0, 0, 0, 0)), { name: 'FrameError', problem: 'unknown_kind' })
  t.throws(() => createFrameParser(1_000).push(Uint8Array.of(0, 1, 0, 0, 0)), { name: 'FrameError', problem: 'not_empty' })
})

t.test('a frame that has begun is partial; bytes after others are not lost', async (t) => {
  const parser = createFrameParser(10)
  t.equal(parser.partial, false)
  t.same(parser.push(encodeFrame('chunk', Uint8Array.of(7, 8)).subarray(0, 6)), [])
  t.equal(parser.partial, true)
  t.same(parser.push(concat(Uint8Array.of(8), encodeFrame('end'))).map(({ kind }) => kind), ['chunk', 'end'])
})

t.test('garbage is a frame error or frames, nothing else', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        createFrameParser(50).push(bytes)
        return true
      } catch (error) {
        return error instanceof FrameError
      }
    }),
  )
  t.pass()
})

const status = { genesisHash: new Uint8Array(32).fill(1), height: 2 ** 40, headId: new Uint8Array(32).fill(2), network: 'pulse-1', version: '1.2.3' }

t.test('a status comes back; one that is cut, of another format, or with control characters does not', async (t) => {
  const bytes = encodeStatus(status)
  t.same(decodeStatus(bytes), status)
  t.same(decodeStatus(concat(bytes, Uint8Array.of(1, 2))), status, 'later versions may add to it')
  for (let length = 0; length < bytes.length; length++) if (decodeStatus(bytes.subarray(0, length)) !== null) t.fail(`${length} bytes`)
  t.equal(decodeStatus(Uint8Array.from(bytes, (byte, i) => (i === 0 ? 2 : byte))), null)
  t.equal(decodeStatus(Uint8Array.from(bytes, (byte, i) => (i === 75 ? 27 : byte))), null, 'an escape character would reach terminals')
  t.equal(decodeStatus(Uint8Array.from(bytes, (byte, i) => (i === 40 ? 255 : byte))), null, 'a height over 2^53')
  const long = encodeStatus({ ...status, network: 'n'.repeat(99), version: '\u001bü' })
  t.ok(long.length <= MAX_STATUS_BYTES)
  t.match(decodeStatus(long), { network: 'n'.repeat(64), version: '??' })
})

t.test('addresses that can be dialled are read and put into one form', async (t) => {
  for (const text of ['/ip4/1.2.3.4/tcp/4001', '/ip6/2001:db8::1/tcp/1', '/dns4/a.example/tcp/4001', '/dns6/a-b.example/tcp/65535', '/dnsaddr/seeds.example']) {
    t.equal(parseAddress(text)?.text, text)
    t.equal(parseAddress(`${text}/p2p/${peer}`)?.peer, peer)
  }
  for (const text of [
    '', '/', 'x', '/ip4/1.2.3.4', '/ip4/1.2.3.4/tcp/0', '/ip4/1.2.3.4/tcp/65536', '/ip4/1.2.3.4/udp/1', '/ip4/300.1.1.1/tcp/1', '/ip4/1.2.3.4/tcp/1/ws',
    '/ip4/1.2.3.4/tcp/1/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N', `/ip4/1.2.3.4/tcp/1/p2p/${peer}/p2p-circuit/p2p/${peer}`, '/ip4/1.2.3.4/tcp/1/p2p/x',
    '/unix/tmp/x', `/dns4/${'a'.repeat(254)}/tcp/1`, '/dns4/a%0ab/tcp/1', `/dnsaddr/${'a.'.repeat(200)}x`, `/p2p/${peer}`,
  ]) {
    t.equal(parseAddress(text), null, text)
  }
})

t.test('reach: from where an address makes sense', async (t) => {
  const of = (text: string) => reachOf(parseAddress(text)!)
  for (const [text, reach] of [
    ['/ip4/127.0.0.1/tcp/1', 'loopback'], ['/ip6/::1/tcp/1', 'loopback'], ['/dns4/localhost/tcp/1', 'loopback'],
    ['/ip4/10.0.0.1/tcp/1', 'private'], ['/ip4/172.31.0.1/tcp/1', 'private'], ['/ip4/192.168.0.1/tcp/1', 'private'], ['/ip4/169.254.169.254/tcp/1', 'private'],
    ['/ip4/100.64.0.1/tcp/1', 'private'], ['/ip6/fd00::1/tcp/1', 'private'], ['/ip6/fe80::1/tcp/1', 'private'], ['/dns4/x.local/tcp/1', 'private'],
    ['/ip4/172.32.0.1/tcp/1', 'public'], ['/ip4/8.8.8.8/tcp/1', 'public'], ['/ip6/2600::1/tcp/1', 'public'], ['/dns4/a.example/tcp/1', 'public'],
    ['/ip4/0.0.0.0/tcp/1', null], ['/ip4/224.0.0.1/tcp/1', null], ['/ip6/::/tcp/1', null], ['/ip6/ff02::1/tcp/1', null],
  ] as const) {
    t.equal(of(text), reach, text)
  }
  t.ok(mayPass('public', 'public') && mayPass('public', 'loopback') && mayPass('private', 'private') && mayPass('loopback', 'loopback'))
  t.notOk(mayPass('private', 'public') || mayPass('loopback', 'public') || mayPass('loopback', 'private'))
})

t.test('connections are counted by IPv4 address or by the /64', async (t) => {
  t.equal(addressGroup('/ip4/1.2.3.4/tcp/5'), addressGroup('/ip4/1.2.3.4/tcp/6'))
  t.not(addressGroup('/ip4/1.2.3.4/tcp/5'), addressGroup('/ip4/1.2.3.5/tcp/5'))
  t.equal(addressGroup('/ip6/2001:db8:1:2::1/tcp/5'), addressGroup('/ip6/2001:db8:1:2:ffff::9/tcp/5'))
  t.equal(addressGroup('/ip6/2001:db8::1/tcp/5'), addressGroup('/ip6/2001:0db8:0:0::2/tcp/5'))
  t.not(addressGroup('/ip6/2001:db8:1:2::1/tcp/5'), addressGroup('/ip6/2001:db8:1:3::1/tcp/5'))
  t.equal(addressGroup('/ip6/::ffff:1.2.3.4/tcp/5'), '1.2.3.4')
})

t.test('exchanged peers come back; nearer ones than the link are left out; more than 32 are garbage', async (t) => {
  const at = (host: string, name = 'peer'): string => `/ip4/${host}/tcp/1/p2p/${peerNamed(name)}`
  const mixed = encodePeers([at('8.8.8.8'), at('10.0.0.1'), at('127.0.0.1')])
  const hosts = (bytes: Uint8Array, link: 'public' | 'private' | 'loopback') => decodePeers(bytes, link)?.map(({ host }) => host)
  t.same(hosts(mixed, 'public'), ['8.8.8.8'])
  t.same(hosts(mixed, 'private'), ['8.8.8.8', '10.0.0.1'])
  t.same(hosts(mixed, 'loopback'), ['8.8.8.8', '10.0.0.1', '127.0.0.1'])
  t.same(decodePeers(new Uint8Array(0), 'public'), [])
  const line = new TextEncoder().encode(at('8.8.8.8') + '\n')
  const many = (count: number) => concat(...new Array<Uint8Array>(count).fill(line)).subarray(0, count * line.length - 1)
  t.equal(decodePeers(many(MAX_EXCHANGED_PEERS), 'public')?.length, MAX_EXCHANGED_PEERS)
  t.equal(decodePeers(many(MAX_EXCHANGED_PEERS + 1), 'public'), null)
  t.equal(decodePeers(new Uint8Array(MAX_PEERS_ANSWER_BYTES + 1), 'public'), null)
  t.equal(decodePeers(encodePeers(['/ip4/8.8.8.8/tcp/1']), 'public'), null, 'an address without its peer')
  t.equal(decodePeers(Uint8Array.of(0xff, 0xfe), 'public'), null)
})

t.test('a peer is told of the others, one address of each first, none nearer than itself, at most 32', async (t) => {
  const peers = Array.from({ length: 30 }, (_, i) => ({ id: `p${i}`, addresses: [`/ip4/8.8.8.${i}/tcp/1/p2p/${peer}`, `/ip4/9.9.9.${i}/tcp/1/p2p/${peer}`, `/ip4/10.0.0.${i}/tcp/1/p2p/${peer}`] }))
  const told = addressesFor(peers, 'p3', 'public')
  t.equal(told.length, MAX_EXCHANGED_PEERS)
  t.equal(told.filter((text) => text.startsWith('/ip4/8.8.8.')).length, 29)
  t.notOk(told.some((text) => text.includes('8.8.8.3/') || text.includes('/10.')))
})

t.test('candidates are bounded, in all and by who told of them', async (t) => {
  const candidates = createCandidates(5, 3)
  const add = (name: string, source: string, host = '8.8.8.8') => candidates.add(parseAddress(`/ip4/${host}/tcp/1/p2p/${peerNamed(name)}`)!, source)
  for (const name of ['a', 'b', 'c', 'd']) add(name, 'flooder')
  t.same([...candidates.all()].map(({ id }) => id), ['b', 'c', 'd'].map(peerNamed), 'its own oldest makes room')
  for (const name of ['e', 'f', 'g']) add(name, 'other')
  t.equal(candidates.size, 5)
  for (let i = 0; i < 9; i++) add('g', 'third', `8.8.4.${i}`)
  t.equal([...candidates.all()].find(({ id }) => id === peerNamed('g'))!.addresses.length, 4)
  candidates.remove(peerNamed('g'))
  t.equal(candidates.size, 4)
})

t.test('message ids depend on topic and content; topics on the network', async (t) => {
  const id = (topic: string, text: string) => Buffer.from(contentId({ topic, data: new TextEncoder().encode(text) })).toString('hex')
  t.equal(id('a', 'x'), id('a', 'x'))
  t.equal(new Set([id('a', 'x'), id('b', 'x'), id('a', 'y'), id('ax', '')]).size, 4)
  t.equal(id('a', 'x').length, 64)
  t.equal(topicName(Uint8Array.of(1, 0xab, 3, 4, 5), 'blocks'), '/pulse/01ab0304/blocks/1')
})
