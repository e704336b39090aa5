// Time, as a thing that is passed in. The pure folders get `now` as an argument; the shell asks one of these.

import { assert } from '../base/assert.ts'

export interface Timer {
  /** Repeating it, or calling it after the timer fired, does nothing. */
  cancel(): void
}

export interface Clock {
  /** Unix time, ms, whole. May jump when the system's clock is set. */
  nowMs(): number
  /** Never goes back; for durations. Its zero means nothing. Milliseconds with a fraction. */
  monotonicMs(): number
  /** Calls once, after at least `delayMs`. */
  after(delayMs: number, call: () => void): Timer
  /** Calls again and again, `intervalMs` apart; does not keep the process alive. */
  every(intervalMs: number, call: () => void): Timer
}

/** Above this Node would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, call) {
    assert(delayMs <= MAX_DELAY_MS, 'a delay fits a timer')
    const timer = setTimeout(call, Math.max(0, delayMs))
    return { cancel: () => clearTimeout(timer) }
  },
  every(intervalMs, call) {
    assert(intervalMs > 0 && intervalMs <= MAX_DELAY_MS, 'an interval fits a timer')
    const timer = setInterval(call, intervalMs)
    timer.unref()
    return { cancel: () => clearInterval(timer) }
  },
}
