// Notices that this node does not go on, and says why: it catches up, or too few validators are heard for a quorum.
// A network without life is quiet, and that is no stall.

import type { Bin } from '../base/bytes.ts'
import { binToHex } from '../base/bytes.ts'
import type { Engine } from '../engine/engine.ts'
import type { Clock } from '../ops/clock.ts'
import type { Logger } from '../ops/logger.ts'
import { isQuorum, totalPower } from '../protocol/validators.ts'
import type { SyncStatus } from './chain-sync.ts'
import type { Progress } from './sync-progress.ts'

/** A height that is being decided for longer than this is stalled. */
const STALLED_MS = 5_000
const TICK_MS = 500
/** Rounds, ours and those before it, whose voters count as heard. */
const ROUNDS_HEARD = 2
/** Validators that a reason names, by so many hex digits of their keys. */
const MAX_NAMED = 4
const SHORT_LENGTH = 8

/** `The node catches up: height 120 of 2000, ready in about 35 s.` */
function catchingUp(height: number, target: number, { etaS }: Progress): string {
  return `The node catches up: height ${height} of ${target}, ${etaS === null ? 'nothing has come yet' : `ready in about ${etaS} s`}.`
}

export interface StallWatch {
  /** One sentence each; empty if all is well. */
  reasons(): string[]
  start(): void
  close(): void
}

export function createStallWatch(engine: Engine, sync: () => SyncStatus, clock: Clock, logger: Logger): StallWatch {
  let height = 0
  let sinceMs: number | null = null
  let timer: { cancel(): void } | null = null
  let stalled = false

  function heardValidators(): Set<Bin> {
    const { votes, round, self } = engine.consensus
    const heard = new Set(self === null ? [] : [self])
    for (const [each, { prevote, precommit }] of votes.rounds) {
      if (each <= round - ROUNDS_HEARD) continue
      for (const key of [...prevote.votes.keys(), ...precommit.votes.keys()]) heard.add(key)
    }
    return heard
  }

  function isStalled(): boolean {
    return sinceMs !== null && clock.monotonicMs() - sinceMs > STALLED_MS
  }

  function tick(): void {
    // Most heights wait for a while before they are decided, and many are over before they are seen here.
    if (engine.phase !== 'deciding') sinceMs = null
    else if (sinceMs === null || engine.consensus.height !== height) sinceMs = clock.monotonicMs()
    height = engine.consensus.height
    if (isStalled() === stalled) return
    stalled = !stalled
    if (stalled) logger.warn('Chain halted', { height, reason: stallReason() })
    else logger.info('Chain goes on', { height: engine.ledger.height })
  }

  function stallReason(): string {
    const { validators } = engine.consensus
    const heard = heardValidators()
    const total = totalPower(validators)
    const silent = validators.filter(({ key }) => !heard.has(key)).sort((a, b) => b.power - a.power)
    const heardPower = total - totalPower(silent)
    if (isQuorum(heardPower, total)) return `Height ${height} is not decided: its rounds do not agree yet.`
    const named = silent.slice(0, MAX_NAMED).map(({ key }) => binToHex(key).slice(0, SHORT_LENGTH)).join(', ')
    const more = silent.length > MAX_NAMED ? ` and ${silent.length - MAX_NAMED} more` : ''
    // Rounded down: two thirds exactly are too few, and must not look like more.
    const percent = Math.floor((1_000 * heardPower) / total) / 10
    return `Height ${height} is not decided: validators with ${percent} % of the power are heard, more than two thirds are needed. Not heard: ${named}${more}.`
  }

  return {
    reasons() {
      const { target, progress } = sync()
      if (progress !== null) return [catchingUp(engine.ledger.height, target, progress)]
      return isStalled() ? [stallReason()] : []
    },
    start: () => void (timer = clock.every(TICK_MS, tick)),
    close: () => timer?.cancel(),
  }
}
