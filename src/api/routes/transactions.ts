// POST /v2/transactions and GET /v2/transactions/{id}.

import type { Static } from 'typebox'
import { Type } from 'typebox'
import { fromHex } from '../../base/bytes.ts'
import { MAX_TRANSACTION_BYTES } from '../../protocol/limits.ts'
import type { TransactionVerdict } from '../backend.ts'
import { decodeBase64 } from '../base64.ts'
import { Problem } from '../problem.ts'
import { IMMUTABLE, REVALIDATE } from '../reply.ts'
import { ref, responses, STRICT } from '../schema/common.ts'
import { EncodedTransactionInput, TransactionAccepted, TransferInput } from '../schema/heartbeat.ts'
import { TransactionSchema } from '../schema/transaction.ts'
import { isObject } from '../submission.ts'
import { validatorCompiler } from '../validation.ts'
import type { ApiContext, App } from './context.ts'

const submission = {
  operationId: 'submitTransaction',
  tags: ['submit'],
  summary: 'Submit a signed transaction',
  description: 'A transfer as its sender signed it, or a transaction of any kind, encoded as in a block (docs/protocol.md).',
  body: Type.Union([ref(TransferInput), ref(EncodedTransactionInput)]),
  response: responses(ref(TransactionAccepted), 'Accepted into the mempool', 400, 403, 409, 413, 415, 422, 429, 503),
}

const reading = {
  operationId: 'readTransaction',
  tags: ['chain'],
  summary: 'Read a transaction, committed or waiting',
  params: Type.Object({ id: Type.String({ pattern: '^[0-9a-fA-F]{64}$', description: 'Id of the transaction, 64 hex digits' }) }, STRICT),
  response: responses(ref(TransactionSchema), 'The transaction', 400, 404, 429),
}

export async function transactionRoutes(app: App, { backend }: ApiContext): Promise<void> {
  app.post('/v2/transactions', { schema: submission, validatorCompiler: bodyValidator }, async (request) => {
    const verdict = await submitted(request.body)
    if (verdict.accepted) return verdict
    throw new Problem(verdict.reason, verdict.detail)
  })

  function submitted(body: Submission): Promise<TransactionVerdict> {
    if ('transaction' in body) return backend.submitEncodedTransaction(bytesOf('transaction', body.transaction))
    const message = bytesOf('message', body.message)
    const signature = decodeBase64(body.signature, 64)
    if (signature?.length !== 64) throw new Problem('malformed', 'signature must be the canonical base64 of 64 bytes.')
    return backend.submitTransaction(message, signature)
  }

  app.get('/v2/transactions/:id', { schema: reading }, async (request, reply) => {
    const transaction = await backend.transaction(fromHex(request.params.id)!)
    if (transaction === null) throw new Problem('not_found', 'No transaction with this id is committed or waiting.')
    reply.header('cache-control', transaction.height === null ? REVALIDATE : IMMUTABLE)
    return transaction
  })
}

type Submission = Static<typeof TransferInput> | Static<typeof EncodedTransactionInput>

/** What is wrong is said of the form that was meant. */
const bodyValidator: typeof validatorCompiler = (route) => {
  const [asTransfer, asEncoded] = [TransferInput, EncodedTransactionInput].map((schema) => validatorCompiler({ ...route, schema }))
  return (body: unknown) => (isObject(body) && Object.hasOwn(body, 'transaction') ? asEncoded! : asTransfer!)(body)
}

function bytesOf(name: string, text: string): Uint8Array {
  const bytes = decodeBase64(text, MAX_TRANSACTION_BYTES)
  if (bytes === null) throw new Problem('malformed', `${name} must be the canonical base64 of at most ${MAX_TRANSACTION_BYTES} bytes.`)
  return bytes
}
