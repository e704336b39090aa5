// The HTTP server: fastify with its plugins, hooks that hold for every route, and the routes.

import cors from '@fastify/cors'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import websocket from '@fastify/websocket'
import type { FastifyRequest } from 'fastify'
import { fastify } from 'fastify'
import { Failure } from '../ops/failure.ts'
import { createBodyBudget } from './bodies.ts'
import { answerClientError } from './client-error.ts'
import { createRateLimiter } from './limiter.ts'
import { MAX_BODY_BYTES } from './limits.ts'
import { MethodTable } from './methods.ts'
import { createApiMetrics } from './metrics.ts'
import { describe } from './openapi.ts'
import type { ApiDependencies, ApiOptions } from './options.ts'
import { Problem, problemBody, problemOf } from './problem.ts'
import { SAFE_HEADERS, sendProblem } from './reply.ts'
import { accountRoutes } from './routes/accounts.ts'
import { blockRoutes } from './routes/blocks.ts'
import type { ApiContext, App } from './routes/context.ts'
import { governanceRoutes } from './routes/governance.ts'
import { heartbeatRoutes } from './routes/heartbeats.ts'
import { nodeRoutes } from './routes/node.ts'
import { pageRoutes } from './routes/page.ts'
import { streamRoutes } from './routes/stream.ts'
import { transactionRoutes } from './routes/transactions.ts'
import type { Stream } from './stream.ts'
import { createStream } from './stream.ts'
import { validatorCompiler } from './validation.ts'

export interface Server {
  readonly app: App
  readonly stream: Stream
}

/** @param draining true once the node has been told to stop */
export async function createServer(options: ApiOptions, dependencies: ApiDependencies, draining: () => boolean): Promise<Server> {
  const { backend, logger, registry } = dependencies
  const app = createApp(options)
  const metrics = createApiMetrics(registry)
  const context: ApiContext = { ...dependencies, options, draining, metrics, writeLimiter: createRateLimiter(options.writes) }
  const methods = new MethodTable()
  const errorLimiter = createRateLimiter({ perSecond: 1, burst: 20 })
  app.addHook('onRoute', (route) => methods.add(route))

  await app.register(cors, { origin: '*', exposedHeaders: '*', strictPreflight: false, maxAge: 86_400 })
  await app.register(websocket, {
    options: { maxPayload: options.maxFrameBytes },
    // stream.ts says goodbye to the clients.
    preClose: (done) => done(),
    errorHandler: (_error, socket) => socket.terminate(),
  })
  await describe(app, backend.node.version)

  admitRequests(app, context, methods)
  app.addHook('onResponse', async (request, reply) => {
    metrics.request(request.method, request.routeOptions.url ?? 'none', reply.statusCode, reply.elapsedTime / 1_000)
  })
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error)
    if (problem !== null) return sendProblem(reply, problem)
    if (errorLimiter.take('', performance.now()) === 0) {
      logger.error({ err: error, requestId: request.id, route: request.routeOptions.url }, 'Request failed')
    }
    return sendProblem(reply, internal(request))
  })

  const stream = createStream(context)
  await app.register((scope: App) => heartbeatRoutes(scope, context))
  await app.register((scope: App) => transactionRoutes(scope, context))
  await app.register((scope: App) => blockRoutes(scope, context))
  await app.register((scope: App) => accountRoutes(scope, context))
  await app.register((scope: App) => governanceRoutes(scope, context))
  await app.register((scope: App) => nodeRoutes(scope, context))
  await app.register((scope: App) => streamRoutes(scope, context, stream))
  await app.register((scope: App) => pageRoutes(scope))
  await app.ready()
  app.server.maxConnections = options.maxConnections
  return { app, stream }
}

function createApp(options: ApiOptions): App {
  const { trustedProxies, requestTimeoutMs, answerTimeoutMs } = options
  const startedAt = Date.now().toString(36)
  let requests = 0
  let app: App
  try {
    app = fastify({
      logger: false,
      bodyLimit: MAX_BODY_BYTES,
      trustProxy: trustedProxies.length === 0 ? false : [...trustedProxies],
      requestTimeout: requestTimeoutMs,
      http: { headersTimeout: requestTimeoutMs, connectionsCheckingInterval: Math.min(requestTimeoutMs, 10_000) },
      handlerTimeout: answerTimeoutMs,
      genReqId: () => `${startedAt}-${(++requests).toString(36)}`,
      // What arrives while we stop is answered by our own hook, with a problem.
      return503OnClosing: false,
      clientErrorHandler: answerClientError,
      frameworkErrors: (error, _request, reply) => {
        reply.headers({ ...SAFE_HEADERS, 'access-control-allow-origin': '*' })
        void sendProblem(reply, problemOf(error) ?? new Problem('malformed'))
      },
    }).withTypeProvider<TypeBoxTypeProvider>()
  } catch (error) {
    const cause = `A trusted proxy is not an address or range: ${(error as Error).message}`
    throw new Failure('config', cause, 'Correct the list of trusted proxies.', { cause: error })
  }
  app.setValidatorCompiler(validatorCompiler)
  // The views are made by the backend and declared by the schemas: nothing has to be filtered on the way out.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value))
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
    let body: unknown
    try {
      body = JSON.parse(text as string)
    } catch {
      return done(new Problem('malformed', 'The body is not JSON.'))
    }
    done(null, body)
  })
  return app
}

/** What is checked before a body is read: the path, the method, the rate, whether we still take writes. */
function admitRequests(app: App, { options, writeLimiter, draining }: ApiContext, methods: MethodTable): void {
  const readLimiter = createRateLimiter(options.reads)
  const bodies = createBodyBudget(options.bodies)
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SAFE_HEADERS)
    const isWrite = request.method === 'POST'
    if (!isProbe(request)) {
      const waitMs = (isWrite ? writeLimiter : readLimiter).take(request.ip, performance.now())
      if (waitMs > 0) throw new Problem('rate_limited', undefined, { 'retry-after': String(Math.ceil(waitMs / 1_000)) })
    }
    if (request.is404) {
      const allowed = methods.allowed(request.url)
      if (allowed.length === 0) throw new Problem('not_found', 'There is no such path. Those that there are: /v2/openapi.json.')
      throw new Problem('method_not_allowed', undefined, { allow: allowed.join(', ') })
    }
    if (request.ws && request.routeOptions.url !== '/v2/ws') throw new Problem('malformed', 'This resource does not speak WebSocket.')
    if (draining() && (isWrite || request.ws)) throw new Problem('draining')
    if (!isWrite) return
    const release = bodies.take(request.ip, bodySize(request))
    if (release === null) throw new Problem('busy')
    reply.raw.once('close', release)
  })
}

/** As much as the body may take; one that is too large is refused before it is read. */
function bodySize({ headers }: FastifyRequest): number {
  const declared = Number(headers['content-length'] ?? MAX_BODY_BYTES)
  return declared <= MAX_BODY_BYTES ? declared : 0
}

/** Probes are cheap and must not fail because somebody else at the same address asks too much. */
const isProbe = ({ routeOptions: { url } }: FastifyRequest): boolean => url === '/health' || url === '/ready'

function internal(request: FastifyRequest): Problem {
  const problem = new Problem('internal')
  return Object.assign(problem, { body: problemBody('internal', undefined, { requestId: request.id }) })
}
