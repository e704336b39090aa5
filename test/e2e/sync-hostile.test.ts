// Catching up over libp2p among peers that lie: they are hung up and banned, each with its reason, and the chain comes
// from the honest one, which nobody charges.

import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { createCore } from '../../src/node/core.ts'
import type { Core } from '../../src/node/core.ts'
import type { PeerPort } from '../../src/node/peer-port.ts'
import { NO_PEERS } from '../../src/node/peer-port.ts'
import type { Serve } from '../../src/network/reqresp.ts'
import type { Network } from '../../src/network/network.ts'
import { createNetwork } from '../../src/network/network.ts'
import { createDataDir } from '../../src/ops/datadir.ts'
import { systemClock } from '../../src/ops/clock.ts'
import { writeKeyFile } from '../../src/ops/keyfile.ts'
import { silentLogger } from '../../src/ops/logger.ts'
import { createMetrics } from '../../src/ops/metrics.ts'
import { configWith } from '../../src/ops/settings.ts'
import { createSigner } from '../../src/ops/signer.ts'
import { encodeBlock } from '../../src/protocol/block.ts'
import { encodeCertificate } from '../../src/protocol/certificate.ts'
import { genesisHash } from '../../src/protocol/genesis.ts'
import type { KeyPair } from '../../src/crypto/sign.ts'
import { generateKeyPair } from '../../src/crypto/sign.ts'
import { chainOf, honest } from '../unit/sync-fixture.ts'
import type { ScriptedPeer } from '../unit/sync-fixture.ts'
import { frameOf } from './offline-chain.ts'

t.setTimeout(120_000)
t.teardown(() => {
  setTimeout(() => process.exit(), 200).unref()
})

const HEAD = 120
const CHAIN = chainOf(HEAD)
const HASH = genesisHash(CHAIN.genesis)
const MEBIBYTE = 1024 * 1024

interface Handlers {
  readonly request: Serve
  readonly core?: () => Core | null
  readonly height?: number
}

/** One host on loopback; what it serves is up to the test. */
async function host(keys: KeyPair, seeds: readonly string[], { request, core = () => null, height = 0 }: Handlers): Promise<{ network: Network; addresses: string[]; stop(): Promise<void> }> {
  const metrics = createMetrics({ labels: {}, clock: systemClock })
  const network = await createNetwork(
    { keys, genesisHash: HASH, network: CHAIN.genesis.network, version: '0.0.0', host: '127.0.0.1', port: 0, announce: [], seeds, peersFile: join(mkdtempSync(join(tmpdir(), 'pulse-hostile-')), 'peers.json') },
    {
      logger: silentLogger(),
      clock: systemClock,
      metrics,
      handlers: {
        request,
        gossip: async (topic, data, from) => (await core()?.gossip(topic, data, from)) ?? { verdict: 'ignore' },
        status: () => ({ height, headId: new Uint8Array(32) }),
        peerStatus: (peer, status) => core()?.peerStatus(peer, status),
        peerGone: (peer) => core()?.peerGone(peer),
      },
    },
  )
  const { multiaddrs } = await network.start()
  return {
    network,
    addresses: multiaddrs,
    async stop() {
      metrics.close()
      await network.stop()
    },
  }
}

const scripted = (peer: ScriptedPeer): Serve => async (protocol, data) => {
  if (protocol !== 'blocks') return []
  const view = new DataView(data.buffer, data.byteOffset)
  return peer(Number(view.getBigUint64(0, true)), data[8]!)
}

/** Blocks without end, as long as anybody takes them. */
const endless: Serve = async function* () {
  for (;;) yield new Uint8Array(MEBIBYTE)
}

/** Power is missing from every certificate. */
const forger: ScriptedPeer = (first, count) =>
  CHAIN.blocks.slice(first - 1, first - 1 + count).map(({ executed, certificate }) =>
    frameOf(encodeCertificate({ ...certificate, signatures: certificate.signatures.slice(0, 2) }), encodeBlock(executed.block)))

const cutter: ScriptedPeer = (first, count) => honestly(first, count).map((frame) => frame.subarray(0, 100))
const honestly = (first: number, count: number): Uint8Array[] => honest(CHAIN)(first, count) as Uint8Array[]

const LIARS: Readonly<Record<string, { readonly request: Serve; readonly height: number; readonly reason: RegExp }>> = {
  endless: { request: endless, height: HEAD, reason: /^oversized_answer$/ },
  forger: { request: scripted(forger), height: HEAD, reason: /^bad_certificate$/ },
  cutter: { request: scripted(cutter), height: HEAD, reason: /^bad_frame$/ },
  boaster: { request: scripted(() => []), height: 1_000_000, reason: /^no_blocks$/ },
}

t.test('liars are banned, each with its reason; the honest peer serves the chain', async (t) => {
  const paths = createDataDir(t.testdir({ node: {} }) + '/node')
  const [nodeKeys, validator] = [generateKeyPair('ed25519'), generateKeyPair('ed25519')]
  writeKeyFile(paths.nodeKey, nodeKeys)
  writeKeyFile(paths.validatorKey, validator)
  createSigner({ keys: validator, path: paths.lastSigned, initialise: true })

  const liars = await Promise.all(Object.entries(LIARS).map(async ([name, { request, height, reason }]) => ({ name, reason, ...(await host(generateKeyPair('ed25519'), [], { request, height })) })))
  let port: PeerPort = NO_PEERS
  const core = await createCore(
    { paths, genesis: CHAIN.genesis, config: configWith({ verifyThreads: 1 }) },
    silentLogger(),
    { committed: () => {}, failed: (error) => t.fail(String(error)) },
    undefined,
    { publish: (...args) => port.publish(...args), request: (...args) => port.request(...args), report: (...args) => port.report(...args) },
  )
  const own = await host(nodeKeys, liars.flatMap(({ addresses }) => addresses), { core: () => core, request: (protocol, data) => core.peerRequest(protocol, data) })
  port = {
    publish: (topic, data) => void own.network.publish(topic, data).catch(() => {}),
    report: (peer, reason, penalty) => own.network.report(peer, reason, penalty),
    async request(peer, protocol, data, limits) {
      const frames: Uint8Array[] = []
      for await (const frame of own.network.request(peer, protocol, data, limits)) frames.push(frame)
      return frames
    },
  }
  // Liars have the field for a while.
  const banned = (): string[] => own.network.bans().map(({ peer }) => peer)
  const startedMs = performance.now()
  while (!liars.every(({ network }) => banned().includes(network.peerId)) && performance.now() - startedMs < 80_000) await delay(50)
  for (const { name, network, reason } of liars) {
    const ban = own.network.bans().find(({ peer }) => peer === network.peerId)
    t.match(ban?.reason, reason, name)
    t.notOk(own.network.peers().some(({ id }) => id === network.peerId), `${name} is hung up`)
  }

  const good = await host(generateKeyPair('ed25519'), own.addresses, { request: scripted(honestly), height: HEAD })
  const untilMs = performance.now() + 30_000
  while (core.status().height < HEAD && performance.now() < untilMs) await delay(50)
  t.equal(core.status().height, HEAD)
  t.equal(core.status().headId, Buffer.from(CHAIN.blocks.at(-1)!.executed.id, 'latin1').toString('hex'))
  t.same(own.network.why(good.network.peerId), [], 'nobody charges the honest one')
  await Promise.all([own, good, ...liars].map((each) => each.stop()))
  await core.stop()
})
