// Rewards: the halving table, and splits that are exact to the unit.

import fc from 'fast-check'
import t from 'tap'
import { InvariantError } from '../../src/base/assert.ts'
import { blockReward, splitReward } from '../../src/ledger/reward.ts'
import { MAX_BLOCK_HEARTBEATS } from '../../src/protocol/limits.ts'
import { COIN, DEFAULT_PARAMS } from '../../src/protocol/params.ts'
import type { Params } from '../../src/protocol/params.ts'
import { holds } from '../fuzz/holds.ts'

const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n)

t.test('the reward halves every 210 000 blocks, down to the floor', async (t) => {
  const at = (height: number): bigint => blockReward(DEFAULT_PARAMS, height)
  for (let halvings = 0; halvings <= 80; halvings++) {
    const exact = (100n * COIN) / 2n ** BigInt(halvings)
    const expected = exact > COIN / 100n ? exact : COIN / 100n
    const first = 210_000 * halvings
    if (halvings > 0) t.equal(at(first), expected, `height ${first}`)
    t.equal(at(first + 1), expected, `height ${first + 1}`)
    t.equal(at(first + 209_999), expected, `height ${first + 209_999}`)
  }
  t.strictSame([1, 209_999, 210_000, 420_000, 630_000].map(at), [100n * COIN, 100n * COIN, 50n * COIN, 25n * COIN, 1_250_000_000n])
  t.equal(at(210_000 * 13), 1_220_703n, 'rounded down: 1 220 703.125')
  t.equal(at(210_000 * 14), 1_000_000n, 'the floor: 610 351 is less')
  t.equal(at(Number.MAX_SAFE_INTEGER), 1_000_000n)
})

t.test('the reward at the ends of its parameters', async (t) => {
  const rows: [desc: string, params: Partial<Params>, height: number, expected: bigint][] = [
    ['no floor', { rewardFloor: 0n }, 210_000 * 33, 1n],
    ['no floor, one halving later', { rewardFloor: 0n }, 210_000 * 34, 0n],
    ['63 halvings', { rewardFloor: 0n }, 210_000 * 63, 0n],
    ['64 halvings', { rewardFloor: 0n }, 210_000 * 64, 0n],
    ['65 halvings: no shift by 65 − 64', { rewardFloor: 0n }, 210_000 * 65, 0n],
    ['a floor as high as the start', { rewardFloor: 100n * COIN }, 210_000 * 5, 100n * COIN],
    ['nothing at all', { rewardInitial: 0n, rewardFloor: 0n }, 1, 0n],
    ['halving at every block', { rewardHalvingBlocks: 1, rewardFloor: 0n }, 1, 50n * COIN],
    ['halving at every block, later', { rewardHalvingBlocks: 1, rewardFloor: 0n }, 3, 1_250_000_000n],
    ['one unit above the floor', { rewardInitial: 3n, rewardFloor: 2n, rewardHalvingBlocks: 1 }, 0, 3n],
    ['below the floor', { rewardInitial: 3n, rewardFloor: 2n, rewardHalvingBlocks: 1 }, 1, 2n],
  ]
  for (const [desc, params, height, expected] of rows) t.equal(blockReward({ ...DEFAULT_PARAMS, ...params }, height), expected, desc)
})

/** Rewards and weights as blocks have them, with what makes ties drawn often. */
const reward = fc.oneof(fc.bigInt({ min: 0n, max: 1_000_000n * COIN }), fc.constantFrom(0n, 1n, 2n, 7n, COIN / 100n, 100n * COIN, 1_000_000n * COIN))
const weight = fc.oneof(fc.nat({ max: 1_000_000 }), fc.constantFrom(0, 1, 142_857, 999_999, 1_000_000))
const weights = fc
  .oneof(
    fc.array(weight, { minLength: 1, maxLength: 40 }),
    fc.array(fc.constantFrom(0, 1, 2), { minLength: 1, maxLength: 40 }),
    fc.tuple(fc.integer({ min: 1, max: 200 }), weight).map(([count, same]) => Array<number>(count).fill(same)),
  )
  .filter((drawn) => drawn.some((value) => value > 0))

t.test('the shares add up to the reward, and each is within one unit of its exact fraction', async (t) => {
  holds(
    t,
    'sum and fractions',
    fc.property(reward, weights, (amount, drawn) => {
      const shares = splitReward(amount, drawn)
      const total = BigInt(drawn.reduce((partial, value) => partial + value, 0))
      const close = shares.every((share, i) => {
        // share − R·w/W, times W: strictly between −W and W.
        const difference = share * total - amount * BigInt(drawn[i]!)
        return -total < difference && difference < total
      })
      return shares.length === drawn.length && sum(shares) === amount && close && shares.every((share, i) => share >= 0n && (drawn[i]! > 0 || share === 0n))
    }),
    { numRuns: 2_000 },
  )
})

t.test('the units that are left go to the largest remainders, ties to the lower position', async (t) => {
  holds(
    t,
    'who is rounded up',
    fc.property(reward, weights, (amount, drawn) => {
      const shares = splitReward(amount, drawn)
      const total = BigInt(drawn.reduce((partial, value) => partial + value, 0))
      const parts = drawn.map((value, i) => {
        const product = amount * BigInt(value)
        return { remainder: product % total, up: shares[i]! - product / total }
      })
      return parts.every((a, i) => parts.every((b, j) => {
        // Whoever is before the other in (remainder, position) gets no less.
        const before = a.remainder > b.remainder || (a.remainder === b.remainder && i < j)
        return (a.up === 0n || a.up === 1n) && (!before || a.up >= b.up)
      }))
    }),
    { numRuns: 500 },
  )
})

t.test('a permutation that keeps equal weights in place order permutes the shares', async (t) => {
  holds(
    t,
    'each weight gets the same shares, wherever it stands',
    fc.property(reward, weights, fc.array(fc.nat(), { minLength: 40, maxLength: 40 }), (amount, drawn, keys) => {
      const order = drawn.map((_, i) => i).sort((a, b) => (keys[a % 40]! - keys[b % 40]!) || a - b)
      const sharesByWeight = (values: readonly number[]): string => {
        const shares = splitReward(amount, values)
        const byWeight = new Map<number, bigint[]>()
        values.forEach((value, i) => byWeight.set(value, [...(byWeight.get(value) ?? []), shares[i]!]))
        // Among equal weights the higher shares come first: ties go to the lower position.
        return JSON.stringify([...byWeight].sort(([a], [b]) => a - b).map(([value, list]) => [value, list.map(String)]))
      }
      const distinct = new Set(drawn).size
      const moved = order.map((i) => drawn[i]!)
      // Different weights may tie in their remainders; then the position decides between them, and only the sums agree.
      const total = BigInt(drawn.reduce((partial, value) => partial + value, 0))
      const remainders = new Set([...new Set(drawn)].map((value) => (amount * BigInt(value)) % total))
      return remainders.size < distinct || sharesByWeight(drawn) === sharesByWeight(moved)
    }),
    { numRuns: 1_000 },
  )
})

t.test('known splits', async (t) => {
  const rows: [desc: string, amount: bigint, drawn: number[], expected: bigint[]][] = [
    ['one life takes all', 100n * COIN, [1], [100n * COIN]],
    ['three equal ones: the first gets the odd unit', 100n, [5, 5, 5], [34n, 33n, 33n]],
    ['two odd units', 101n, [5, 5, 5], [34n, 34n, 33n]],
    ['the largest remainder is not the largest weight', 10n, [6, 6, 1], [5n, 4n, 1n]],
    ['less reward than lives', 2n, [1, 1, 1, 1], [1n, 1n, 0n, 0n]],
    ['no reward', 0n, [1, 2], [0n, 0n]],
    ['no weight, no share, even with units left', 1n, [0, 1, 1], [0n, 1n, 0n]],
    ['the largest weights and the largest reward', 1_000_000n * COIN, [1_000_000, 1_000_000, 1_000_000], [33_333_333_333_334n, 33_333_333_333_333n, 33_333_333_333_333n]],
  ]
  for (const [desc, amount, drawn, expected] of rows) t.strictSame(splitReward(amount, drawn), expected, desc)
})

t.test('a block as full as it can be splits exactly', async (t) => {
  const drawn = Array.from({ length: MAX_BLOCK_HEARTBEATS }, (_, i) => 1_000_000 - (i % 1_000))
  t.equal(sum(splitReward(1_000_000n * COIN, drawn)), 1_000_000n * COIN)
  t.equal(sum(splitReward(BigInt(MAX_BLOCK_HEARTBEATS) - 1n, Array<number>(MAX_BLOCK_HEARTBEATS).fill(1_000_000))), BigInt(MAX_BLOCK_HEARTBEATS) - 1n)
})

t.test('without weight there is nothing to split by', async (t) => {
  t.throws(() => splitReward(1n, []), InvariantError)
  t.throws(() => splitReward(1n, [0, 0]), InvariantError)
})
