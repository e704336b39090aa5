// Scores and bans.

import t from 'tap'
import { createBans } from '../../src/network/bans.ts'
import { MAX_REASON_LENGTH, MAX_REASONS } from '../../src/network/limits.ts'
import { chargeLine, createScores, PENALTIES, SCORE_FLOOR, SCORE_HALF_LIFE_MS } from '../../src/network/score.ts'

t.test('penalties add up, and a score comes back by half in its half-life', async (t) => {
  const scores = createScores()
  t.equal(scores.score('a', 0), 0)
  t.equal(scores.charge('a', 'x', 20, 0), -20)
  t.equal(scores.charge('a', 'y', 30, 0), -50)
  t.equal(scores.score('a', SCORE_HALF_LIFE_MS), -25)
  t.equal(scores.charge('a', 'z', 5, SCORE_HALF_LIFE_MS), -30)
  t.equal(scores.score('b', 0), 0, 'others are not concerned')
})

t.test('a small rest is forgotten', async (t) => {
  const scores = createScores()
  scores.charge('a', 'x', 1, 0)
  t.equal(scores.score('a', SCORE_HALF_LIFE_MS), -0.5)
  t.equal(scores.score('a', SCORE_HALF_LIFE_MS + 1_000), 0)
})

t.test('nobody earns credit: not by negative penalties, nor by none, nor by a clock that goes back', async (t) => {
  const scores = createScores()
  scores.charge('a', 'x', 10, 1_000)
  for (const penalty of [-50, 0, NaN, Infinity]) t.equal(scores.charge('a', 'odd', penalty, 1_000), -10)
  t.equal(scores.score('a', 0), -10)
})

t.test('the last reasons are kept, cut to length, and shown with time and points', async (t) => {
  const scores = createScores()
  for (let i = 0; i < MAX_REASONS + 3; i++) scores.charge('a', `reason ${i}`, 1, i)
  t.same(scores.charges('a').map(({ reason }) => reason), Array.from({ length: MAX_REASONS }, (_, i) => `reason ${i + 3}`))
  scores.charge('b', 'r'.repeat(MAX_REASON_LENGTH + 1), 1, 0)
  t.equal(scores.charges('b')[0]!.reason.length, MAX_REASON_LENGTH)
  t.equal(chargeLine({ atMs: 0, reason: 'x', penalty: 7 }), '1970-01-01T00:00:00.000Z -7 x')
  t.equal(chargeLine({ atMs: 0, reason: 'x', penalty: 0 }), '1970-01-01T00:00:00.000Z x')
})

t.test('a cleared peer starts anew with its history; the books are bounded', async (t) => {
  const scores = createScores(2)
  scores.charge('a', 'x', 90, 0)
  scores.clear('a', 0)
  t.equal(scores.score('a', 0), 0)
  t.equal(scores.charges('a').length, 1)
  scores.charge('b', 'x', 1, 0)
  scores.charge('c', 'x', 1, 0)
  t.same(scores.charges('a'), [], 'the one charged longest ago makes room')
})

t.test('one garbage only ends the connection, two within a minute are a ban', async (t) => {
  const scores = createScores()
  t.ok(scores.charge('a', 'garbage', PENALTIES.garbage, 0) > SCORE_FLOOR)
  t.ok(scores.charge('a', 'garbage', PENALTIES.garbage, 60_000) <= SCORE_FLOOR)
})

t.test('a peer that is only slow is never banned: not at a timeout every five seconds, nor at a handshake that fails every ten', async (t) => {
  const scores = createScores()
  let lowest = 0
  for (let nowMs = 0; nowMs < 6 * 3_600_000; nowMs += 5_000) {
    scores.charge('a', 'slow', PENALTIES.slow, nowMs)
    if (nowMs % 10_000 === 0) scores.charge('b', 'no_handshake', PENALTIES.no_handshake, nowMs)
    lowest = Math.min(lowest, scores.score('a', nowMs), scores.score('b', nowMs))
  }
  t.ok(lowest > SCORE_FLOOR, `${lowest}`)
  t.ok(lowest < -50, 'though it is known')
})

t.test('a ban ends by itself, is not shortened, can be taken back, and bans are bounded', async (t) => {
  const bans = createBans(2)
  bans.add('a', 1_000, 'x')
  t.equal(bans.get('a', 999)?.reason, 'x')
  t.equal(bans.get('a', 1_000), null)
  bans.add('a', 5_000, 'long')
  bans.add('a', 2_000, 'short')
  t.equal(bans.get('a', 3_000)?.reason, 'long')
  t.equal(bans.remove('a'), true)
  t.equal(bans.remove('a'), false)
  for (const peer of ['b', 'c', 'd']) bans.add(peer, 9_000, 'x')
  t.same(bans.list(0).map(({ peer }) => peer), ['c', 'd'])
  t.same(bans.list(9_000), [])
})
