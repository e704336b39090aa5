// The network of a node, put together: bytes in, bytes out.

import type { KeyPair } from '../crypto/sign.ts'
import { toHex } from '../base/bytes.ts'
import type { Clock, Timer } from '../ops/clock.ts'
import type { Logger } from '../ops/logger.ts'
import type { Metrics } from '../ops/metrics.ts'
import { usableAddresses } from './address.ts'
import type { Ban } from './bans.ts'
import { createBans } from './bans.ts'
import { createCandidates } from './candidates.ts'
import { createDialer } from './dialer.ts'
import { createDiscipline } from './discipline.ts'
import type { Resolver } from './dns.ts'
import { systemResolver } from './dns.ts'
import { createExchange } from './exchange.ts'
import type { GossipVerdict } from './gossip.ts'
import { createGossip, GRAYLIST_SCORE } from './gossip.ts'
import { createHandshake } from './handshake.ts'
import { createHost, nodeKeyOf, startHost } from './host.ts'
import { createKeeper } from './keeper.ts'
import type { NetworkLimits } from './limits.ts'
import { DEFAULT_LIMITS, MAX_CONNECTIONS_PER_PEER } from './limits.ts'
import { createLimitedLog } from './limited-log.ts'
import { createNetworkMetrics } from './metrics.ts'
import type { Peer } from './peers.ts'
import { addressOf, createPeers } from './peers.ts'
import type { RequestOptions, Serve } from './reqresp.ts'
import { createReqResp } from './reqresp.ts'
import { chargeLine, createScores, PENALTIES, SCORE_FLOOR } from './score.ts'
import type { SeedState } from './seeds.ts'
import { createSeeds } from './seeds.ts'
import type { Status } from './status.ts'
import { openPeerStore } from './store.ts'
import type { RequestProtocol, Topic } from './topics.ts'
import { createWatchdog } from './watchdog.ts'

export interface NetworkOptions {
  /** The node key, Ed25519. The peer id derives from it. */
  readonly keys: KeyPair
  readonly genesisHash: Uint8Array
  readonly network: string
  readonly version: string
  /** TCP; an IP address and a port, 0 for a free one. */
  readonly host: string
  readonly port: number
  /** Multiaddrs to announce instead of those that are listened on. */
  readonly announce: readonly string[]
  /** Multiaddrs: /ip4, /ip6, /dns4, /dns6, /dnsaddr, with or without /p2p/<id>. */
  readonly seeds: readonly string[]
  readonly peersFile: string
  readonly limits?: Partial<NetworkLimits>
}

export interface NetworkHandlers {
  /** Called before a message is forwarded. */
  gossip(topic: Topic, data: Uint8Array, from: string): Promise<GossipVerdict>
  /** The chunks of the answer; null refuses. */
  request: Serve
  /** For the handshake. */
  status(): { readonly height: number; readonly headId: Uint8Array }
  /** After each handshake, and with news. */
  peerStatus(peer: string, status: { readonly height: number; readonly headId: Uint8Array }): void
  /** Only for peers that `peerStatus` was called for. */
  peerGone(peer: string): void
}

export interface NetworkDependencies {
  readonly logger: Logger
  readonly clock: Clock
  readonly metrics: Metrics
  readonly handlers: NetworkHandlers
  /** In [0, 1); for jitter only. */
  readonly random?: () => number
  readonly resolver?: Resolver
}

export interface PeerInfo {
  readonly id: string
  readonly address: string
  readonly direction: 'inbound' | 'outbound'
  readonly height: number
  /** 0 or below; at -100 a peer is banned. */
  readonly score: number
  /** The last few, one line each. */
  readonly reasons: readonly string[]
  readonly connectedMs: number
  /** Round trip; null until it was measured. */
  readonly latencyMs: number | null
  /** The peer's node key, tagged, 35 bytes, hex. */
  readonly nodeKey: string
  /** Its software. */
  readonly version: string
}

export interface Network {
  readonly peerId: string
  /** @throws Failure `port` */
  start(): Promise<{ peerId: string; multiaddrs: string[] }>
  stop(): Promise<void>
  /** @throws RangeError over the topic's limit */
  publish(topic: Topic, data: Uint8Array): Promise<void>
  /** Asks a peer. The iteration throws RequestError. */
  request(peer: string, protocol: RequestProtocol, data: Uint8Array, options?: RequestOptions): AsyncIterable<Uint8Array>
  /** At which it listens, or which it announces: multiaddrs with its peer id. Empty before it has started. */
  addresses(): string[]
  /** Those with a completed handshake. */
  peers(): PeerInfo[]
  seeds(): SeedState[]
  /** Charges a peer; at the floor it is hung up and banned for a while. @param penalty points of 100 */
  report(peer: string, reason: string, penalty: number): void
  ban(peer: string, seconds: number, reason: string): void
  /** @returns whether it was banned */
  unban(peer: string): boolean
  bans(): Ban[]
  /** What is known against a peer, connected or not: one line each, oldest first. */
  why(peer: string): string[]
}

const TICK_MS = 500
/** After its last connection a peer is kept this long in libp2p's own books, which never shrink by themselves. */
const FORGET_MS = 5_000
const SHOWN_REASONS = 4
const shortHash = (hash: Uint8Array): string => toHex(hash.subarray(0, 4))

export async function createNetwork(options: NetworkOptions, dependencies: NetworkDependencies): Promise<Network> {
  const { genesisHash, network, version } = options
  const { clock, handlers, random = Math.random, resolver = systemResolver } = dependencies
  const limits: NetworkLimits = { ...DEFAULT_LIMITS, ...options.limits }
  const logger = dependencies.logger.child('network')
  const limitedLog = createLimitedLog(logger, clock)
  const scores = createScores()
  const bans = createBans()
  const peers = createPeers(clock, limits.handshakeTimeoutMs)
  const candidates = createCandidates()
  const store = openPeerStore(options.peersFile, { logger, clock, bans: () => bans.list(clock.nowMs()) })
  for (const { peer, untilMs, reason } of store.bans) bans.add(peer, untilMs, reason)
  const metrics = createNetworkMetrics(dependencies.metrics, {
    peers: () => {
      const outbound = peers.met().filter(({ connections }) => connections[0]?.direction === 'outbound').length
      return { inbound: peers.met().length - outbound, outbound }
    },
    pendingPeers: () => [...peers.all()].length - peers.met().length,
    bans: () => bans.list(clock.nowMs()).length,
    knownPeers: () => store.peers().length,
  })

  const discipline = createDiscipline({
    clock,
    limits,
    log: limitedLog,
    metrics: () => metrics,
    peers,
    scores,
    bans,
    onBans: () => store.touch(),
  })
  const { report, charge, hangUp, isRefused } = discipline

  const gossip = createGossip(
    { genesisHash, limits },
    {
      metrics: () => metrics,
      validate: (topic, data, from) => handlers.gossip(topic, data, from),
      waitMet: (id) => peers.waitMet(id),
      score: (id) => scores.score(id, clock.nowMs()),
      charge,
      failed: (topic, error) => limitedLog.warn('Gossip handler failed', { topic, error: String(error) }),
    },
  )
  const traffic = (direction: 'in' | 'out', bytes: number): void => metrics.transport(direction, bytes)
  const node = await createHost({ ...options, limits }, { isRefused, gossip: gossip.service, traffic })
  const ownPeer = node.peerId.toString()
  const own = (): Status => ({ genesisHash, network, version, ...handlers.status() })

  const reqresp = createReqResp({
    node,
    limits,
    peers,
    metrics,
    charge,
    serve: (protocol, data, from) => handlers.request(protocol, data, from),
    failed: (protocol, error) => limitedLog.warn('Request handler failed', { protocol, error: String(error) }),
  })
  const dial = createDialer(node, limits.dialTimeoutMs, metrics)
  const exchange = createExchange({
    node,
    limits,
    peers,
    charge,
    learned: (addresses, from) => {
      for (const address of addresses) {
        const isNews = peers.get(address.peer!) === undefined && store.get(address.peer!)?.addresses.includes(address.text) !== true
        if (address.peer !== ownPeer && isNews) candidates.add(address, from)
      }
    },
  })
  const ask = (peer: Peer): Promise<void> => exchange.ask(peer)
  const keeper = createKeeper({ limits, clock, random, peers, store, candidates, dial, ask, ownPeer, isRefused })
  const isConnected = (id: string): boolean => peers.get(id) !== undefined
  const seeds = createSeeds(options.seeds, { logger, clock, random, resolver, dial, ownPeer, isConnected })
  const handshake = createHandshake({
    node,
    limits,
    peers,
    clock,
    own,
    charge,
    heard: (peer, status, first) => {
      if (first) {
        limitedLog.info('Peer connected', { peer: peer.id, address: addressOf(peer), height: status.height, version: status.version })
        store.seen(peer.id, peer.addresses)
        keeper.met(peer)
      }
      handlers.peerStatus(peer.id, { height: status.height, headId: status.headId })
    },
    otherNetwork: (peer, status) => {
      const ours = { network, genesis: shortHash(genesisHash) }
      discipline.otherNetwork(peer, status, ours, shortHash(status.genesisHash))
    },
    noHandshake: (peer) => {
      report(peer.id, 'no_handshake', PENALTIES.no_handshake)
      hangUp(peer, 'no_handshake')
    },
  })
  const watchdog = createWatchdog<Peer>({
    clock,
    deafMs: limits.deafMs,
    peers: () => peers.met(),
    passes: (peer) => gossip.passes(peer),
    onDeaf: (peer) => {
      limitedLog.info('Peer deaf: connected, but gossip does not pass', { peer: peer.id, address: addressOf(peer) })
      scores.note(peer.id, 'deaf', clock.nowMs())
      hangUp(peer, 'deaf')
      keeper.hurry(peer.id)
    },
  })

  node.addEventListener('connection:open', ({ detail: connection }) => {
    const peer = peers.opened(connection)
    // The other side dials once; a second connection from it means that it has lost the first one.
    const isInbound = connection.direction === 'inbound'
    const replaced = isInbound ? peer.connections.find((other) => other !== connection && other.direction === 'inbound') : undefined
    if (replaced !== undefined) {
      metrics.hungUp('replaced')
      replaced.abort(new Error('replaced by a newer connection'))
    } else if (peer.connections.length > MAX_CONNECTIONS_PER_PEER) {
      metrics.hungUp('too_many_connections')
      connection.abort(new Error('too many connections'))
    }
    handshake.opened(peer, connection)
  })
  node.addEventListener('connection:close', ({ detail: connection }) => {
    const gone = peers.closed(connection)
    if (gone === null) {
      const peer = peers.get(connection.remotePeer.toString())
      const left = peer?.connections.at(-1)
      // The closed streams report themselves in this turn; gossip is told after them.
      if (left !== undefined && peer?.status !== null) setImmediate(() => gossip.revive(left.remotePeer, left))
      return
    }
    gossip.forget(gone.peerId)
    if (gone.status !== null) handlers.peerGone(gone.id)
    clock.after(FORGET_MS, () => {
      if (peers.get(gone.id) === undefined) void node.peerStore.delete(gone.peerId).catch(() => undefined)
    })
  })
  node.addEventListener('peer:identify', ({ detail }) => {
    const peer = peers.get(detail.peerId.toString())
    if (peer === undefined) return
    const listed = (detail.signedPeerRecord?.addresses ?? detail.listenAddrs).map(String)
    peer.addresses = usableAddresses(listed, peer.id)
    if (peer.status !== null) store.seen(peer.id, peer.addresses)
  })

  /** Peers that gossipsub itself has found wanting. */
  function hangUpGraylisted(): void {
    for (const peer of peers.met()) {
      if (gossip.score(peer.id) <= GRAYLIST_SCORE && !isRefused(peer.id)) report(peer.id, 'gossip_behaviour', -SCORE_FLOOR)
    }
  }

  let timer: Timer | null = null
  let stopping = false
  function tick(): void {
    handshakeRefresh()
    keeper.tick()
    watchdog.tick()
    hangUpGraylisted()
  }
  let refreshedMs = 0
  function handshakeRefresh(): void {
    if (clock.monotonicMs() - refreshedMs < limits.statusIntervalMs) return
    refreshedMs = clock.monotonicMs()
    handshake.refresh()
    for (const peer of peers.met()) store.seen(peer.id, peer.addresses)
  }

  const addresses = (): string[] => node.getMultiaddrs().map(String)

  return {
    peerId: ownPeer,
    async start() {
      await handshake.start()
      await exchange.start()
      await reqresp.start()
      await startHost(node, options)
      gossip.start()
      timer = clock.every(TICK_MS, tick)
      seeds.start()
      keeper.tick()
      const multiaddrs = addresses()
      const knownPeers = store.peers().length
      logger.info('Network started', { peer: ownPeer, addresses: multiaddrs, seeds: options.seeds.length, knownPeers })
      return { peerId: ownPeer, multiaddrs }
    },
    async stop() {
      if (stopping) return
      stopping = true
      timer?.cancel()
      seeds.stop()
      store.close()
      await node.stop()
    },
    async publish(topic, data) {
      await gossip.publish(topic, data)
    },
    request: (peer, protocol, data, requestOptions) => reqresp.request(peer, protocol, data, requestOptions),
    addresses,
    peers: () => peers.met().map(info),
    seeds: () => seeds.states(),
    report: (peer, reason, penalty) => report(peer, reason, penalty),
    ban: (peer, seconds, reason) => discipline.ban(peer, seconds * 1_000, reason),
    unban(peer) {
      scores.clear(peer, clock.nowMs())
      store.touch()
      keeper.hurry(peer)
      return bans.remove(peer)
    },
    bans: () => bans.list(clock.nowMs()),
    why: (peer) => scores.charges(peer).map(chargeLine),
  }

  function info(peer: Peer): PeerInfo {
    const [connection] = peer.connections
    return {
      id: peer.id,
      address: addressOf(peer),
      direction: connection?.direction ?? 'inbound',
      height: peer.status?.height ?? 0,
      score: Math.round(scores.score(peer.id, clock.nowMs())),
      reasons: scores.charges(peer.id).slice(-SHOWN_REASONS).map(chargeLine),
      connectedMs: Math.round(clock.monotonicMs() - peer.connectedMs),
      latencyMs: connection?.rtt ?? null,
      nodeKey: toHex(nodeKeyOf(peer.peerId)),
      version: peer.status?.version ?? '',
    }
  }
}

