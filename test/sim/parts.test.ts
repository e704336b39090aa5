// The parts of the simulator: chance, the queue, turns, and a signer that refuses what the real one refuses.

import fc from 'fast-check'
import { join } from 'node:path'
import t from 'tap'
import { rawKey } from '../../src/crypto/keys.ts'
import { generateKeyPair } from '../../src/crypto/sign.ts'
import { toBin } from '../../src/base/bytes.ts'
import { createSigner } from '../../src/ops/signer.ts'
import { rotate } from '../../src/protocol/rotation.ts'
import { EventQueue } from '../../src/sim/event-queue.ts'
import { Network } from '../../src/sim/network.ts'
import { PPM, Prng } from '../../src/sim/prng.ts'
import { MemorySigner } from '../../src/sim/signer.ts'
import { Trace } from '../../src/sim/trace.ts'
import { Turns } from '../../src/sim/turns.ts'
import { holds } from '../fuzz/holds.ts'

t.test('a seed draws the same numbers for ever, and a stream its own', async (t) => {
  const draw = (seed: number, stream?: string): number[] => {
    const prng = new Prng(seed, stream)
    return Array.from({ length: 4 }, () => prng.next())
  }
  t.strictSame(draw(1), draw(1))
  const drawn = [draw(1), draw(2), draw(1, 'a'), draw(1, 'b'), draw(4_294_967_295)]
  t.equal(new Set(drawn.flat()).size, 20)
})

t.test('numbers fill their range, and chances come true as often as they say', async (t) => {
  const prng = new Prng(7)
  const counts = new Map<number, number>()
  for (let i = 0; i < 6_000; i++) {
    const value = prng.between(-1, 4)
    counts.set(value, (counts.get(value) ?? 0) + 1)
  }
  t.strictSame([...counts.keys()].sort((a, b) => a - b), [-1, 0, 1, 2, 3, 4])
  for (const [value, count] of counts) t.ok(count > 850 && count < 1_150, `${value} came ${count} times`)
  const hits = Array.from({ length: 10_000 }, () => prng.chance(PPM / 4)).filter(Boolean).length
  t.ok(hits > 2_300 && hits < 2_700, `${hits} of 10000 at a quarter`)
  t.notOk(prng.chance(0))
  t.ok(prng.chance(PPM))
  const skewed = Array.from({ length: 4_000 }, () => prng.skewed(0, 99))
  t.ok(Math.min(...skewed) === 0 && Math.max(...skewed) > 80 && Math.max(...skewed) <= 99)
  t.ok(skewed.filter((value) => value < 25).length > 2_000, 'small values are likelier')
  t.strictSame(prng.shuffled([1, 2, 3, 4, 5]).sort((a, b) => a - b), [1, 2, 3, 4, 5])
})

t.test('events happen in order of time, and then of scheduling', async (t) => {
  holds(
    t,
    'the order',
    fc.property(fc.array(fc.tuple(fc.nat({ max: 20 }), fc.nat({ max: 3 })), { maxLength: 60 }), (plan) => {
      const queue = new EventQueue()
      const done: (readonly [number, number])[] = []
      let order = 0
      let nowMs = 0
      const schedule = (delayMs: number, children: number): void => {
        const mine = [nowMs + delayMs, order++] as const
        queue.push(mine[0], () => {
          done.push(mine)
          for (let i = 0; i < children; i++) schedule(i, 0)
        })
      }
      for (const [delayMs, children] of plan) schedule(delayMs, children)
      for (let event = queue.pop(); event !== undefined; event = queue.pop()) {
        nowMs = event.atMs
        event.run()
      }
      return queue.nextMs === Infinity && done.length === order && done.every(([atMs, number], i) => i === 0 || done[i - 1]![0] < atMs || (done[i - 1]![0] === atMs && done[i - 1]![1] < number))
    }),
  )
})

t.test('the checker counts turns as the protocol does, in arithmetic of its own', async (t) => {
  holds(
    t,
    'the proposer of every round',
    fc.property(fc.array(fc.integer({ min: 1, max: 1_000_000_000 }), { minLength: 1, maxLength: 7 }), fc.array(fc.nat({ max: 9 }), { maxLength: 30 }), (powers, rounds) => {
      const set = powers.map((power, i) => ({ key: String(i), nodeKey: String(i), power }))
      const turns = new Turns(set.map(({ key, power }) => ({ key, power: BigInt(power) })))
      let priorities: readonly number[] = powers.map(() => 0)
      for (const round of rounds) {
        if (turns.proposers(round)[round] !== set[rotate(set, priorities, round + 1).proposer]!.key) return false
        turns.next()
        priorities = rotate(set, priorities, 1).priorities
      }
      return true
    }),
  )
})

t.test('a signer of the simulator answers as the real one does', async (t) => {
  const keys = generateKeyPair('ed25519')
  const real = createSigner({ keys, path: join(t.testdir({}), 'last-signed.json'), initialise: true })
  const fake = new MemorySigner(toBin(rawKey(keys.publicKey, 'ed25519')))
  const prng = new Prng(3)
  const answers = new Map<string, number>()
  for (let i = 0; i < 300; i++) {
    if (prng.chance(PPM / 60)) {
      const height = prng.between(1, 10)
      real.advanceTo(height)
      fake.advanceTo(height)
    }
    const question = { height: 1 + Math.floor(i / 30), round: Math.floor((i % 30) / 5) + prng.below(2), step: prng.pick(['proposal', 'prevote', 'precommit'] as const) }
    const message = Uint8Array.of(question.height, prng.below(2))
    const [expected, answer] = [real.sign(question, message), fake.sign(question, message)]
    const words = answer.ok ? 'signed' : answer.error
    answers.set(words, (answers.get(words) ?? 0) + 1)
    if ((expected.ok ? 'signed' : expected.error) !== words) t.fail(`${JSON.stringify(question)}: ${words}`)
  }
  for (const words of ['signed', 'behind', 'conflict']) t.ok(answers.get(words)! > 5, `${words} ${answers.get(words)} times`)
})

t.test('the network loses, repeats and cuts off as it is told', async (t) => {
  const arrivals = (lossPpm: number, duplicatePpm: number, partition: number[] | null): number[] => {
    const delays: number[] = []
    const network = new Network({ lossPpm, duplicatePpm, minDelayMs: 5, maxDelayMs: 50 }, new Prng(5), (delayMs) => void delays.push(delayMs))
    network.partition = partition
    for (let i = 0; i < 1_000; i++) network.send(0, 1, () => {})
    network.send(-1, 1, () => {})
    return delays
  }
  t.equal(arrivals(0, 0, null).length, 1_001)
  t.equal(arrivals(PPM, 0, null).length, 0)
  t.equal(arrivals(0, PPM, null).length, 2_002)
  t.equal(arrivals(0, 0, [0, 1]).length, 1, 'a client outside reaches both sides')
  t.equal(arrivals(0, 0, [1, 1]).length, 1_001)
  const delays = arrivals(0, 0, null)
  t.ok(Math.min(...delays) >= 5 && Math.max(...delays) <= 50 && new Set(delays).size > 20, 'delays differ, so that messages overtake each other')
})

t.test('a trace differs with every field, and keeps the last lines', async (t) => {
  const hash = (...fields: Parameters<Trace['add']>): string => {
    const trace = new Trace()
    trace.add(...fields)
    return trace.hash
  }
  const hashes = [hash(1, 0, 'vote'), hash(2, 0, 'vote'), hash(1, 1, 'vote'), hash(1, 0, 'note'), hash(1, 0, 'vote', 0), hash(1, 0, 'vote', 1), hash(1, 0, 'vote', null), hash(1, 0, 'vote', 'a'), hash(1, 0, 'vote', 'b'), hash(2 ** 41, 0, 'vote')]
  t.equal(new Set(hashes).size, hashes.length)
  const trace = new Trace(2)
  for (let i = 1; i <= 3; i++) trace.add(i, 0, 'round', i, null, 'q'.repeat(32))
  t.strictSame(trace.lines.map((line) => line.trim()), ['2 node 0 round 2 nil 71717171', '3 node 0 round 3 nil 71717171'])
})
