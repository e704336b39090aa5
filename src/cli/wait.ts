// Asks again until there is an answer.

import type { Clock } from '../ops/clock.ts'

export const sleep = (clock: Clock, delayMs: number): Promise<void> => new Promise((resolve) => clock.after(delayMs, resolve))

export interface WaitOptions {
  readonly everyMs: number
  readonly timeoutMs: number
}

/** @returns what `ask` found, or null if it found nothing in time */
export async function waitUntil<T>(clock: Clock, { everyMs, timeoutMs }: WaitOptions, ask: () => Promise<T | null>): Promise<T | null> {
  const endMs = clock.monotonicMs() + timeoutMs
  for (;;) {
    const found = await ask()
    if (found !== null || clock.monotonicMs() >= endMs) return found
    await sleep(clock, everyMs)
  }
}
