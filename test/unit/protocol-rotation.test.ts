// The proposer rotation: proportional, even, bounded, the same for everybody.

import fc from 'fast-check'
import t from 'tap'
import { toBin } from '../../src/base/bytes.ts'
import { MAX_TOTAL_POWER, MAX_VALIDATORS } from '../../src/protocol/limits.ts'
import { proposerOf, rotate } from '../../src/protocol/rotation.ts'
import type { ValidatorSet } from '../../src/protocol/validators.ts'
import { totalPower } from '../../src/protocol/validators.ts'
import { holds } from '../fuzz/holds.ts'

const setOf = (powers: readonly number[]): ValidatorSet => {
  return powers.map((power, i) => ({ key: toBin(new Uint8Array(32).fill(i)), nodeKey: toBin(new Uint8Array(32).fill(i)), power }))
}
const zeros = (set: ValidatorSet): number[] => set.map(() => 0)

/** Proposers of the next `turns` blocks, one turn each, and the priorities after them. */
function run(set: ValidatorSet, start: readonly number[], turns: number): { proposers: number[]; priorities: readonly number[] } {
  const proposers: number[] = []
  let priorities = start
  for (let turn = 0; turn < turns; turn++) {
    const next = rotate(set, priorities, 1)
    priorities = next.priorities
    proposers.push(next.proposer)
  }
  return { proposers, priorities }
}

const powers = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 })

t.test('equal powers take turns in order, ties go to the lower index', async (t) => {
  const set = setOf([5, 5, 5])
  t.strictSame(run(set, zeros(set), 7).proposers, [0, 1, 2, 0, 1, 2, 0])
  t.strictSame(run(setOf([1]), [0], 3).proposers, [0, 0, 0])
})

t.test('unequal powers are spread evenly', async (t) => {
  const set = setOf([3, 1])
  t.strictSame(run(set, zeros(set), 8).proposers, [0, 0, 1, 0, 0, 0, 1, 0])
  const large = setOf([1, 8, 1])
  t.equal(run(large, zeros(large), 10).proposers.filter((proposer) => proposer === 1).length, 8)
})

t.test('over a full period everybody proposes exactly in proportion to power', async (t) => {
  holds(
    t,
    'counts over the sum of powers',
    fc.property(powers, (drawn) => {
      const set = setOf(drawn)
      const { proposers, priorities } = run(set, zeros(set), totalPower(set))
      return drawn.every((power, i) => proposers.filter((proposer) => proposer === i).length === power) && priorities.every((priority) => priority === 0)
    }),
  )
  holds(
    t,
    'at no moment is anybody a whole turn away from its share by more than one for each other validator',
    fc.property(powers, fc.nat({ max: 400 }), (drawn, turns) => {
      const set = setOf(drawn)
      const { proposers } = run(set, zeros(set), turns)
      return drawn.every((power, i) => Math.abs(proposers.filter((proposer) => proposer === i).length - (turns * power) / totalPower(set)) <= drawn.length)
    }),
  )
})

t.test('several turns at once are the same as one after another', async (t) => {
  holds(
    t,
    'rotate by n, from whatever some turns have led to',
    fc.property(powers, fc.nat({ max: 200 }), fc.nat({ max: 60 }), (drawn, before, turns) => {
      const set = setOf(drawn)
      const start = run(set, zeros(set), before).priorities
      const once = rotate(set, start, turns + 1)
      const many = run(set, start, turns + 1)
      return once.proposer === many.proposers.at(-1) && JSON.stringify(once.priorities) === JSON.stringify(many.priorities) && proposerOf(set, start, turns) === once.proposer
    }),
  )
  const set = setOf([3, 2, 1])
  const start = [2, 1, -3]
  rotate(set, start, 5)
  t.strictSame(start, [2, 1, -3], 'the argument is left alone')
})

t.test('priorities stay bounded integers, whatever they start from', async (t) => {
  const anything = fc.array(fc.tuple(fc.integer({ min: 1, max: 2 ** 43 - 1 }), fc.integer({ min: -(2 ** 51), max: 2 ** 51 })), { minLength: 1, maxLength: MAX_VALIDATORS })
  holds(
    t,
    'within 2 × total, their sum near zero',
    fc.property(anything, fc.nat({ max: 20 }), (drawn, turns) => {
      const set = setOf(drawn.map(([power]) => power))
      const total = totalPower(set)
      const { priorities } = rotate(set, drawn.map(([, priority]) => priority), turns)
      const sum = priorities.reduce((partial, priority) => partial + BigInt(priority), 0n)
      return total < MAX_TOTAL_POWER && priorities.every((priority) => Number.isSafeInteger(priority) && Math.abs(priority) <= 2 * total) && sum >= 0n && sum < BigInt(set.length)
    }),
    { numRuns: 300 },
  )
  const set = setOf(new Array<number>(MAX_VALIDATORS).fill(2 ** 43 - 1))
  const { priorities } = run(set, zeros(set), 3 * MAX_VALIDATORS)
  t.ok(priorities.every((priority) => priority === 0), 'exact at the largest total after full periods')
})

t.test('a far spread is scaled together and keeps its order', async (t) => {
  const set = setOf([10, 10, 10])
  for (const far of [31, 70, 1_000]) {
    const { priorities } = rotate(set, [far, 0, -far], 0)
    t.ok(priorities[0]! > priorities[1]! && priorities[1]! > priorities[2]!, `${far}`)
    t.ok(priorities[0]! - priorities[2]! <= 2 * 30, `${far}`)
  }
  t.strictSame(rotate(set, [30, 0, -30], 0).priorities, [30, 0, -30], 'at the limit nothing is scaled')
})

t.test('a joiner waits for its turn', async (t) => {
  const set = setOf([10, 10, 10])
  const start = rotate(set, [0, 0, Math.trunc(-1.125 * 30)], 0).priorities
  const { proposers } = run(set, start, 12)
  t.ok(proposers.indexOf(2) > 3, 'not at once', { proposers })
  t.ok(proposers.includes(2), 'but then it does', { proposers })
})

t.test('a high round number costs no time', async (t) => {
  const set = setOf([3, 2, 1])
  for (const round of [0, 1, 5, 1_000_000]) t.ok(proposerOf(set, zeros(set), round) < 3)
  t.equal(proposerOf(set, zeros(set), 1_024), proposerOf(set, zeros(set), 0), 'rounds wrap at 1 024')
})
