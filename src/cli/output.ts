// Output for people, at most 80 columns wide, and for programs.

import Table from 'cli-table3'
import { SingleBar } from 'cli-progress'
import type { Io } from './io.ts'

export const WIDTH = 80

/** Amounts and other bigints become strings: JSON numbers would lose digits. */
const member = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)

export const toJson = (value: unknown): string => JSON.stringify(value, member, 2) + '\n'

/** One line of JSON, for streams of records. */
export const toJsonLine = (value: unknown): string => JSON.stringify(value, member) + '\n'

const LINES = [
  'top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right',
  'left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle',
]
const BORDERLESS = Object.fromEntries(LINES.map((name) => [name, '']))

type Cell = string | number | bigint

/** Names and values in two columns, without lines. Values that are too wide are broken: sentences between words, keys anywhere. */
export function record(entries: readonly (readonly [name: string, value: Cell])[]): string {
  const nameWidth = Math.max(...entries.map(([name]) => name.length)) + 2
  const table = new Table({
    chars: BORDERLESS,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    colWidths: [nameWidth, WIDTH - nameWidth],
    wordWrap: true,
  })
  for (const [name, value] of entries) {
    const content = printable(value)
    table.push([name, { content, wrapOnWordBoundary: content.split(' ').every((word) => word.length <= WIDTH - nameWidth) }])
  }
  return trimmed(table.toString())
}

/**
 * Rows under a head. If the columns are too wide together, the widest gives way and its text is broken.
 * @param atWords break sentences between words, instead of keys anywhere
 */
export function rows(head: readonly string[], body: readonly (readonly Cell[])[], atWords = false): string {
  const cells = body.map((row) => row.map(printable))
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]!.length)))
  const gaps = 2 * (head.length - 1)
  while (sum(widths) + gaps > WIDTH) widths[widths.indexOf(Math.max(...widths))]! -= 1
  const table = new Table({
    chars: BORDERLESS,
    style: { 'padding-left': 0, 'padding-right': 2, head: [], border: [] },
    colWidths: widths.map((width) => width + 2),
    colAligns: head.map((_, column) => (body.length > 0 && body.every((row) => typeof row[column] !== 'string') ? 'right' : 'left')),
    wordWrap: true,
    wrapOnWordBoundary: atWords,
  })
  table.push([...head], widths.map((width) => '─'.repeat(width)), ...cells)
  return trimmed(table.toString())
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** Values may come from strangers through a node: they must not steer the terminal. */
export const printable = (value: Cell): string => String(value).replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ')

const trimmed = (text: string): string => text.replace(/ +$/gm, '') + '\n'

export interface Progress {
  update(done: number, total: number): void
  stop(): void
}

/** A bar on standard error if that is a terminal; else nothing. */
export function progressBar(io: Pick<Io, 'errIsTerminal'>, what: string, unit: string): Progress {
  if (!io.errIsTerminal) return { update: () => undefined, stop: () => undefined }
  const bar = new SingleBar({
    format: `${what} {bar} {percentage}% {value}/{total} ${unit}, {eta_formatted} left`,
    barsize: 20,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    etaBuffer: 50,
    // Not a number before anything has been done.
    formatTime: (seconds) => (Number.isFinite(seconds) ? secondsText(Math.round(seconds)) : '…'),
  })
  let started = false
  return {
    update(done, total) {
      if (!started) bar.start(total, done)
      started = true
      bar.setTotal(total)
      bar.update(done)
    },
    stop: () => bar.stop(),
  }
}

/** `2026-11-20 13:05:12` in UTC. */
export const timeText = (unixMs: number): string => new Date(unixMs).toISOString().slice(0, 19).replace('T', ' ')

/** `45 s`, `3 min 20 s`, `2 h 5 min`. */
export function secondsText(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`
}

/** `height=3 kind=vote …`: a record of unknown members on one line; long values are cut. */
export function recordLine(entry: Readonly<Record<string, unknown>>): string {
  const parts = Object.entries(entry).map(([name, value]) => {
    const text = typeof value === 'object' ? toJsonLine(value).trimEnd() : String(value)
    return `${name}=${printable(text.length > 24 ? text.slice(0, 23) + '…' : text)}`
  })
  return parts.join(' ') + '\n'
}
