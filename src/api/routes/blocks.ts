// GET /v2/blocks and what is in a block. A committed block is final, so everything but "latest" is cached for ever.

import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { fromHex } from '../../base/bytes.ts'
import type { BlockItems, BlockRef } from '../backend.ts'
import { Problem } from '../problem.ts'
import { IMMUTABLE, REVALIDATE, sendTagged } from '../reply.ts'
import { BlockPage, BlockSchema, HeartbeatPage, TransactionPage } from '../schema/chain.ts'
import { ref, responses, STRICT } from '../schema/common.ts'
import type { ApiContext, App } from './context.ts'
import type { Page } from './paging.ts'
import { nextOffset, PageQuery, pageOf } from './paging.ts'

const BlockParams = Type.Object(
  {
    ref: Type.String({
      pattern: '^(latest|[1-9][0-9]{0,14}|[0-9a-fA-F]{64})$',
      description: '"latest", a height, or an id of 64 hex digits',
    }),
  },
  STRICT,
)

const listSchema = {
  operationId: 'listBlocks',
  tags: ['chain'],
  summary: 'List blocks, newest first',
  querystring: PageQuery,
  response: responses(ref(BlockPage), 'A page of blocks', 400, 429),
}
const blockSchema = {
  operationId: 'readBlock',
  tags: ['chain'],
  summary: 'Read a block',
  params: BlockParams,
  response: responses(ref(BlockSchema), 'The block', 400, 404, 429),
}
const heartbeatsSchema = {
  operationId: 'listBlockHeartbeats',
  tags: ['chain'],
  summary: 'List the heartbeats of a block',
  params: BlockParams,
  querystring: PageQuery,
  response: responses(ref(HeartbeatPage), 'A page of heartbeats', 400, 404, 429),
}
const transactionsSchema = {
  operationId: 'listBlockTransactions',
  tags: ['chain'],
  summary: 'List the transactions of a block',
  params: BlockParams,
  querystring: PageQuery,
  response: responses(ref(TransactionPage), 'A page of transactions', 400, 404, 429),
}

export async function blockRoutes(app: App, { backend }: ApiContext): Promise<void> {
  app.get('/v2/blocks', { schema: listSchema }, async (request, reply) => {
    const { at, limit } = pageOf(request.query)
    const blocks = await backend.blocks(at, limit)
    const last = blocks.at(-1)
    reply.header('cache-control', REVALIDATE)
    return { blocks, next: last !== undefined && last.height > 1 ? String(last.height) : null }
  })

  app.get('/v2/blocks/:ref', { schema: blockSchema }, async (request, reply) => {
    const block = await backend.block(blockRef(request.params.ref))
    if (block === null) throw new Problem('not_found', NO_BLOCK)
    return sendTagged(request, reply, block.id, cacheControl(request.params.ref), block)
  })

  app.get('/v2/blocks/:ref/heartbeats', { schema: heartbeatsSchema }, async (request, reply) => {
    const page = pageOf(request.query)
    const found = await backend.blockHeartbeats(blockRef(request.params.ref), page.at ?? 0, page.limit)
    return sendItems(request, reply, request.params.ref, 'heartbeats', page, found)
  })

  app.get('/v2/blocks/:ref/transactions', { schema: transactionsSchema }, async (request, reply) => {
    const page = pageOf(request.query)
    const found = await backend.blockTransactions(blockRef(request.params.ref), page.at ?? 0, page.limit)
    return sendItems(request, reply, request.params.ref, 'transactions', page, found)
  })
}

const NO_BLOCK = 'No such block has been committed.'

const cacheControl = (text: string): string => (text === 'latest' ? REVALIDATE : IMMUTABLE)

/** The schema has checked the text. */
function blockRef(text: string): BlockRef {
  if (text === 'latest') return text
  return text.length === 64 ? fromHex(text)! : Number(text)
}

function sendItems<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  ref: string,
  name: 'heartbeats' | 'transactions',
  page: Page,
  found: BlockItems<T> | null,
): FastifyReply {
  if (found === null) throw new Problem('not_found', NO_BLOCK)
  const { blockId, height, total, items } = found
  const offset = page.at ?? 0
  const body = { blockId, height, total, [name]: items, next: nextOffset(offset, items.length, total) }
  return sendTagged(request, reply, `${blockId}.${offset}.${page.limit}`, cacheControl(ref), body)
}
