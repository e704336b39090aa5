// Transactions: an open list of kinds. In a block each is `kind uint8 ‖ payload`.
//
//   kind  what         payload                       signed by                              governance
//      1  transfer     signature ‖ fields            sender                                 no
//      2  enrolment    SSZ, see enrolment.ts         a registrar                            yes
//      3  join         SSZ, see membership.ts        validator and node key, and approvals  yes
//      4  leave        SSZ, see membership.ts        validator                              yes
//      5  parameters   SSZ, see parameters.ts        approvals                              yes
//      6  evidence     two votes, see evidence.ts    who signed twice                       yes
//   7…    device link and revocation, backlog: to come
//
// A governance transaction justifies a block without enough heartbeats, so that no network can brick itself.

import { unreachable } from '../base/assert.ts'
import type { Bin } from '../base/bytes.ts'
import { concat, equalBytes, fromBin, toBin } from '../base/bytes.ts'
import type { Result } from '../base/result.ts'
import { err, ok } from '../base/result.ts'
import { DOMAIN_SIZE, domainTag, HASH_SIZE, sha256, SIGNING_PREFIX_SIZE } from '../crypto/hash.ts'
import { tagKey } from '../crypto/keys.ts'
import type { Approval } from './approvals.ts'
import type { Enrolment } from './enrolment.ts'
import { decodeEnrolment, encodeEnrolment, enrolmentMessage } from './enrolment.ts'
import type { Evidence } from './evidence.ts'
import { decodeEvidence, encodeEvidence } from './evidence.ts'
import { MAX_TRANSACTION_BYTES } from './limits.ts'
import type { Join, Leave } from './membership.ts'
import { decodeJoin, decodeLeave, encodeJoin, encodeLeave, joinMessage, leaveMessage } from './membership.ts'
import type { ParametersChange } from './parameters.ts'
import { decodeParameters, encodeParameters, parametersMessage } from './parameters.ts'
import type { SignedTransfer } from './transfer.ts'
import { decodeTransfer, encodeSignedTransfer, signedTransfer, transferMessage } from './transfer.ts'
import { voteMessage } from './vote.ts'

export const TRANSFER_KIND = 1
export const ENROLMENT_KIND = 2
export const JOIN_KIND = 3
export const LEAVE_KIND = 4
export const PARAMETERS_KIND = 5
export const EVIDENCE_KIND = 6

export type TransferTransaction = { readonly kind: typeof TRANSFER_KIND; readonly transfer: SignedTransfer }

/** `id`: as a transfer has one, the hash of what was signed, or of both votes. */
export type GovernanceTransaction =
  | { readonly kind: typeof ENROLMENT_KIND; readonly id: Bin; readonly enrolment: Enrolment }
  | { readonly kind: typeof JOIN_KIND; readonly id: Bin; readonly join: Join }
  | { readonly kind: typeof LEAVE_KIND; readonly id: Bin; readonly leave: Leave }
  | { readonly kind: typeof PARAMETERS_KIND; readonly id: Bin; readonly change: ParametersChange }
  | { readonly kind: typeof EVIDENCE_KIND; readonly id: Bin; readonly evidence: Evidence }

export type Transaction = TransferTransaction | GovernanceTransaction

/** Governance transactions justify a block without enough heartbeats. */
export const isGovernance = (transaction: Transaction): transaction is GovernanceTransaction => transaction.kind !== TRANSFER_KIND

export const transactionId = (transaction: Transaction): Bin => (isGovernance(transaction) ? transaction.id : transaction.transfer.id)

export const encodeTransaction = (transaction: Transaction): Uint8Array => concat(Uint8Array.of(transaction.kind), encodePayload(transaction))

function encodePayload(transaction: Transaction): Uint8Array {
  switch (transaction.kind) {
    case TRANSFER_KIND: return encodeSignedTransfer(transaction.transfer)
    case ENROLMENT_KIND: return encodeEnrolment(transaction.enrolment)
    case JOIN_KIND: return encodeJoin(transaction.join)
    case LEAVE_KIND: return encodeLeave(transaction.leave)
    case PARAMETERS_KIND: return encodeParameters(transaction.change)
    case EVIDENCE_KIND: return encodeEvidence(transaction.evidence)
    default: return unreachable(transaction)
  }
}

/** Null for an unknown kind and for anything that is not canonical. Signatures are not checked. */
export function decodeTransaction(bytes: Uint8Array, genesisHash: Uint8Array): Transaction | null {
  if (bytes.length > MAX_TRANSACTION_BYTES) return null
  const payload = bytes.subarray(1)
  switch (bytes[0]) {
    case TRANSFER_KIND: {
      const transfer = payload.length < 64 ? null : decodeTransfer(payload.subarray(64))
      return transfer && { kind: TRANSFER_KIND, transfer: signedTransfer(genesisHash, transfer, payload.slice(0, 64)) }
    }
    case ENROLMENT_KIND: {
      const enrolment = decodeEnrolment(payload)
      return enrolment && enrolmentTransaction(genesisHash, enrolment)
    }
    case JOIN_KIND: {
      const join = decodeJoin(payload)
      return join && joinTransaction(genesisHash, join)
    }
    case LEAVE_KIND: {
      const leave = decodeLeave(payload)
      return leave && leaveTransaction(genesisHash, leave)
    }
    case PARAMETERS_KIND: {
      const change = decodeParameters(payload)
      return change && parametersTransaction(genesisHash, change)
    }
    case EVIDENCE_KIND: {
      const evidence = decodeEvidence(payload)
      return evidence && evidenceTransaction(evidence)
    }
    default: return null
  }
}

const idOf = (bytes: Uint8Array): Bin => toBin(sha256(bytes))

export const enrolmentTransaction = (genesisHash: Uint8Array, enrolment: Enrolment): GovernanceTransaction =>
  ({ kind: ENROLMENT_KIND, enrolment, id: idOf(enrolmentMessage(genesisHash, enrolment)) })
export const joinTransaction = (genesisHash: Uint8Array, join: Join): GovernanceTransaction =>
  ({ kind: JOIN_KIND, join, id: idOf(joinMessage(genesisHash, join)) })
export const leaveTransaction = (genesisHash: Uint8Array, leave: Leave): GovernanceTransaction =>
  ({ kind: LEAVE_KIND, leave, id: idOf(leaveMessage(genesisHash, leave)) })
export const parametersTransaction = (genesisHash: Uint8Array, change: ParametersChange): GovernanceTransaction =>
  ({ kind: PARAMETERS_KIND, change, id: idOf(parametersMessage(genesisHash, change)) })
export const evidenceTransaction = (evidence: Evidence): GovernanceTransaction =>
  ({ kind: EVIDENCE_KIND, evidence, id: idOf(encodeEvidence(evidence)) })

/** Reads a transfer as its sender posts it: the signed bytes and the signature. */
export function transactionFromMessage(message: Uint8Array, signature: Uint8Array, genesisHash: Uint8Array): Result<TransferTransaction, 'malformed' | 'wrong_network'> {
  if (message.length < SIGNING_PREFIX_SIZE || signature.length !== 64) return err('malformed')
  if (!equalBytes(message.subarray(0, DOMAIN_SIZE), domainTag('pulse/transfer/1'))) return err('malformed')
  if (!equalBytes(message.subarray(DOMAIN_SIZE, DOMAIN_SIZE + HASH_SIZE), genesisHash)) return err('wrong_network')
  const transfer = decodeTransfer(message.subarray(SIGNING_PREFIX_SIZE))
  if (transfer === null) return err('malformed')
  return ok({ kind: TRANSFER_KIND, transfer: signedTransfer(genesisHash, transfer, signature) })
}

/** One signature that must be verified before a transaction may be looked at. */
export interface TransactionSignature {
  /** Tagged. */
  readonly key: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/** Who signed which bytes: all of it must verify. */
export function transactionSignatures(transaction: Transaction, genesisHash: Uint8Array): TransactionSignature[] {
  const by = (key: Bin, message: Uint8Array, signature: Uint8Array): TransactionSignature => ({ key: tagKey('ed25519', fromBin(key)), message, signature })
  const approved = (approvals: readonly Approval[], message: Uint8Array): TransactionSignature[] =>
    approvals.map(({ validator, signature }) => by(validator, message, signature))
  switch (transaction.kind) {
    case TRANSFER_KIND: {
      const { transfer } = transaction
      return [{ key: fromBin(transfer.sender), message: transferMessage(genesisHash, transfer), signature: transfer.signature }]
    }
    case ENROLMENT_KIND: {
      const { enrolment } = transaction
      return [{ key: fromBin(enrolment.registrar), message: enrolmentMessage(genesisHash, enrolment), signature: enrolment.signature }]
    }
    case JOIN_KIND: {
      const { join } = transaction
      const message = joinMessage(genesisHash, join)
      return [by(join.key, message, join.signature), by(join.nodeKey, message, join.nodeSignature), ...approved(join.approvals, message)]
    }
    case LEAVE_KIND: {
      const { leave } = transaction
      return [by(leave.key, leaveMessage(genesisHash, leave), leave.signature)]
    }
    case PARAMETERS_KIND: {
      const { change } = transaction
      return approved(change.approvals, parametersMessage(genesisHash, change))
    }
    case EVIDENCE_KIND: {
      const { first, second } = transaction.evidence
      return [first, second].map((vote) => by(vote.validator, voteMessage(genesisHash, vote), vote.signature))
    }
    default: return unreachable(transaction)
  }
}
