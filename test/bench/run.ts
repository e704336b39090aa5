// Runs benches, prints a table, and writes the results as JSON. See docs/benchmarks.md.
//
//   npm run bench                      all of them
//   npm run bench -- raw wire          some
//   npm run bench -- --quick           do they still work? The figures mean nothing
//   npm run bench -- --write           all, and the table of docs/benchmarks.md from their results

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { blockBench } from './block.ts'
import type { Bench, Context } from './context.ts'
import { createShared } from './context.ts'
import type { Report } from './figure.ts'
import { isMet } from './figure.ts'
import { fourBench } from './four.ts'
import { gossipBench } from './gossip.ts'
import { livesBench } from './lives.ts'
import { provenance } from './machine.ts'
import { rawBench } from './raw.ts'
import { restartBench } from './restart.ts'
import { markdown, terminalTable, writeResults } from './table.ts'
import { syncBench } from './sync.ts'
import { verifyBench } from './verify.ts'
import { wireBench } from './wire.ts'

const BENCHES: readonly Bench[] = [rawBench, wireBench, blockBench, livesBench, restartBench, verifyBench, syncBench, gossipBench, fourBench]
const PAGE = new URL('../../docs/benchmarks.md', import.meta.url)

class UsageError extends Error {}

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      json: { type: 'string', default: fileURLToPath(new URL('../../dist/benchmarks.json', import.meta.url)) },
      program: { type: 'string', default: fileURLToPath(new URL('../../bin/pulse-node', import.meta.url)) },
    },
  })
  const unknown = positionals.filter((name) => !BENCHES.some((bench) => bench.name === name))
  if (unknown.length > 0) throw new UsageError(`there is no bench ${unknown.join(', ')}; there are ${BENCHES.map(({ name }) => name).join(', ')}`)
  if (values.write && (values.quick || positionals.length > 0)) throw new UsageError('--write takes a whole run: no names, no --quick')
  if (!existsSync(new URL('../dist/cli/main.js', `file://${values.program}`))) throw new UsageError('the program is not built: npm run build')
  return { ...values, benches: positionals.length === 0 ? BENCHES : BENCHES.filter(({ name }) => positionals.includes(name)) }
}

async function main(): Promise<number> {
  const { benches, quick, write, json, program } = readArguments()
  const words = process.argv.slice(2)
  const origin = provenance(['npm run bench', ...(words.length > 0 ? ['--', ...words] : [])].join(' '))
  const say = (line: string): void => void process.stderr.write(`  ${line}\n`)
  const context: Context = { program, directory: mkdtempSync(join(tmpdir(), 'pulse-bench-')), quick, say, shared: createShared() }
  const reports: Report[] = []
  try {
    for (const bench of benches) {
      process.stderr.write(`${bench.name}: ${bench.description}\n`)
      const startedMs = performance.now()
      const result = await bench.run(context)
      const report: Report = { bench: bench.name, ...result, seconds: (performance.now() - startedMs) / 1_000 }
      reports.push(report)
      process.stdout.write(`${terminalTable(report)}\n\n`)
      writeFileSync(json, JSON.stringify({ ...origin, quick, reports }, null, 2) + '\n')
    }
  } finally {
    rmSync(context.directory, { recursive: true, force: true })
  }
  const missed = reports.flatMap(({ bench, figures }) => figures.filter((figure) => isMet(figure) === false).map(({ name }) => `${bench}: ${name}`))
  process.stdout.write(missed.length === 0 ? 'Every target of this run is met.\n' : `Targets that are not met:\n${missed.map((line) => `  ${line}\n`).join('')}`)
  process.stdout.write(`Results: ${json}\n`)
  if (write) writeResults(PAGE, markdown(reports, origin))
  return 0
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`bench: ${error instanceof UsageError ? error.message : String((error as Error).stack)}\n`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
