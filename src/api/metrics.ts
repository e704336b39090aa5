// What the API measures about itself, in the registry of the main thread.

import type { Registry } from 'prom-client'
import { Counter, Gauge, Histogram } from 'prom-client'

export interface ApiMetrics {
  /** @param route template, so that the number of series is bounded */
  request(method: string, route: string, status: number, seconds: number): void
  heartbeats(transport: 'json' | 'binary' | 'websocket', count: number): void
  clients(count: number): void
  lagged(): void
}

export function createApiMetrics(registry: Registry): ApiMetrics {
  const registers = [registry]
  const durations = new Histogram({
    name: 'pulse_http_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its response.',
    labelNames: ['method', 'route'] as const,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers,
  })
  const requests = new Counter({
    name: 'pulse_http_requests_total',
    help: 'Answered requests.',
    labelNames: ['method', 'route', 'status'] as const,
    registers,
  })
  const submitted = new Counter({
    name: 'pulse_http_heartbeats_total',
    help: 'Heartbeats that clients submitted, whatever the verdict.',
    labelNames: ['transport'] as const,
    registers,
  })
  const clients = new Gauge({ name: 'pulse_websocket_clients', help: 'Connected WebSocket clients.', registers })
  const lagged = new Counter({
    name: 'pulse_websocket_lagged_total',
    help: 'WebSocket clients dropped because they read too slowly.',
    registers,
  })
  return {
    request(method, route, status, seconds) {
      durations.observe({ method, route }, seconds)
      requests.inc({ method, route, status })
    },
    heartbeats: (transport, count) => submitted.inc({ transport }, count),
    clients: (count) => clients.set(count),
    lagged: () => lagged.inc(),
  }
}
