// Schemas that the others share. Requests are checked against theirs; responses only describe themselves by theirs
// (the tests check that they keep to it). All together make the OpenAPI document.

import type { Static, TSchema } from 'typebox'
import { Type } from 'typebox'

/** For requests: an unknown member is an error. */
export const STRICT = { additionalProperties: false } as const

export const Hex32 = Type.String({ pattern: '^[0-9a-f]{64}$', description: '32 bytes as lower-case hex' })
export const Amount = Type.String({ pattern: '^[0-9]{1,20}$', description: 'Amount in base units (1 PULSE = 100 000 000), decimal digits' })
export const KeyText = Type.String({
  pattern: '^z[1-9A-HJ-NP-Za-km-z]{40,59}$',
  description: 'Tagged public key, multibase base58btc (the body of a did:key)',
})
export const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
export const UnixMs = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'Unix time, ms' })
export const Signature = Type.String({ contentEncoding: 'base64', description: '64 bytes' })
export const ParamsObject = Type.Record(Type.String(), Type.Union([Type.Number(), Type.String(), Type.Boolean()]), {
  description: 'Consensus parameters by name; amounts as decimal strings of base units',
})
export const Reasons = Type.Array(Type.String(), { description: 'One sentence each; empty if nothing is wrong' })

export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

/** Refers to a schema that is registered under its `$id`. */
export const ref = <T extends TSchema>(schema: T) => Type.Unsafe<Static<T>>({ $ref: `${(schema as { $id?: string }).$id}#` })

export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String({ description: 'The phrase of the HTTP status' }),
    status: Type.Integer(),
    code: Type.String({ description: 'Stable code of the cause' }),
    detail: Type.String(),
    requestId: Type.Optional(Type.String({ description: 'With code "internal": names the log line' })),
    reasons: Type.Optional(Reasons),
  },
  { $id: 'Problem', description: 'Problem details, RFC 9457' },
)

const problemResponse = { description: 'Refused', content: { 'application/problem+json': { schema: ref(Problem) } } }

/** The responses of a route: what it answers with 200, and problems. */
export function responses<T extends TSchema>(schema: T, description: string, ...problems: readonly number[]) {
  const refused = Object.fromEntries(problems.map((status) => [status, problemResponse]))
  return { 200: { description, content: { 'application/json': { schema } } }, ...refused, default: problemResponse }
}
