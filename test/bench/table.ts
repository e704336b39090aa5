// The results as tables: for a terminal, and for docs/benchmarks.md between its two markers.

import { readFileSync, writeFileSync } from 'node:fs'
import type { Report } from './figure.ts'
import { formatMet, formatSpread, formatTarget, formatValue } from './figure.ts'
import type { Provenance } from './machine.ts'

const HEAD = ['measured', 'result', 'lowest … highest (of)', 'target', 'met']
const BEGIN = '<!-- results: begin -->'
const END = '<!-- results: end -->'

const rowsOf = ({ figures }: Report): string[][] =>
  figures.map((figure) => [figure.name, formatValue(figure.value, figure.unit), formatSpread(figure), formatTarget(figure), formatMet(figure)])

export function terminalTable(report: Report): string {
  const rows = [HEAD, ...rowsOf(report)]
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const lines = rows.map((row) => '  ' + row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd())
  return [`${report.bench} (${Math.round(report.seconds)} s)`, ...lines, ...report.notes.map((note) => `  ${note}`)].join('\n')
}

export function markdown(reports: readonly Report[], { date, commit, command, machine, loadBefore }: Provenance): string {
  const tables = reports.map((report) => {
    const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
    const table = [row(HEAD), row(HEAD.map(() => '---')), ...rowsOf(report).map(row)].join('\n')
    return [`### ${report.bench}`, table, ...report.notes].join('\n\n')
  })
  const origin = `Measured on ${date} at commit \`${commit}\` by \`${command}\`: ${machine}; load average before the run ${loadBefore.toFixed(2)}.`
  return [origin, ...tables].join('\n\n')
}

/** Puts the results between the markers of the page. @throws Error if it has none */
export function writeResults(page: URL, text: string): void {
  const old = readFileSync(page, 'utf8')
  const begin = old.indexOf(BEGIN)
  const end = old.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`${page.pathname} has no markers ${BEGIN} and ${END}`)
  writeFileSync(page, `${old.slice(0, begin + BEGIN.length)}\n${text}\n${old.slice(end)}`)
}
