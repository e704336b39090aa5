// What the node says about itself.

import { Type } from 'typebox'
import { Amount, Count, Hex32, nullable, ParamsObject, Reasons, ref, UnixMs } from './common.ts'

/** The part that never changes while the node runs. */
const nodeFacts = {
  version: Type.String(),
  network: Type.String(),
  genesisHash: Hex32,
  witness: { ...Hex32, description: 'Ed25519 key of this node, which heartbeats sent here must name as their witness' },
  validator: nullable({ ...Hex32, description: 'Ed25519 key of its validator, if it validates in this epoch' }),
}

export const NodeFacts = Type.Object({
  ...nodeFacts,
  /** Policy of this node for each device key and sender. */
  policy: Type.Object({ heartbeatsPerSecond: Type.Number(), transfersPerSecond: Type.Number(), burst: Type.Number() }),
})

export const NodeSchema = Type.Object(
  {
    ...nodeFacts,
    peerId: { ...Type.String(), description: 'libp2p peer id of this node' },
    addresses: Type.Array(Type.String(), { description: 'Multiaddrs at which other nodes reach it: what they give as a seed' }),
    development: Type.Boolean({ description: 'Simulated hearts are allowed' }),
    params: ParamsObject,
    nowMs: { ...UnixMs, description: 'Clock of the node, Unix time in ms' },
    limits: Type.Object(
      {
        batchHeartbeats: Count,
        bodyBytes: Count,
        frameBytes: Count,
        pageItems: Count,
        deviceHeartbeatsPerSecond: Type.Number(),
        deviceTransfersPerSecond: Type.Number(),
        deviceBurst: Type.Number(),
        addressWritesPerSecond: Type.Number(),
        addressReadsPerSecond: Type.Number(),
      },
      { description: 'Rates of 0 are not limited' },
    ),
  },
  { $id: 'Node' },
)

export const StatusSchema = Type.Object(
  {
    ready: Type.Boolean(),
    reasons: Reasons,
    syncing: Type.Boolean(),
    sync: nullable({
      ...Type.Object({
        target: { ...Count, description: 'Height to reach, as far as it is known' },
        blocksPerS: Type.Number({ minimum: 0, description: 'Over the last ten seconds' }),
        heartbeatsPerS: Type.Number({ minimum: 0 }),
        etaS: nullable({ ...Count, description: 'Seconds to go; null while nothing moves' }),
        bottleneck: Type.Union([Type.Literal('network'), Type.Literal('verification'), Type.Literal('execution'), Type.Literal('disk')], {
          description: 'What it waits for most of the time',
        }),
      }),
      description: 'How catching up goes; null while it does not',
    }),
    uptimeMs: Count,
    height: Type.Integer({ minimum: 0, description: 'Of the last committed block; 0 before the first' }),
    headId: Hex32,
    timestampMs: { ...UnixMs, description: 'Timestamp of the last committed block, or of the genesis' },
    stateRoot: Hex32,
    supply: Amount,
    reward: { ...Amount, description: 'Reward of the next block, in base units' },
    cumulativeLifePpm: Type.String({ pattern: '^[0-9]{1,20}$' }),
    consensus: Type.Object({ height: Count, round: Count, step: Type.String() }),
    lives: Type.Integer({ minimum: 0, description: 'Lives with a recent heartbeat' }),
    accounts: Count,
    mempool: Type.Object({ heartbeats: Count, transactions: Count, bytes: Count }),
    heartbeatsPerMinute: Type.Number({ minimum: 0, description: 'Committed in the last minute' }),
    blocksPerMinute: Type.Number({ minimum: 0 }),
    transactionsPerSecond: Type.Number({ minimum: 0 }),
    peers: Count,
    validators: Type.Array(Type.Object({ key: Hex32, power: Count, base: { ...Count, description: 'The part of its power that lives do not make' } })),
  },
  { $id: 'Status' },
)

export const PeerSchema = Type.Object(
  {
    id: Type.String({ description: 'libp2p peer id' }),
    address: Type.String({ description: 'Multiaddr of the connection' }),
    direction: Type.Union([Type.Literal('inbound'), Type.Literal('outbound')]),
    height: { ...Count, description: 'Of its last block, as it says' },
    score: Type.Number({ description: 'Falls with bad messages, recovers with time' }),
    reasons: Type.Array(Type.String(), { description: 'Why it was charged, the last few' }),
    connectedMs: Count,
    latencyMs: nullable(Type.Number({ minimum: 0 })),
  },
  { $id: 'Peer' },
)
export const PeersSchema = Type.Object({ peers: Type.Array(ref(PeerSchema)) }, { $id: 'Peers' })

export const AliveSchema = Type.Object({ status: Type.Literal('alive') }, { $id: 'Alive' })
export const ReadySchema = Type.Object({ ready: Type.Literal(true), reasons: Reasons }, { $id: 'Ready' })

export const DatabaseHealthSchema = Type.Object(
  { ok: Type.Boolean(), reasons: Reasons, schemaVersion: Count, height: Count, sizeBytes: Count },
  { $id: 'DatabaseHealth' },
)

export const ChainHealthSchema = Type.Object(
  { ok: Type.Boolean(), reasons: Reasons, height: Count, headId: Hex32, headAgeMs: Type.Integer(), round: Count, step: Type.String() },
  { $id: 'ChainHealth' },
)
