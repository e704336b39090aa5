// The OpenAPI document: complete, and without loose ends.

import t from 'tap'
import type { RouteOptions } from 'fastify'
import { fastify } from 'fastify'
import { MAX_BATCH } from '../../src/api/limits.ts'
import { testServer } from './api-fixture.ts'

interface Document {
  openapi: string
  info: { title: string; version: string }
  paths: Record<string, Record<string, { operationId?: string; summary?: string; responses: Record<string, unknown>; requestBody?: { content: object } }>>
  components: { schemas: Record<string, unknown> }
}

/** Every route, as the printed tree of the router has it. */
function routesOf(tree: string): string[] {
  const routes: string[] = []
  const parents: string[] = []
  for (const line of tree.split('\n')) {
    const found = /^([│ ]*)[└├]── (\S*)(?: \(([A-Z, ]+)\))?/.exec(line)
    if (found === null) continue
    const depth = found[1]!.length / 4
    parents.length = depth
    parents.push(found[2]!)
    for (const method of found[3]?.split(', ') ?? []) if (method !== 'HEAD' && method !== 'OPTIONS') routes.push(`${method} ${parents.join('')}`)
  }
  return routes
}

t.test('every route is in the document but the files of the page', async (t) => {
  const { app, inject } = await testServer(t)
  const document = (await inject('/v2/openapi.json')).json<Document>()
  const described = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
  )
  const routes = routesOf(app.printRoutes({ commonPrefix: false }))
  t.ok(routes.length > 15, 'the tree was understood')
  t.same(routes.filter((route) => !described.includes(route)).sort(), ['GET /page/status.css', 'GET /page/status.js'])
  t.same(described.filter((route) => !routes.includes(route)), [])
})

t.test('it is OpenAPI 3.1, every operation has a name, a summary and answers, and every reference leads somewhere', async (t) => {
  const { inject } = await testServer(t)
  const document = (await inject('/v2/openapi.json')).json<Document>()
  t.equal(document.openapi, '3.1.0')
  t.equal(document.info.version, '0.1.0')
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path))
  const names = operations.map(({ operationId }) => operationId)
  t.equal(new Set(names).size, operations.length, 'names are unique')
  for (const { operationId, summary, responses } of operations) t.ok(operationId && summary && (responses['200'] ?? responses['101']), `${operationId}`)

  const references: string[] = []
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [name, member] of Object.entries(value)) {
      if (name === '$ref') references.push(String(member))
      else visit(member)
    }
  }
  visit(document)
  t.ok(references.length > 20)
  const used = new Set(references.map((reference) => reference.replace('#/components/schemas/', '')))
  t.same([...used].filter((name) => !Object.hasOwn(document.components.schemas, name)), [], 'none is loose')
  t.same(Object.keys(document.components.schemas).filter((name) => !used.has(name)), [], 'nothing is described that nobody uses')
})

t.test('submission takes JSON and bytes, and says how much', async (t) => {
  const { inject } = await testServer(t)
  const document = (await inject('/v2/openapi.json')).json<Document>()
  t.same(Object.keys(document.paths['/v2/heartbeats']!['post']!.requestBody!.content), ['application/json', 'application/octet-stream'])
  t.match(document.components.schemas['HeartbeatBatch'], { properties: { heartbeats: { maxItems: MAX_BATCH } }, additionalProperties: false })
})

t.test('a transaction is told apart by its kind: every one has a schema that says so', async (t) => {
  const { inject } = await testServer(t)
  const { paths, components: { schemas } } = (await inject('/v2/openapi.json')).json<Document>()
  const { anyOf, discriminator } = schemas['Transaction'] as { anyOf: { $ref: string }[]; discriminator: { propertyName: string; mapping: Record<string, string> } }
  t.equal(discriminator.propertyName, 'kind')
  t.same(Object.keys(discriminator.mapping), ['transfer', 'enrolment', 'join', 'leave', 'parameters', 'evidence'])
  t.same(Object.values(discriminator.mapping), anyOf.map(({ $ref }) => $ref))
  for (const [kind, reference] of Object.entries(discriminator.mapping)) {
    const schema = schemas[reference.replace('#/components/schemas/', '')] as { properties: { kind: { enum: string[] } }; required: string[] }
    t.same(schema.properties.kind.enum, [kind])
    for (const name of ['id', 'kind', 'height']) t.ok(schema.required.includes(name), `${kind} has ${name}`)
  }
  t.match(paths['/v2/transactions']!['post']!.requestBody!.content, {
    'application/json': { schema: { anyOf: [{ $ref: '#/components/schemas/TransferSubmission' }, { $ref: '#/components/schemas/EncodedTransactionSubmission' }] } },
  })
})

t.test('it is served with a tag, and not again to those who have it', async (t) => {
  const { inject } = await testServer(t)
  const { headers } = await inject('/v2/openapi.json')
  t.match(headers['content-type'], /^application\/json/)
  t.equal((await inject({ url: '/v2/openapi.json', headers: { 'if-none-match': headers.etag as string } })).statusCode, 304)
})

t.test('the helper of this test reads a router tree', async (t) => {
  const app = fastify({ exposeHeadRoutes: false })
  const seen: string[] = []
  app.addHook('onRoute', ({ method, url }: RouteOptions) => void seen.push(`${String(method)} ${url}`))
  for (const url of ['/', '/a', '/a/:b', '/a/:b/c', '/ab']) app.get(url, () => '')
  app.post('/a/:b', () => '')
  await app.ready()
  t.same(routesOf(app.printRoutes({ commonPrefix: false })).sort(), seen.sort())
})
