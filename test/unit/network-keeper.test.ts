// Who is dialled, and when, without a network; and the counters.

import t from 'tap'
import { parseAddress } from '../../src/network/address.ts'
import { createCandidates } from '../../src/network/candidates.ts'
import { Counts, Rate } from '../../src/network/counts.ts'
import { createKeeper } from '../../src/network/keeper.ts'
import type { Connection } from '../../src/network/libp2p-types.ts'
import { createLimitedLog } from '../../src/network/limited-log.ts'
import { DEFAULT_LIMITS } from '../../src/network/limits.ts'
import { createPeers } from '../../src/network/peers.ts'
import type { PeerStore, StoredPeer } from '../../src/network/store.ts'
import type { Status } from '../../src/network/status.ts'
import { createLogger } from '../../src/ops/logger.ts'
import { createFakeClock, peerNamed } from './network-fixture.ts'

const STATUS: Status = { genesisHash: new Uint8Array(32), height: 1, headId: new Uint8Array(32), network: 'n', version: 'v' }
const at = (name: string, host = '8.8.8.8'): string => `/ip4/${host}/tcp/1/p2p/${peerNamed(name)}`
const connectionOf = (name: string): Connection => ({ remotePeer: { toString: () => peerNamed(name) } }) as unknown as Connection

function setup(stored: readonly string[], { targetPeers = 4, refused = [] as string[] } = {}) {
  const clock = createFakeClock()
  const limits = { ...DEFAULT_LIMITS, targetPeers, maxParallelDials: 2 }
  const peers = createPeers(clock, 5_000)
  const candidates = createCandidates()
  const known = stored.map((name, i): StoredPeer => ({ id: peerNamed(name), addresses: [at(name)], lastSeenMs: 1_000 - i }))
  const store = { peers: () => known, get: () => undefined, seen: () => undefined, bans: [], touch: () => undefined, close: () => undefined } as PeerStore
  const dials: { atMs: number; addresses: readonly string[] }[] = []
  const asked: number[] = []
  const keeper = createKeeper({
    limits, clock, peers, candidates, store,
    random: () => 0.5,
    ownPeer: peerNamed('own'),
    isRefused: (id) => refused.map(peerNamed).includes(id),
    dial: async (addresses) => {
      dials.push({ atMs: clock.monotonicMs(), addresses })
      return { result: 'failed', error: 'ECONNREFUSED' }
    },
    ask: async () => void asked.push(clock.monotonicMs()),
  })
  const run = async (ms: number): Promise<void> => {
    for (let i = 0; i < ms / 100; i++) {
      keeper.tick()
      await clock.advance(100)
    }
  }
  const join = (name: string) => {
    const peer = peers.opened(connectionOf(name))
    peers.heard(peer, STATUS)
    keeper.met(peer)
    return peer
  }
  return { clock, peers, candidates, dials, asked, keeper, run, join }
}

t.test('known peers are dialled, the last seen first, a few at a time, again with a backoff', async (t) => {
  const { dials, run } = setup(['a', 'b', 'c'])
  await run(100)
  t.same(dials.map(({ addresses }) => addresses), [[at('a')], [at('b')]])
  await run(100)
  t.same(dials[2], { atMs: 100, addresses: [at('c')] })
  await run(10_000)
  const ofA = dials.filter(({ addresses }) => addresses[0] === at('a')).map(({ atMs }) => atMs)
  t.same(ofA.slice(0, 5), [0, 500, 1_500, 3_500, 7_500])
})

t.test('nobody is dialled who is connected, refused, or this node; and none at all when there are enough', async (t) => {
  const few = setup(['own', 'a', 'banned'], { refused: ['banned'] })
  few.join('a')
  await few.run(5_000)
  t.same(few.dials, [])
  const enough = setup(['b'], { targetPeers: 1 })
  enough.join('a')
  await enough.run(5_000)
  t.same(enough.dials, [])
  t.same(enough.asked, [])
  enough.peers.closed(connectionOf('a'))
  t.same(enough.dials, [])
})

t.test('a peer that others tell of is given up after three failures; a known one never', async (t) => {
  const { candidates, dials, run } = setup(['a'])
  candidates.add(parseAddress(at('stranger'))!, 'source')
  candidates.add(parseAddress(at('a', '9.9.9.9'))!, 'source')
  await run(60_000)
  t.equal(dials.filter(({ addresses }) => addresses.includes(at('stranger'))).length, 3)
  t.equal(candidates.size, 0)
  t.same(dials[0]!.addresses, [at('a'), at('a', '9.9.9.9')], 'a known peer is also looked for where others say that it is')
  t.ok(dials.filter(({ addresses }) => addresses.includes(at('a'))).length > 10)
})

t.test('after five minutes of failures a known peer is tried once a minute', async (t) => {
  const { dials, run, clock } = setup(['a'])
  await run(330_000)
  const from = dials.length
  const startMs = clock.monotonicMs()
  await run(300_000)
  const perMinute = (dials.length - from) / ((clock.monotonicMs() - startMs) / 60_000)
  t.ok(perMinute > 0.5 && perMinute < 1.5, `${perMinute} dials a minute`)
})

t.test('a new peer is asked for others at once, soon again, then every five seconds until it goes', async (t) => {
  const { asked, run, join, peers } = setup([])
  join('a')
  await run(20_000)
  t.same(asked, [0, 300, 1_000, 2_500, 5_500, 10_500, 15_500])
  peers.closed(peers.get(peerNamed('a'))!.connections[0]!)
  await run(10_000)
  t.equal(asked.length, 7)
})

t.test('what waits for a handshake goes on with it, and ends when the peer goes or time is up', async (t) => {
  const clock = createFakeClock()
  const peers = createPeers(clock, 5_000)
  const peer = peers.opened(connectionOf('a'))
  const first = peers.waitMet(peer.id)
  t.equal(peers.heard(peer, STATUS), true)
  t.equal(peers.heard(peer, STATUS), false)
  t.equal(await first, true)
  t.equal(await peers.waitMet(peer.id), true)
  t.equal(await peers.waitMet(peerNamed('nobody')), false)
  const b = connectionOf('b')
  peers.opened(b)
  const gone = peers.waitMet(peerNamed('b'))
  t.equal(peers.closed(b)?.id, peerNamed('b'))
  t.equal(await gone, false)
  peers.opened(b)
  const late = peers.waitMet(peerNamed('b'))
  await clock.advance(5_000)
  t.equal(await late, false)
})

t.test('counts: at the limit of one peer, of all, and after giving back', async (t) => {
  const counts = new Counts(2, 3)
  t.same([counts.take('a'), counts.take('a'), counts.take('a')], [true, true, false])
  t.same([counts.take('b'), counts.take('b'), counts.take('c')], [true, false, false])
  counts.give('a')
  t.same([counts.take('c'), counts.take('c')], [true, false])
  const rate = new Rate(2, 1_000)
  t.same([rate.take('a', 10), rate.take('a', 20), rate.take('a', 999), rate.take('b', 999), rate.take('a', 1_000)], [true, true, false, true, true])
})

t.test('what strangers can cause is logged a few times a minute, with a count of the rest', async (t) => {
  const clock = createFakeClock()
  const lines: { msg: string; i: number; suppressedBefore?: number }[] = []
  const logger = createLogger({ level: 'debug', format: 'json', destination: { write: (line) => lines.push(JSON.parse(line) as (typeof lines)[number]) } })
  const log = createLimitedLog(logger, clock, 3)
  for (let i = 0; i < 10; i++) log.warn('Peer banned', { i })
  log.info('Peer connected', { i: 0 })
  t.same(lines.map(({ msg, i }) => `${msg} ${i}`), ['Peer banned 0', 'Peer banned 1', 'Peer banned 2', 'Peer connected 0'])
  await clock.advance(60_000)
  log.warn('Peer banned', { i: 99 })
  t.match(lines.at(-1), { i: 99, suppressedBefore: 7 })
})
