// What a command sees of the outside world, so that tests can run commands within their own process.

import type { Clock } from '../ops/clock.ts'
import { systemClock } from '../ops/clock.ts'

export interface Io {
  out(text: string): void
  err(text: string): void
  readonly outIsTerminal: boolean
  readonly errIsTerminal: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  readonly fetch: typeof fetch
  readonly clock: Clock
  readonly signals: Pick<NodeJS.EventEmitter, 'on' | 'off'>
  /** Takes log lines; standard output if absent. */
  readonly log?: { write(line: string): unknown }
}

export function processIo(): Io {
  // `pulse-node dump-wal | head`: whoever has read enough closes the pipe, which is no error of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    outIsTerminal: process.stdout.isTTY === true,
    errIsTerminal: process.stderr.isTTY === true,
    env: process.env,
    fetch: globalThis.fetch,
    clock: systemClock,
    signals: process,
  }
}
