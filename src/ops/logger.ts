// Structured logs: a constant sentence and fields. JSON lines for machines, short lines for people at a terminal.

import { isatty } from 'node:tty'
import type { DestinationStream } from 'pino'
import pino from 'pino'
import type { Fields } from './log-format.ts'
import { prettyLine, safeFields } from './log-format.ts'
import type { Config } from './settings.ts'

export type LogLevel = Config['logLevel']
export type LogFormat = Config['logFormat']

export interface Logger {
  /** May be set at any time; children that exist already keep theirs. */
  level: LogLevel
  trace(message: string, fields?: Fields): void
  debug(message: string, fields?: Fields): void
  info(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  error(message: string, fields?: Fields): void
  fatal(message: string, fields?: Fields): void
  /** A logger whose lines carry the module's name and these fields. */
  child(module: string, fields?: Fields): Logger
}

export interface LoggerOptions {
  readonly level: LogLevel
  readonly format: LogFormat
  /** Takes whole lines; standard output if absent. Written to at once, so that a crash loses nothing. */
  readonly destination?: { write(line: string): unknown }
}

const STDOUT = 1

/** Whether people read the log. @param terminal standard output is one */
export const isPretty = (format: LogFormat, terminal: boolean): boolean => format === 'pretty' || (format === 'auto' && terminal)

export function createLogger({ level, format, destination }: LoggerOptions): Logger {
  const terminal = destination === undefined && isatty(STDOUT)
  const out = destination ?? pino.destination({ fd: STDOUT, sync: true })
  const look = { colour: terminal && (process.env['NO_COLOR'] ?? '') === '', width: terminal ? (process.stdout.columns ?? 80) : Infinity }
  const shaped = isPretty(format, terminal) ? (line: string): string => prettyLine(line, look) : (line: string): string => line
  const stream: DestinationStream = { write: (line) => void out.write(shaped(line)) }
  const formatters = { level: (label: string) => ({ level: label }) }
  return wrap(pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters }, stream))
}

/** For tests and for tools that have nothing to say. */
export const silentLogger = (): Logger => createLogger({ level: 'silent', format: 'json', destination: { write: () => undefined } })

function wrap(logger: pino.Logger): Logger {
  const at =
    (level: pino.Level) =>
    (message: string, fields?: Fields): void => {
      if (!logger.isLevelEnabled(level)) return
      if (fields === undefined) logger[level](message)
      else logger[level](safeFields(fields), message)
    }
  return {
    get level() {
      return logger.level as LogLevel
    },
    set level(level) {
      logger.level = level
    },
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    child: (module, fields = {}) => wrap(logger.child({ module, ...safeFields(fields) })),
  }
}
