// What every route file gets.

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyBaseLogger, FastifyInstance, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault } from 'fastify'
import type { RateLimiter } from '../limiter.ts'
import type { ApiMetrics } from '../metrics.ts'
import type { ApiDependencies, ApiOptions } from '../options.ts'

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

export interface ApiContext extends ApiDependencies {
  readonly options: ApiOptions
  readonly metrics: ApiMetrics
  readonly writeLimiter: RateLimiter
  readonly draining: () => boolean
}
