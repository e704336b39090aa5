// One graceful stop, however often it is asked for: by SIGTERM, by SIGINT, or by a failure of the node itself.
// It has a bound, and the process exits explicitly, because a library may leave timers behind.

import type { Clock } from './clock.ts'
import { EXIT_CODES, Failure } from './failure.ts'
import type { Logger } from './logger.ts'

export interface ShutdownOptions {
  /** Drains, flushes, closes. Called once. */
  readonly stop: () => Promise<void>
  readonly timeoutMs: number
  readonly logger: Logger
  readonly clock: Clock
  /** `process`, or an emitter in tests. */
  readonly signals: Pick<NodeJS.EventEmitter, 'on'>
}

export interface Shutdown {
  /** Asks for the stop, with the code to exit with if it goes well; only the first call counts. */
  request(reason: string, exitCode?: number): void
  /** True from the first request on. */
  readonly stopping: boolean
  /** Resolves with the exit code when the stop is over or out of time. Never rejects. */
  readonly done: Promise<number>
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/**
 * Takes the signals over at once and for good: a second one interrupts no flush, and none that comes while the process
 * exits turns a clean stop into a death by signal.
 */
export function createShutdown({ stop, timeoutMs, logger, clock, signals }: ShutdownOptions): Shutdown {
  let stopping = false
  const { promise: done, resolve } = Promise.withResolvers<number>()

  async function run(exitCode: number): Promise<number> {
    const startedMs = clock.monotonicMs()
    const { promise: timeout, resolve: expire } = Promise.withResolvers<'timeout'>()
    const timer = clock.after(timeoutMs, () => expire('timeout'))
    try {
      const ended = await Promise.race([stop().then(() => 'stopped' as const), timeout])
      if (ended === 'timeout') {
        logger.error('Stop took too long, leaving', { timeoutMs })
        return exitCode === EXIT_CODES.ok ? EXIT_CODES.internal : exitCode
      }
      logger.info('Stopped', { durationMs: Math.round(clock.monotonicMs() - startedMs) })
      return exitCode
    } catch (error) {
      logger.error('Stop failed', { error })
      if (exitCode !== EXIT_CODES.ok) return exitCode
      return error instanceof Failure ? error.exitCode : EXIT_CODES.internal
    } finally {
      timer.cancel()
    }
  }

  function request(reason: string, exitCode: number = EXIT_CODES.ok): void {
    if (stopping) {
      logger.info('Already stopping', { reason })
      return
    }
    stopping = true
    logger.info('Stopping', { reason })
    void run(exitCode).then(resolve)
  }

  for (const signal of SIGNALS) signals.on(signal, () => request(signal))
  return {
    request,
    get stopping() {
      return stopping
    },
    done,
  }
}
