// Powers of the next epoch: exact tables, and what holds for all claims.

import fc from 'fast-check'
import t from 'tap'
import type { Claim } from '../../src/ledger/power.ts'
import { meanLife, nextPowers } from '../../src/ledger/power.ts'
import { MAX_TOTAL_BASE, MAX_TOTAL_POWER, MAX_VALIDATORS } from '../../src/protocol/limits.ts'
import { LIFE } from '../../src/protocol/validators.ts'
import { holds } from '../fuzz/holds.ts'

const M = 1_000_000
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const claim = (power: number, base: number, life = 0, leaving = false): Claim => ({ power, base, life, leaving })

t.test('the mean of lives counts missing epochs as empty', async (t) => {
  const rows: [lives: number[], window: number, mean: number][] = [
    [[], 144, 0],
    [[7], 1, 7 * LIFE],
    [[1], 3, 333_333],
    [[1, 1, 1], 3, LIFE],
    [[5, 1, 1, 1], 3, LIFE],
    [[2, 2], 144, 27_777],
    [new Array<number>(1_024).fill(2 ** 32 - 1), 1_024, (2 ** 32 - 1) * LIFE],
  ]
  for (const [lives, window, mean] of rows) t.equal(meanLife(lives, window), mean, `${lives.slice(0, 4)} over ${window}`)
})

t.test('powers of the next epoch', async (t) => {
  const rows: [desc: string, claims: Claim[], powers: number[]][] = [
    ['one validator keeps its base', [claim(M, M)], [M]],
    ['lives add to the base', [claim(3 * M, 3 * M, M), claim(3 * M, 3 * M, 500_000)], [4 * M, 3_500_000]],
    ['lives that stop are gone', [claim(4 * M, 3 * M), claim(3 * M, 3 * M)], [3 * M, 3 * M]],
    ['a third may come at once', [claim(3 * M, 3 * M, M)], [4 * M]],
    ['one unit more has to wait', [claim(3 * M, 3 * M, M + 1)], [4 * M]],
    ['what is left of a change follows', [claim(4 * M, 3 * M, 6 * M)], [5_333_333]],
    ['lives together make twice the bases', [claim(5 * M, M, 9 * M), claim(3 * M, 2 * M, 3 * M)], [M + 4_500_000, 2 * M + 1_500_000]],
    ['who joins without lives has 1', [claim(M, M), claim(0, 0)], [M, 1]],
    ['who joins with a large base gets a third at first', [claim(3 * M, 3 * M), claim(0, 9 * M)], [3 * M, M]],
    ['all shrink by one ratio', [claim(3 * M, 3 * M), claim(0, 2 * M), claim(0, 4 * M)], [3 * M, 333_333, 666_666]],
    ['who leaves a small part is gone at once', [claim(3 * M, 3 * M), claim(M, M, 0, true)], [3 * M, 0]],
    ['who leaves with much goes by thirds', [claim(M, M), claim(5 * M, 5 * M, 0, true)], [M, 3 * M]],
    ['who leaves gives no base to others’ lives', [claim(M, M, 9 * M), claim(8 * M, 8 * M, 0, true)], [M + 750_000, 5 * M]],
    ['who leaves a small network rounds up', [claim(1, 1), claim(1, 1, 0, true)], [1, 0]],
    ['two leave it together', [claim(1, 1), claim(1, 1, 0, true), claim(1, 1, 0, true)], [1, 0, 0]],
    ['nobody', [], []],
    ['who leaves alone goes too', [claim(2, 1, 0, true)], [1]],
  ]
  for (const [desc, claims, powers] of rows) t.strictSame(nextPowers(claims), powers, desc)
})

const claims = (most: number): fc.Arbitrary<Claim[]> => fc.array(
  fc.record({
    power: fc.oneof(fc.nat({ max: most }), fc.constantFrom(0, 1, 2)),
    base: fc.oneof(fc.nat({ max: most }), fc.constantFrom(0, M)),
    life: fc.oneof(fc.nat({ max: 4 * most }), fc.constant(0)),
    leaving: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  }),
  { minLength: 1, maxLength: 12 },
)
const SIZES = [3, 50, 10 * M, Math.floor(MAX_TOTAL_BASE / 12)] as const
const anyClaims = fc.constantFrom(...SIZES).chain(claims)

/** Where the changes lead when nothing limits them. */
const targets = (all: readonly Claim[]): number[] => {
  const staying = all.filter(({ leaving }) => !leaving)
  const base = BigInt(sum(staying.map((each) => each.base)))
  const life = BigInt(sum(staying.map((each) => each.life)))
  return all.map((each) => {
    if (each.leaving) return 0
    const own = life > 2n * base ? (BigInt(each.life) * 2n * base) / life : BigInt(each.life)
    return Math.max(1, each.base + Number(own))
  })
}

t.test('what holds for all claims', async (t) => {
  holds(t, 'who stays has at least 1, and powers are integers', fc.property(anyClaims, (all) =>
    nextPowers(all).every((power, i) => Number.isSafeInteger(power) && power >= (all[i]!.leaving ? 0 : 1))))
  holds(t, 'no more moves than a third, and a unit each', fc.property(anyClaims, (all) => {
    const changes = nextPowers(all).map((power, i) => power - all[i]!.power)
    const most = Math.max(1, Math.floor(sum(all.map(({ power }) => power)) / 3)) + all.length
    return sum(changes.filter((change) => change > 0)) <= most && -sum(changes.filter((change) => change < 0)) <= most
  }))
  holds(t, 'nobody goes the wrong way or too far', fc.property(anyClaims, (all) => {
    const target = targets(all)
    return nextPowers(all).every((power, i) => power >= Math.min(target[i]!, all[i]!.power) && power <= Math.max(target[i]!, all[i]!.power))
  }))
  holds(t, 'the order of claims does not matter', fc.property(anyClaims, fc.infiniteStream(fc.nat()), (all, stream) => {
    const order = all.map((each, i) => ({ each, i, at: stream.next().value as number })).sort((a, b) => a.at - b.at)
    const powers = nextPowers(all)
    return nextPowers(order.map(({ each }) => each)).every((power, j) => power === powers[order[j]!.i])
  }))
  holds(t, 'in the end everybody is where it wants to be: who leaves is gone, and lives make at most twice the bases', fc.property(anyClaims, (all) => {
    let now = all
    for (let epoch = 0; epoch < 400; epoch++) {
      const powers = nextPowers(now)
      if (powers.every((power, i) => power === now[i]!.power)) break
      now = now.map((each, i) => ({ ...each, power: powers[i]! })).filter(({ power }) => power > 0)
    }
    const staying = now.filter(({ leaving }) => !leaving)
    const alone = all.every(({ leaving }) => leaving)
    const lives = sum(staying.map(({ power, base }) => power - base))
    // Powers of a few units do not move in parts: then the rounding remains.
    return (alone || now.every(({ power, leaving }) => !leaving || power === 0)) && lives <= 2 * sum(staying.map(({ base }) => base)) + 3 * staying.length
  }))
})

t.test('no total reaches 2^50, and no sum leaves the exact integers', async (t) => {
  const share = MAX_TOTAL_BASE / MAX_VALIDATORS
  let full: Claim[] = Array.from({ length: MAX_VALIDATORS }, (_, i) => claim(1_000, share, i % 2 === 0 ? 2 ** 45 : 0))
  for (let epoch = 0; epoch < 300; epoch++) {
    const powers = nextPowers(full)
    full = full.map((each, i) => ({ ...each, power: powers[i]! }))
  }
  const total = sum(full.map(({ power }) => power))
  t.equal(total, 3 * MAX_TOTAL_BASE)
  t.ok(total + MAX_VALIDATORS < MAX_TOTAL_POWER)
})
