// GET /v2/accounts and /v2/accounts/{key}.

import { Type } from 'typebox'
import { keyFromText } from '../../crypto/keys.ts'
import { Problem } from '../problem.ts'
import { REVALIDATE } from '../reply.ts'
import { AccountPage, AccountSchema } from '../schema/chain.ts'
import { KeyText, ref, responses, STRICT } from '../schema/common.ts'
import type { ApiContext, App } from './context.ts'
import { PageQuery, pageOf } from './paging.ts'

const listSchema = {
  operationId: 'listAccounts',
  tags: ['chain'],
  summary: 'List accounts in the order in which they were opened',
  querystring: PageQuery,
  response: responses(ref(AccountPage), 'A page of accounts', 400, 429),
}
const accountSchema = {
  operationId: 'readAccount',
  tags: ['chain'],
  summary: 'Read an account',
  params: Type.Object({ key: KeyText }, STRICT),
  response: responses(ref(AccountSchema), 'The account', 400, 404, 429),
}

export async function accountRoutes(app: App, { backend }: ApiContext): Promise<void> {
  app.get('/v2/accounts', { schema: listSchema }, async (request, reply) => {
    const { at, limit } = pageOf(request.query)
    const accounts = await backend.accounts(at ?? 0, limit)
    const last = accounts.at(-1)
    reply.header('cache-control', REVALIDATE)
    return { accounts, next: last !== undefined && accounts.length === limit ? String(last.index + 1) : null }
  })

  app.get('/v2/accounts/:key', { schema: accountSchema }, async (request, reply) => {
    const key = keyFromText(request.params.key)
    if (key === null) throw new Problem('malformed', 'The key is not a tagged public key.')
    const account = await backend.account(key)
    if (account === null) throw new Problem('not_found', 'No account with this key has been opened.')
    reply.header('cache-control', REVALIDATE)
    return account
  })
}
