// What the API shows of a transaction, by its kind.

import type { ParamsView, TransactionView } from '../api/backend.ts'
import { unreachable } from '../base/assert.ts'
import { binToHex } from '../base/bytes.ts'
import { keyBinToText } from '../crypto/keys.ts'
import type { Approval } from '../protocol/approvals.ts'
import type { Params } from '../protocol/params.ts'
import type { Transaction } from '../protocol/transaction.ts'
import { ENROLMENT_KIND, EVIDENCE_KIND, JOIN_KIND, LEAVE_KIND, PARAMETERS_KIND, transactionId, TRANSFER_KIND } from '../protocol/transaction.ts'
import type { Vote } from '../protocol/vote.ts'
import { toBase64 } from './base64.ts'

/** @param height of the block that holds it; null while it waits */
export function transactionView(transaction: Transaction, height: number | null): TransactionView {
  const common = { id: binToHex(transactionId(transaction)), height }
  switch (transaction.kind) {
    case TRANSFER_KIND: {
      const { sender, recipient, amount, nonce, expiryHeight, memo, signature } = transaction.transfer
      return {
        ...common,
        kind: 'transfer',
        sender: keyBinToText(sender),
        recipient: keyBinToText(recipient),
        amount: amount.toString(),
        nonce,
        expiryHeight,
        memo: new TextDecoder('utf-8', { ignoreBOM: true }).decode(memo),
        signature: toBase64(signature),
      }
    }
    case ENROLMENT_KIND: {
      const { registrar, devices, expiryHeight, signature } = transaction.enrolment
      return { ...common, kind: 'enrolment', registrar: keyBinToText(registrar), devices: devices.map(keyBinToText), expiryHeight, signature: toBase64(signature) }
    }
    case JOIN_KIND: {
      const { key, nodeKey, base, signedAt, expiryHeight, signature, nodeSignature, approvals } = transaction.join
      const signatures = { signature: toBase64(signature), nodeSignature: toBase64(nodeSignature), approvals: approvalViews(approvals) }
      return { ...common, kind: 'join', key: binToHex(key), nodeKey: binToHex(nodeKey), base, signedAt, expiryHeight, ...signatures }
    }
    case LEAVE_KIND: {
      const { key, signedAt, expiryHeight, signature } = transaction.leave
      return { ...common, kind: 'leave', key: binToHex(key), signedAt, expiryHeight, signature: toBase64(signature) }
    }
    case PARAMETERS_KIND: {
      const { paramsRoot, params, approvals, ...heights } = transaction.change
      return { ...common, kind: 'parameters', paramsRoot: binToHex(paramsRoot), ...heights, params: paramsJson(params), approvals: approvalViews(approvals) }
    }
    case EVIDENCE_KIND: {
      const { first, second } = transaction.evidence
      const { validator, height: voteHeight, round, type } = first
      return { ...common, kind: 'evidence', validator: binToHex(validator), voteHeight, round, type, first: voteView(first), second: voteView(second) }
    }
    default: return unreachable(transaction)
  }
}

const approvalViews = (approvals: readonly Approval[]) => approvals.map(({ validator, signature }) => ({ validator: binToHex(validator), signature: toBase64(signature) }))

const voteView = ({ blockId, signature }: Vote) => ({ blockId: blockId === null ? null : binToHex(blockId), signature: toBase64(signature) })

/** JSON numbers would lose the digits of amounts. */
export const paramsJson = (params: Params): ParamsView['params'] =>
  Object.fromEntries(Object.entries(params).map(([name, value]: [string, Params[keyof Params]]) => [name, typeof value === 'bigint' ? value.toString() : value]))
