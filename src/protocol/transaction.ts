// Transactions: an open list of kinds. In a block each is `kind uint8 ‖ signature ‖ fields`.
//
//   kind  what                                        governance
//      1  native transfer                             no
//   2…    device link and revocation, backlog, join, leave, parameters, enrolment, evidence: to come
//
// A governance transaction justifies a block without enough heartbeats (protocol.md, "Blocks").

import type { Bin } from '../base/bytes.ts'
import { concat, fromBin } from '../base/bytes.ts'
import type { SignedTransfer } from './transfer.ts'
import { decodeTransfer, encodeSignedTransfer, signedTransfer, transferMessage } from './transfer.ts'
import { MAX_TRANSACTION_BYTES } from './limits.ts'
import { DOMAIN_SIZE, domainTag, HASH_SIZE, SIGNING_PREFIX_SIZE } from '../crypto/hash.ts'
import { equalBytes } from '../base/bytes.ts'
import type { Result } from '../base/result.ts'
import { err, ok } from '../base/result.ts'

export const TRANSFER_KIND = 1

export type Transaction = { readonly kind: typeof TRANSFER_KIND; readonly transfer: SignedTransfer }

export function encodeTransaction(transaction: Transaction): Uint8Array {
  return concat(Uint8Array.of(transaction.kind), encodeSignedTransfer(transaction.transfer))
}

/** Null for an unknown kind and for anything that is not canonical. The signature is not checked. */
export function decodeTransaction(bytes: Uint8Array, genesisHash: Uint8Array): Transaction | null {
  if (bytes.length > MAX_TRANSACTION_BYTES || bytes.length < 65 || bytes[0] !== TRANSFER_KIND) return null
  const transfer = decodeTransfer(bytes.subarray(65))
  if (transfer === null) return null
  return { kind: TRANSFER_KIND, transfer: signedTransfer(genesisHash, transfer, bytes.slice(1, 65)) }
}

/** Reads a transfer as its sender posts it: the signed bytes and the signature. */
export function transactionFromMessage(message: Uint8Array, signature: Uint8Array, genesisHash: Uint8Array): Result<Transaction, 'malformed' | 'wrong_network'> {
  if (message.length < SIGNING_PREFIX_SIZE || signature.length !== 64) return err('malformed')
  if (!equalBytes(message.subarray(0, DOMAIN_SIZE), domainTag('pulse/transfer/1'))) return err('malformed')
  if (!equalBytes(message.subarray(DOMAIN_SIZE, DOMAIN_SIZE + HASH_SIZE), genesisHash)) return err('wrong_network')
  const transfer = decodeTransfer(message.subarray(SIGNING_PREFIX_SIZE))
  if (transfer === null) return err('malformed')
  return ok({ kind: TRANSFER_KIND, transfer: signedTransfer(genesisHash, transfer, signature) })
}

/** What must be verified before a transaction may be looked at: who signed which bytes. */
export function transactionSignature(transaction: Transaction, genesisHash: Uint8Array): { key: Uint8Array; message: Uint8Array; signature: Uint8Array } {
  const { transfer } = transaction
  return { key: fromBin(transfer.sender), message: transferMessage(genesisHash, transfer), signature: transfer.signature }
}

export const transactionId = (transaction: Transaction): Bin => transaction.transfer.id

/** True for the kinds that justify a block without enough heartbeats. None yet. */
export const isGovernance = (_transaction: Transaction): boolean => false
