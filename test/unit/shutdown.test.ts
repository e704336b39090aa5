import { EventEmitter } from 'node:events'
import t from 'tap'
import type { Clock } from '../../src/ops/clock.ts'
import { EXIT_CODES, Failure } from '../../src/ops/failure.ts'
import { createLogger } from '../../src/ops/logger.ts'
import type { Shutdown } from '../../src/ops/shutdown.ts'
import { createShutdown } from '../../src/ops/shutdown.ts'

interface Scene {
  readonly shutdown: Shutdown
  readonly signals: EventEmitter
  /** Messages that were logged. */
  readonly messages: string[]
  /** How often `stop` was called. */
  stops(): number
  /** Lets the time limit pass. */
  expire(): void
  timerCancelled(): boolean
}

function scene(stop: () => Promise<void>): Scene {
  const signals = new EventEmitter()
  const messages: string[] = []
  let calls = 0
  let expire: (() => void) | null = null
  let cancelled = false
  const clock: Clock = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    after(_, call) {
      expire = call
      return { cancel: () => (cancelled = true) }
    },
    every: () => ({ cancel: () => undefined }),
  }
  const logger = createLogger({ level: 'info', format: 'json', destination: { write: (line) => messages.push((JSON.parse(line) as { msg: string }).msg) } })
  const counted = (): Promise<void> => {
    calls++
    return stop()
  }
  const shutdown = createShutdown({ stop: counted, timeoutMs: 10_000, logger, clock, signals })
  return { shutdown, signals, messages, stops: () => calls, expire: () => expire!(), timerCancelled: () => cancelled }
}

const never = (): Promise<void> => new Promise(() => undefined)

for (const signal of ['SIGTERM', 'SIGINT']) {
  t.test(`${signal} stops gracefully, with exit code 0`, async (t) => {
    const { shutdown, signals, stops, messages, timerCancelled } = scene(async () => undefined)
    t.equal(shutdown.stopping, false)
    signals.emit(signal)
    t.equal(shutdown.stopping, true)
    t.equal(await shutdown.done, EXIT_CODES.ok)
    t.equal(stops(), 1)
    t.same(messages, ['Stopping', 'Stopped'])
    t.ok(timerCancelled())
  })
}

t.test('further signals are noted and change nothing', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const { shutdown, signals, stops, messages } = scene(() => promise)
  for (const signal of ['SIGINT', 'SIGINT', 'SIGTERM']) signals.emit(signal)
  shutdown.request('failure', EXIT_CODES.storage)
  t.equal(stops(), 1)
  t.equal(signals.listenerCount('SIGINT'), 1, 'the default action, which kills, stays off')
  resolve()
  t.equal(await shutdown.done, EXIT_CODES.ok)
  t.same(messages, ['Stopping', 'Already stopping', 'Already stopping', 'Already stopping', 'Stopped'])
})

t.test('a signal after the stop, while the process exits, kills nothing', async (t) => {
  const { shutdown, signals } = scene(async () => undefined)
  signals.emit('SIGTERM')
  t.equal(await shutdown.done, EXIT_CODES.ok)
  for (const signal of ['SIGTERM', 'SIGINT']) t.equal(signals.listenerCount(signal), 1, 'the default action, which kills, stays off')
})

t.test('a stop that takes too long is left, with the code of a fault', async (t) => {
  const { shutdown, signals, expire, messages } = scene(never)
  signals.emit('SIGTERM')
  expire()
  t.equal(await shutdown.done, EXIT_CODES.internal)
  t.same(messages, ['Stopping', 'Stop took too long, leaving'])
})

t.test('a failure of the node stops it with its own exit code, which neither time nor errors replace', async (t) => {
  const request = async ({ shutdown, expire }: Scene, late: boolean): Promise<number> => {
    shutdown.request('failure', EXIT_CODES.storage)
    if (late) expire()
    return shutdown.done
  }
  t.equal(await request(scene(async () => undefined), false), EXIT_CODES.storage)
  t.equal(await request(scene(never), true), EXIT_CODES.storage)
  t.equal(await request(scene(() => Promise.reject(new Error('x'))), false), EXIT_CODES.storage)
})

t.test('a stop that fails gives the code of its failure', async (t) => {
  const disk = scene(() => Promise.reject(new Failure('storage', 'Disk full', 'Free space.')))
  disk.signals.emit('SIGINT')
  t.equal(await disk.shutdown.done, EXIT_CODES.storage)
  t.same(disk.messages, ['Stopping', 'Stop failed'])
  const bug = scene(() => Promise.reject(new TypeError('x')))
  bug.signals.emit('SIGINT')
  t.equal(await bug.shutdown.done, EXIT_CODES.internal)
})
