// What the chain holds, as the API shows it: blocks, their heartbeats, transactions, accounts.

import { Type } from 'typebox'
import { Amount, Count, Hex32, KeyText, nullable, ref, UnixMs } from './common.ts'
import { TransactionSchema } from './transaction.ts'

const CertificateSummary = Type.Object({
  round: Count,
  signatures: Count,
  power: Type.Integer({ description: 'Voting power that signed' }),
  totalPower: Type.Integer({ description: 'Voting power of the whole set' }),
})

export const BlockSchema = Type.Object(
  {
    id: Hex32,
    version: Count,
    height: Count,
    parentId: Hex32,
    timestampMs: UnixMs,
    proposer: Hex32,
    bodyRoot: Hex32,
    stateRoot: Hex32,
    validatorsRoot: Hex32,
    nextValidatorsRoot: Hex32,
    paramsRoot: Hex32,
    parentCertificateRoot: Hex32,
    lives: Type.Integer({ minimum: 0, description: 'Distinct lives with a heartbeat in this block' }),
    weightPpm: Type.Integer({ minimum: 0, description: 'Sum of the weights, parts per million' }),
    cumulativeLifePpm: Type.String({ pattern: '^[0-9]{1,20}$', description: 'Sum of weightPpm over the chain' }),
    heartbeats: Count,
    transactions: Count,
    reward: Amount,
    sizeBytes: Count,
    certificate: nullable(CertificateSummary),
  },
  { $id: 'Block' },
)

export const CommittedHeartbeat = Type.Object(
  {
    id: Hex32,
    device: KeyText,
    timestampS: Type.Integer({ minimum: 0, description: 'Unix time, s' }),
    sequence: Count,
    witness: Hex32,
    rateLevel: Type.Integer({ minimum: 0, maximum: 7 }),
    motionLevel: Type.Integer({ minimum: 0, maximum: 7 }),
    evidence: Hex32,
    signature: Type.String({ contentEncoding: 'base64' }),
  },
  { $id: 'CommittedHeartbeat' },
)

export const AccountSchema = Type.Object(
  {
    key: KeyText,
    index: Count,
    balance: Amount,
    available: { ...Amount, description: 'Balance less the transfers that are waiting, in base units' },
    earned: { ...Amount, description: 'All rewards ever, in base units' },
    nonce: Type.Integer({ minimum: 0, description: 'Of the next transfer, by the committed state' }),
    nextNonce: Type.Integer({ minimum: 0, description: 'Of the next transfer, counting those that are waiting' }),
    blocks: Type.Integer({ minimum: 0, description: 'Rewarded blocks that it took part in' }),
    enrolled: Type.Boolean(),
    alive: Type.Boolean({ description: 'Its last committed heartbeat is recent enough to send transfers' }),
    lastHeartbeat: nullable(Type.Object({ height: Count, timestampS: Count, sequence: Count })),
    streakMs: Type.Integer({ minimum: 0, description: 'How long it has beaten without a gap' }),
  },
  { $id: 'Account' },
)

const cursor = Type.Union([Type.String(), Type.Null()], { description: 'Cursor of the next page; null on the last one' })

export const BlockPage = Type.Object({ blocks: Type.Array(ref(BlockSchema)), next: cursor }, { $id: 'BlockPage' })
export const AccountPage = Type.Object({ accounts: Type.Array(ref(AccountSchema)), next: cursor }, { $id: 'AccountPage' })
export const HeartbeatPage = Type.Object(
  { blockId: Hex32, height: Count, total: Count, heartbeats: Type.Array(ref(CommittedHeartbeat)), next: cursor },
  { $id: 'HeartbeatPage' },
)
export const TransactionPage = Type.Object(
  { blockId: Hex32, height: Count, total: Count, transactions: Type.Array(ref(TransactionSchema)), next: cursor },
  { $id: 'TransactionPage' },
)
