// The inclusion duty: a proposer could raise its share by leaving others' heartbeats out. A validator does not prevote a
// fresh proposal that lacks more than 10 % of the life it has held for a while itself. The tolerance doubles each
// round, so that the chain never hangs on it: from round 4 on everything passes.

import type { KeyBin } from '../crypto/keys.ts'
import { RECORD_SIZE } from '../ledger/account.ts'
import { checkAge, checkSuccession } from '../ledger/admit.ts'
import { heartbeatLimit } from '../ledger/blocks.ts'
import type { Block } from '../protocol/block.ts'
import { expectedWeightPpm } from './admission.ts'
import type { Engine } from './engine.ts'

/** What was held for this long when the block was made must have reached its proposer too. */
const HELD_MS = 2_000
/** Of the weight that is held may be missing in round 0: one part in this many. */
const TOLERATED = 10
const MAX_DOUBLINGS = 4

/** True if the block holds the lives that we hold, or as many heartbeats as fit. Lives count, not heartbeats: one of each is enough. */
export function includesLives(engine: Engine, { header, body }: Block, round: number, nowMs: number): boolean {
  const { ledger, heartbeats } = engine
  const { params, accounts } = ledger
  if (header.proposer === engine.self || body.heartbeats.length >= heartbeatLimit(params, body.transactions)) return true
  const held = new Map<KeyBin, number>()
  // Not when it is judged: a large block takes its time to get here, and what came meanwhile cannot be in it.
  const madeMs = Math.min(nowMs, header.timestampMs)
  for (const heartbeat of heartbeats.heldBefore(madeMs - HELD_MS)) {
    const index = accounts.indexOf(heartbeat.device)
    const at = index === undefined ? -1 : index * RECORD_SIZE
    if ((checkAge(params, heartbeat, header.timestampMs) ?? checkSuccession(params, heartbeat, accounts.records, at)) !== null) continue
    held.set(heartbeat.device, Math.max(held.get(heartbeat.device) ?? 0, expectedWeightPpm(engine, heartbeat)))
  }
  const total = sum(held.values())
  for (const { device } of body.heartbeats) held.delete(device)
  return sum(held.values()) * TOLERATED <= total * 2 ** Math.min(round, MAX_DOUBLINGS)
}

function sum(values: Iterable<number>): number {
  let total = 0
  for (const value of values) total += value
  return total
}
