// The peers file.

import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Ban } from '../../src/network/bans.ts'
import { MAX_PEERS_FILE_BYTES, MAX_STORED_PEERS } from '../../src/network/limits.ts'
import { openPeerStore, parsePeersFile } from '../../src/network/store.ts'
import { createLogger } from '../../src/ops/logger.ts'
import { createFakeClock, peerNamed } from './network-fixture.ts'

const at = (name: string, host = '8.8.8.8'): string => `/ip4/${host}/tcp/1/p2p/${peerNamed(name)}`

function setup(path = join(mkdtempSync(join(tmpdir(), 'pulse-peers-')), 'peers.json'), bans: Ban[] = []) {
  const clock = createFakeClock()
  const lines: string[] = []
  const logger = createLogger({ level: 'debug', format: 'json', destination: { write: (line) => lines.push((JSON.parse(line) as { msg: string }).msg) } })
  return { path, clock, lines, store: openPeerStore(path, { logger, clock, bans: () => bans }) }
}

t.test('what was seen is there after a restart, a second after it changed', async (t) => {
  const first = setup()
  t.same(first.store.peers(), [])
  t.same(first.lines, [], 'a missing file is nothing to speak of')
  first.store.seen(peerNamed('a'), [at('a')])
  await first.clock.advance(1_000)
  first.store.seen(peerNamed('b'), [at('b')])
  t.same(setup(first.path).store.peers().map(({ id }) => id), [peerNamed('a')])
  first.store.close()
  const second = setup(first.path)
  t.same(second.store.get(peerNamed('b')), { id: peerNamed('b'), addresses: [at('b')], lastSeenMs: first.clock.nowMs() })
})

t.test('seeing the same again writes nothing; no addresses keep the old ones', async (t) => {
  const { store, clock } = setup()
  store.seen(peerNamed('a'), [at('a')])
  await clock.advance(1_000)
  store.seen(peerNamed('a'), [at('a')])
  store.seen(peerNamed('a'), [])
  t.equal(clock.timers, 0)
  t.same(store.get(peerNamed('a'))!.addresses, [at('a')])
  store.seen(peerNamed('b'), [])
  t.equal(store.get(peerNamed('b')), undefined)
})

t.test('the file is bounded: the one unseen for longest goes', async (t) => {
  const { store, clock } = setup()
  for (let i = 0; i <= MAX_STORED_PEERS; i++) {
    await clock.advance(1)
    store.seen(peerNamed(`p${i}`), [at(`p${i}`)])
    if (i === 1) store.seen(peerNamed('p0'), [at('p0')])
  }
  await clock.advance(1)
  store.seen(peerNamed('last'), [at('last')])
  t.equal(store.peers().length, MAX_STORED_PEERS)
  t.equal(store.get(peerNamed('p0')), undefined)
  t.equal(store.get(peerNamed('p1')), undefined)
  t.not(store.get(peerNamed('last')), undefined)
})

t.test('bans are kept', async (t) => {
  const ban = { peer: peerNamed('x'), untilMs: 99, reason: 'by hand' }
  const { store, path, clock } = setup(undefined, [ban])
  store.touch()
  await clock.advance(1_000)
  t.same(setup(path).store.bans, [ban])
})

t.test('a file that is broken or too large is left out with a warning, and replaced', async (t) => {
  const { path } = setup()
  for (const content of ['{', '[]x', 'null', ' '.repeat(MAX_PEERS_FILE_BYTES + 1)]) {
    writeFileSync(path, content)
    const { store, lines, clock } = setup(path)
    t.same(store.peers(), [])
    t.same(lines, ['Peers file not read: starting without known peers'])
    store.seen(peerNamed('a'), [at('a')])
    await clock.advance(1_000)
    t.equal(parsePeersFile(readFileSync(path, 'utf8')).peers.length, 1)
  }
})

t.test('entries that are not as they should be are left out', async (t) => {
  const id = peerNamed('a')
  const good = { id, addresses: [at('a')], lastSeenMs: 5 }
  const peers = [good, null, 5, {}, { ...good, id: 'x' }, { ...good, addresses: 'x' }, { ...good, addresses: [at('b'), '/ip4/1.1.1.1/udp/1'] }]
  const bans = [{ peer: id, untilMs: 1, reason: 'r' }, { peer: 'x', untilMs: 1, reason: 'r' }, { peer: id, untilMs: '1', reason: 'r' }, null]
  t.same(parsePeersFile(JSON.stringify({ peers, bans })), { peers: [good], bans: [bans[0]] })
  t.same(parsePeersFile('{"peers":5}'), { peers: [], bans: [] })
})

t.test('a directory that cannot be written is one warning, not the end', async (t) => {
  const { store, clock, lines } = setup('/nonexistent/pulse/peers.json')
  for (const name of ['a', 'b']) {
    store.seen(peerNamed(name), [at(name)])
    await clock.advance(1_000)
  }
  t.same(lines, ['Peers file not written'])
  t.equal(store.peers().length, 2)
})
