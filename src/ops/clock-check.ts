// Is the system's clock plausible? A node with a wrong one refuses honest heartbeats and proposes blocks that others refuse.

import { Failure } from './failure.ts'

export interface ClockEvidence {
  readonly nowMs: number
  /** When the program was built: it cannot be earlier. Null if unknown. */
  readonly builtMs: number | null
  /** How far ahead of a clock that can be trusted, ms. Null if there is none. */
  readonly skewMs: number | null
  /** When the network began. Null if unknown. */
  readonly genesisMs: number | null
}

const DAY_MS = 86_400_000
/** HTTP dates have whole seconds, and an answer may take some. */
const MAX_SKEW_MS = 30_000
/** A network may be announced before it begins. */
const MAX_BEFORE_GENESIS_MS = 30 * DAY_MS
const MAX_AFTER_BUILD_MS = 15 * 365 * DAY_MS

/** What is wrong with the clock, or null. */
export function clockProblem({ nowMs, builtMs, skewMs, genesisMs }: ClockEvidence): string | null {
  const now = dayText(nowMs)
  if (skewMs !== null && Math.abs(skewMs) > MAX_SKEW_MS) {
    return `The clock is ${Math.round(Math.abs(skewMs) / 1_000)} s ${skewMs > 0 ? 'ahead of' : 'behind'} that of the metadata service`
  }
  if (builtMs !== null && nowMs < builtMs - DAY_MS) return `The clock says ${now}, but this program is of ${dayText(builtMs)}`
  if (genesisMs !== null && nowMs < genesisMs - MAX_BEFORE_GENESIS_MS) return `The clock says ${now}, but the network begins on ${dayText(genesisMs)}`
  if (builtMs !== null && nowMs > builtMs + MAX_AFTER_BUILD_MS) return `The clock says ${now}, many years after this program was built`
  return null
}

const dayText = (unixMs: number): string => new Date(unixMs).toISOString().slice(0, 10)

/** @throws Failure('config') */
export function checkClock(evidence: ClockEvidence): void {
  const problem = clockProblem(evidence)
  if (problem !== null) throw new Failure('config', problem, 'Set the clock: see chronyc tracking, and that NTP is not blocked.')
}
