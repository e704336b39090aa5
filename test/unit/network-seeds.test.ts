// The seeds' supervisor, the backoff, names, and the watchdog, with a clock that we move.

import t from 'tap'
import { backoffMs, MAX_BACKOFF_MS } from '../../src/network/backoff.ts'
import type { Dialled } from '../../src/network/dialer.ts'
import type { Resolver } from '../../src/network/dns.ts'
import { resolveAddress } from '../../src/network/dns.ts'
import { parseAddress } from '../../src/network/address.ts'
import { createSeeds } from '../../src/network/seeds.ts'
import { createWatchdog } from '../../src/network/watchdog.ts'
import { createLogger } from '../../src/ops/logger.ts'
import { createFakeClock, peerNamed } from './network-fixture.ts'

const own = peerNamed('own')
const other = peerNamed('other')
const noNames: Resolver = { hosts: () => Promise.reject(new Error('ENOTFOUND')), texts: () => Promise.reject(new Error('ENOTFOUND')) }

function supervise(texts: readonly string[], dial: (addresses: readonly string[]) => Dialled | Promise<Dialled>, resolver = noNames) {
  const clock = createFakeClock()
  const lines: string[] = []
  const logger = createLogger({ level: 'debug', format: 'json', destination: { write: (line) => lines.push((JSON.parse(line) as { msg: string }).msg) } })
  const dials: { atMs: number; addresses: readonly string[] }[] = []
  const connected = new Set<string>()
  const seeds = createSeeds(texts, {
    logger,
    clock,
    random: () => 0.5,
    resolver,
    ownPeer: own,
    isConnected: (peer) => connected.has(peer),
    dial: async (addresses) => {
      dials.push({ atMs: clock.monotonicMs(), addresses })
      return dial(addresses)
    },
  })
  seeds.start()
  return { clock, lines, dials, connected, seeds }
}

const failed: Dialled = { result: 'failed', error: 'ECONNREFUSED' }

t.test('the backoff doubles up to its cap and is drawn around it', async (t) => {
  t.same([1, 2, 3, 4, 5, 6, 1_000].map((failures) => backoffMs(failures, 0.5)), [500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000])
  t.equal(backoffMs(1, 0), 400)
  t.equal(backoffMs(1_000, 0), 0.8 * MAX_BACKOFF_MS)
  t.ok(backoffMs(1_000, 0.999999) <= 1.2 * MAX_BACKOFF_MS)
})

t.test('a seed that is down is dialled for ever, with one line', async (t) => {
  const { clock, lines, dials, seeds } = supervise(['/ip4/192.0.2.1/tcp/4001'], () => failed)
  await clock.advance(20_000)
  t.same(dials.map(({ atMs }) => atMs), [0, 500, 1_500, 3_500, 7_500, 12_500, 17_500])
  await clock.advance(3_600_000)
  t.ok(dials.length > 700, `${dials.length} dials in an hour`)
  t.same(lines, ['Seed not reached, trying on'])
  t.match(seeds.states(), [{ connected: false, failures: dials.length }])
  seeds.stop()
  t.equal(clock.timers, 0)
})

t.test('a seed that is up is left alone; when it is lost it is dialled again, from a short wait on', async (t) => {
  let up = true
  const { clock, lines, dials, connected } = supervise(['/ip4/192.0.2.1/tcp/4001'], () => {
    if (!up) return failed
    connected.add(other)
    return { result: 'ok', peer: other }
  })
  await clock.advance(60_000)
  t.equal(dials.length, 1)
  up = false
  connected.delete(other)
  await clock.advance(10_000)
  t.ok(dials.length >= 4)
  up = true
  await clock.advance(6_000)
  t.same(lines, ['Seed connected', 'Seed lost', 'Seed not reached, trying on', 'Seed connected'])
})

t.test('a seed that hangs up at once, as one of another network does, is dialled ever more slowly, with one line', async (t) => {
  const { clock, lines, dials, connected } = supervise(['/ip4/192.0.2.1/tcp/4001'], () => ({ result: 'ok', peer: other }))
  await clock.advance(60_000)
  t.ok(dials.length >= 8 && dials.length <= 16, `${dials.length} dials in a minute`)
  t.same(lines, ['Seed not reached, trying on'])
  connected.add(other)
  await clock.advance(10_000)
  t.same(lines, ['Seed not reached, trying on', 'Seed connected'])
})

t.test('a dial that throws, a name that is not found, and a seed that is denied do not end it', async (t) => {
  let times = 0
  const thrown = supervise(['/ip4/192.0.2.1/tcp/1'], () => {
    times++
    throw new Error('boom')
  })
  await thrown.clock.advance(10_000)
  t.ok(times >= 4)
  const nameless = supervise(['/dns4/nowhere.example/tcp/1'], () => failed)
  await nameless.clock.advance(10_000)
  t.same(nameless.dials, [])
  t.ok(nameless.seeds.states()[0]!.failures >= 4)
  const denied = supervise(['/ip4/192.0.2.1/tcp/1'], () => ({ result: 'denied', error: 'banned' }))
  await denied.clock.advance(20_000)
  t.equal(denied.dials.length, 5)
  t.same(denied.lines, [], 'the ban has been logged already')
})

t.test('it does not dial itself, whether it knows that from the id or learns it', async (t) => {
  const known = supervise([`/ip4/192.0.2.1/tcp/1/p2p/${own}`], () => failed)
  await known.clock.advance(10_000)
  t.same(known.dials, [])
  const learns = supervise(['/ip4/192.0.2.1/tcp/1'], () => ({ result: 'self', error: 'Can not dial self' }))
  await learns.clock.advance(60_000)
  t.equal(learns.dials.length, 1)
  t.same(learns.lines, ['Seed is this node'])
  t.match(learns.seeds.states(), [{ isSelf: true }])
})

t.test('what is no address is left out with a warning, doubles silently', async (t) => {
  const { lines, seeds } = supervise(['/ip4/192.0.2.1/udp/1', 'nonsense', '/ip4/192.0.2.1/tcp/1', '/ip4/192.0.2.1/tcp/1'], () => failed)
  t.equal(seeds.states().length, 1)
  t.same(lines, Array<string>(2).fill('Seed left out: not an address that can be dialled'))
  seeds.stop()
})

t.test('names are resolved: all hosts, dnsaddr in dnsaddr, only the wanted peer, bounded', async (t) => {
  const resolver: Resolver = {
    hosts: async (name, family) => (name === 'a.example' ? (family === 4 ? ['192.0.2.1', '192.0.2.2'] : ['2001:db8::1']) : Array.from({ length: 40 }, (_, i) => `192.0.2.${i}`)),
    texts: async (name) =>
      name === '_dnsaddr.b.example'
        ? [`dnsaddr=/ip4/192.0.2.9/tcp/1/p2p/${other}`, `dnsaddr=/ip4/192.0.2.8/tcp/1/p2p/${own}`, 'dnsaddr=/dnsaddr/c.example', 'v=spf1', 'dnsaddr=/ip4/192.0.2.7/udp/1/quic']
        : name === '_dnsaddr.c.example' ? ['dnsaddr=/dns4/a.example/tcp/7'] : ['dnsaddr=/dnsaddr/loop.example', 'dnsaddr=/dnsaddr/loop.example'],
  }
  const resolve = async (text: string): Promise<string[]> => (await resolveAddress(parseAddress(text)!, resolver)).map((address) => address.text)
  t.same(await resolve('/ip4/192.0.2.5/tcp/1'), ['/ip4/192.0.2.5/tcp/1'])
  t.same(await resolve(`/dns4/a.example/tcp/4001/p2p/${other}`), [`/ip4/192.0.2.1/tcp/4001/p2p/${other}`, `/ip4/192.0.2.2/tcp/4001/p2p/${other}`])
  t.same(await resolve('/dns6/a.example/tcp/4001'), ['/ip6/2001:db8::1/tcp/4001'])
  t.same(await resolve('/dnsaddr/b.example'), [`/ip4/192.0.2.9/tcp/1/p2p/${other}`, `/ip4/192.0.2.8/tcp/1/p2p/${own}`, '/ip4/192.0.2.1/tcp/7', '/ip4/192.0.2.2/tcp/7'])
  t.same(await resolve(`/dnsaddr/b.example/p2p/${other}`), [`/ip4/192.0.2.9/tcp/1/p2p/${other}`])
  t.same(await resolve('/dnsaddr/loop.example'), [])
  t.equal((await resolve('/dns4/many.example/tcp/1')).length, 16)
})

t.test('all hosts behind a name are given to the dialler', async (t) => {
  const resolver: Resolver = { hosts: async () => ['192.0.2.1', '192.0.2.2'], texts: async () => [] }
  const { clock, dials, seeds } = supervise(['/dns4/seed.example/tcp/4001'], () => failed, resolver)
  await clock.advance(0)
  t.same(dials[0]!.addresses, ['/ip4/192.0.2.1/tcp/4001', '/ip4/192.0.2.2/tcp/4001'])
  seeds.stop()
})

t.test('the watchdog waits for its time, forgets those that hear again, and has more patience each time', async (t) => {
  const clock = createFakeClock()
  let deaf = true
  let peers = [{ id: 'a' }]
  const hung: number[] = []
  const watchdog = createWatchdog({ clock, deafMs: 1_000, peers: () => peers, passes: () => !deaf, onDeaf: () => void hung.push(clock.monotonicMs()) })
  const run = async (ms: number): Promise<void> => {
    for (let i = 0; i < ms / 100; i++) {
      watchdog.tick()
      await clock.advance(100)
    }
  }
  await run(900)
  deaf = false
  await run(500)
  deaf = true
  t.same(hung, [], 'not deaf for long enough')
  await run(1_100)
  t.same(hung, [2_400])
  peers = [{ id: 'a' }]
  await run(1_500)
  t.equal(hung.length, 1, 'the second time it takes twice as long')
  await run(700)
  t.equal(hung.length, 2)
})
