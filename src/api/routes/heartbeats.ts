// POST /v2/heartbeats: one, a batch as JSON, or a batch as bytes.

import { HeartbeatBatchInput, HeartbeatInput, Accepted, Verdicts } from '../schema/heartbeat.ts'
import { ref, responses } from '../schema/common.ts'
import { Problem } from '../problem.ts'
import { isObject, submissionFromBytes, submissionFromJson, submit, SUBMISSION_SIZE } from '../submission.ts'
import { MAX_BATCH } from '../limits.ts'
import { Type } from 'typebox'
import type { ApiContext, App } from './context.ts'

const schema = {
  operationId: 'submitHeartbeats',
  tags: ['submit'],
  summary: 'Submit heartbeats',
  description:
    'One heartbeat is answered with its verdict, or with a problem that has the code of its refusal. ' +
    'A batch is always answered with one verdict for each heartbeat, in their order.',
  body: {
    content: {
      'application/json': { schema: Type.Union([ref(HeartbeatInput), ref(HeartbeatBatchInput)]) },
      'application/octet-stream': {
        schema: Type.String({
          format: 'binary',
          description: `1 to ${MAX_BATCH} times message ‖ signature, ${SUBMISSION_SIZE} bytes each, without vitals`,
        }),
      },
    },
  },
  response: responses(Type.Union([ref(Accepted), ref(Verdicts)]), 'The verdict or verdicts', 400, 403, 409, 413, 415, 422, 429, 503),
}

export async function heartbeatRoutes(app: App, { backend, metrics }: ApiContext): Promise<void> {
  app.addContentTypeParser('application/octet-stream', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  // submission.ts checks the body, and faster than a validator made from the schema.
  app.post('/v2/heartbeats', { schema, validatorCompiler: () => () => true }, async (request) => {
    const body: unknown = request.body
    if (body instanceof Uint8Array) {
      const submission = submissionFromBytes(body)
      metrics.heartbeats('binary', submission.vitals.length)
      return { verdicts: await submit(backend, submission) }
    }
    if (!isObject(body)) throw new Problem('malformed', 'The body must be a JSON object.')
    if (Object.hasOwn(body, 'heartbeats')) {
      if (Object.keys(body).length > 1) throw new Problem('malformed', 'A batch has the member heartbeats, and no other.')
      const submission = submissionFromJson(body['heartbeats'])
      metrics.heartbeats('json', submission.refusals.length)
      return { verdicts: await submit(backend, submission) }
    }
    metrics.heartbeats('json', 1)
    const [verdict] = await submit(backend, submissionFromJson([body]))
    if (verdict!.accepted) return verdict
    throw new Problem(verdict!.code, verdict!.detail)
  })
}
