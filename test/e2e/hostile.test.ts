// Hostile peers at real nodes: three honest validators as processes, and a fourth whose keys the test holds. Whatever
// strangers and the fourth send, the three go on deciding, keep their memory, and know why they hung up.

import { createPrivateKey, sign as nodeSign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import type { Libp2p } from 'libp2p'
import { createLibp2p } from 'libp2p'
import type { Test } from 'tap'
import t from 'tap'
import { concat, concatAll, fromHex } from '../../src/base/bytes.ts'
import { seedAddress } from '../../src/cli/testnet.ts'
import { rawKey } from '../../src/crypto/keys.ts'
import type { KeyPair } from '../../src/crypto/sign.ts'
import { generateKeyPair, sign } from '../../src/crypto/sign.ts'
import { encodeFrame } from '../../src/network/frames.ts'
import { DEFAULT_LIMITS } from '../../src/network/limits.ts'
import type { Network } from '../../src/network/network.ts'
import { createNetwork } from '../../src/network/network.ts'
import { encodeStatus } from '../../src/network/status.ts'
import { topicName } from '../../src/network/topics.ts'
import { FRAME } from '../../src/node/frames.ts'
import { systemClock } from '../../src/ops/clock.ts'
import { dataDir } from '../../src/ops/datadir.ts'
import { readKeyFile } from '../../src/ops/keyfile.ts'
import { silentLogger } from '../../src/ops/logger.ts'
import { createMetrics } from '../../src/ops/metrics.ts'
import { bundleMessage, encodeBundle } from '../../src/protocol/bundle.ts'
import { recordOfRow } from '../../src/protocol/heartbeat.ts'
import { MAX_ROUND } from '../../src/protocol/limits.ts'
import type { Vote, VoteStatement } from '../../src/protocol/vote.ts'
import { encodeVote, voteMessage } from '../../src/protocol/vote.ts'
import { eventually, runJson } from './harness.ts'
import { makeBeat, newLife } from './lives.ts'
import { assertAgreement, Beating, several, statusOf } from './several.ts'

t.setTimeout(180_000)
t.teardown(() => {
  // libp2p leaves timers.
  setTimeout(() => process.exit(), 100).unref()
})

const HONEST = [0, 1, 2]
const INTERVAL_MS = 400
const BLOCK_ID = '\x07'.repeat(32)
/** Resident, of each node: what a node of a small network takes, and room for what is in flight. */
const MAX_RSS_MB = 400
/** Of the log of one height, with what a validator may add that invents rounds. */
const MAX_WAL_BYTES = 600_000
const CLIMBED = 10_000

/** By node:crypto: thousands are signed. */
const signer = ({ secretKey }: KeyPair): KeyObject =>
  createPrivateKey({ key: concat(fromHex('302e020100300506032b657004220420')!, secretKey) as Buffer, format: 'der', type: 'pkcs8' })

function rssMb(pid: number): number {
  return (Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1_024) / 1e6
}

function sizeOf(directory: string): number {
  return readdirSync(directory).reduce((total, name) => total + statSync(join(directory, name)).size, 0)
}

const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)])
/** A field of protobuf with its length, and a whole RPC of gossipsub. */
const field = (number: number, payload: Uint8Array): Uint8Array => concat(Uint8Array.from([(number << 3) | 2, ...varint(payload.length)]), payload)
const rpc = (...fields: Uint8Array[]): Uint8Array => {
  const body = concatAll(fields)
  return concat(Uint8Array.from(varint(body.length)), body)
}
const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const subscription = (topic: string): Uint8Array => field(1, concat(Uint8Array.of(8, 1), field(2, text(topic))))

t.test('hostile peers are charged and hung up, and nobody else notices', async (t) => {
  const net = await several(t, 4, { intervalMs: INTERVAL_MS })
  const urls = HONEST.map((i) => net.nodes[i]!.url)
  await Promise.all(HONEST.map((i) => net.start(i)))
  const beating = urls.map((url) => new Beating(url, 10, 250))
  t.teardown(() => Promise.all(beating.map((each) => each.stop())))
  const height = async (i = 0): Promise<number> => (await statusOf(urls[i]!)).height as number
  await eventually('the first blocks', async () => (await height()) >= 3)
  const facts = await statusOf(urls[0]!)
  t.equal(facts.validators.length, 4)
  const genesisHash = fromHex((await (await fetch(`${urls[0]}/v2/node`)).json() as { genesisHash: string }).genesisHash)!
  const addresses = HONEST.map((i) => seedAddress(net.nodes[i]!.p2pPort, net.nodes[i]!.peerId))
  const fourth = dataDir(net.nodes[3]!.dataDir)
  const validator = readKeyFile(fourth.validatorKey, 'ed25519')
  const secret = signer(validator)

  const vote = (statement: VoteStatement, of: KeyPair = validator, by: KeyObject = secret): Uint8Array => {
    const signature = new Uint8Array(nodeSign(null, voteMessage(genesisHash, statement), by))
    const signed: Vote = { ...statement, validator: Buffer.from(rawKey(of.publicKey, 'ed25519')).toString('latin1'), signature }
    return concat(Uint8Array.of(FRAME.vote), encodeVote(signed))
  }

  /** A node's network with nothing behind it. Its limits let out what others must not let in. */
  async function enter(t: Test, name: string, keys = generateKeyPair('ed25519'), genesis = genesisHash): Promise<Network> {
    const maxMessageBytes = { ...DEFAULT_LIMITS.maxMessageBytes, heartbeats: 4_000_000, consensus: 4_000_000 }
    const network = await createNetwork(
      {
        keys,
        genesisHash: genesis,
        network: 'pulse-testnet',
        version: 'hostile',
        host: '127.0.0.1',
        port: 0,
        announce: [],
        seeds: addresses,
        peersFile: join(net.nodes[3]!.dataDir, `${name}.json`),
        limits: { maxMessageBytes },
      },
      {
        logger: silentLogger(),
        clock: systemClock,
        metrics: createMetrics({ labels: {}, clock: systemClock }),
        handlers: {
          gossip: () => Promise.resolve({ verdict: 'accept' }),
          request: () => Promise.resolve(null),
          status: () => ({ height: 1, headId: genesisHash }),
          peerStatus: () => {},
          peerGone: () => {},
        },
      },
    )
    await network.start()
    t.teardown(() => network.stop())
    return network
  }

  /** … and connected with all three, with gossip open. */
  async function joined(t: Test, name: string, keys?: KeyPair): Promise<Network> {
    const network = await enter(t, name, keys)
    await eventually(`${name} is connected`, () => Promise.resolve(network.peers().length === HONEST.length))
    await delay(700)
    return network
  }

  async function why(peer: string, i = 0): Promise<string[]> {
    const { json } = await runJson(['peers', 'why', peer, '--data-dir', net.nodes[i]!.dataDir])
    return json.reasons as string[]
  }
  const isBanned = async (peer: string): Promise<boolean> => {
    const { json } = await runJson(['peers', 'bans', '--data-dir', net.nodes[0]!.dataDir])
    return (json.bans as { peer: string }[]).some((ban) => ban.peer === peer)
  }

  const peersOf = async (i: number): Promise<{ id: string; score: number }[]> =>
    ((await (await fetch(`${urls[i]}/v2/peers`)).json()) as { peers: { id: string; score: number }[] }).peers

  /** The honest three are connected with each other, think well of each other, decide, and are not too large. */
  async function unharmed(t: Test): Promise<void> {
    const from = await height()
    await eventually('the chain goes on', async () => (await height()) >= from + 3)
    const honest = new Set(HONEST.map((i) => net.nodes[i]!.peerId))
    for (const i of HONEST) {
      const good = (await peersOf(i)).filter(({ id }) => honest.has(id))
      const charged = await Promise.all(good.filter(({ score }) => score < 0).map(async ({ id }) => ({ id, reasons: await why(id, i) })))
      t.same([good.length, charged], [HONEST.length - 1, []], `node${i}: the honest others are there`)
      const mb = rssMb(net.running(i).child.pid!)
      t.ok(mb < MAX_RSS_MB, `node${i} takes ${Math.round(mb)} MB`)
    }
  }

  await t.test('heartbeats with invalid signatures, as fast as they go', async (t) => {
    const keys = generateKeyPair('ed25519')
    const witness = rawKey(keys.publicKey, 'ed25519')
    const liar = await joined(t, 'liar', keys)
    const lives = Array.from({ length: 100 }, () => newLife())
    for (let i = 0; i < 60; i++) {
      const records = concatAll(
        lives.map((life) => {
          const { row } = makeBeat({ genesisHash, witness }, life, { sequence: 1_000 + i })
          row[200]! ^= 1
          const record = recordOfRow(row, genesisHash)
          if (!record.ok) throw new Error(record.error)
          return record.value
        }),
      )
      await liar.publish('heartbeats', encodeBundle({ witness, signature: sign(bundleMessage(genesisHash, records), keys), records })).catch(() => {})
    }
    await eventually('it is banned', () => isBanned(liar.peerId))
    t.ok((await why(liar.peerId)).some((line) => /-20 invalid_message: bad_signature$/.test(line)))
    await unharmed(t)
  })

  await t.test('messages over the limit of their topic', async (t) => {
    const loud = await joined(t, 'loud')
    for (let i = 0; i < 4; i++) await loud.publish('heartbeats', new Uint8Array(700_000).fill(i)).catch(() => {})
    await eventually('it is banned', () => isBanned(loud.peerId))
    t.ok((await why(loud.peerId)).some((line) => /-50 oversized_message: heartbeats$/.test(line)))
    await unharmed(t)
  })

  await t.test('votes that others would have had to sign', async (t) => {
    const forger = await joined(t, 'forger')
    const honest = readKeyFile(dataDir(net.nodes[1]!.dataDir).validatorKey, 'ed25519')
    for (let i = 0; i < 200 && forger.peers().length > 0; i++) {
      const statement = { height: (await height()) + 1, round: i % 3, type: 'precommit', blockId: BLOCK_ID } as const
      await forger.publish('consensus', vote(statement, honest, signer(generateKeyPair('ed25519')))).catch(() => {})
    }
    await eventually('it is banned', () => isBanned(forger.peerId))
    t.ok((await why(forger.peerId)).some((line) => /-20 invalid_message: bad_signature$/.test(line)))
    await unharmed(t)
  })

  await t.test('rounds that there cannot be, and bytes that are no message', async (t) => {
    const odd = await joined(t, 'odd')
    for (let i = 1; i < 20; i++) {
      const impossible = vote({ height: await height(), round: MAX_ROUND + i, type: 'prevote', blockId: null })
      await odd.publish('consensus', i % 2 === 0 ? impossible : concat(Uint8Array.of(FRAME.proposal), new Uint8Array(300).fill(i))).catch(() => {})
    }
    await eventually('it is banned', () => isBanned(odd.peerId))
    t.ok((await why(odd.peerId)).some((line) => /-20 invalid_message: malformed$/.test(line)))
    await unharmed(t)
  })

  await t.test('votes of a real validator for heights long past and far ahead: nobody is to blame, and nothing is kept', async (t) => {
    const validatorNode = readKeyFile(fourth.nodeKey, 'ed25519')
    const stale = await joined(t, 'stale', validatorNode)
    const before = HONEST.map((i) => sizeOf(dataDir(net.nodes[i]!.dataDir).wal))
    for (let i = 0; i < 2_000; i++) {
      const far = i % 2 === 0 ? 1 + (i % 3) : 1_000_000 + i
      await stale.publish('consensus', vote({ height: far, round: i, type: i % 4 < 2 ? 'prevote' : 'precommit', blockId: BLOCK_ID }))
    }
    await unharmed(t)
    t.same(await why(stale.peerId), [])
    HONEST.forEach((i) => {
      const grown = sizeOf(dataDir(net.nodes[i]!.dataDir).wal) - before[i]!
      t.ok(grown < 500_000, `the log of node${i} has grown by ${grown} bytes`)
    })
    await stale.stop()
  })

  await t.test('votes of a real validator for ever higher rounds, while the chain cannot go on', async (t) => {
    await eventually('the others have forgotten the fourth', async () => (await statusOf(urls[0]!)).peers === HONEST.length - 1)
    const climber = await joined(t, 'climber', readKeyFile(fourth.nodeKey, 'ed25519'))
    await net.running(2).kill()
    // Without the third there is no quorum, and heights stay open.
    await eventually('both are at a height that stays open', async () => {
      const before = await Promise.all([0, 1].map((i) => height(i)))
      await delay(4 * INTERVAL_MS)
      const [a, b] = await Promise.all([0, 1].map((i) => statusOf(urls[i]!)))
      return a.height === b.height && a.height === before[0] && a.consensus.step === 'prevote' && b.consensus.step === 'prevote'
    })
    const { consensus } = await statusOf(urls[0]!)
    for (let i = 0; i < CLIMBED; i++) {
      await climber.publish('consensus', vote({ height: consensus.height, round: 1_000 + i, type: i % 2 === 0 ? 'prevote' : 'precommit', blockId: BLOCK_ID }))
      if (i % 200 === 199) await delay(20)
    }
    await delay(1_000)
    await net.start(2)
    await eventually('the chain goes on', async () => (await height()) >= consensus.height + 1)
    // What was noted is on disk as soon as a node has spoken again.
    for (const i of [0, 1]) {
      const bytes = statSync(join(dataDir(net.nodes[i]!.dataDir).wal, `${String(consensus.height).padStart(16, '0')}.wal`)).size
      t.ok(bytes < MAX_WAL_BYTES, `the log of node${i} on this height has ${bytes} bytes`)
    }
    await unharmed(t)
    await climber.stop()
  })

  await t.test('a peer of another network is refused, in one line', async (t) => {
    const stranger = await enter(t, 'stranger', generateKeyPair('ed25519'), new Uint8Array(32).fill(9))
    const refused = ({ msg, peer }: Record<string, unknown>): boolean => msg === 'Peer of another network refused' && peer === stranger.peerId
    for (const i of HONEST) await net.running(i).line(refused, 'the refusal')
    await delay(1_500)
    for (const i of HONEST) t.equal(net.running(i).lines.filter(refused).length, 1)
    t.same(stranger.peers(), [])
    await unharmed(t)
  })

  await t.test('raw streams: garbage, too much, too slow, floods of subscriptions and unknown topics', async (t) => {
    const status = encodeStatus({ genesisHash, height: 1, headId: genesisHash, network: 'pulse-testnet', version: 'raw' })
    const raw = async (): Promise<Libp2p> => {
      const villain = await createLibp2p({
        addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
        transports: [tcp()],
        connectionEncrypters: [noise()],
        streamMuxers: [yamux()],
        services: { identify: identify() },
      })
      t.teardown(() => villain.stop())
      await villain.handle('/pulse/status/1', (stream) => {
        stream.send(encodeFrame('chunk', status))
        void stream.close()
      })
      const connection = await villain.dial(multiaddr(addresses[0]))
      const stream = await connection.newStream('/pulse/status/1')
      stream.send(encodeFrame('chunk', status))
      await eventually('it has shaken hands', async () => (await peersOf(0)).some(({ id }) => id === villain.peerId.toString()))
      return villain
    }
    const open = async (villain: Libp2p, protocol: string) => {
      const stream = await villain.dialProtocol(multiaddr(addresses[0]), protocol)
      stream.addEventListener('message', () => undefined)
      return stream
    }

    // It may be dialled again: once may be an accident.
    const hungUp = (villain: Libp2p) =>
      net.running(0).line(({ msg, peer, reason }) => msg === 'Peer hung up' && peer === villain.peerId.toString() && reason === 'garbage', 'the end of the connection')

    const babbler = await raw()
    ;(await open(babbler, '/pulse/blocks/1')).send(text('GET / HTTP/1.1\r\n\r\n'))
    await hungUp(babbler)
    t.match(await why(babbler.peerId.toString()), [/-60 garbage$/])

    const boaster = await raw()
    ;(await open(boaster, '/pulse/round/1')).send(Uint8Array.of(1, 0xff, 0xff, 0xff, 0x7f))
    await hungUp(boaster)
    t.match(await why(boaster.peerId.toString()), [/-60 garbage$/])

    const slow = await raw()
    // More than it may have open at once.
    for (let i = 0; i < 40; i++) await open(slow, '/pulse/blocks/1').then((stream) => stream.send(Uint8Array.of(1, 10, 0, 0, 0, 1))).catch(() => {})

    const topic = topicName(genesisHash, 'consensus')
    const flooder = await raw()
    const many = rpc(...Array.from({ length: 60 }, (_, i) => subscription(`flood ${i}`)))
    const flood = await open(flooder, '/meshsub/1.1.0')
    for (let i = 0; i < 60; i++) flood.send(many)
    await eventually('it is banned', () => isBanned(flooder.peerId.toString()))
    t.ok((await why(flooder.peerId.toString())).some((line) => /gossip_excess$/.test(line)))

    const lost = await raw()
    const unknown = await open(lost, '/meshsub/1.1.0')
    for (let i = 0; i < 2_000; i++) {
      const message = field(2, concat(field(2, new Uint8Array(1_000).fill(i)), field(4, text(`no topic ${i}`))))
      unknown.send(rpc(subscription(`no topic ${i}`), subscription(topic), message))
      if (i % 100 === 99) await delay(10)
    }
    await unharmed(t)
    await eventually('the slow one is charged', async () => (await why(slow.peerId.toString())).some((line) => / -1 slow$/.test(line)))
    await unharmed(t)
  })

  await assertAgreement(t, urls, 10)
  const bad = net.processes.flat().flatMap(({ lines }) => lines).filter(({ level }) => level === 'error' || level === 'fatal')
  t.same(bad, [])
})
