// The same seed gives the same history, on every machine and in every process.

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { simulate } from '../../src/sim/simulate.ts'

// Many simulations: minutes on a busy machine.
t.setTimeout(600_000)

const script = fileURLToPath(new URL('./hash-of.ts', import.meta.url))

t.test('the same seed gives the same trace, twice in one process', async (t) => {
  for (const seed of [1, 7, 4_294_967_295]) {
    const report = simulate({ seed })
    t.strictSame(simulate({ seed }), report, `seed ${seed}`)
    t.ok(report.events > 1_000 && /^[0-9a-f]{16}$/.test(report.traceHash), 'the trace is one of many events')
  }
})

t.test('the same seed gives the same trace in another process', async (t) => {
  const hash = execFileSync(process.execPath, [script, '3'], { encoding: 'utf8' }).trim()
  t.equal(hash, simulate({ seed: 3 }).traceHash)
})

t.test('keeping the trace as text changes nothing', async (t) => {
  const report = simulate({ seed: 5, traceLines: 100 })
  t.equal(report.trace.length, 100)
  t.equal(report.traceHash, simulate({ seed: 5 }).traceHash)
})

t.test('different seeds give different traces', async (t) => {
  const hashes = Array.from({ length: 10 }, (_, seed) => simulate({ seed, heights: 3 }).traceHash)
  t.equal(new Set(hashes).size, hashes.length)
})

t.test('who takes part, and for how long, is for the caller to say', async (t) => {
  const { nodes, heights, equivocations, violations } = simulate({ seed: 1, nodes: 1, villainy: 'none', heights: 12 })
  t.strictSame({ nodes, equivocations, violations }, { nodes: 1, equivocations: 0, violations: [] })
  t.ok(heights >= 12)
  t.strictSame(simulate({ seed: 2, nodes: 7, heights: 5 }).violations, [])
})
