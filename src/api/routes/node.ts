// What the node says about itself: facts for devices, probes for operators, metrics.

import { Type } from 'typebox'
import { peerIdOf } from '../../crypto/peer-id.ts'
import { MAX_BATCH, MAX_BODY_BYTES, MAX_PAGE } from '../limits.ts'
import { Problem } from '../problem.ts'
import { ref, responses } from '../schema/common.ts'
import { AliveSchema, ChainHealthSchema, DatabaseHealthSchema, NodeSchema, PeersSchema, ReadySchema, StatusSchema } from '../schema/node.ts'
import type { ApiContext, App } from './context.ts'

const read = (operationId: string, summary: string, response: object) => ({ schema: { operationId, tags: ['node'], summary, response } })

const metricsResponse = { 200: { description: 'Prometheus text format', content: { 'text/plain': { schema: Type.String() } } } }

export async function nodeRoutes(app: App, { backend, registry, options, draining }: ApiContext): Promise<void> {
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })

  const { policy, ...facts } = backend.node
  const peerId = peerIdOf(Buffer.from(facts.witness, 'hex'))
  const limits = {
    batchHeartbeats: MAX_BATCH,
    bodyBytes: MAX_BODY_BYTES,
    frameBytes: options.maxFrameBytes,
    pageItems: MAX_PAGE,
    deviceHeartbeatsPerSecond: policy.heartbeatsPerSecond,
    deviceTransfersPerSecond: policy.transfersPerSecond,
    deviceBurst: policy.burst,
    addressWritesPerSecond: options.writes.perSecond,
    addressReadsPerSecond: options.reads.perSecond,
  }
  const node = read('readNode', 'Network, witness key, clock and limits: what a device must know', responses(ref(NodeSchema), 'The node', 429))
  app.get('/v2/node', node, async () => {
    const [{ params }, { validators }] = await Promise.all([backend.params(), backend.validators()])
    // It may have joined or left since the node was started.
    const validator = validators.find(({ nodeKey }) => nodeKey === facts.witness)?.key ?? null
    const own = { ...facts, validator, peerId, addresses: [...backend.addresses()] }
    return { ...own, development: params['development'] === true, params, nowMs: backend.nowMs(), limits }
  })

  app.get('/status', read('readStatus', 'State of the node and its network', responses(ref(StatusSchema), 'The state', 429)), async () => {
    const status = await backend.status()
    return draining() ? { ...status, ready: false, reasons: [STOPPING, ...status.reasons] } : status
  })

  const peers = read('readPeers', 'Connected peers', responses(ref(PeersSchema), 'The peers', 429))
  app.get('/v2/peers', peers, async () => ({ peers: [...backend.peers()] }))

  app.get('/health', read('readHealth', 'Is the process alive?', responses(ref(AliveSchema), 'It is')), async () => ({ status: 'alive' }))

  app.get('/ready', read('readReadiness', 'May clients be sent here?', responses(ref(ReadySchema), 'They may', 503)), async () => {
    if (draining()) throw new Problem('draining', undefined, {}, { reasons: [STOPPING] })
    const { ready, reasons } = backend.readiness()
    if (!ready) throw new Problem('not_ready', reasons.join(' ') || undefined, {}, { reasons })
    return { ready, reasons }
  })

  const database = read('readDatabaseHealth', 'Does the database work?', responses(ref(DatabaseHealthSchema), 'It does', 429, 503))
  app.get('/health/database', database, async () => healthy(await backend.database()))

  const blockchain = read('readChainHealth', 'Do ledger and database agree?', responses(ref(ChainHealthSchema), 'It does', 429, 503))
  app.get('/health/blockchain', blockchain, async () => healthy(await backend.blockchain()))

  app.get('/metrics', read('readMetrics', 'Metrics', metricsResponse), async (_request, reply) => {
    const [own, core] = await Promise.all([registry.metrics(), backend.metricsText()])
    return reply.type(registry.contentType).send(`${own}\n${core}`)
  })
}

const STOPPING = 'The node is stopping.'

function healthy<T extends { readonly ok: boolean; readonly reasons: readonly string[] }>(health: T): T {
  if (!health.ok) throw new Problem('unhealthy', health.reasons.join(' ') || undefined, {}, { reasons: health.reasons })
  return health
}
