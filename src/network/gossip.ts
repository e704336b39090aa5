// Topics over gossipsub: unsigned messages (ours carry signatures) known by their content, validated before they are forwarded.
// No stream of it is served before the handshake: it sees the node through a gate.

import { createHash } from 'node:crypto'
import type { GossipSub, GossipSubComponents, Message } from '@chainsafe/libp2p-gossipsub'
import { gossipsub, StrictNoSign, TopicValidatorResult } from '@chainsafe/libp2p-gossipsub'
import type { Connection, PeerId } from './libp2p-types.ts'
import type { NetworkLimits } from './limits.ts'
import { MAX_GOSSIP_RPC_BYTES, MAX_WRITE_BUFFER_BYTES } from './limits.ts'
import type { NetworkMetrics } from './metrics.ts'
import type { Penalty } from './score.ts'
import { SCORE_FLOOR } from './score.ts'
import type { Topic } from './topics.ts'
import { TOPICS, topicName } from './topics.ts'

export interface GossipVerdict {
  /** `ignore`: not forwarded, nobody's fault. `reject`: not forwarded, and the sender is charged. */
  readonly verdict: 'accept' | 'ignore' | 'reject'
  readonly reason?: string
}

export interface GossipOptions {
  readonly genesisHash: Uint8Array
  readonly limits: NetworkLimits
}

export interface GossipDependencies {
  readonly metrics: () => NetworkMetrics
  readonly validate: (topic: Topic, data: Uint8Array, from: string) => Promise<GossipVerdict>
  readonly waitMet: (peer: string) => Promise<boolean>
  readonly score: (peer: string) => number
  readonly charge: (peer: string, reason: Penalty, detail?: string) => void
  /** The handler threw: our own fault. */
  readonly failed: (topic: Topic, error: unknown) => void
}

export type GossipService = (components: GossipSubComponents) => GossipSub

export interface Gossip {
  /** For `createLibp2p`. */
  readonly service: GossipService
  /** After the node has started. */
  start(): void
  /** @throws RangeError if it is over the topic's limit @returns peers that it was sent to */
  publish(topic: Topic, data: Uint8Array): Promise<number>
  /** Whether gossip passes in both directions: the peer is subscribed, and both streams are open. */
  passes(peer: { readonly peerId: PeerId; readonly connections: readonly Connection[] }): boolean
  /** The peer has lost a connection and has this one left: streams are opened on it if the lost one had them. */
  revive(peer: PeerId, connection: Connection): void
  /** The peer has no connection left. */
  forget(peer: PeerId): void
  /** What gossipsub itself thinks of a peer: 0 or below. */
  score(peer: string): number
}

/** At this, gossipsub ignores a peer, and we hang up. */
export const GRAYLIST_SCORE = SCORE_FLOOR
/** A longer memory would keep a message from spreading again after a cut. */
const SEEN_TTL_MS = 30_000
/** More than the most that honest nodes send: 5 000 ids, and the messages behind them, to a peer that has been away. */
const DECODE_LIMITS = {
  maxSubscriptions: 32,
  maxMessages: 5_000,
  maxIhaveMessageIDs: 5_000,
  maxIwantMessageIDs: 5_000,
  maxIdontwantMessageIDs: 512,
  maxControlMessages: 64,
  maxPeerInfos: 4,
}

const RESULTS = { accept: TopicValidatorResult.Accept, ignore: TopicValidatorResult.Ignore, reject: TopicValidatorResult.Reject } as const

/** Members of gossipsub that its type does not show. */
interface Internals {
  decodeRpc(bytes: Uint8Array): unknown
  pipePeerReadStream(peer: PeerId, source: AsyncIterable<{ subarray(): Uint8Array }>): Promise<void>
  getScore(peer: string): number
}
type Topology = Parameters<GossipSubComponents['registrar']['register']>[1]

export function createGossip({ genesisHash, limits }: GossipOptions, dependencies: GossipDependencies): Gossip {
  const { metrics, validate, waitMet, score, charge, failed } = dependencies
  const names = new Map<string, Topic>(TOPICS.map((topic) => [topicName(genesisHash, topic), topic]))
  const topologies = new Set<Topology>()
  const validating = new Map<string, { messages: number; bytes: number }>()
  let gossip: (GossipSub & Internals) | null = null

  function gate(registrar: GossipSubComponents['registrar']): GossipSubComponents['registrar'] {
    const gated: Pick<GossipSubComponents['registrar'], 'handle' | 'register'> = {
      handle: (protocol, handler, options) =>
        registrar.handle(
          protocol,
          async (stream, connection) => {
            stream.pause()
            if (!(await waitMet(connection.remotePeer.toString()))) return stream.abort(new Error('no handshake'))
            await handler(stream, connection)
            if (stream.readStatus === 'paused') stream.resume()
          },
          options,
        ),
      register: (protocol, topology) => {
        const waiting: Topology = {
          ...topology,
          onConnect: async (peer, connection) => {
            if (await waitMet(peer.toString())) await topology.onConnect?.(peer, connection)
          },
          // The registrar looks into its books first; by then the peer may be back, and would be thrown out again. See `forget`.
          onDisconnect: () => undefined,
        }
        topologies.add(topology)
        return registrar.register(protocol, waiting)
      },
    }
    return new Proxy(registrar, {
      get(target, name) {
        if (name === 'handle' || name === 'register') return gated[name]
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
  }

  /** An RPC that cannot be decoded is only logged by gossipsub; here its sender is found and charged. */
  function chargeGarbage(target: Internals): void {
    const decode = target.decodeRpc.bind(target)
    const read = target.pipePeerReadStream.bind(target)
    let sender = ''
    target.decodeRpc = (bytes) => {
      try {
        return decode(bytes)
      } catch (error) {
        charge(sender, (error as Error).name === 'MaxLengthError' ? 'gossip_excess' : 'gossip_garbage')
        throw error
      }
    }
    target.pipePeerReadStream = (peer, source) => {
      const from = peer.toString()
      // Each piece is decoded right after its bytes are taken, in one turn: `sender` is always that of the bytes.
      const marked = async function* (): AsyncGenerator<{ subarray(): Uint8Array }> {
        for await (const piece of source) {
          yield {
            subarray: () => {
              sender = from
              return piece.subarray()
            },
          }
        }
      }
      return read(peer, marked())
    }
  }

  async function judge(topic: Topic, data: Uint8Array, from: string): Promise<TopicValidatorResult> {
    const startMs = performance.now()
    const count = (result: Parameters<NetworkMetrics['gossipIn']>[1]): void =>
      metrics().gossipIn(topic, result, data.length, (performance.now() - startMs) / 1_000)
    if (data.length > limits.maxMessageBytes[topic]) {
      count('oversized')
      charge(from, 'oversized_message', topic)
      return TopicValidatorResult.Reject
    }
    const release = admit(topic, data.length, from)
    if (release === null) {
      count('busy')
      return TopicValidatorResult.Ignore
    }
    try {
      const { verdict, reason } = await validate(topic, data, from)
      count(verdict)
      if (verdict === 'reject') charge(from, 'invalid_message', reason ?? topic)
      return RESULTS[verdict]
    } catch (error) {
      count('failed')
      failed(topic, error)
      return TopicValidatorResult.Ignore
    } finally {
      release()
    }
  }

  /** Null if too much of this peer waits for a verdict already. */
  function admit(topic: Topic, bytes: number, from: string): (() => void) | null {
    const key = `${topic} ${from}`
    const load = validating.get(key) ?? { messages: 0, bytes: 0 }
    if (load.messages >= limits.maxValidatingMessages || load.bytes + bytes > limits.maxValidatingBytes) return null
    validating.set(key, load)
    load.messages++
    load.bytes += bytes
    return () => {
      load.messages--
      load.bytes -= bytes
      if (load.messages === 0) validating.delete(key)
    }
  }

  const create = gossipsub({
    globalSignaturePolicy: StrictNoSign,
    fallbackToFloodsub: false,
    emitSelf: false,
    floodPublish: true,
    batchPublish: true,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    msgIdFn: contentId,
    // The author sends to all its peers, so few forward: more would only be duplicates in networks of a few nodes.
    D: 3,
    Dlo: 2,
    Dhi: 5,
    Dout: 1,
    Dscore: 2,
    Dlazy: 4,
    seenTTL: SEEN_TTL_MS,
    allowedTopics: [...names.keys()],
    maxTopicBytesPerPeer: 16_384,
    maxInboundDataLength: MAX_GOSSIP_RPC_BYTES,
    maxOutboundBufferSize: MAX_WRITE_BUFFER_BYTES,
    maxInboundStreams: 4,
    maxOutboundStreams: 4,
    decodeRpcLimits: DECODE_LIMITS,
    scoreThresholds: {
      gossipThreshold: -40,
      publishThreshold: -60,
      graylistThreshold: GRAYLIST_SCORE,
      acceptPXThreshold: 0,
      opportunisticGraftThreshold: 0,
    },
    scoreParams: {
      appSpecificScore: score,
      appSpecificWeight: 1,
      IPColocationFactorWeight: 0,
      behaviourPenaltyWeight: -5,
      behaviourPenaltyThreshold: 6,
      behaviourPenaltyDecay: 0.9,
      retainScore: 600_000,
      topicScoreCap: 1,
      topics: Object.fromEntries([...names.keys()].map((name) => [name, TOPIC_SCORE])),
    },
  })

  return {
    service: (components) => {
      const gated = new Proxy(components, {
        get: (target, name) => (name === 'registrar' ? gate(target.registrar) : (Reflect.get(target, name) as unknown)),
      })
      const created = create(gated) as GossipSub & Internals
      chargeGarbage(created)
      for (const [name, topic] of names) {
        created.topicValidators.set(name, (peer: PeerId, message: Message) => judge(topic, message.data, peer.toString()))
      }
      gossip = created
      return created
    },
    start() {
      for (const name of names.keys()) gossip?.subscribe(name)
    },
    async publish(topic, data) {
      const max = limits.maxMessageBytes[topic]
      if (data.length === 0 || data.length > max) throw new RangeError(`a message on ${topic} has 1 to ${max} bytes, not ${data.length}`)
      if (gossip === null) return 0
      const { recipients } = await gossip.publish(topicName(genesisHash, topic), data)
      metrics().gossipOut(topic, data.length, recipients.length)
      return recipients.length
    },
    passes({ peerId, connections }) {
      const streams = connections.flatMap((connection) => connection.streams)
      const carrying = streams.filter((stream) => stream.status === 'open' && stream.protocol.startsWith('/meshsub/'))
      const both = new Set(carrying.map((stream) => stream.direction)).size === 2
      const isSubscribed = (name: string): boolean => gossip?.getSubscribers(name).some((subscriber) => subscriber.equals(peerId)) === true
      const subscribed = [...names.keys()].every(isSubscribed)
      return both && subscribed
    },
    revive(peer, connection) {
      for (const topology of topologies) void topology.onConnect?.(peer, connection)
    },
    forget(peer) {
      for (const topology of topologies) void topology.onDisconnect?.(peer)
    },
    score: (peer) => gossip?.getScore(peer) ?? 0,
  }
}

/** Only penalties count: credit for time and deliveries would let a peer save up for an attack. */
const TOPIC_SCORE = {
  topicWeight: 1,
  timeInMeshWeight: 0,
  timeInMeshQuantum: 1_000,
  timeInMeshCap: 1,
  firstMessageDeliveriesWeight: 0,
  firstMessageDeliveriesDecay: 0.5,
  firstMessageDeliveriesCap: 1,
  meshMessageDeliveriesWeight: 0,
  meshMessageDeliveriesDecay: 0.5,
  meshMessageDeliveriesCap: 1,
  meshMessageDeliveriesThreshold: 1,
  meshMessageDeliveriesWindow: 1,
  meshMessageDeliveriesActivation: 1_000,
  meshFailurePenaltyWeight: 0,
  meshFailurePenaltyDecay: 0.5,
  // Rejected messages are charged by the application's score; this is for those that gossipsub itself finds invalid.
  invalidMessageDeliveriesWeight: -1,
  invalidMessageDeliveriesDecay: 0.9,
}

/** SHA-256 of topic and data: the same content has one id, whoever sends it. */
export function contentId({ topic, data }: Pick<Message, 'topic' | 'data'>): Uint8Array {
  return createHash('sha256').update(topic).update('\0').update(data).digest()
}
