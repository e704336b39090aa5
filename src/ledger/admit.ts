// May this heartbeat or transfer go into a block? Two questions are kept apart: validity (consensus, relative to the
// block) and policy (this node's door, by its own clock). Both use the checks of this file; only the clock differs.

import type { KeyBin } from '../crypto/keys.ts'
import type { Reason } from '../protocol/reason.ts'
import type { Heartbeat } from '../protocol/heartbeat.ts'
import type { Params } from '../protocol/params.ts'
import type { GovernanceTransaction } from '../protocol/transaction.ts'
import type { Transfer } from '../protocol/transfer.ts'
import { isEnrolled, lastHeight, lastSequence, lastTimestampS, nonceOf, RECORD_SIZE } from './account.ts'
import { govern } from './govern.ts'
import type { Ledger } from './state.ts'

/** Age against a reference time: the block's timestamp, or the clock at the door. */
export function checkAge(params: Params, heartbeat: Pick<Heartbeat, 'timestampS'>, referenceMs: number): Reason | null {
  const timestampMs = heartbeat.timestampS * 1_000
  if (timestampMs < referenceMs - params.heartbeatMaxAgeMs) return 'too_old'
  if (timestampMs > referenceMs + params.heartbeatMaxFutureMs) return 'from_future'
  return null
}

/** A heartbeat against the account of its life. @param at offset of the record, or −1 if there is no account yet */
export function checkSuccession(params: Params, heartbeat: Heartbeat, records: Uint8Array, at: number): Reason | null {
  if (at < 0) return params.enrolled ? 'not_enrolled' : null
  if (lastHeight(records, at) > 0) {
    if (heartbeat.sequence <= lastSequence(records, at)) return 'sequence_replayed'
    if ((heartbeat.timestampS - lastTimestampS(records, at)) * 1_000 < params.lifeMinIntervalMs) return 'too_fast'
  }
  return params.enrolled && !isEnrolled(records, at) ? 'not_enrolled' : null
}

/** Checks of a heartbeat at the door, without its signature. */
export function admitHeartbeat(ledger: Ledger, heartbeat: Heartbeat, nowMs: number): Reason | null {
  const age = checkAge(ledger.params, heartbeat, nowMs)
  if (age !== null) return age
  const index = ledger.accounts.indexOf(heartbeat.device)
  return checkSuccession(ledger.params, heartbeat, ledger.accounts.records, index === undefined ? -1 : index * RECORD_SIZE)
}

/** True if an account with this record may send in a block of this height. */
export function isAlive(params: Params, records: Uint8Array, at: number, height: number): boolean {
  const last = lastHeight(records, at)
  return last > 0 && height - last <= params.aliveBlocks
}

/**
 * Checks of a transfer at the door, without its signature and without the transfers that wait before it (the mempool
 * knows those): expiry, a used nonce, a sender that is not alive, an amount that opens no account.
 */
export function admitTransfer(ledger: Ledger, transfer: Transfer): Reason | null {
  const { params, accounts } = ledger
  if (transfer.expiryHeight <= ledger.height) return 'expired'
  const index = accounts.indexOf(transfer.sender)
  if (index === undefined) return 'sender_not_alive'
  const at = index * RECORD_SIZE
  if (transfer.nonce < nonceOf(accounts.records, at)) return 'nonce_used'
  if (!isAlive(params, accounts.records, at, ledger.height + 1)) return 'sender_not_alive'
  if (accounts.indexOf(transfer.recipient) === undefined && transfer.amount < params.accountMinimum) return 'below_minimum'
  return null
}

/** Checks of a governance transaction at the door, without its signatures: could the next block hold it? */
export function admitGovernance(ledger: Ledger, transaction: GovernanceTransaction, nowMs: number): Reason | null {
  const { accounts } = ledger
  const isKnown = (device: KeyBin): boolean => {
    const index = accounts.indexOf(device)
    return index !== undefined && isEnrolled(accounts.records, index * RECORD_SIZE)
  }
  const timestampMs = Math.max(nowMs, ledger.timestampMs)
  const result = govern(transaction, { state: ledger, governance: ledger.governance, height: ledger.height + 1, timestampMs, isEnrolled: isKnown })
  return result.ok ? null : result.error
}
