import t from 'tap'
import type { Clock } from '../../src/ops/clock.ts'
import { silentLogger } from '../../src/ops/logger.ts'
import type { Progress } from '../../src/ops/notify.ts'
import { createSupervision, statusLine, watchdogOf } from '../../src/ops/notify.ts'

const SUPERVISED = { NOTIFY_SOCKET: '/run/systemd/notify', WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' }

/** A supervision whose clock ticks by hand and whose progress answers when the test says so. */
function supervised(env: Record<string, string> = SUPERVISED) {
  const sent: string[][] = []
  const intervals: number[] = []
  let tick = (): void => {}
  let asked = 0
  let answer = Promise.withResolvers<Progress>()
  const clock = {
    every(intervalMs: number, call: () => void) {
      intervals.push(intervalMs)
      tick = call
      return { cancel: () => (tick = () => {}) }
    },
  } as unknown as Clock
  const supervision = createSupervision({
    env,
    pid: 7,
    clock,
    logger: silentLogger(),
    send: async (assignments) => void sent.push([...assignments]),
    progress() {
      asked++
      return answer.promise
    },
  })
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  return {
    supervision,
    sent,
    intervals,
    asked: () => asked,
    settle,
    async tick() {
      tick()
      await settle()
    },
    async answer(progress: Progress | Error) {
      const { resolve, reject } = answer
      answer = Promise.withResolvers()
      if (progress instanceof Error) reject(progress)
      else resolve(progress)
      await settle()
    },
  }
}

const well = (height: number): Progress => ({ height, peers: 0, reasons: [] })

t.test('ready is said first, and the watchdog is fed each time that the node has made progress', async (t) => {
  const { supervision, sent, intervals, answer, tick, settle } = supervised()
  supervision.ready()
  await settle()
  t.strictSame(sent, [['READY=1']], 'the start is over, nothing else is known')
  t.strictSame(intervals, [5_000], 'the status is told often')
  await answer(well(4))
  // Nothing happens on this chain, and that is no reason not to feed.
  for (let i = 0; i < 3; i++) {
    await tick()
    await answer(well(4))
  }
  t.strictSame(sent.slice(1), Array.from({ length: 4 }, () => ['STATUS=height 4, 0 peers', 'WATCHDOG=1']))
})

t.test('a node that does not answer is not fed and not asked again; when it answers, it is', async (t) => {
  const { supervision, sent, asked, answer, tick, settle } = supervised()
  supervision.ready()
  await settle()
  for (let i = 0; i < 5; i++) await tick()
  t.equal(asked(), 1)
  t.strictSame(sent, [['READY=1']])
  await answer(well(1))
  t.strictSame(sent.at(-1), ['STATUS=height 1, 0 peers', 'WATCHDOG=1'])
  await tick()
  t.equal(asked(), 2)
})

t.test('a store that fails is told in the status, and the watchdog is not fed', async (t) => {
  const { supervision, sent, answer, tick, settle } = supervised()
  supervision.ready()
  await settle()
  await answer(new Error('the disk\nfails'))
  t.strictSame(sent.at(-1), ['STATUS=No progress: the disk fails'])
  await tick()
  await answer(well(2))
  t.strictSame(sent.at(-1), ['STATUS=height 2, 0 peers', 'WATCHDOG=1'])
})

t.test('when the node stops, systemd is told for how long, and the watchdog no more', async (t) => {
  const { supervision, sent, answer, tick, settle } = supervised()
  supervision.ready()
  await settle()
  await supervision.stopping(10_000)
  await supervision.stopping(10_000)
  t.strictSame(sent.at(-1), ['STOPPING=1', 'STATUS=Stopping', 'EXTEND_TIMEOUT_USEC=15000000'])
  const told = sent.length
  await answer(well(1))
  await tick()
  supervision.ready()
  await settle()
  t.equal(sent.length, told)
})

t.test('without systemd nothing is said, and without its watchdog nothing is fed', async (t) => {
  const alone = supervised({})
  alone.supervision.ready()
  await alone.supervision.stopping(1)
  t.strictSame([alone.sent, alone.asked(), alone.intervals], [[], 0, []])

  const unwatched = supervised({ NOTIFY_SOCKET: '@x' })
  unwatched.supervision.ready()
  await unwatched.settle()
  await unwatched.answer(well(1))
  t.strictSame(unwatched.sent, [['READY=1'], ['STATUS=height 1, 0 peers']])
})

t.test('a third of the watchdog\'s time lies between two looks at most', async (t) => {
  const { supervision, intervals } = supervised({ ...SUPERVISED, WATCHDOG_USEC: '6000000' })
  supervision.ready()
  t.strictSame(intervals, [2_000])
})

t.test('the watchdog is that of this process only, and a number', async (t) => {
  t.equal(watchdogOf({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' }, 7), 30_000)
  t.equal(watchdogOf({ WATCHDOG_USEC: '30000000' }, 7), 30_000)
  for (const env of [{}, { WATCHDOG_USEC: '30000000', WATCHDOG_PID: '8' }, { WATCHDOG_USEC: '0' }, { WATCHDOG_USEC: '-5' }, { WATCHDOG_USEC: 'soon' }, { WATCHDOG_USEC: '' }]) {
    t.equal(watchdogOf(env, 7), null, JSON.stringify(env))
  }
})

t.test('the status is one line, whatever the reasons hold', async (t) => {
  t.equal(statusLine({ height: 42, peers: 3, reasons: [] }), 'STATUS=height 42, 3 peers')
  t.equal(statusLine({ height: 1, peers: 1, reasons: ['It\ncatches up.\nWATCHDOG=1', 'second'] }), 'STATUS=height 1, 1 peer; not ready: It catches up. WATCHDOG=1')
})

t.test('systemd that cannot be told is no reason to fail', async (t) => {
  const supervision = createSupervision({
    env: SUPERVISED,
    pid: 7,
    clock: { every: () => ({ cancel: () => {} }) } as unknown as Clock,
    logger: silentLogger(),
    send: () => Promise.reject(new Error('no systemd-notify')),
    progress: async () => well(1),
  })
  supervision.ready()
  await t.resolves(supervision.stopping(1))
})
