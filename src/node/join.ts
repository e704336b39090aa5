// Joins the network (main thread) and the core: messages of peers go to the core, what the core says goes to peers.

import type { Clock } from '../ops/clock.ts'
import type { DataDir } from '../ops/datadir.ts'
import { readKeyFile } from '../ops/keyfile.ts'
import type { Logger } from '../ops/logger.ts'
import type { Metrics } from '../ops/metrics.ts'
import type { Config } from '../ops/settings.ts'
import { version } from '../ops/version.ts'
import type { Genesis } from '../protocol/genesis.ts'
import { genesisHash } from '../protocol/genesis.ts'
import type { Network } from '../network/network.ts'
import type { Serve } from '../network/reqresp.ts'
import type { CoreClient } from './core-client.ts'
import type { PeerHead } from './peer-port.ts'
import { join } from 'node:path'

export interface JoinOptions {
  readonly config: Config
  readonly paths: DataDir
  readonly genesis: Genesis
  readonly core: CoreClient
  /** Resolves when the chain is loaded, and `head` tells its height. */
  readonly loaded: Promise<unknown>
  /** Our last block, for the handshake. */
  readonly head: () => PeerHead
  readonly logger: Logger
  readonly clock: Clock
  readonly metrics: Metrics
}

/** Answers with blocks that are on their way at once: each may hold 10 MiB until its peer has taken it. */
const MAX_BLOCK_ANSWERS = 8

/** Starts the network. @throws Failure `port`, or what keeps the chain from being loaded */
export async function joinNetwork({ config, paths, genesis, core, loaded, head, logger, clock, metrics }: JoinOptions): Promise<Network> {
  // libp2p takes a while to load; the core starts meanwhile.
  const { createNetwork } = await import('../network/network.ts')
  let sendingBlocks = 0

  async function* blocks(data: Uint8Array): AsyncGenerator<Uint8Array> {
    sendingBlocks++
    try {
      yield* (await core.methods.peerRequest('blocks', data)) ?? []
    } finally {
      sendingBlocks--
    }
  }

  const serve: Serve = (protocol, data) => {
    if (protocol !== 'blocks') return core.methods.peerRequest(protocol, data)
    return sendingBlocks < MAX_BLOCK_ANSWERS ? blocks(data) : Promise.resolve(null)
  }

  const network = await createNetwork(
    {
      keys: readKeyFile(paths.nodeKey, 'ed25519'),
      genesisHash: genesisHash(genesis),
      network: genesis.network,
      version: version(),
      host: config.host,
      port: config.p2pPort,
      announce: config.announce,
      seeds: config.seeds,
      peersFile: join(paths.root, 'peers.json'),
    },
    {
      logger,
      clock,
      metrics,
      handlers: {
        gossip: (topic, data, from) => core.methods.gossip(topic, data, from),
        request: serve,
        status: head,
        peerStatus: (peer, status) => void core.methods.peerStatus(peer, status).catch(() => {}),
        peerGone: (peer) => void core.methods.peerGone(peer).catch(() => {}),
      },
    },
  )
  // A validator that comes back believes what others say of their height: see engine/caution.ts.
  await loaded
  await network.start()
  core.connect({
    publish: (topic, data) => void network.publish(topic, data).catch((error: unknown) => logger.warn('Message not published', { topic, error })),
    report: (peer, reason, penalty) => network.report(peer, reason, penalty),
    request: async (peer, protocol, data, limits) => {
      const frames: Uint8Array[] = []
      for await (const frame of network.request(peer, protocol, data, limits)) frames.push(frame)
      return frames
    },
  })
  return network
}
