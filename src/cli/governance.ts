// Makes, signs and reads governance transactions, for the commands that enrol, join, leave and change parameters.

import { unreachable } from '../base/assert.ts'
import { compareBin, toBin } from '../base/bytes.ts'
import type { KeyBin } from '../crypto/keys.ts'
import { bareBin } from '../crypto/keys.ts'
import type { KeyPair } from '../crypto/sign.ts'
import { sign } from '../crypto/sign.ts'
import { verifySignature } from '../crypto/verify.ts'
import type { Approval } from '../protocol/approvals.ts'
import { enrolmentMessage } from '../protocol/enrolment.ts'
import { joinMessage, leaveMessage } from '../protocol/membership.ts'
import type { ParametersFields } from '../protocol/parameters.ts'
import { parametersMessage } from '../protocol/parameters.ts'
import type { GovernanceTransaction } from '../protocol/transaction.ts'
import {
  ENROLMENT_KIND, enrolmentTransaction, EVIDENCE_KIND, JOIN_KIND, joinTransaction, LEAVE_KIND, leaveTransaction, PARAMETERS_KIND, parametersTransaction,
  transactionSignatures,
} from '../protocol/transaction.ts'

/** Which heights of the chain a transaction is for. */
export interface Heights {
  /** Of the head, when it is signed. */
  readonly signedAt: number
  /** Last height at which it may be committed. */
  readonly expiryHeight: number
}

/** @param devices in any order; doubles count once */
export function makeEnrolment(genesisHash: Uint8Array, registrar: KeyPair, devices: readonly KeyBin[], expiryHeight: number): GovernanceTransaction {
  const fields = { registrar: toBin(registrar.publicKey), expiryHeight, devices: [...new Set(devices)].sort(compareBin) }
  return enrolmentTransaction(genesisHash, { ...fields, signature: sign(enrolmentMessage(genesisHash, fields), registrar) })
}

/** @param base power; above zero it needs approvals */
export function makeJoin(genesisHash: Uint8Array, keys: { readonly node: KeyPair; readonly validator: KeyPair }, base: number, heights: Heights): GovernanceTransaction {
  const fields = { key: bareBin(keys.validator.publicKey), nodeKey: bareBin(keys.node.publicKey), base, ...heights }
  const message = joinMessage(genesisHash, fields)
  return joinTransaction(genesisHash, { ...fields, signature: sign(message, keys.validator), nodeSignature: sign(message, keys.node), approvals: [] })
}

export function makeLeave(genesisHash: Uint8Array, validator: KeyPair, heights: Heights): GovernanceTransaction {
  const fields = { key: bareBin(validator.publicKey), ...heights }
  return leaveTransaction(genesisHash, { ...fields, signature: sign(leaveMessage(genesisHash, fields), validator) })
}

export const makeParametersChange = (genesisHash: Uint8Array, fields: ParametersFields): GovernanceTransaction =>
  parametersTransaction(genesisHash, { ...fields, approvals: [] })

/** The approvals of a transaction; null if it is of a kind that takes none. */
export function approvalsOf(transaction: GovernanceTransaction): readonly Approval[] | null {
  switch (transaction.kind) {
    case JOIN_KIND: return transaction.join.base > 0 ? transaction.join.approvals : null
    case PARAMETERS_KIND: return transaction.change.approvals
    case ENROLMENT_KIND:
    case LEAVE_KIND:
    case EVIDENCE_KIND: return null
    default: return unreachable(transaction)
  }
}

/** The transaction with these approvals besides its own. One of a validator that has approved already changes nothing. */
export function withApprovals(transaction: GovernanceTransaction, more: readonly Approval[]): GovernanceTransaction {
  const all = new Map([...more, ...(approvalsOf(transaction) ?? [])].map((approval) => [approval.validator, approval]))
  const approvals = [...all.values()].sort((a, b) => compareBin(a.validator, b.validator))
  if (transaction.kind === JOIN_KIND) return { ...transaction, join: { ...transaction.join, approvals } }
  if (transaction.kind === PARAMETERS_KIND) return { ...transaction, change: { ...transaction.change, approvals } }
  return transaction
}

/** The approval of a validator. Null for a kind that takes none. */
export function approve(transaction: GovernanceTransaction, genesisHash: Uint8Array, validator: KeyPair): Approval | null {
  if (approvalsOf(transaction) === null) return null
  const signed = (message: Uint8Array): Approval => ({ validator: bareBin(validator.publicKey), signature: sign(message, validator) })
  if (transaction.kind === JOIN_KIND) return signed(joinMessage(genesisHash, transaction.join))
  return transaction.kind === PARAMETERS_KIND ? signed(parametersMessage(genesisHash, transaction.change)) : null
}

/** True if all its signatures verify. */
export const isSigned = (transaction: GovernanceTransaction, genesisHash: Uint8Array): boolean =>
  transactionSignatures(transaction, genesisHash).every(({ key, message, signature }) => verifySignature(message, signature, key))
