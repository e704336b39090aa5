// The OpenAPI 3.1 document, made from the schemas of the routes.

import swagger from '@fastify/swagger'
import type { TSchema } from 'typebox'
import type { App } from './routes/context.ts'
import {
  AccountPage, AccountSchema, BlockPage, BlockSchema, CommittedHeartbeat, HeartbeatPage, TransactionPage,
} from './schema/chain.ts'
import { Problem } from './schema/common.ts'
import { ParamsSchema, ValidatorSchema, ValidatorsSchema } from './schema/governance.ts'
import {
  Accepted, EncodedTransactionInput, HeartbeatBatchInput, HeartbeatInput, Refused, TransactionAccepted, TransferInput, Verdicts, VitalsInput,
} from './schema/heartbeat.ts'
import { AliveSchema, ChainHealthSchema, DatabaseHealthSchema, NodeSchema, PeerSchema, PeersSchema, ReadySchema, StatusSchema } from './schema/node.ts'
import { ClientFrame, ServerFrame } from './schema/stream.ts'
import { TRANSACTION_KINDS, TransactionSchema } from './schema/transaction.ts'

const SHARED: readonly TSchema[] = [
  Problem, VitalsInput, HeartbeatInput, HeartbeatBatchInput, Accepted, Refused, Verdicts,
  TransferInput, EncodedTransactionInput, TransactionAccepted, ...TRANSACTION_KINDS, ValidatorSchema, ValidatorsSchema, ParamsSchema,
  BlockSchema, BlockPage, CommittedHeartbeat, HeartbeatPage, TransactionSchema, TransactionPage, AccountSchema, AccountPage,
  NodeSchema, StatusSchema, PeerSchema, PeersSchema, AliveSchema, ReadySchema, DatabaseHealthSchema, ChainHealthSchema, ClientFrame, ServerFrame,
]

const TAGS = [
  { name: 'submit', description: 'Heartbeats and transactions, in' },
  { name: 'chain', description: 'Blocks, accounts, transactions and validators, out' },
  { name: 'node', description: 'The node itself: facts, health, metrics' },
]

/** Call before the routes are registered. */
export async function describe(app: App, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Pulse node',
        version,
        description:
          'HTTP API v2 of a Pulse full node. Refusals are problem details (RFC 9457) with a stable code. ' +
          'Amounts are decimal strings of base units.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } as never,
      },
      tags: TAGS,
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => (typeof json['$id'] === 'string' ? json['$id'] : `schema-${i}`) },
  })
  for (const schema of SHARED) app.addSchema(schema)
}
