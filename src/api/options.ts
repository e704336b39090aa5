// Options and dependencies of the API.

import type { Registry } from 'prom-client'
import type { Backend } from './backend.ts'
import type { BodyLimits } from './bodies.ts'
import type { Rate } from './limiter.ts'
import { MAX_BODY_BYTES } from './limits.ts'

export interface ApiOptions {
  readonly host: string
  /** 0 = any free port. */
  readonly port: number
  /** Addresses, CIDR ranges, or `loopback`, `linklocal`, `uniquelocal`, whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
  /** Per address; a rate of 0 is no limit. POST requests and WebSocket frames are writes. */
  readonly writes: Rate
  readonly reads: Rate
  /** TCP connections, all kinds. */
  readonly maxConnections: number
  /** Bodies of requests that are on their way or being answered, bytes. */
  readonly bodies: BodyLimits
  readonly maxClients: number
  readonly maxFrameBytes: number
  /** Unsent bytes of one WebSocket client before it is dropped. */
  readonly maxBufferedBytes: number
  readonly pingIntervalMs: number
  /** Longest time for a request to arrive, and for the node to answer it. */
  readonly requestTimeoutMs: number
  readonly answerTimeoutMs: number
  /** How long /ready says that the node stops before it stops: time for load balancers to notice. */
  readonly drainDelayMs: number
  /** How long running requests may take after that. */
  readonly drainTimeoutMs: number
}

export const DEFAULT_API_OPTIONS: ApiOptions = {
  host: '0.0.0.0',
  port: 8080,
  trustedProxies: [],
  writes: { perSecond: 1_000, burst: 1_000 },
  reads: { perSecond: 200, burst: 400 },
  maxConnections: 10_000,
  bodies: { totalBytes: 128 * 1024 * 1024, perAddressBytes: 48 * 1024 * 1024 },
  maxClients: 1_000,
  maxFrameBytes: MAX_BODY_BYTES,
  maxBufferedBytes: 1024 * 1024,
  pingIntervalMs: 30_000,
  requestTimeoutMs: 30_000,
  answerTimeoutMs: 30_000,
  drainDelayMs: 0,
  drainTimeoutMs: 5_000,
}

/** The part of a pino logger that the API uses. */
export interface ApiLogger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface ApiDependencies {
  readonly backend: Backend
  readonly logger: ApiLogger
  /** Registry of the main thread; /metrics shows it before the core's metrics. */
  readonly registry: Registry
}
