// What the network counts.

import type { Metrics } from '../ops/metrics.ts'
import type { RequestProtocol, Topic } from './topics.ts'

export type GossipResult = 'accept' | 'ignore' | 'reject' | 'busy' | 'oversized' | 'failed'
export type DialResult = 'ok' | 'failed' | 'denied' | 'self'

export interface NetworkMetrics {
  gossipIn(topic: Topic, result: GossipResult, bytes: number, seconds: number): void
  gossipOut(topic: Topic, bytes: number, recipients: number): void
  served(protocol: RequestProtocol, result: string): void
  asked(protocol: RequestProtocol, result: string): void
  requestBytes(direction: 'in' | 'out', bytes: number): void
  dialled(result: DialResult): void
  hungUp(reason: HangUpReason): void
  transport(direction: 'in' | 'out', bytes: number): void
}

export type HangUpReason = 'banned' | 'garbage' | 'no_handshake' | 'other_network' | 'deaf' | 'replaced' | 'too_many_connections'

export interface NetworkGauges {
  readonly peers: () => { readonly inbound: number; readonly outbound: number }
  readonly pendingPeers: () => number
  readonly bans: () => number
  readonly knownPeers: () => number
}

const VALIDATION_BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]

export function createNetworkMetrics(metrics: Metrics, gauges: NetworkGauges): NetworkMetrics {
  metrics.gauge({
    name: 'pulse_network_peers',
    help: 'Peers with a completed handshake.',
    labelNames: ['direction'],
    collect: (gauge) => {
      const { inbound, outbound } = gauges.peers()
      gauge.set({ direction: 'inbound' }, inbound)
      gauge.set({ direction: 'outbound' }, outbound)
    },
  })
  const plain = (name: string, help: string, value: () => number): void => {
    metrics.gauge({ name, help, collect: (gauge) => gauge.set(value()) })
  }
  plain('pulse_network_pending_peers', 'Connected peers whose handshake is not complete.', gauges.pendingPeers)
  plain('pulse_network_banned_peers', 'Peers that are banned now.', gauges.bans)
  plain('pulse_network_known_peers', 'Peers in the peer store.', gauges.knownPeers)

  const gossipMessages = metrics.counter({
    name: 'pulse_network_gossip_messages_total',
    help: 'First copies of gossip messages received, by verdict.',
    labelNames: ['topic', 'result'],
  })
  const gossipBytes = metrics.counter({
    name: 'pulse_network_gossip_received_bytes_total',
    help: 'Payload of first copies of gossip messages received.',
    labelNames: ['topic'],
  })
  const published = metrics.counter({
    name: 'pulse_network_gossip_published_total',
    help: 'Messages published here.',
    labelNames: ['topic'],
  })
  const publishedBytes = metrics.counter({
    name: 'pulse_network_gossip_published_bytes_total',
    help: 'Payload published here, once for each peer that it was sent to.',
    labelNames: ['topic'],
  })
  const validation = metrics.histogram({
    name: 'pulse_network_gossip_validation_seconds',
    help: 'From the arrival of a message to its verdict.',
    labelNames: ['topic'],
    buckets: VALIDATION_BUCKETS_S,
  })
  const requests = metrics.counter({
    name: 'pulse_network_requests_total',
    help: 'Requests, asked of peers and served to them.',
    labelNames: ['direction', 'protocol', 'result'],
  })
  const requestBytes = metrics.counter({
    name: 'pulse_network_answer_bytes_total',
    help: 'Payload of answers to requests.',
    labelNames: ['direction'],
  })
  const dials = metrics.counter({ name: 'pulse_network_dials_total', help: 'Connection attempts.', labelNames: ['result'] })
  const hangUps = metrics.counter({ name: 'pulse_network_hangups_total', help: 'Peers that were hung up.', labelNames: ['reason'] })
  const transport = metrics.counter({
    name: 'pulse_network_transport_bytes_total',
    help: 'Bytes on all connections, encrypted.',
    labelNames: ['direction'],
  })

  return {
    gossipIn(topic, result, bytes, seconds) {
      gossipMessages.inc({ topic, result })
      gossipBytes.inc({ topic }, bytes)
      validation.observe({ topic }, seconds)
    },
    gossipOut(topic, bytes, recipients) {
      published.inc({ topic })
      publishedBytes.inc({ topic }, bytes * recipients)
    },
    served: (protocol, result) => requests.inc({ direction: 'served', protocol, result }),
    asked: (protocol, result) => requests.inc({ direction: 'asked', protocol, result }),
    requestBytes: (direction, bytes) => requestBytes.inc({ direction }, bytes),
    dialled: (result) => dials.inc({ result }),
    hungUp: (reason) => hangUps.inc({ reason }),
    transport: (direction, bytes) => transport.inc({ direction }, bytes),
  }
}
