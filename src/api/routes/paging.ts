// Pages: at most MAX_PAGE items and a cursor for the next ones. Cursors are opaque to clients.

import { Type } from 'typebox'
import { DEFAULT_PAGE, MAX_PAGE } from '../limits.ts'
import { STRICT } from '../schema/common.ts'

export const PageQuery = Type.Object(
  {
    cursor: Type.Optional(Type.String({ pattern: '^[0-9]{1,15}$', description: '"next" of the page before' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE })),
  },
  STRICT,
)

export interface Page {
  /** Null on the first page. */
  readonly at: number | null
  readonly limit: number
}

export function pageOf({ cursor, limit = DEFAULT_PAGE }: { cursor?: string; limit?: number }): Page {
  return { at: cursor === undefined ? null : Number(cursor), limit }
}

/** Cursor of the items behind `offset + count`, if there are any. */
export const nextOffset = (offset: number, count: number, total: number): string | null =>
  count > 0 && offset + count < total ? String(offset + count) : null
