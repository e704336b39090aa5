// Weights: integers within bounds, never less for more, capped, and equal to the formula in whole numbers.

import fc from 'fast-check'
import t from 'tap'
import { gapLimitMs, weightPpm } from '../../src/ledger/weight.ts'
import type { Params } from '../../src/protocol/params.ts'
import { checkParams, DEFAULT_PARAMS } from '../../src/protocol/params.ts'
import { holds } from '../fuzz/holds.ts'

const MILLION = 1_000_000
const DAY_MS = 24 * 3_600_000

const level = fc.nat({ max: 7 })
const streakMs = fc.oneof(fc.nat({ max: 2 * DAY_MS }), fc.constantFrom(0, 1, DAY_MS - 1, DAY_MS, Number.MAX_SAFE_INTEGER))

/** Parameters that a genesis may have, with the ends drawn often. */
const params: fc.Arbitrary<Params> = fc
  .record({
    cuts: fc.tuple(fc.oneof(fc.nat({ max: MILLION }), fc.constantFrom(0, MILLION)), fc.oneof(fc.nat({ max: MILLION }), fc.constantFrom(0, MILLION))),
    continuityMs: fc.oneof(fc.integer({ min: 1_000, max: DAY_MS }), fc.constantFrom(1_000, 1_001, 300_000, DAY_MS - 1, DAY_MS)),
    capNativePpm: fc.oneof(fc.nat({ max: MILLION }), fc.constantFrom(0, 1, MILLION)),
  })
  .map(({ cuts, continuityMs, capNativePpm }) => {
    const [low, high] = [...cuts].sort((a, b) => a - b) as [number, number]
    return { ...DEFAULT_PARAMS, alphaPpm: low, betaPpm: high - low, gammaPpm: MILLION - high, continuityMs, capNativePpm }
  })

/** docs/protocol.md §3.4, in bigint. */
function reference({ alphaPpm, betaPpm, gammaPpm, continuityMs, capNativePpm }: Params, rate: number, motion: number, streak: number): bigint {
  const worth = (value: number): bigint => (BigInt(value) * 1_000_000n) / 7n
  const full = (BigInt(streak) * 1_000_000n) / BigInt(continuityMs)
  const continuity = full > 1_000_000n ? 1_000_000n : full
  const sum = (BigInt(alphaPpm) * worth(rate) + BigInt(betaPpm) * worth(motion) + BigInt(gammaPpm) * continuity) / 1_000_000n
  return sum > BigInt(capNativePpm) ? BigInt(capNativePpm) : sum
}

t.test('a weight is an integer from 0 to its cap, and what the formula says', async (t) => {
  holds(
    t,
    'formula and bounds',
    fc.property(params, level, level, streakMs, (drawn, rate, motion, streak) => {
      const weight = weightPpm(drawn, rate, motion, streak)
      return Number.isInteger(weight) && weight >= 0 && weight <= Math.min(drawn.capNativePpm, MILLION) && BigInt(weight) === reference(drawn, rate, motion, streak)
    }),
    { numRuns: 3_000 },
  )
  t.strictSame(fc.sample(params, 200).flatMap(checkParams), [], 'the drawn parameters are allowed')
})

t.test('a higher level or a longer streak never weighs less', async (t) => {
  holds(
    t,
    'monotone in each argument',
    fc.property(params, level, level, streakMs, fc.nat({ max: 7 }), fc.nat({ max: DAY_MS }), (drawn, rate, motion, streak, more, moreMs) => {
      const weight = weightPpm(drawn, rate, motion, streak)
      return (
        weightPpm(drawn, Math.min(rate + more, 7), motion, streak) >= weight &&
        weightPpm(drawn, rate, Math.min(motion + more, 7), streak) >= weight &&
        weightPpm(drawn, rate, motion, Math.min(streak + moreMs, Number.MAX_SAFE_INTEGER)) >= weight
      )
    }),
    { numRuns: 2_000 },
  )
})

t.test('known weights', async (t) => {
  const only = (part: 'alphaPpm' | 'betaPpm' | 'gammaPpm'): Params => ({ ...DEFAULT_PARAMS, alphaPpm: 0, betaPpm: 0, gammaPpm: 0, [part]: MILLION })
  const rows: [desc: string, drawn: Params, rate: number, motion: number, streak: number, expected: number][] = [
    ['nothing', DEFAULT_PARAMS, 0, 0, 0, 0],
    ['everything', DEFAULT_PARAMS, 7, 7, 300_000, MILLION],
    ['everything, for ever', DEFAULT_PARAMS, 7, 7, Number.MAX_SAFE_INTEGER, MILLION],
    ['rate alone', DEFAULT_PARAMS, 7, 0, 0, 400_000],
    ['motion alone', DEFAULT_PARAMS, 0, 7, 0, 300_000],
    ['continuity alone', DEFAULT_PARAMS, 0, 0, 300_000, 300_000],
    ['one millisecond short of full continuity', DEFAULT_PARAMS, 0, 0, 299_999, 299_998],
    ['one millisecond', DEFAULT_PARAMS, 0, 0, 1, 0],
    ['the first ppm of continuity', DEFAULT_PARAMS, 0, 0, 2, 1],
    ['a level is worth a seventh, rounded down', only('alphaPpm'), 1, 7, 300_000, 142_857],
    ['six sevenths', only('betaPpm'), 7, 6, 300_000, 857_142],
    ['the sum is rounded down once', DEFAULT_PARAMS, 1, 1, 1, Math.floor((400_000 * 142_857 + 300_000 * 142_857 + 300_000 * 3) / MILLION)],
    ['the shortest time to full continuity', { ...only('gammaPpm'), continuityMs: 1_000 }, 0, 0, 999, 999_000],
    ['a millisecond beyond it', { ...DEFAULT_PARAMS, continuityMs: 1_000 }, 0, 0, 1_001, 300_000],
    ['the longest', { ...only('gammaPpm'), continuityMs: DAY_MS }, 0, 0, DAY_MS - 1, 999_999],
    ['at the cap', { ...DEFAULT_PARAMS, capNativePpm: 400_000 }, 7, 0, 0, 400_000],
    ['one below what it would be', { ...DEFAULT_PARAMS, capNativePpm: 399_999 }, 7, 0, 0, 399_999],
    ['a cap of zero', { ...DEFAULT_PARAMS, capNativePpm: 0 }, 7, 7, 300_000, 0],
  ]
  for (const [desc, drawn, rate, motion, streak, expected] of rows) t.equal(weightPpm(drawn, rate, motion, streak), expected, desc)
})

t.test('the caps of other kinds of evidence do not touch native heartbeats', async (t) => {
  t.equal(weightPpm({ ...DEFAULT_PARAMS, capLegacyPpm: 0, capAttestedPpm: 0 }, 7, 7, 300_000), MILLION)
})

t.test('a streak ends after the longer of gapMs and gapBlocks', async (t) => {
  const gap = (gapMs: number, gapBlocks: number, blockIntervalMs: number): number => gapLimitMs({ ...DEFAULT_PARAMS, gapMs, gapBlocks, blockIntervalMs })
  t.equal(gap(30_000, 8, 5_000), 40_000)
  t.equal(gap(30_000, 8, 1_000), 30_000)
  t.equal(gap(8_000, 8, 1_000), 8_000)
  t.equal(gap(8_001, 8, 1_000), 8_001)
  t.equal(gap(1_000, 1_000, 3_600_000), 3_600_000_000)
})
