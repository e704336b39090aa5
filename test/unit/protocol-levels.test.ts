// Levels and vitals: the table against the formula, bounds, and the commitment.

import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { concat } from '../../src/base/bytes.ts'
import { HEART_RATE_PPM, levelPpm, MAX_BPM, MIN_BPM, motionLevel, PPM, rateLevel } from '../../src/protocol/levels.ts'
import { MAX_LEVEL, MAX_MOTION_SAMPLES, MAX_RR_INTERVALS } from '../../src/protocol/limits.ts'
import type { Vitals } from '../../src/protocol/vitals.ts'
import { encodeVitals, evidenceOf, heartRateBpm, levelsOf, MAX_MOTION_MILLI_G, MAX_RR_MS, meanMotionMilliG, MIN_RR_MS, NONCE_SIZE, vitalsInRange } from '../../src/protocol/vitals.ts'
import { holds } from '../fuzz/holds.ts'

t.test('the table of heart rates is the formula, rounded', async (t) => {
  t.equal(HEART_RATE_PPM.length, MAX_BPM - MIN_BPM + 1)
  for (const [i, ppm] of HEART_RATE_PPM.entries()) {
    const bpm = MIN_BPM + i
    t.equal(ppm, Math.round(PPM / (1 + Math.exp(-0.04 * (bpm - 100)))), `${bpm} bpm`)
  }
})

t.test('levels are the nearest of level / 7, and never leave 0 to 7', async (t) => {
  for (let bpm = 0; bpm <= 400; bpm++) {
    const ppm = HEART_RATE_PPM[Math.min(Math.max(bpm, MIN_BPM), MAX_BPM) - MIN_BPM]!
    t.equal(rateLevel(bpm), Math.round((MAX_LEVEL * ppm) / PPM), `${bpm} bpm`)
  }
  for (let milliG = 0; milliG <= 2_500; milliG += 1) {
    const expected = Math.round(MAX_LEVEL * Math.min(milliG / 2_000, 1))
    if (motionLevel(milliG) !== expected) t.fail(`${milliG} milli-g`, { level: motionLevel(milliG), expected })
  }
  t.equal(motionLevel(142), 0)
  t.equal(motionLevel(143), 1, 'half of a level, 142.86 milli-g, is rounded up')
  t.equal(motionLevel(MAX_MOTION_MILLI_G), MAX_LEVEL)
  t.strictSame([0, 1, 2, 3, 4, 5, 6, 7].map(levelPpm), [0, 142_857, 285_714, 428_571, 571_428, 714_285, 857_142, 1_000_000])
  t.equal(rateLevel(30), 0)
  t.equal(rateLevel(100), 4, 'a tie, 3.5, is rounded up')
  t.equal(rateLevel(220), 7)
})

const vitals: fc.Arbitrary<Vitals> = fc.record({
  rrMs: fc.array(fc.integer({ min: MIN_RR_MS, max: MAX_RR_MS }), { minLength: 1, maxLength: MAX_RR_INTERVALS }),
  motionMilliG: fc.array(fc.integer({ min: 0, max: MAX_MOTION_MILLI_G }), { maxLength: MAX_MOTION_SAMPLES }),
  temperatureCentiC: fc.integer({ min: 0, max: 0xffff }),
})

t.test('vitals are accepted at their bounds and refused one past them', async (t) => {
  const good: Vitals = { rrMs: [800], motionMilliG: [], temperatureCentiC: 0 }
  const yes: Partial<Vitals>[] = [
    {}, { rrMs: [MIN_RR_MS] }, { rrMs: [MAX_RR_MS] }, { rrMs: new Array<number>(MAX_RR_INTERVALS).fill(800) }, { motionMilliG: [0] }, { motionMilliG: [MAX_MOTION_MILLI_G] },
    { motionMilliG: new Array<number>(MAX_MOTION_SAMPLES).fill(1) }, { temperatureCentiC: 0xffff },
  ]
  const no: Partial<Vitals>[] = [
    { rrMs: [] }, { rrMs: [MIN_RR_MS - 1] }, { rrMs: [MAX_RR_MS + 1] }, { rrMs: new Array<number>(MAX_RR_INTERVALS + 1).fill(800) }, { rrMs: [800.5] }, { rrMs: [NaN] },
    { rrMs: [800, Infinity] }, { motionMilliG: [-1] }, { motionMilliG: [MAX_MOTION_MILLI_G + 1] }, { motionMilliG: new Array<number>(MAX_MOTION_SAMPLES + 1).fill(1) },
    { motionMilliG: [0.5] }, { temperatureCentiC: -1 }, { temperatureCentiC: 0x1_0000 }, { temperatureCentiC: 36.6 }, { temperatureCentiC: NaN },
  ]
  for (const change of yes) t.ok(vitalsInRange({ ...good, ...change }), JSON.stringify(change).slice(0, 60))
  for (const change of no) t.notOk(vitalsInRange({ ...good, ...change }), JSON.stringify(change).slice(0, 60))
  holds(t, 'drawn vitals are in range', fc.property(vitals, vitalsInRange))
})

t.test('the commitment hides the vitals behind a nonce and tells any two apart', async (t) => {
  const nonce = new Uint8Array(NONCE_SIZE).fill(4)
  holds(
    t,
    'it is the hash of nonce and encoding',
    fc.property(vitals, (value) => Buffer.compare(evidenceOf(value, nonce), createHash('sha256').update(concat(nonce, encodeVitals(value))).digest()) === 0),
  )
  holds(
    t,
    'the encoding tells any two vitals apart',
    fc.property(vitals, vitals, (a, b) => (JSON.stringify(a) === JSON.stringify(b)) === (Buffer.compare(encodeVitals(a), encodeVitals(b)) === 0)),
  )
  t.same(encodeVitals({ rrMs: [800, 0x123], motionMilliG: [5], temperatureCentiC: 3_650 }), Uint8Array.of(2, 0x20, 3, 0x23, 1, 1, 5, 0, 0x42, 0x0e))
  const value: Vitals = { rrMs: [800], motionMilliG: [5], temperatureCentiC: 0 }
  t.notSame(evidenceOf(value, nonce), evidenceOf(value, new Uint8Array(NONCE_SIZE)))
  for (const size of [0, 15, 17]) t.throws(() => evidenceOf(value, new Uint8Array(size)), RangeError)
})

t.test('rates and motion are means in integers', async (t) => {
  t.equal(heartRateBpm([1_000]), 60)
  t.equal(heartRateBpm([MIN_RR_MS]), 300)
  t.equal(heartRateBpm([MAX_RR_MS]), 20)
  t.equal(heartRateBpm([960]), 63, '62.5 is rounded up')
  t.equal(meanMotionMilliG([]), 0)
  t.equal(meanMotionMilliG([1, 2]), 1, 'rounded down')
  holds(
    t,
    'the rate is that of the mean interval, and levels follow',
    fc.property(vitals, (value) => {
      const total = value.rrMs.reduce((sum, rr) => sum + rr, 0)
      const exact = (60_000 * value.rrMs.length) / total
      const bpm = heartRateBpm(value.rrMs)
      const { rateLevel: rate, motionLevel: motion } = levelsOf(value)
      return Math.abs(bpm - exact) <= 0.5 && rate === rateLevel(bpm) && motion === motionLevel(meanMotionMilliG(value.motionMilliG)) && rate <= MAX_LEVEL && motion <= MAX_LEVEL
    }),
  )
})
