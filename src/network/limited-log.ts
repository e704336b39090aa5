// A logger for what strangers can cause: so many lines a minute, then one that says how many were left out.

import type { Clock } from '../ops/clock.ts'
import type { Logger } from '../ops/logger.ts'

type Fields = NonNullable<Parameters<Logger['info']>[1]>

export interface LimitedLog {
  info(message: string, fields: Fields): void
  warn(message: string, fields: Fields): void
}

const WINDOW_MS = 60_000

/** @param perMinute lines of each message (messages are constants, so there are few) */
export function createLimitedLog(logger: Logger, clock: Clock, perMinute = 6): LimitedLog {
  const windows = new Map<string, { startMs: number; lines: number; suppressed: number }>()

  function log(level: 'info' | 'warn', message: string, fields: Fields): void {
    const nowMs = clock.monotonicMs()
    let window = windows.get(message)
    if (window === undefined || nowMs - window.startMs >= WINDOW_MS) {
      const suppressed = window?.suppressed ?? 0
      window = { startMs: nowMs, lines: 0, suppressed: 0 }
      windows.set(message, window)
      if (suppressed > 0) logger[level](message, { ...fields, suppressedBefore: suppressed })
      else logger[level](message, fields)
    } else if (window.lines < perMinute) {
      logger[level](message, fields)
    } else {
      window.suppressed++
      return
    }
    window.lines++
  }

  return { info: (message, fields) => log('info', message, fields), warn: (message, fields) => log('warn', message, fields) }
}
