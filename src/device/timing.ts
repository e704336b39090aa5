// Clocks and timers as an argument, so that tests and simulations bring their own.

export interface Timing {
  /** Wall clock, unix ms. It may jump. */
  nowMs(): number
  /** A clock that only moves forward, ms since any moment. */
  elapsedMs(): number
  /** Runs a function once after a delay. @returns a function that cancels it */
  after(delayMs: number, run: () => void): () => void
}

export const systemTiming: Timing = {
  nowMs: () => Date.now(),
  elapsedMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
}

/** Resolves after the delay, or at once when the signal is or gets aborted. Never rejects. */
export function sleep(timing: Timing, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve()
      return
    }
    const cancel = timing.after(Math.max(0, delayMs), done)
    signal?.addEventListener('abort', done, { once: true })
    function done(): void {
      cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
  })
}
