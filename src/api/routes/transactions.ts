// POST /v2/transactions and GET /v2/transactions/{id}.

import { Type } from 'typebox'
import { fromHex } from '../../base/bytes.ts'
import { MAX_TRANSACTION_BYTES } from '../../protocol/limits.ts'
import { decodeBase64 } from '../base64.ts'
import { Problem } from '../problem.ts'
import { IMMUTABLE, REVALIDATE } from '../reply.ts'
import { TransactionSchema } from '../schema/chain.ts'
import { ref, responses, STRICT } from '../schema/common.ts'
import { TransactionAccepted, TransactionInput } from '../schema/heartbeat.ts'
import type { ApiContext, App } from './context.ts'

const submission = {
  operationId: 'submitTransaction',
  tags: ['submit'],
  summary: 'Submit a signed transaction',
  body: TransactionInput,
  response: responses(ref(TransactionAccepted), 'Accepted into the mempool', 400, 409, 413, 415, 422, 429, 503),
}

const reading = {
  operationId: 'readTransaction',
  tags: ['chain'],
  summary: 'Read a transaction, committed or waiting',
  params: Type.Object({ id: Type.String({ pattern: '^[0-9a-fA-F]{64}$', description: 'Id of the transaction, 64 hex digits' }) }, STRICT),
  response: responses(ref(TransactionSchema), 'The transaction', 400, 404, 429),
}

export async function transactionRoutes(app: App, { backend }: ApiContext): Promise<void> {
  app.post('/v2/transactions', { schema: submission }, async (request) => {
    const message = decodeBase64(request.body.message, MAX_TRANSACTION_BYTES)
    const signature = decodeBase64(request.body.signature, 64)
    if (message === null) throw new Problem('malformed', `message must be the canonical base64 of at most ${MAX_TRANSACTION_BYTES} bytes.`)
    if (signature?.length !== 64) throw new Problem('malformed', 'signature must be the canonical base64 of 64 bytes.')
    const verdict = await backend.submitTransaction(message, signature)
    if (verdict.accepted) return verdict
    throw new Problem(verdict.reason, verdict.detail)
  })

  app.get('/v2/transactions/:id', { schema: reading }, async (request, reply) => {
    const transaction = await backend.transaction(fromHex(request.params.id)!)
    if (transaction === null) throw new Problem('not_found', 'No transaction with this id is committed or waiting.')
    reply.header('cache-control', transaction.height === null ? REVALIDATE : IMMUTABLE)
    return transaction
  })
}
