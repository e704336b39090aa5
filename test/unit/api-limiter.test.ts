// Rates per address, and the table of methods.

import t from 'tap'
import fc from 'fast-check'
import { createRateLimiter, networkOf } from '../../src/api/limiter.ts'
import { MethodTable } from '../../src/api/methods.ts'

t.test('a full bucket lets a burst pass, then as much as the rate', async (t) => {
  const limiter = createRateLimiter({ perSecond: 2, burst: 5 })
  for (let i = 0; i < 5; i++) t.equal(limiter.take('a', 1_000), 0, `request ${i}`)
  t.ok(Math.abs(limiter.take('a', 1_000) - 500) < 0.01, 'one past the burst must wait for half a second')
  t.ok(limiter.take('a', 1_499) > 0)
  t.equal(limiter.take('a', 1_500), 0)
  t.ok(limiter.take('a', 1_500) > 0)
  for (let i = 0; i < 5; i++) t.equal(limiter.take('a', 60_000), 0, 'after a rest it is full again')
  t.ok(limiter.take('a', 60_000) > 0)
  t.equal(limiter.take('b', 1_000), 0, 'others are not concerned')
})

t.test('in no window of time does an address get more than burst + rate × time, nor one that waits as told less', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000 }),
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 300 }),
      (perSecond, burst, gaps) => {
        const limiter = createRateLimiter({ perSecond, burst })
        let now = 5_000
        const passed: number[] = []
        for (const gap of gaps) {
          now += gap
          const waitMs = limiter.take('a', now)
          if (waitMs > 0) {
            now += waitMs + 1e-6
            if (limiter.take('a', now) > 0) return false
          }
          passed.push(now)
        }
        return passed.every((from, i) => passed.slice(i).every((to, j) => j + 1 <= burst + ((to - from) * perSecond) / 1_000 + 0.001))
      },
    ),
    { numRuns: 100 },
  )
})

t.test('a rate of 0 is no limit', async (t) => {
  const limiter = createRateLimiter({ perSecond: 0, burst: 0 })
  for (let i = 0; i < 1_000; i++) if (limiter.take('a', 0) !== 0) t.fail('limited')
  t.pass()
})

t.test('however many addresses come, few are remembered, and the latest ones', async (t) => {
  const limiter = createRateLimiter({ perSecond: 1, burst: 1 }, 10)
  for (let i = 0; i < 11; i++) limiter.take(`10.0.0.${i}`, 0)
  t.equal(limiter.take('10.0.0.0', 0), 0, 'the oldest was forgotten')
  t.ok(limiter.take('10.0.0.10', 0) > 0)
})

t.test('IPv6 addresses count by their /64, IPv4 ones alone, in every spelling', async (t) => {
  t.equal(networkOf('192.0.2.1'), '192.0.2.1')
  t.equal(networkOf('::ffff:192.0.2.1'), '192.0.2.1')
  t.equal(networkOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2')
  t.equal(networkOf('2001:0DB8:0001:2::9'), '2001:db8:1:2')
  t.equal(networkOf('2001:db8::1'), '2001:db8:0:0')
  t.equal(networkOf('::1'), '0:0:0:0')
  t.equal(networkOf('1:2:3:4:5:6:7::'), '1:2:3:4')
  t.equal(networkOf('fe80::1%eth0'), 'fe80:0:0:0')
  t.equal(networkOf('::'), '0:0:0:0')
  t.equal(networkOf('no address'), 'no address')
})

t.test('the table of methods knows templates', async (t) => {
  const table = new MethodTable()
  for (const [method, url] of [['GET', '/a/:b'], ['HEAD', '/a/:b'], [['POST', 'PUT'], '/a/:b'], ['GET', '/a/:b/c'], ['OPTIONS', '*'], ['GET', '/']] as [string, string][]) table.add({ method, url })
  t.same(table.allowed('/a/x'), ['GET', 'HEAD', 'POST', 'PUT'])
  t.same(table.allowed('/a/x?y=/z#f'), ['GET', 'HEAD', 'POST', 'PUT'])
  t.same(table.allowed('/a/x/c'), ['GET'])
  t.same(table.allowed('/'), ['GET'])
  for (const url of ['/a/', '/a', '/a/x/d', '/a/x/c/', '', '//', '/A/x']) t.same(table.allowed(url), [], url)
})
