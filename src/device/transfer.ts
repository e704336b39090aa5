// Makes and signs a native transfer, for wallets.

import { toBin, toHex } from '../base/bytes.ts'
import { HASH_SIZE, sha256 } from '../crypto/hash.ts'
import { keyCurve, keyFromText } from '../crypto/keys.ts'
import type { KeyPair } from '../crypto/sign.ts'
import { sign } from '../crypto/sign.ts'
import { MAX_MEMO_BYTES } from '../protocol/limits.ts'
import { transferMessage } from '../protocol/transfer.ts'

export interface TransferInput {
  /** 32 bytes. */
  readonly genesisHash: Uint8Array
  /** Of the sender. */
  readonly keys: KeyPair
  /** `z…` or the tagged key, 35 bytes. */
  readonly recipient: string | Uint8Array
  /** Base units (10⁻⁸ PULSE), above zero. */
  readonly amount: bigint
  /** The sender's account nonce. */
  readonly nonce: number
  /** Last height at which the transfer may be committed. */
  readonly expiryHeight: number
  /** At most 128 bytes of UTF-8. */
  readonly memo?: string
}

export interface DeviceTransfer {
  /** The signed bytes. */
  readonly message: Uint8Array
  /** 64 bytes. */
  readonly signature: Uint8Array
  /** SHA-256 of the message, hex. */
  readonly id: string
}

const MAX_UINT64 = 2n ** 64n - 1n

/** @throws RangeError if a field is out of range */
export function makeTransfer(input: TransferInput): DeviceTransfer {
  const { genesisHash, keys, amount, nonce, expiryHeight } = input
  const recipient = typeof input.recipient === 'string' ? keyFromText(input.recipient) : input.recipient
  const memo = new TextEncoder().encode(input.memo ?? '')
  if (genesisHash.length !== HASH_SIZE) throw new RangeError('a genesis hash has 32 bytes')
  if (recipient === null || keyCurve(recipient) === null) throw new RangeError('the recipient is not a key (z…)')
  if (amount < 1n || amount > MAX_UINT64) throw new RangeError('the amount is from 1 to 2^64 − 1 base units')
  for (const value of [nonce, expiryHeight]) {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('nonce and expiry height are whole numbers of at least 0')
  }
  if (memo.length > MAX_MEMO_BYTES) throw new RangeError(`the memo has ${memo.length} bytes of UTF-8, over the limit of ${MAX_MEMO_BYTES}`)
  const transfer = { sender: toBin(keys.publicKey), recipient: toBin(recipient), amount, nonce, expiryHeight, memo }
  const message = transferMessage(genesisHash, transfer)
  return { message, signature: sign(message, keys), id: toHex(sha256(message)) }
}
