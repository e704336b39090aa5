// Tells systemd how the node is: ready, its state in a line, alive, stopping. Without systemd it does nothing.
//
// Node.js has no datagram sockets of the unix kind, so systemd-notify carries the message: about 6 ms each.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Clock } from './clock.ts'
import type { Logger } from './logger.ts'

/** What a node that goes on says of itself. */
export interface Progress {
  readonly height: number
  readonly peers: number
  /** Why it is not ready, one sentence each. */
  readonly reasons: readonly string[]
}

export interface Supervision {
  /** The start is over: says so, and goes on to prove from time to time that the node makes progress. */
  ready(): void
  /** @param timeoutMs longest time that the stop may take */
  stopping(timeoutMs: number): Promise<void>
}

export interface SupervisionOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly pid: number
  /** Resolves if every part of the node made progress just now. May take for ever: then the watchdog is not fed. */
  readonly progress: () => Promise<Progress>
  readonly clock: Clock
  readonly logger: Logger
  /** Carries assignments such as READY=1 to systemd; for tests. */
  readonly send?: (assignments: readonly string[]) => Promise<void>
}

const STATUS_EVERY_MS = 5_000
/** Of the watchdog's time, between two looks: two may be lost, or one may take long. */
const WATCHDOG_SHARE = 3
const SEND_TIMEOUT_MS = 10_000
/** What a stop needs beyond the time that it gives itself. */
const STOP_MARGIN_MS = 5_000

export function createSupervision({ env, pid, progress, clock, logger, send = systemdNotify(env) }: SupervisionOptions): Supervision {
  const silent = (env['NOTIFY_SOCKET'] ?? '') === ''
  const watchdogMs = watchdogOf(env, pid)
  let looking = false
  let wellSaid = true
  let stopping = false
  let timer: { cancel(): void } | null = null

  async function tell(...assignments: string[]): Promise<void> {
    try {
      await send(assignments)
    } catch (error) {
      logger.warn('systemd cannot be told', { assignments: assignments.map((text) => text.split('=')[0]), error })
    }
  }

  /** One look at a time: whoever hangs must not be asked again and again, and one answer must not count twice. */
  async function look(): Promise<void> {
    if (looking) return
    looking = true
    try {
      const now = await progress()
      if (stopping) return
      wellSaid = true
      await tell(statusLine(now), ...(watchdogMs === null ? [] : ['WATCHDOG=1']))
    } catch (error) {
      if (stopping) return
      if (wellSaid) logger.error('Watchdog is not fed: the node makes no progress', { error })
      wellSaid = false
      await tell(`STATUS=No progress: ${oneLine(error instanceof Error ? error.message : String(error))}`)
    } finally {
      looking = false
    }
  }

  return {
    ready() {
      if (silent || stopping) return
      void tell('READY=1').then(look)
      timer = clock.every(Math.min(STATUS_EVERY_MS, (watchdogMs ?? Infinity) / WATCHDOG_SHARE), () => void look())
    },
    async stopping(timeoutMs) {
      if (silent || stopping) return
      stopping = true
      timer?.cancel()
      await tell('STOPPING=1', 'STATUS=Stopping', `EXTEND_TIMEOUT_USEC=${(timeoutMs + STOP_MARGIN_MS) * 1_000}`)
    },
  }
}

/** @returns how long systemd waits for a sign of life, ms; null if it does not wait for one of this process */
export function watchdogOf(env: SupervisionOptions['env'], pid: number): number | null {
  const usec = Number(env['WATCHDOG_USEC'] ?? '')
  const owner = env['WATCHDOG_PID']
  if (!Number.isSafeInteger(usec) || usec <= 0 || (owner !== undefined && owner !== String(pid))) return null
  return usec / 1_000
}

/** `STATUS=height 42, 3 peers` */
export function statusLine({ height, peers, reasons }: Progress): string {
  const first = reasons[0] === undefined ? '' : `; not ready: ${oneLine(reasons[0])}`
  return `STATUS=height ${height}, ${peers} ${peers === 1 ? 'peer' : 'peers'}${first}`
}

/** A line break would begin another assignment. */
const oneLine = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, ' ').slice(0, 200)

function systemdNotify(env: SupervisionOptions['env']): (assignments: readonly string[]) => Promise<void> {
  const run = promisify(execFile)
  const own = { NOTIFY_SOCKET: env['NOTIFY_SOCKET'], PATH: env['PATH'] }
  return async (assignments) => void (await run('systemd-notify', [...assignments], { timeout: SEND_TIMEOUT_MS, env: own }))
}
