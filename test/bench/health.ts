// Asks for /health again and again, to see how long the API's thread keeps others waiting.

import { Agent, request } from 'node:http'
import { maximum, quantile } from './stats.ts'

export interface Stalls {
  readonly asked: number
  readonly p99Ms: number
  readonly maxMs: number
}

export interface HealthProbe {
  /** Forgets what it has seen so far. */
  reset(): void
  /** Waits for the open requests. */
  stop(): Promise<Stalls>
}

/** Asks every `everyMs`, whether the last answer has come or not. */
export function startHealthProbe(url: string, everyMs: number): HealthProbe {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 })
  const open = new Set<Promise<void>>()
  let latenciesMs: number[] = []
  let wrong = 0

  function ask(): Promise<void> {
    const sentMs = performance.now()
    const seen = latenciesMs
    return new Promise((resolve) => {
      const end = (ok: boolean): void => {
        if (ok) seen.push(performance.now() - sentMs)
        else wrong++
        resolve()
      }
      request(`${url}/health`, { agent }, (incoming) => {
        incoming.resume().on('end', () => end(incoming.statusCode === 200))
      })
        .on('error', () => end(false))
        .end()
    })
  }
  const timer = setInterval(() => {
    const asking = ask().finally(() => open.delete(asking))
    open.add(asking)
  }, everyMs)

  return {
    reset() {
      latenciesMs = []
    },
    async stop() {
      clearInterval(timer)
      await Promise.all(open)
      agent.destroy()
      if (wrong > 0) throw new Error(`${wrong} requests for /health went wrong`)
      return { asked: latenciesMs.length, p99Ms: quantile(latenciesMs, 0.99), maxMs: maximum(latenciesMs) }
    },
  }
}
