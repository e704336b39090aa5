// The table of a testnet, for people: at most 80 columns wide.

import { LIFE } from '../protocol/validators.ts'
import { printable, WIDTH } from './output.ts'
import type { NodeRow } from './testnet-watch.ts'

interface Column {
  readonly title: string
  readonly width: number
  readonly align: 'left' | 'right'
  readonly text: (row: NodeRow) => string
}

const GAP = ' '
const NONE = '–'

const known = <T>(value: T | null, text: (value: T) => string = String): string => (value === null ? NONE : text(value))

/** Their widths and gaps are at most 80 together. */
const COLUMNS: readonly Column[] = [
  { title: 'node', width: 6, align: 'left', text: ({ name }) => name },
  { title: 'height', width: 8, align: 'right', text: ({ height }) => known(height) },
  { title: 'round', width: 5, align: 'right', text: ({ round }) => known(round) },
  { title: 'share', width: 6, align: 'right', text: shareOf },
  { title: 'base+life', width: 10, align: 'right', text: powerText },
  { title: 'peers', width: 5, align: 'right', text: ({ peers }) => known(peers) },
  { title: 'lives', width: 5, align: 'right', text: ({ lives }) => known(lives) },
  { title: 'beats/s', width: 7, align: 'right', text: ({ heartbeatsPerMinute }) => known(heartbeatsPerMinute, (rate) => (rate / 60).toFixed(1)) },
  { title: 'finality', width: 8, align: 'right', text: ({ finalityMs }) => known(finalityMs, durationText) },
  { title: 'state', width: 11, align: 'left', text: ({ state }) => state },
]

/** Nodes under a head; below them why those that are not ready are not. */
export function testnetTable(rows: readonly NodeRow[]): string {
  const lines = [
    line((column) => column.title),
    line((column) => '─'.repeat(column.width)),
    ...rows.map((row) => line((column) => column.text(row))),
    ...rows.filter(({ reasons }) => reasons.length > 0).map(({ name, reasons }) => fit(`${name}: ${reasons.join(' ')}`, WIDTH)),
  ]
  return lines.map((text) => text.trimEnd() + '\n').join('')
}

const line = (text: (column: Column) => string): string =>
  COLUMNS.map((column) => {
    const cell = fit(text(column), column.width)
    return column.align === 'left' ? cell.padEnd(column.width) : cell.padStart(column.width)
  }).join(GAP)

/** Cut text ends in an ellipsis, so that no number is taken for another. */
export function fit(text: string, width: number): string {
  const plain = printable(text)
  return plain.length <= width ? plain : plain.slice(0, width - 1) + '…'
}

/** Of the voting power: who has more than a third can halt the chain. */
function shareOf({ power, totalPower }: NodeRow): string {
  if (power === null || totalPower === null) return NONE
  return totalPower === 0 ? '0.0%' : `${((100 * power) / totalPower).toFixed(1)}%`
}

/** What the voting power is made of, in lives. Who joins or leaves may have less than its base for an epoch or two. */
function powerText({ power, base }: NodeRow): string {
  if (power === null || base === null) return NONE
  const lives = (value: number): string => String(Math.round((10 * value) / LIFE) / 10)
  return `${lives(Math.min(base, power))}+${lives(Math.max(0, power - base))}`
}

/** `312 ms`, `12.3 s` */
const durationText = (ms: number): string => (ms < 10_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`)
