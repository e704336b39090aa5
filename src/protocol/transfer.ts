// Native transfers. Signed bytes: prefix (domain 'pulse/transfer/1', genesis hash) ‖ fields, where the fields are the
// SSZ container { sender, recipient, amount, nonce, expiryHeight, memo }:
//
//     0  sender, tagged key       35
//    35  recipient, tagged key    35
//    70  amount, base units   uint64
//    78  nonce                uint64
//    86  expiry height        uint64
//    94  offset of the memo   uint32   always 98
//    98  memo, UTF-8          0…128

import type { Bin } from '../base/bytes.ts'
import { concat, fromBin, readBigUint64, readUint32, readUint64, toBin, writeBigUint64, writeUint32, writeUint64 } from '../base/bytes.ts'
import { sha256, signingBytes } from '../crypto/hash.ts'
import type { KeyBin } from '../crypto/keys.ts'
import { keyCurve, TAGGED_KEY_SIZE } from '../crypto/keys.ts'
import { MAX_MEMO_BYTES } from './limits.ts'

const FIXED_SIZE = 98

export interface Transfer {
  readonly sender: KeyBin
  readonly recipient: KeyBin
  /** Base units (10⁻⁸ PULSE), above zero. */
  readonly amount: bigint
  /** The sender's account nonce: 0 for its first transfer, then one more each time. */
  readonly nonce: number
  /** Last height at which the transfer may be committed. */
  readonly expiryHeight: number
  /** At most 128 bytes of UTF-8. */
  readonly memo: Uint8Array
}

export interface SignedTransfer extends Transfer {
  readonly signature: Uint8Array
  /** SHA-256 of the signed bytes. */
  readonly id: Bin
}

export function encodeTransfer(transfer: Transfer): Uint8Array {
  const bytes = new Uint8Array(FIXED_SIZE + transfer.memo.length)
  bytes.set(fromBin(transfer.sender), 0)
  bytes.set(fromBin(transfer.recipient), 35)
  writeBigUint64(bytes, 70, transfer.amount)
  writeUint64(bytes, 78, transfer.nonce)
  writeUint64(bytes, 86, transfer.expiryHeight)
  writeUint32(bytes, 94, FIXED_SIZE)
  bytes.set(transfer.memo, FIXED_SIZE)
  return bytes
}

/** Null unless the bytes are the canonical encoding of a transfer. */
export function decodeTransfer(bytes: Uint8Array): Transfer | null {
  if (bytes.length < FIXED_SIZE || bytes.length > FIXED_SIZE + MAX_MEMO_BYTES || readUint32(bytes, 94) !== FIXED_SIZE) return null
  const sender = bytes.subarray(0, TAGGED_KEY_SIZE)
  const recipient = bytes.subarray(TAGGED_KEY_SIZE, 2 * TAGGED_KEY_SIZE)
  const amount = readBigUint64(bytes, 70)
  const nonce = readUint64(bytes, 78)
  const expiryHeight = readUint64(bytes, 86)
  const memo = bytes.slice(FIXED_SIZE)
  if (keyCurve(sender) === null || keyCurve(recipient) === null || amount === 0n || nonce < 0 || expiryHeight < 0 || !isUtf8(memo)) return null
  return { sender: toBin(sender), recipient: toBin(recipient), amount, nonce, expiryHeight, memo }
}

/** The bytes that the sender signs. */
export function transferMessage(genesisHash: Uint8Array, transfer: Transfer): Uint8Array {
  return signingBytes('pulse/transfer/1', genesisHash, encodeTransfer(transfer))
}

export function signedTransfer(genesisHash: Uint8Array, transfer: Transfer, signature: Uint8Array): SignedTransfer {
  return { ...transfer, signature, id: toBin(sha256(transferMessage(genesisHash, transfer))) }
}

export const encodeSignedTransfer = (transfer: SignedTransfer): Uint8Array => concat(transfer.signature, encodeTransfer(transfer))

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}
