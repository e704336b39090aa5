// The planner: what is asked of whom, with heights, sizes and times only.

import * as fc from 'fast-check'
import t from 'tap'
import type { Ask, Planner } from '../../src/sync/planner.ts'
import { createPlanner, DEFAULT_PLANNER_LIMITS } from '../../src/sync/planner.ts'

const LIMITS = { ...DEFAULT_PLANNER_LIMITS, maxAsks: 4, maxRange: 8, windowHeights: 64, slowMs: 1_000, headSlowMs: 400 }
const BLOCK = 1_000
/** After this a request that nobody answers has failed. */
const TIME_OUT_MS = 20_000

const answer = (planner: Planner, { id, first, count }: Ask, nowMs: number, bytes = BLOCK): number[] =>
  planner.answered(id, Array.from({ length: count }, (_, i) => ({ height: first + i, bytes })), nowMs).map(({ height }) => height)
const told = (asks: readonly Ask[]): string[] => asks.map(({ peer, first, count }) => `${peer} ${first}+${count}`)

t.test('the lowest heights first, idle peers in turn, each at most twice', async (t) => {
  const planner = createPlanner(LIMITS)
  for (const peer of ['a', 'b']) planner.noteHead(peer, 100, 0)
  t.same(told(planner.plan(10, 0)), ['a 11+8', 'b 19+8', 'a 27+8', 'b 35+8'])
  t.same(told(planner.plan(10, 1)), [], 'nothing twice')
})

t.test('nobody is asked for more than it claims', async (t) => {
  const planner = createPlanner(LIMITS)
  planner.noteHead('low', 12, 0)
  planner.noteHead('high', 15, 0)
  t.same(told(planner.plan(10, 0)), ['high 11+5'])
  t.equal(planner.target(), 15)
  t.same(told(planner.plan(15, 0)), [])
})

t.test('what is late is asked for elsewhere; the first answer counts', async (t) => {
  const planner = createPlanner({ ...LIMITS, maxAsks: 8, maxAsksPerPeer: 1 })
  planner.noteHead('slow', 8, 0)
  const [late] = planner.plan(0, 0)
  for (const peer of ['b', 'c', 'd', 'e']) planner.noteHead(peer, 8, 0)
  t.same(told(planner.plan(0, 399)), [], 'not yet')
  const [again] = planner.plan(0, 400)
  t.same(told([again!]), ['b 1+8'])
  t.same(told(planner.plan(0, 799)), [], 'this one has time too')
  t.same([800, 1_200, 1_600].map((nowMs) => told(planner.plan(0, nowMs))), [['c 1+8'], ['d 1+8'], []], 'four are enough')
  t.same(answer(planner, again!, 500), [1, 2, 3, 4, 5, 6, 7, 8])
  t.same(answer(planner, late!, 600), [], 'those are there already')
})

t.test('the window and the bytes that are held bound what is asked for; the lowest height is always asked for', async (t) => {
  const planner = createPlanner({ ...LIMITS, windowHeights: 20, maxAsks: 100, maxAsksPerPeer: 100 })
  planner.noteHead('a', 1_000, 0)
  for (const ask of planner.plan(0, 0)) answer(planner, ask, 1)
  planner.plan(0, 2).forEach((ask) => answer(planner, ask, 3))
  t.same(planner.plan(0, 4), [], '20 heights')
  t.equal(planner.heldBytes, 20 * BLOCK)
  planner.plan(20, 5)
  t.equal(planner.heldBytes, 0, 'what is committed is held no longer')

  const small = createPlanner({ ...LIMITS, maxHeldBytes: 100_000 })
  small.noteHead('a', 1_000, 0)
  const [first, ...rest] = small.plan(0, 0)
  t.same(rest, [], 'blocks are taken for 32 KiB until one was seen')
  t.equal(first!.count, 3)
  answer(small, first!, 1, 60_000)
  t.same(small.plan(0, 2), [])
  t.same(small.plan(3, 2).map((ask) => ask.first), [4], 'room again')
  const full = createPlanner({ ...LIMITS, maxHeldBytes: 1 })
  full.noteHead('a', 1_000, 0)
  t.same(told(full.plan(0, 0)), ['a 1+1'])
})

t.test('a peer that fails rests, longer each time; an answer makes it good', async (t) => {
  const planner = createPlanner(LIMITS)
  planner.noteHead('a', 4, 0)
  let nowMs = 0
  for (const restMs of [1_000, 2_000]) {
    planner.unanswered(planner.plan(0, nowMs)[0]!.id, 'failed', nowMs)
    t.same(planner.plan(0, nowMs + restMs - 1), [])
    nowMs += restMs
  }
  const [ask] = planner.plan(0, nowMs)
  answer(planner, { ...ask!, count: 1 }, nowMs)
  t.equal(planner.plan(0, nowMs)[0]!.first, 2)
})

t.test('a peer that has not got what it claims is disbelieved until it has rested', async (t) => {
  const planner = createPlanner(LIMITS)
  planner.noteHead('a', 1_000, 0)
  planner.unanswered(planner.plan(50, 0)[0]!.id, 'empty', 0)
  t.equal(planner.target(), 50)
  planner.noteHead('a', 1_000, 500)
  t.equal(planner.target(), 50)
  planner.noteHead('a', 1_000, 1_000)
  t.equal(planner.target(), 1_000)

  const silent = createPlanner(LIMITS)
  silent.noteHead('b', 1_000, 0)
  for (const nowMs of [0, 10_000, 20_000]) {
    t.equal(silent.target(), 1_000)
    silent.unanswered(silent.plan(0, nowMs)[0]!.id, 'failed', nowMs)
  }
  t.equal(silent.target(), 0, 'so is one that is silent three times')
})

t.test('of a liar nothing counts: what it brought, what it owes, what it says', async (t) => {
  const planner = createPlanner(LIMITS)
  planner.noteHead('liar', 100, 0)
  const [one, two] = planner.plan(0, 0)
  answer(planner, one!, 1)
  t.same(planner.accuse('liar', 2), [1, 2, 3, 4, 5, 6, 7, 8])
  t.equal(planner.heldBytes, 0)
  t.notOk(planner.isAsked(two!.id))
  t.same(answer(planner, two!, 3), [])
  planner.noteHead('liar', 200, 10_000)
  t.equal(planner.target(), 0)
  planner.noteHead('good', 100, 3)
  t.same(planner.plan(0, 3).map(({ peer, first }) => [peer, first]), [['good', 1], ['good', 9]])
})

t.test('the faster of two is asked first, and in larger pieces', async (t) => {
  const planner = createPlanner({ ...LIMITS, maxRange: 100, windowHeights: 512, maxAsks: 2, maxAsksPerPeer: 1, answerMs: 1_000 })
  for (const peer of ['fast', 'slow']) planner.noteHead(peer, 100_000, 0)
  let height = 0
  for (let nowMs = 0; nowMs < 20_000; nowMs += 1_000) {
    const asks = planner.plan(height, nowMs)
    for (const ask of asks) if (ask.peer === 'fast') answer(planner, ask, nowMs + 1)
    for (const ask of asks) if (ask.peer === 'slow') answer(planner, ask, nowMs + 900)
    height += asks.reduce((sum, { count }) => sum + count, 0)
  }
  const [first, second] = planner.plan(height, 30_000)
  t.equal(first!.peer, 'fast')
  t.ok(first!.count > 4 * second!.count, `${first!.count} and ${second!.count}`)
})

t.test('peers that are known are bounded', async (t) => {
  const planner = createPlanner({ ...LIMITS, maxPeers: 2 })
  planner.noteHead('a', 1, 0)
  planner.noteHead('b', 2, 0)
  planner.noteHead('c', 3, 0)
  t.equal(planner.target(), 2)
  planner.forget('b')
  planner.noteHead('c', 3, 0)
  t.equal(planner.target(), 3)
})

/** Peers that answer well, late, in part, with nothing, or never; a ledger that takes what is next. */
t.test('with one good peer among any others every height comes, within the bounds', async (t) => {
  const kinds = ['good', 'partial', 'empty', 'fails', 'mute', 'lies'] as const
  const scenario = fc.record({ others: fc.array(fc.constantFrom(...kinds), { maxLength: 5 }), target: fc.integer({ min: 1, max: 120 }), delays: fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 10 }) })
  fc.assert(
    fc.property(scenario, ({ others, target, delays }) => {
      const planner = createPlanner(LIMITS)
      const peers = [...others, 'good' as const].map((kind, i) => ({ id: `${i}`, kind }))
      const pending: { ask: Ask; atMs: number }[] = []
      const held = new Set<number>()
      let height = 0
      let turn = 0
      for (let nowMs = 0; nowMs < 600_000 && height < target; nowMs += 100) {
        for (const { id } of peers) planner.noteHead(id, target, nowMs)
        for (const { ask, atMs } of pending.splice(0)) {
          const { kind } = peers[Number(ask.peer)]!
          if (kind === 'mute' ? nowMs < atMs + TIME_OUT_MS : nowMs < atMs) pending.push({ ask, atMs })
          else if (kind === 'empty') planner.unanswered(ask.id, 'empty', nowMs)
          else if (kind === 'fails' || kind === 'mute') planner.unanswered(ask.id, 'failed', nowMs)
          else if (kind === 'lies') planner.accuse(ask.peer, nowMs).forEach((at) => held.delete(at))
          else answer(planner, kind === 'partial' ? { ...ask, count: 1 } : ask, nowMs).forEach((at) => held.add(at))
        }
        while (held.delete(height + 1)) height++
        for (const ask of planner.plan(height, nowMs)) {
          if (ask.first <= height || ask.first + ask.count - 1 > Math.min(target, height + LIMITS.windowHeights) || ask.count > LIMITS.maxRange) throw new Error(`out of bounds: ${told([ask])[0]} at ${height}`)
          pending.push({ ask, atMs: nowMs + delays[turn++ % delays.length]! })
        }
        if (planner.asks > LIMITS.maxAsks) throw new Error(`${planner.asks} requests at once`)
      }
      return height === target
    }),
    { numRuns: 200 },
  )
  t.pass('200 scenarios')
})
