// The pool of heartbeats: each refusal, each bound at it and one past it, and against a plain list.

import fc from 'fast-check'
import t from 'tap'
import type { KeyBin } from '../../src/crypto/keys.ts'
import type { HeartbeatPoolOptions, LastBeat } from '../../src/mempool/heartbeats.ts'
import { HeartbeatPool } from '../../src/mempool/heartbeats.ts'
import type { Heartbeat } from '../../src/protocol/heartbeat.ts'
import type { Reason } from '../../src/protocol/reason.ts'
import { holds } from '../fuzz/holds.ts'
import type { BeatFields } from './ledger-fixture.ts'
import { beatOn, device, sorted } from './ledger-fixture.ts'

const HASH = new Uint8Array(32)
const beat = (of: number, sequence: number, timestampS: number, more: Partial<BeatFields> = {}): Heartbeat => beatOn(HASH, { of, sequence, timestampS, ...more })
const poolOf = (options: Partial<HeartbeatPoolOptions> = {}): HeartbeatPool => new HeartbeatPool({ maxHeartbeats: 1_000, maxBytes: 1_000_000, maxPerDevice: 100, ...options })

/** Checks, and adds what passes. */
function offer(pool: HeartbeatPool, heartbeat: Heartbeat, minIntervalMs = 1_000): Reason | null {
  const reason = pool.check(heartbeat, minIntervalMs)
  if (reason === null) pool.add(heartbeat, 0)
  return reason
}

const all = (pool: HeartbeatPool): Heartbeat[] => pool.reap(1_000_000, 0, Number.MAX_SAFE_INTEGER)
const brief = (heartbeats: readonly Heartbeat[]): [number, number][] => heartbeats.map(({ sequence, timestampS }) => [sequence, timestampS])

t.test('a heartbeat is held against those of its life that wait', async (t) => {
  const waiting = [beat(0, 10, 100), beat(0, 20, 110)]
  const rows: [desc: string, heartbeat: Heartbeat, minIntervalMs: number, expected: Reason | null][] = [
    ['behind the others', beat(0, 21, 111), 1_000, null],
    ['between them', beat(0, 15, 105), 1_000, null],
    ['before them', beat(0, 9, 99), 1_000, null],
    ['of another life', beat(1, 10, 100), 1_000, null],
    ['the same one', beat(0, 10, 100), 1_000, 'duplicate'],
    ['the same one, signed again', beat(0, 10, 100, { salt: 'again' }), 1_000, 'duplicate'],
    ['the same sequence, another time', beat(0, 10, 101), 1_000, 'equivocation'],
    ['the same sequence, another level', beat(0, 20, 110, { rateLevel: 7 }), 1_000, 'equivocation'],
    ['the same sequence, another evidence', beat(0, 20, 110, { evidence: 'other' }), 1_000, 'equivocation'],
    ['the second of its neighbour before', beat(0, 21, 110), 1_000, 'too_fast'],
    ['the second of its neighbour behind', beat(0, 9, 100), 1_000, 'too_fast'],
    ['a higher sequence at an earlier time', beat(0, 21, 105), 1_000, 'too_fast'],
    ['a lower sequence at a later time', beat(0, 9, 105), 1_000, 'too_fast'],
    ['as near as may be', beat(0, 15, 105), 5_000, null],
    ['too near to the one before', beat(0, 15, 104), 5_000, 'too_fast'],
    ['too near to the one behind', beat(0, 15, 106), 5_000, 'too_fast'],
  ]
  for (const [desc, heartbeat, minIntervalMs, expected] of rows) {
    const pool = poolOf()
    for (const each of waiting) pool.add(each, 0)
    t.equal(pool.check(heartbeat, minIntervalMs), expected, desc)
    t.equal(pool.check(heartbeat, minIntervalMs), expected, `${desc}, asked again: nothing is remembered`)
    t.equal(pool.count, 2)
  }
})

t.test('bounds, at them and one past them', async (t) => {
  const counted = poolOf({ maxHeartbeats: 2 })
  t.strictSame([0, 1, 2].map((of) => offer(counted, beat(of, 1, 100))), [null, null, 'mempool_full'])
  t.equal(offer(counted, beat(0, 1, 100)), 'duplicate', 'what is said of a full pool is said of what is new to it')

  for (const [maxBytes, expected] of [[362, [null, null, 'mempool_full']], [361, [null, 'mempool_full', 'mempool_full']], [543, [null, null, null]]] as const) {
    const sized = poolOf({ maxBytes })
    t.strictSame([0, 1, 2].map((of) => offer(sized, beat(of, 1, 100))), expected, `${maxBytes} bytes`)
    t.equal(sized.sizeBytes, sized.count * 181)
  }

  const perDevice = poolOf({ maxPerDevice: 2 })
  t.strictSame([1, 2, 3].map((sequence) => offer(perDevice, beat(0, sequence, 100 + sequence))), [null, null, 'too_fast'])
  t.equal(offer(perDevice, beat(1, 3, 103)), null, 'another life has its own share')
  t.equal(perDevice.devices, 2)
})

t.test('what is taken is found by its name until it is dropped', async (t) => {
  const pool = poolOf()
  const [first, second] = [beat(0, 1, 100), beat(0, 2, 101)]
  for (const each of [first, second]) pool.add(each, 0)
  t.equal(pool.find(first.name), first)
  pool.prune(101, [], () => null, 1_000)
  t.equal(pool.find(first.name), undefined)
  t.equal(pool.find(second.name), second)
})

t.test('blocks get what is of their time, sorted by life and sequence', async (t) => {
  const pool = poolOf()
  const beats = [beat(2, 5, 102), beat(0, 7, 100), beat(0, 3, 98), beat(1, 1, 99), beat(0, 5, 99), beat(3, 0, 103)]
  for (const each of beats) t.equal(offer(pool, each), null)
  t.strictSame(all(pool), sorted(beats))
  t.strictSame(pool.reap(100, 99, 102), sorted(beats.filter(({ timestampS }) => timestampS >= 99 && timestampS <= 102)), 'both ends count')
  t.strictSame(pool.reap(100, 104, 110), [])
  t.strictSame(pool.reap(0, 0, 200), [])
  t.strictSame(brief(pool.reap(3, 0, 200)).sort(([a], [b]) => a - b), [[1, 99], [3, 98], [5, 102]], 'one of each life, the oldest first')
  t.strictSame(brief(pool.reap(5, 0, 200)).sort(([a, at], [b, bt]) => a - b || at - bt), [[0, 103], [1, 99], [3, 98], [5, 99], [5, 102]], 'then more of the same')
  t.equal(pool.count, 6, 'nothing was taken out')
})

const draft = fc.record({ of: fc.nat({ max: 6 }), sequence: fc.nat({ max: 12 }), timestampS: fc.integer({ min: 100, max: 115 }) })

const window = fc.record({ oldestS: fc.integer({ min: 98, max: 110 }), span: fc.nat({ max: 8 }) })

t.test('random pools give blocks one of each life, then the oldest, and of each life a series without a gap', async (t) => {
  holds(
    t,
    'reaping',
    fc.property(fc.array(draft, { maxLength: 60, size: 'max' }), fc.integer({ min: -6, max: 3 }), window, (drafts, room, { oldestS, span }) => {
      const pool = poolOf()
      const kept = drafts.map(({ of, sequence, timestampS }) => beat(of, sequence, timestampS)).filter((heartbeat) => offer(pool, heartbeat) === null)
      const newestS = oldestS + span
      const admissible = kept.filter(({ timestampS }) => timestampS >= oldestS && timestampS <= newestS)
      const max = Math.max(0, admissible.length + room)
      const reaped = pool.reap(max, oldestS, newestS)
      const chosen = new Set(reaped.map(({ name }) => name))
      const byTime = sorted(admissible).sort((a, b) => a.timestampS - b.timestampS)
      const isFirst = ({ device, name }: Heartbeat): boolean => byTime.find((other) => other.device === device)?.name === name
      const expected = sorted([...byTime.filter(isFirst), ...byTime.filter((each) => !isFirst(each))].slice(0, max))
      const isSorted = reaped.every((heartbeat, i) => i === 0 || sorted([reaped[i - 1]!, heartbeat])[0] === reaped[i - 1])
      const lives = new Set(admissible.map(({ device }) => device)).size
      const allLives = new Set(reaped.map(({ device }) => device)).size === Math.min(lives, max)
      // Whoever is left out is behind all of its life that are in.
      const prefixes = admissible.every((out) => chosen.has(out.name) || !reaped.some((inside) => inside.device === out.device && inside.sequence > out.sequence))
      const asExpected = reaped.length === expected.length && expected.every((heartbeat, i) => reaped[i] === heartbeat)
      return asExpected && chosen.size === reaped.length && isSorted && allLives && prefixes && all(pool).length === kept.length
    }),
    { numRuns: 400 },
  )
})

t.test('a committed heartbeat drops what it overtakes', async (t) => {
  const rows: [desc: string, last: LastBeat | null, minIntervalMs: number, left: number[]][] = [
    ['nothing was committed', null, 1_000, [1, 2, 3, 4]],
    ['an earlier one', { sequence: 0, timestampS: 90 }, 1_000, [1, 2, 3, 4]],
    ['the first', { sequence: 1, timestampS: 101 }, 1_000, [2, 3, 4]],
    ['the third', { sequence: 3, timestampS: 103 }, 1_000, [4]],
    ['the last', { sequence: 4, timestampS: 104 }, 1_000, []],
    ['one that never waited here', { sequence: 2, timestampS: 103 }, 1_000, [4]],
    ['a longer interval', { sequence: 1, timestampS: 101 }, 2_000, [3, 4]],
  ]
  for (const [desc, last, minIntervalMs, left] of rows) {
    const pool = poolOf()
    for (const who of [0, 1]) for (const sequence of [1, 2, 3, 4]) pool.add(beat(who, sequence, 100 + sequence), 0)
    t.equal(pool.prune(0, [device(0), device(5)], (key) => (key === device(0) ? last : null), minIntervalMs), 4 - left.length, desc)
    t.strictSame(all(pool).filter((each) => each.device === device(0)).map(({ sequence }) => sequence), left, desc)
    t.equal(pool.count, 4 + left.length)
    t.equal(pool.devices, left.length === 0 ? 1 : 2)
  }
})

t.test('age drops what no block may hold any more', async (t) => {
  const pool = poolOf()
  for (const [of, sequence, timestampS] of [[0, 1, 100], [0, 2, 101], [1, 1, 101], [2, 1, 99]] as const) pool.add(beat(of, sequence, timestampS), 0)
  t.equal(pool.prune(100, [], () => null, 1_000), 1)
  t.equal(pool.prune(100, [], () => null, 1_000), 0)
  t.equal(pool.prune(101, [], () => null, 1_000), 1)
  t.strictSame(brief(all(pool)).sort(([a], [b]) => a - b), [[1, 101], [2, 101]])
  t.equal(pool.prune(102, [], () => null, 1_000), 2)
  t.strictSame([pool.count, pool.devices, pool.sizeBytes], [0, 0, 0])
  t.equal(offer(pool, beat(0, 1, 100)), null, 'the room is free again')
})

t.test('expiring drops what prune would, and asks nothing else', async (t) => {
  const pool = poolOf({ maxPerDevice: 2 })
  t.equal(pool.expire(1_000), 0, 'an empty pool')
  for (const sequence of [1, 2]) pool.add(beat(0, sequence, 100 + sequence), 0)
  pool.add(beat(1, 1, 105), 0)
  t.equal(offer(pool, beat(0, 3, 103)), 'too_fast')
  t.strictSame([101, 100, 102, 102].map((oldestS) => pool.expire(oldestS)), [0, 0, 1, 0])
  t.equal(offer(pool, beat(0, 3, 103)), null, 'its share is free again')
  t.equal(pool.devices, 2)
  t.strictSame([104, 105, 106].map((oldestS) => pool.expire(oldestS)), [2, 0, 1])
  t.strictSame([pool.count, pool.devices], [0, 0])
  pool.add(beat(2, 1, 50), 0)
  t.equal(pool.expire(51), 1, 'also what came later and is older')
})

type Step = { readonly kind: 'offer'; readonly beat: Heartbeat } | { readonly kind: 'prune'; readonly oldestS: number; readonly last: ReadonlyMap<KeyBin, LastBeat> }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: draft.map(({ of, sequence, timestampS }): Step => {
      const salt = sequence % 5 === 0 ? `${timestampS}` : ''
      return { kind: 'offer', beat: beat(of, sequence, timestampS, { salt }) }
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ oldestS: fc.integer({ min: 98, max: 108 }), of: fc.nat({ max: 6 }), sequence: fc.nat({ max: 8 }), timestampS: fc.integer({ min: 98, max: 108 }) }).map(
      ({ oldestS, of, sequence, timestampS }): Step => ({ kind: 'prune', oldestS, last: new Map([[device(of), { sequence, timestampS }]]) }),
    ),
  },
)

/** A list that is searched from one end to the other. */
class PlainPool {
  waiting: Heartbeat[] = []

  check(heartbeat: Heartbeat, { maxHeartbeats, maxBytes, maxPerDevice }: HeartbeatPoolOptions): Reason | null {
    const own = this.waiting.filter(({ device: key }) => key === heartbeat.device)
    const same = own.find(({ sequence }) => sequence === heartbeat.sequence)
    if (same !== undefined) return Buffer.compare(same.record.subarray(0, 117), heartbeat.record.subarray(0, 117)) === 0 ? 'duplicate' : 'equivocation'
    const inOrder = [...own, heartbeat].sort((a, b) => a.sequence - b.sequence)
    if (inOrder.some(({ timestampS }, i) => i > 0 && timestampS - inOrder[i - 1]!.timestampS < 2)) return 'too_fast'
    if (own.length >= maxPerDevice) return 'too_fast'
    return this.waiting.length + 1 > maxHeartbeats || (this.waiting.length + 1) * 181 > maxBytes ? 'mempool_full' : null
  }

  prune(oldestS: number, last: ReadonlyMap<KeyBin, LastBeat>): void {
    this.waiting = this.waiting.filter(({ device: key, sequence, timestampS }) => {
      const committed = last.get(key)
      return timestampS >= oldestS && (committed === undefined || (sequence > committed.sequence && timestampS - committed.timestampS >= 2))
    })
  }
}

t.test('random steps leave the pool as they leave a plain list', async (t) => {
  const options = { maxHeartbeats: 9, maxBytes: 181 * 8, maxPerDevice: 3 }
  const reached = new Set<Reason | null>()
  holds(
    t,
    'verdicts, counts and contents',
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const pool = poolOf(options)
      const plain = new PlainPool()
      return steps.every((each) => {
        if (each.kind === 'offer') {
          const reason = offer(pool, each.beat, 2_000)
          reached.add(reason)
          if (reason !== plain.check(each.beat, options)) return false
          if (reason === null) plain.waiting.push(each.beat)
        } else {
          const before = plain.waiting.length
          plain.prune(each.oldestS, each.last)
          if (pool.prune(each.oldestS, each.last.keys(), (key) => each.last.get(key) ?? null, 2_000) !== before - plain.waiting.length) return false
        }
        const contents = all(pool)
        return (
          pool.count === plain.waiting.length &&
          pool.devices === new Set(plain.waiting.map(({ device: key }) => key)).size &&
          contents.length === plain.waiting.length &&
          sorted(plain.waiting).every((heartbeat, i) => contents[i] === heartbeat && pool.find(heartbeat.name) === heartbeat)
        )
      })
    }),
    { numRuns: 300 },
  )
  t.strictSame([...reached].map(String).sort(), ['duplicate', 'equivocation', 'mempool_full', 'null', 'too_fast'], 'each verdict was reached')
})
