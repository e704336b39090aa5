// The door of the mempool: what waits for a block, and what is refused with which reason.

import { equalBytes } from '../base/bytes.ts'
import type { Verified } from '../crypto/verified.ts'
import { lastActiveMs, lastHeight, lastSequence, lastTimestampS, RECORD_SIZE, streakStartMs } from '../ledger/account.ts'
import { admitGovernance, admitHeartbeat, admitTransfer, isAlive } from '../ledger/admit.ts'
import { gapLimitMs, weightPpm } from '../ledger/weight.ts'
import type { Heartbeat } from '../protocol/heartbeat.ts'
import type { Reason } from '../protocol/reason.ts'
import type { Transaction } from '../protocol/transaction.ts'
import { encodeTransaction, isGovernance } from '../protocol/transaction.ts'
import type { KeyBin } from '../crypto/keys.ts'
import type { SenderAccount } from '../mempool/transfers.ts'
import type { LastBeat } from '../mempool/heartbeats.ts'
import type { Verdict } from './effect.ts'
import type { Engine } from './engine.ts'

/** All checks of a heartbeat but its signature. Remembers nothing, so it may run before the signature is verified. */
export function precheckHeartbeat(engine: Engine, heartbeat: Heartbeat, nowMs: number): Reason | null {
  // Where no block comes, nothing else makes room.
  engine.heartbeats.expire(oldestS(engine, nowMs))
  return admitHeartbeat(engine.ledger, heartbeat, nowMs) ?? engine.heartbeats.check(heartbeat, engine.ledger.params.lifeMinIntervalMs)
}

/** All checks of a transaction but its signature. */
export function precheckTransaction(engine: Engine, transaction: Transaction, nowMs: number): Reason | null {
  if (isGovernance(transaction)) return engine.governance.check(transaction) ?? admitGovernance(engine.ledger, transaction, nowMs)
  const refused = admitTransfer(engine.ledger, transaction.transfer)
  if (refused !== null) return refused
  const account = senderAccount(engine, transaction.transfer.sender)
  return account === null ? 'sender_not_alive' : engine.transfers.check(transaction, account)
}

export function admitHeartbeats(engine: Engine, heartbeats: readonly Verified<Heartbeat>[], nowMs: number): Verdict[] {
  return heartbeats.map((heartbeat): Verdict => {
    const reason = precheckHeartbeat(engine, heartbeat, nowMs)
    if (reason !== null) return { accepted: false, reason }
    engine.heartbeats.add(heartbeat, nowMs)
    return { accepted: true, weightPpm: expectedWeightPpm(engine, heartbeat) }
  })
}

export function admitTransaction(engine: Engine, transaction: Verified<Transaction>, nowMs: number): Verdict {
  const reason = precheckTransaction(engine, transaction, nowMs)
  if (reason !== null) return { accepted: false, reason }
  if (isGovernance(transaction)) engine.governance.add(transaction)
  else engine.transfers.add(transaction)
  return { accepted: true, weightPpm: 0 }
}

/** After a block: drops what it committed and what can no longer be committed. */
export function pruneMempool(engine: Engine, committed: readonly Heartbeat[], nowMs: number): void {
  const { params } = engine.ledger
  const devices = new Set(committed.map(({ device }) => device))
  engine.heartbeats.prune(oldestS(engine, nowMs), devices, (device) => lastBeat(engine, device), params.lifeMinIntervalMs)
  engine.transfers.prune(engine.ledger.height, (sender) => livingAccount(engine, sender))
  engine.governance.prune((transaction) => admitGovernance(engine.ledger, transaction, nowMs) === null)
}

/** A transaction that waits, exactly as it is: the id alone does not cover its signatures. */
export function isWaiting(engine: Engine, transaction: Transaction): boolean {
  const known = isGovernance(transaction) ? engine.governance.find(transaction.id) : engine.transfers.find(transaction.transfer.id)
  return known !== null && equalBytes(encodeTransaction(known), encodeTransaction(transaction))
}

/** Oldest timestamp that a block of this moment may carry, s. */
export const oldestS = (engine: Engine, timestampMs: number): number => Math.ceil((timestampMs - engine.ledger.params.heartbeatMaxAgeMs) / 1_000)

/** The weight that a heartbeat would have in a block now, ppm. */
export function expectedWeightPpm({ ledger }: Engine, { device, rateLevel, motionLevel }: Heartbeat): number {
  const index = ledger.accounts.indexOf(device)
  const { records } = ledger.accounts
  const at = index === undefined ? -1 : index * RECORD_SIZE
  const alive = at >= 0 && lastHeight(records, at) > 0 && ledger.activeMs - lastActiveMs(records, at) <= gapLimitMs(ledger.params)
  return weightPpm(ledger.params, rateLevel, motionLevel, alive ? ledger.activeMs - streakStartMs(records, at) : 0)
}

function senderAccount(engine: Engine, sender: KeyBin): SenderAccount | null {
  return engine.ledger.accounts.find(sender)
}

/** Null for a sender that may not send in the next block: what it promised would wait, in front of all others, until it expires. */
function livingAccount({ ledger }: Engine, sender: KeyBin): SenderAccount | null {
  const account = ledger.accounts.find(sender)
  return account !== null && isAlive(ledger.params, ledger.accounts.records, account.index * RECORD_SIZE, ledger.height + 1) ? account : null
}

function lastBeat({ ledger }: Engine, device: KeyBin): LastBeat | null {
  const index = ledger.accounts.indexOf(device)
  if (index === undefined) return null
  const { records } = ledger.accounts
  const at = index * RECORD_SIZE
  return lastHeight(records, at) === 0 ? null : { sequence: lastSequence(records, at), timestampS: lastTimestampS(records, at) }
}
