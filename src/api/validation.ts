// Checks requests against their TypeBox schemas, and says in words what is wrong.

import type { FastifySchemaCompiler } from 'fastify'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'

const PARTS: Readonly<Record<string, string>> = { querystring: 'query', params: 'path', body: 'body', headers: 'header' }
const MAX_WHERE = 60
/** Names of clients that are sent back: nothing that could be markup or code where a message is shown. */
const PLAIN = /^[\w./~-]+$/

type Properties = Readonly<Record<string, { readonly type?: string; readonly description?: string }>>

export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const validator = Compile(schema)
  const { properties = {} } = schema as { properties?: Properties }
  const part = PARTS[httpPart ?? ''] ?? 'request'
  return (value: unknown) => {
    const typed = httpPart === 'querystring' ? numbersOf(properties, value) : value
    if (validator.Check(typed)) return { value: typed }
    const [first] = validator.Errors(typed)
    const detail = explain(part, properties, first?.instancePath ?? '', first?.message ?? 'is wrong')
    return { error: Object.assign(new Error(detail), { statusCode: 400, validation: [] }) }
  }
}

/** @param path where it is wrong, as a JSON pointer: its names are the client's */
function explain(part: string, properties: Properties, path: string, message: string): string {
  const name = path.split('/')[1]
  if (name === undefined) return `The ${part} ${message}.`
  const where = `${part}${path}`.slice(0, MAX_WHERE)
  if (!Object.hasOwn(properties, name)) return `${PLAIN.test(where) ? where : `A member of the ${part}`} is not known here.`
  const { description } = properties[name]!
  return `${where} ${message}${description === undefined ? '' : `: ${description}`}.`
}

/** A query holds strings: those of digits become numbers where the schema wants an integer. */
function numbersOf(properties: Properties, value: unknown): unknown {
  return Object.fromEntries(
    Object.entries(value as object).map(([name, text]: [string, unknown]) => {
      const wanted = Object.hasOwn(properties, name) && properties[name]!.type === 'integer'
      return [name, wanted && typeof text === 'string' && /^[0-9]{1,15}$/.test(text) ? Number(text) : text]
    }),
  )
}
