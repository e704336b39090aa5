// The budget of a device: exactly `burst` at once and `perSecond` after that, against a plain count; bounded; no clock harms it.

import fc from 'fast-check'
import t from 'tap'
import { createDeviceLimiter } from '../../src/node/device-limiter.ts'
import { holds } from '../fuzz/holds.ts'

const NOW_MS = 1_767_225_600_123

t.test('a burst is exact at every rate', async (t) => {
  for (const perSecond of [1, 2, 3, 6, 7, 9, 11, 13, 60, 97, 300, 999, 1_000]) {
    for (const burst of [1, 2, 3, 19, 20, 21, 100]) {
      const limiter = createDeviceLimiter({ perSecond, burst, maxDevices: 10 })
      let taken = 0
      while (limiter.take('a', NOW_MS) && taken < 1_000) taken++
      if (taken !== burst) t.fail(`${perSecond} per second: ${taken} at once, not ${burst}`)
    }
  }
  t.pass('all rates and bursts')
})

t.test('the budget comes back evenly, to the millisecond', async (t) => {
  const limiter = createDeviceLimiter({ perSecond: 2, burst: 3, maxDevices: 10 })
  const at = (ms: number): boolean => limiter.take('a', NOW_MS + ms)
  t.strictSame([0, 0, 0, 0].map(at), [true, true, true, false])
  t.strictSame([499, 500, 500, 999].map(at), [false, true, false, false])
  t.strictSame([1_000, 1_000].map(at), [true, false], 'a refusal costs nothing')
  t.strictSame([60_000, 60_000, 60_000, 60_000].map(at), [true, true, true, false], 'never more than a burst')
})

t.test('devices do not share a budget', async (t) => {
  const limiter = createDeviceLimiter({ perSecond: 1, burst: 1, maxDevices: 10 })
  t.strictSame(['a', 'b', 'a', 'b', 'c'].map((device) => limiter.take(device, NOW_MS)), [true, true, false, false, true])
})

t.test('random requests get what a bucket of tokens would give', async (t) => {
  const waits = fc.array(fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 1_500 }), fc.constantFrom(0, 333, 334, 1_000)), { maxLength: 60, size: 'max' })
  holds(
    t,
    'against a bucket in thousandths of a token',
    fc.property(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: 30 }), waits, (perSecond, burst, drawn) => {
      const limiter = createDeviceLimiter({ perSecond, burst, maxDevices: 1 })
      let nowMs = NOW_MS
      let tokens = 1_000 * burst
      return drawn.every((waitMs) => {
        nowMs += waitMs
        tokens = Math.min(1_000 * burst, tokens + waitMs * perSecond)
        const expected = tokens >= 1_000
        if (expected) tokens -= 1_000
        return limiter.take('a', nowMs) === expected
      })
    }),
    { numRuns: 1_000 },
  )
})

t.test('a clock that is set back locks nobody out', async (t) => {
  const limiter = createDeviceLimiter({ perSecond: 1, burst: 2, maxDevices: 10 })
  t.strictSame([0, 0, 0].map((ms) => limiter.take('a', NOW_MS + ms)), [true, true, false])
  t.strictSame([0, 0, 0].map((ms) => limiter.take('a', NOW_MS - 3_600_000 + ms)), [true, true, false])
  t.ok(limiter.take('a', NOW_MS - 3_600_000 + 1_000))
})

t.test('the oldest device is forgotten, and only it', async (t) => {
  const limiter = createDeviceLimiter({ perSecond: 1, burst: 1, maxDevices: 2 })
  t.strictSame(['a', 'b', 'c'].map((device) => limiter.take(device, NOW_MS)), [true, true, true])
  t.equal(limiter.take('c', NOW_MS), false)
  t.equal(limiter.take('b', NOW_MS), false)
  t.equal(limiter.take('a', NOW_MS), true, 'forgotten: its bucket counts as full')
})
