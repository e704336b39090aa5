// Counts the calls of a sink that have not been answered, and waits for them.

import type { Timing } from './timing.ts'

/** After a stop, how long to wait for verdicts that are under way. */
const GRACE_MS = 2_000

export class InFlight {
  /** What a callback of the caller threw. */
  failure: { readonly error: unknown } | null = null
  size = 0
  readonly #signal: AbortSignal | undefined
  #onChange: (() => void) | null = null

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
    signal?.addEventListener('abort', () => this.#onChange?.(), { once: true })
  }

  add(call: Promise<void>): void {
    this.size++
    call
      .catch((error: unknown) => {
        this.failure ??= { error }
      })
      .finally(() => {
        this.size--
        this.#onChange?.()
      })
  }

  /** Resolves when a call is answered, or the run stopped. */
  change(): Promise<void> {
    return new Promise((resolve) => {
      this.#onChange = resolve
    })
  }

  /** Waits for all calls, and after a stop for a while only. */
  async settled(timing: Timing): Promise<void> {
    while (this.size > 0 && this.#signal?.aborted !== true) await this.change()
    const cancel = timing.after(GRACE_MS, () => {
      this.size = 0
      this.#onChange?.()
    })
    while (this.size > 0) await this.change()
    cancel()
  }
}
