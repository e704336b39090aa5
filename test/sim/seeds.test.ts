// Four honest validators and mostly one that breaks the rules, seed after seed: agreement, validity, certificates, supply, powers,
// inclusion, and that every honest node goes on deciding. Set PULSE_SIM_SEEDS and PULSE_SIM_FIRST for other runs, PULSE_SIM_TRACE=400 for the last events of what fails.

import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import type { SimulationReport } from '../../src/sim/simulate.ts'
import type { SeedsOrder } from './seeds-worker.ts'

// Many simulations: minutes on a busy machine.
t.setTimeout(600_000)

const SEEDS = 500
const HEIGHTS = 30

const count = Number(process.env['PULSE_SIM_SEEDS'] ?? SEEDS)
const first = Number(process.env['PULSE_SIM_FIRST'] ?? 1)
const traceLines = Number(process.env['PULSE_SIM_TRACE'] ?? 0)
const threads = Math.max(1, Math.min(count, availableParallelism(), 8))

function runShare(share: number): Promise<SimulationReport[]> {
  const seeds = Array.from({ length: count }, (_, i) => first + i).filter((_, i) => i % threads === share)
  const order: SeedsOrder = { seeds, heights: HEIGHTS, traceLines }
  return new Promise((resolve, reject) => {
    const reports: SimulationReport[] = []
    const worker = new Worker(new URL('./seeds-worker.ts', import.meta.url), { workerData: order })
    worker.on('message', (report: SimulationReport) => void reports.push(report))
    worker.on('error', reject)
    worker.on('exit', () => resolve(reports))
  })
}

const total = (reports: readonly SimulationReport[], what: (report: SimulationReport) => number): number => reports.reduce((sum, report) => sum + what(report), 0)

t.test(`${count} seeds from ${first} on: honest nodes agree on valid blocks, and go on deciding when the faults stop`, async (t) => {
  const reports = (await Promise.all(Array.from({ length: threads }, (_, share) => runShare(share)))).flat()
  reports.sort((a, b) => a.seed - b.seed)
  for (const { seed, violations, trace } of reports) {
    if (violations.length === 0) continue
    for (const line of trace) t.comment(line)
    const { kind, height, text } = violations[0]!
    t.fail(`seed ${seed}, height ${height}: ${kind}: ${text}. Again: PULSE_SIM_FIRST=${seed} PULSE_SIM_SEEDS=1 PULSE_SIM_TRACE=400 node test/sim/seeds.test.ts`)
  }
  t.equal(reports.length, count, 'every seed was simulated')
  t.strictSame(reports.filter(({ heights }) => heights < HEIGHTS).map(({ seed, heights }) => ({ seed, heights })), [], `every honest node decided ${HEIGHTS} heights at least`)
  t.strictSame(new Set(reports.map(({ nodes }) => nodes)), new Set([4]), 'four honest validators, beside one that is not')

  const faults = {
    crashes: total(reports, (report) => report.faults.crashes),
    partitions: total(reports, (report) => report.faults.partitions),
    skews: total(reports, (report) => report.faults.skews),
    sleeps: total(reports, (report) => report.faults.sleeps),
    lost: total(reports, (report) => report.faults.lost),
    duplicated: total(reports, (report) => report.faults.duplicated),
    equivocations: total(reports, (report) => report.equivocations),
    laterRounds: reports.filter(({ maxRound }) => maxRound >= 3).length,
    transactions: total(reports, (report) => report.transactions),
    governance: total(reports, (report) => report.governance),
    barred: total(reports, (report) => report.barred),
    restores: total(reports, (report) => report.restored),
    heightsInStorm: total(reports, (report) => report.heightsInStorm),
  }
  t.comment(JSON.stringify({ heights: total(reports, (report) => report.heights), events: total(reports, (report) => report.events), ...faults }))
  if (count < 50) return
  for (const [name, times] of Object.entries(faults)) t.ok(times > count / 10, `${name} happened`, { name, times })
})
