// The start of a node: replays the log of the height that it was on, and lets the engine go.

import type { Effect } from './effect.ts'
import type { Engine } from './engine.ts'
import type { LoggedEntry } from './input.ts'
import { step } from './step.ts'

/**
 * Feeds the log to a fresh engine, and then the input `start`. What the replay wants done waits until all of it is known:
 * its own messages are in the log already. It also waits for `start`, so that what is signed now is logged again.
 * @returns the effects to carry out, each with the clock's reading that its input was processed at
 */
export function replay(engine: Engine, entries: readonly LoggedEntry[], nowMs: number): { readonly effect: Effect; readonly nowMs: number }[] {
  const effects: { effect: Effect; nowMs: number }[] = []
  for (const entry of entries) for (const effect of step(engine, entry.input, entry.nowMs)) effects.push({ effect, nowMs: entry.nowMs })
  for (const effect of step(engine, { kind: 'start' }, nowMs)) effects.push({ effect, nowMs })
  return effects
}
