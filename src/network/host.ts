// The libp2p node: TCP, noise, yamux, identify, ping; a kept identity; limits on connections, addresses and streams.

import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import type { Libp2p } from 'libp2p'
import { createLibp2p } from 'libp2p'
import { assert } from '../base/assert.ts'
import { concat } from '../base/bytes.ts'
import { rawKey, tagKey } from '../crypto/keys.ts'
import type { KeyPair } from '../crypto/sign.ts'
import { Failure } from '../ops/failure.ts'
import { addressGroup } from './address.ts'
import type { GossipService } from './gossip.ts'
import type { PeerId } from './libp2p-types.ts'
import type { NetworkLimits } from './limits.ts'
import { MAX_ADDRESSES_PER_PEER, MAX_WRITE_BUFFER_BYTES } from './limits.ts'
import { createTrafficMeter } from './traffic.ts'

export interface HostOptions {
  readonly keys: KeyPair
  readonly host: string
  readonly port: number
  readonly announce: readonly string[]
  readonly version: string
  readonly limits: NetworkLimits
}

export interface HostDependencies {
  /** Neither dialled nor let in. */
  readonly isRefused: (peer: string) => boolean
  readonly gossip: GossipService
  /** Called with the size of everything that passes a socket. */
  readonly traffic: (direction: 'in' | 'out', bytes: number) => void
}

export type Host = Libp2p<{ gossip: ReturnType<GossipService> }>

const MAX_STREAM_WINDOW_BYTES = 4 * 1024 * 1024
const MAX_IDENTIFY_BYTES = 8_192

export function createHost(options: HostOptions, { isRefused, gossip, traffic }: HostDependencies): Promise<Host> {
  const { keys, host, port, announce, version, limits } = options
  assert(keys.curve === 'ed25519', 'the node key is an Ed25519 key')
  const inbound = new Map<string, number>()
  let inboundTotal = 0
  const refused = (peer: PeerId): boolean => peer.type !== 'Ed25519' || isRefused(peer.toString())

  return createLibp2p({
    privateKey: privateKeyFromRaw(concat(keys.secretKey, rawKey(keys.publicKey, 'ed25519'))),
    nodeInfo: { name: 'pulse-node', version, userAgent: `pulse-node/${version}` },
    start: false,
    metrics: () => createTrafficMeter(traffic),
    addresses: { listen: [`/${host.includes(':') ? 'ip6' : 'ip4'}/${host}/tcp/${port}`], announce: [...announce] },
    transports: [
      tcp({ maxConnections: limits.maxConnections + limits.maxPendingInbound, dialOpts: { noDelay: true }, listenOpts: { noDelay: true } }),
    ],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        maxInboundStreams: limits.maxStreamsPerConnection,
        maxOutboundStreams: limits.maxStreamsPerConnection,
        streamOptions: { maxStreamWindowSize: MAX_STREAM_WINDOW_BYTES, maxWriteBufferLength: MAX_WRITE_BUFFER_BYTES },
      }),
    ],
    connectionManager: {
      maxConnections: limits.maxConnections,
      maxIncomingPendingConnections: limits.maxPendingInbound,
      inboundConnectionThreshold: limits.maxNewConnectionsPerSecond,
      maxParallelDials: 2 * limits.maxParallelDials,
      maxDialQueueLength: 4 * limits.maxParallelDials + 64,
      maxPeerAddrsToDial: MAX_ADDRESSES_PER_PEER,
      dialTimeout: limits.dialTimeoutMs,
      addressDialTimeout: limits.dialTimeoutMs,
      inboundUpgradeTimeout: limits.dialTimeoutMs,
      inboundStreamProtocolNegotiationTimeout: limits.dialTimeoutMs,
      outboundStreamProtocolNegotiationTimeout: limits.dialTimeoutMs,
      reconnectRetries: 0,
    },
    // A peer whose machine or link has died shows by this, and gives its latency.
    connectionMonitor: { pingInterval: 5_000, pingTimeout: { minTimeout: 5_000, maxTimeout: 10_000 } },
    connectionGater: {
      denyDialPeer: refused,
      denyInboundConnection: (connection) => {
        const group = addressGroup(connection.remoteAddr.toString())
        const count = inbound.get(group) ?? 0
        if (count >= limits.maxConnectionsPerAddress || inboundTotal >= limits.maxInboundConnections) return true
        inbound.set(group, count + 1)
        inboundTotal++
        connection.addEventListener(
          'close',
          () => {
            inboundTotal--
            const left = (inbound.get(group) ?? 1) - 1
            if (left > 0) inbound.set(group, left)
            else inbound.delete(group)
          },
          { once: true },
        )
        return false
      },
      denyInboundEncryptedConnection: refused,
      denyOutboundEncryptedConnection: refused,
    },
    services: {
      identify: identify({ maxMessageSize: MAX_IDENTIFY_BYTES, maxInboundStreams: 2, maxObservedAddresses: 4 }),
      ping: ping({ maxInboundStreams: 4 }),
      gossip,
    },
  })
}

/** @throws Failure `port` if the port is taken or forbidden */
export async function startHost(node: Libp2p, { host, port }: Pick<HostOptions, 'host' | 'port'>): Promise<void> {
  try {
    await node.start()
  } catch (error) {
    const text = String(error)
    if (!/EADDRINUSE|EACCES|EADDRNOTAVAIL|failed to be listened/i.test(text)) throw error
    const why = /EADDRINUSE/.test(text) ? 'is taken' : /EACCES/.test(text) ? 'may not be used' : 'cannot be listened on'
    const remedy = 'Stop the program that uses it, or choose another one with --p2p-port.'
    throw new Failure('port', `The address ${host} port ${port} for other nodes ${why}`, remedy, { cause: error })
  }
}

/** The peer's node key, tagged, 35 bytes. */
export function nodeKeyOf(peer: PeerId): Uint8Array {
  assert(peer.type === 'Ed25519', 'only peers with Ed25519 keys are let in')
  return tagKey('ed25519', peer.publicKey.raw)
}
