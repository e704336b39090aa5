// Lets devices beat: each at its own moments, all through one sink, in batches.

import { DeviceError } from './error.ts'
import type { DeviceHeartbeat, Network } from './heartbeat.ts'
import { beat } from './heartbeat.ts'
import type { DeviceIdentity, DeviceState } from './identity.ts'
import { InFlight } from './in-flight.ts'
import type { VitalsSource } from './source.ts'
import type { Timing } from './timing.ts'
import { sleep, systemTiming } from './timing.ts'
import type { HeartbeatSink, HeartbeatVerdict } from './verdict.ts'
import { localVerdict } from './verdict.ts'

export interface Device {
  readonly identity: DeviceIdentity
  readonly source: VitalsSource
}

export interface RunOptions {
  readonly sink: HeartbeatSink
  /** Time between two heartbeats of a device, ms. */
  readonly everyMs: number
  /** Share of the interval by which each moment is shifted at random, 0…0.5, so that devices do not march in step. Default 0.05. */
  readonly jitter?: number
  /** Stops the run. */
  readonly signal?: AbortSignal
  readonly onVerdict?: (verdict: HeartbeatVerdict, heartbeat: DeviceHeartbeat, device: Device) => void
  /** Called before a heartbeat leaves: store the state here, so that a restart does not repeat a sequence number. */
  readonly onState?: (state: DeviceState, device: Device) => void
  readonly timing?: Timing
  /** 0 ≤ x < 1. */
  readonly random?: () => number
}

export interface RunSummary {
  readonly made: number
  readonly accepted: number
  readonly refused: number
  /** Moments at which the source had no beat to tell. */
  readonly silent: number
}

interface Running {
  readonly device: Device
  /** The regular moment; the jitter is added to it and does not add up. */
  plannedMs: number
  dueMs: number
  /** When the vitals told so far end. */
  toldUntilMs: number
}

/** Signing takes milliseconds: after so many heartbeats others get their turn. */
const MAX_BATCH_MADE = 32
/** With many devices, wakes up at most this often and so fills its batches. */
const BATCH_WINDOW_MS = 50
/** Unanswered calls of the sink. When the sink is stuck the devices wait. */
const MAX_IN_FLIGHT = 64
/** After a longer pause (a laptop that slept) the time before is not made up for. */
const MAX_SPAN_MS = 60_000

export function runDevice(options: RunOptions & Device): Promise<RunSummary> {
  const { identity, source, ...rest } = options
  return runDevices({ ...rest, devices: [{ identity, source }] })
}

/**
 * Runs until the signal stops it or all sources have ended. The first device beats at once, the others are spread over
 * the interval. Two heartbeats of a device are at least the network's minimum interval apart, in whole seconds.
 * @throws DeviceError `development_only`
 */
export async function runDevices(options: RunOptions & { readonly devices: readonly Device[] }): Promise<RunSummary> {
  const { sink, everyMs, devices, jitter = 0.05, signal, timing = systemTiming, random = Math.random } = options
  if (!(everyMs >= 1) || !Number.isFinite(everyMs)) throw new RangeError('everyMs is a number of at least 1')
  if (!(jitter >= 0 && jitter <= 0.5)) throw new RangeError('jitter is from 0 to 0.5')
  checkAllowed(sink.network(), devices)
  const counts = { made: 0, accepted: 0, refused: 0, silent: 0 }
  const inFlight = new InFlight(signal)
  const startMs = timing.elapsedMs()
  let running: Running[] = devices.map((device, i) => {
    const dueMs = startMs + (i * everyMs) / devices.length
    return { device, plannedMs: dueMs, dueMs, toldUntilMs: dueMs - everyMs }
  })

  /** Null if there is nothing to say now. */
  function makeBeat(one: Running): DeviceHeartbeat | null {
    const { identity, source } = one.device
    const network = sink.network()
    const nowMs = timing.elapsedMs()
    const waitMs = identity.waitMs(sink.nowMs(), network)
    if (waitMs > 0) {
      one.dueMs = nowMs + waitMs
      return null
    }
    planNext(one, nowMs)
    const vitals = source.next(Math.min(nowMs - one.toldUntilMs, Math.max(MAX_SPAN_MS, 2 * everyMs)))
    one.toldUntilMs = nowMs
    const heartbeat = vitals === null ? null : beat(identity, network, vitals, sink.nowMs())
    if (heartbeat === null) counts.silent++
    else options.onState?.(identity.state, one.device)
    return heartbeat
  }

  function planNext(one: Running, nowMs: number): void {
    one.plannedMs += everyMs
    // Moments that were missed are not made up for.
    if (one.plannedMs <= nowMs) one.plannedMs = nowMs + everyMs
    one.dueMs = one.plannedMs + (2 * random() - 1) * jitter * everyMs
  }

  async function dispatch(batch: readonly (readonly [DeviceHeartbeat, Device])[]): Promise<void> {
    let verdicts: readonly HeartbeatVerdict[]
    try {
      verdicts = await sink.send(batch.map(([heartbeat]) => heartbeat))
    } catch (error) {
      verdicts = batch.map(() => localVerdict('send_failed', error instanceof Error ? error.message : String(error)))
    }
    for (const [i, [heartbeat, device]] of batch.entries()) {
      const verdict = verdicts[i]!
      if (verdict.accepted) counts.accepted++
      else counts.refused++
      options.onVerdict?.(verdict, heartbeat, device)
    }
  }

  const stopped = (): boolean => signal?.aborted === true
  while (!stopped() && running.length > 0 && inFlight.failure === null) {
    const nowMs = timing.elapsedMs()
    // The longest due first, so that none starves when there are more devices than this machine can sign for.
    const due = running.filter((one) => one.dueMs <= nowMs).sort((a, b) => a.dueMs - b.dueMs)
    if (due.length === 0) {
      const waitMs = running.reduce((earliest, one) => Math.min(earliest, one.dueMs), Infinity) - nowMs
      await sleep(timing, running.length > 1 ? Math.max(waitMs, BATCH_WINDOW_MS) : waitMs, signal)
      continue
    }
    const batch: (readonly [DeviceHeartbeat, Device])[] = []
    for (const one of due.slice(0, MAX_BATCH_MADE)) {
      const heartbeat = makeBeat(one)
      if (heartbeat !== null) batch.push([heartbeat, one.device])
    }
    running = running.filter((one) => !one.device.source.ended)
    if (batch.length > 0) {
      counts.made += batch.length
      inFlight.add(dispatch(batch))
    }
    while (inFlight.size >= MAX_IN_FLIGHT && !stopped()) await inFlight.change()
    // Timers and sockets get their turn before the next batch.
    await sleep(timing, 0, signal)
  }
  await inFlight.settled(timing)
  if (inFlight.failure !== null) throw inFlight.failure.error
  return counts
}

function checkAllowed(network: Network, devices: readonly Device[]): void {
  if (!network.development && devices.some(({ source }) => source.developmentOnly)) {
    throw new DeviceError('development_only', 'simulated hearts and replay faster than life are for development networks only')
  }
}
