// Agreement and termination under random schedules, with weights, losses, crashes and a liar.

import fc from 'fast-check'
import t from 'tap'
import type { Scenario } from './consensus-harness.ts'
import { play } from './consensus-harness.ts'

const powers = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 7 })
const seed = fc.integer({ min: 0, max: 0xffff_ffff })

/** Validators with less than a third of the power. */
const canLie = (all: readonly number[]): number[] => all.flatMap((power, i) => (3 * power < all.reduce((sum, each) => sum + each, 0) ? [i] : []))

const honest: fc.Arbitrary<Scenario> = fc.record({ seed, powers, liar: fc.constant(null), plotted: fc.constant(0), chaos: fc.nat({ max: 1_000 }) })
const withLiar: fc.Arbitrary<Scenario> = powers
  .filter((all) => canLie(all).length > 0)
  .chain((all) => fc.record({ seed, powers: fc.constant(all), liar: fc.constantFrom(...canLie(all)), plotted: fc.nat({ max: 8 }), chaos: fc.nat({ max: 1_000 }) }))

t.test('honest validators decide the same, whatever the network does before it is calm', async () => {
  fc.assert(fc.property(honest, (scenario) => void play(scenario)), { numRuns: 100 })
})

t.test('and also if one with less than a third of the power lies', async () => {
  fc.assert(fc.property(withLiar, (scenario) => void play(scenario)), { numRuns: 150 })
})

t.test('a liar that helps one to decide cannot lead the others to another block', async () => {
  for (let run = 0; run < 300; run++) play({ seed: run, powers: [1, 2, 1, 1, 1, 1], liar: 1, plotted: 6, chaos: 0 })
})

t.test('on a good network round 0 decides', async (t) => {
  for (let n = 1; n <= 7; n++) {
    const { decisions } = play({ seed: n, powers: Array.from({ length: n }, (_, i) => 1 + i), liar: null, plotted: 0, chaos: 0 })
    t.ok(decisions.every(({ round }) => round === 0), `${n} validators`)
  }
})

t.test('the same seed gives the same run', async (t) => {
  const scenario = { seed: 5, powers: [3, 2, 2, 2], liar: 1, plotted: 2, chaos: 300 }
  t.strictSame(play(scenario), play(scenario))
})

t.test('the schedules go through what matters', async (t) => {
  const seen = new Set<string>()
  for (let run = 0; run < 50; run++) for (const each of play({ seed: run, powers: [2, 2, 1, 2], liar: 2, plotted: run % 4, chaos: 500 }).seen) seen.add(each)
  for (const event of ['later round', 'skip', 'lock', 're-proposal', 'equivocation', 'crash', 'only some decided before the calm']) t.ok(seen.has(event), event)
})
