// Shows a testnet: redrawn in place at a terminal, as a table now and then elsewhere, one JSON line each time for programs.

import type { Run } from './cli.ts'
import { toJsonLine, WIDTH } from './output.ts'
import { fit, testnetTable } from './testnet-table.ts'
import type { NodeRow } from './testnet-watch.ts'

export interface Screen {
  /** What is new: called about once a second. */
  show(rows: readonly NodeRow[]): void
  /** Something happened, one sentence. Programs see it in the rows. */
  event(text: string): void
  /** The last table, where it would not be the one that is shown anyway. */
  end(): void
}

/** Between two tables where they are not redrawn. */
const TABLE_EVERY_MS = 5_000
const SHOWN_EVENTS = 4

export function createScreen({ out, json, outIsTerminal, clock }: Pick<Run, 'out' | 'json' | 'outIsTerminal' | 'clock'>): Screen {
  const startedMs = clock.monotonicMs()
  const elapsedMs = (): number => Math.round(clock.monotonicMs() - startedMs)
  const seconds = (): string => `${Math.round(elapsedMs() / 1_000)} s`
  if (json) return { show: (nodes) => out(toJsonLine({ elapsedMs: elapsedMs(), nodes })), event: () => undefined, end: () => undefined }
  return outIsTerminal ? terminalScreen(out, seconds) : plainScreen(out, seconds, clock)
}

function terminalScreen(out: Run['out'], seconds: () => string): Screen {
  const events: string[] = []
  let drawn = 0
  return {
    show(rows) {
      const told = events.map((text) => text + '\n').join('')
      const frame = `${testnetTable(rows)}\n${told}${seconds()}. Stop with Ctrl-C.\n`
      // Up over what was drawn, and everything from there on erased.
      out((drawn === 0 ? '' : `\u001b[${drawn}F\u001b[J`) + frame)
      drawn = frame.split('\n').length - 1
    },
    event(text) {
      events.push(fit(`${seconds()}: ${text}`, WIDTH))
      if (events.length > SHOWN_EVENTS) events.shift()
    },
    end: () => undefined,
  }
}

function plainScreen(out: Run['out'], seconds: () => string, clock: Run['clock']): Screen {
  let rows: readonly NodeRow[] = []
  let shownMs = -Infinity
  const print = (): void => {
    shownMs = clock.monotonicMs()
    out(`${seconds()}\n${testnetTable(rows)}\n`)
  }
  return {
    show(now) {
      rows = now
      if (clock.monotonicMs() - shownMs >= TABLE_EVERY_MS) print()
    },
    event: (text) => out(fit(`${seconds()}: ${text}`, WIDTH) + '\n'),
    end() {
      if (rows.length > 0) print()
    },
  }
}
