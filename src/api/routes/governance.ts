// GET /v2/validators and GET /v2/params: who validates, and by which parameters.

import { REVALIDATE } from '../reply.ts'
import { ref, responses } from '../schema/common.ts'
import { ParamsSchema, ValidatorsSchema } from '../schema/governance.ts'
import type { ApiContext, App } from './context.ts'

const validatorsSchema = {
  operationId: 'readValidators',
  tags: ['chain'],
  summary: 'Validators of this epoch, those who wait, barred keys and registrars',
  response: responses(ref(ValidatorsSchema), 'The validators', 429),
}
const paramsSchema = {
  operationId: 'readParams',
  tags: ['chain'],
  summary: 'Consensus parameters, and a change that waits',
  response: responses(ref(ParamsSchema), 'The parameters', 429),
}

export async function governanceRoutes(app: App, { backend }: ApiContext): Promise<void> {
  app.get('/v2/validators', { schema: validatorsSchema }, async (_request, reply) => {
    reply.header('cache-control', REVALIDATE)
    return backend.validators()
  })

  app.get('/v2/params', { schema: paramsSchema }, async (_request, reply) => {
    reply.header('cache-control', REVALIDATE)
    return backend.params()
  })
}
