// Devices that beat against a node's API: for `start --simulate`, `device simulate`, `device replay` and `smoke`.

import type { Client } from '../device/client.ts'
import { createClient } from '../device/client.ts'
import { createHeart } from '../device/heart.ts'
import type { DeviceIdentity } from '../device/identity.ts'
import { createIdentity } from '../device/identity.ts'
import type { HeartbeatQueue } from '../device/queue.ts'
import { createQueue } from '../device/queue.ts'
import type { Device, RunSummary } from '../device/run.ts'
import { runDevices } from '../device/run.ts'
import type { Io } from './io.ts'

/** Between two heartbeats of a device, ms. */
export const BEAT_EVERY_MS = 2_000

export interface HeartsOptions {
  readonly url: string
  readonly fetch: typeof fetch
  readonly devices: readonly Device[]
  readonly everyMs: number
  /** Stops them. */
  readonly signal: AbortSignal
  /** Called once for each code of refusal, and for each failed request. */
  readonly onTrouble: (code: string, detail: string) => void
  readonly onVerdict?: (accepted: boolean) => void
}

export interface Connection {
  readonly client: Client
  readonly queue: HeartbeatQueue
}

/** Reads the node before anything is sent. @throws DeviceError */
export async function connect({ url, fetch, onTrouble }: Pick<HeartsOptions, 'url' | 'fetch' | 'onTrouble'>): Promise<Connection> {
  const client = createClient({ url, fetch: (to, init) => fetch(to, init) })
  await client.readNode()
  return { client, queue: createQueue({ client, onFailure: (error) => onTrouble(error.code, error.message) }) }
}

/**
 * Runs until the signal stops the devices or all sources have ended.
 * @throws DeviceError `development_only`, or if the node cannot be read
 */
export async function runHearts(options: HeartsOptions): Promise<RunSummary> {
  const { queue } = await connect(options)
  const seen = new Set<string>()
  try {
    return await runDevices({
      sink: queue,
      devices: options.devices,
      everyMs: options.everyMs,
      signal: options.signal,
      onVerdict(verdict) {
        options.onVerdict?.(verdict.accepted)
        // Heartbeats that were under way at the stop are nobody's trouble.
        if (verdict.accepted || options.signal.aborted || seen.has(verdict.code)) return
        seen.add(verdict.code)
        options.onTrouble(verdict.code, verdict.detail)
      },
    })
  } finally {
    queue.close()
  }
}

/** New devices with hearts of their own; development networks only. */
export function simulatedDevices(count: number): Device[] {
  return Array.from({ length: count }, () => simulatedDevice(createIdentity()))
}

export const simulatedDevice = (identity: DeviceIdentity): Device => ({ identity, source: createHeart({ seed: identity.keyText }) })

/** A signal that comes with SIGINT or SIGTERM, or when the time is over. `close` takes the listeners away. */
export function stopSignal({ clock, signals }: Pick<Io, 'clock' | 'signals'>, seconds?: number): { signal: AbortSignal; close(): void } {
  const controller = new AbortController()
  const stop = (): void => controller.abort()
  const timer = seconds === undefined ? null : clock.after(seconds * 1_000, stop)
  for (const name of ['SIGINT', 'SIGTERM']) signals.on(name, stop)
  return {
    signal: controller.signal,
    close() {
      timer?.cancel()
      for (const name of ['SIGINT', 'SIGTERM']) signals.off(name, stop)
    },
  }
}
