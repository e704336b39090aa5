// Transfers that wait for a block: per sender, with contiguous nonces. What a sender has promised here counts as spent.

import type { Bin } from '../base/bytes.ts'
import type { KeyBin } from '../crypto/keys.ts'
import type { Reason } from '../protocol/reason.ts'
import type { TransferTransaction } from '../protocol/transaction.ts'
import { encodeTransaction } from '../protocol/transaction.ts'

export interface TransferPoolOptions {
  readonly maxTransfers: number
  readonly maxBytes: number
  readonly maxPerSender: number
}

/** The sender's account in the ledger. */
export interface SenderAccount {
  readonly nonce: number
  readonly balance: bigint
}

interface Waiting {
  readonly transaction: TransferTransaction
  readonly sizeBytes: number
}

export class TransferPool {
  readonly #options: TransferPoolOptions
  readonly #bySender = new Map<KeyBin, Waiting[]>()
  readonly #byId = new Map<Bin, TransferTransaction>()
  #sizeBytes = 0

  constructor(options: TransferPoolOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#byId.size
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** How many transfers of this sender wait, and what they promise together. */
  promised(sender: KeyBin): { count: number; amount: bigint } {
    const waiting = this.#bySender.get(sender) ?? []
    return { count: waiting.length, amount: waiting.reduce((sum, { transaction }) => sum + transaction.transfer.amount, 0n) }
  }

  find(id: Bin): TransferTransaction | null {
    return this.#byId.get(id) ?? null
  }

  /** Why a transfer may not wait here, or null. Needs no verified signature and remembers nothing. */
  check(transaction: TransferTransaction, account: SenderAccount): Reason | null {
    const { sender, nonce, amount, id } = transaction.transfer
    const waiting = this.#bySender.get(sender) ?? []
    const same = waiting.find((other) => other.transaction.transfer.nonce === nonce)
    if (same !== undefined) return same.transaction.transfer.id === id ? 'duplicate' : 'nonce_conflict'
    if (nonce !== account.nonce + waiting.length) return nonce < account.nonce ? 'nonce_used' : 'nonce_gap'
    if (this.promised(sender).amount + amount > account.balance) return 'insufficient_balance'
    const sizeBytes = encodeTransaction(transaction).length
    const full = this.count >= this.#options.maxTransfers || this.#sizeBytes + sizeBytes > this.#options.maxBytes
    return full || waiting.length >= this.#options.maxPerSender ? 'mempool_full' : null
  }

  /** The transfer must have passed `check`. */
  add(transaction: TransferTransaction): void {
    const { sender } = transaction.transfer
    const entry = { transaction, sizeBytes: encodeTransaction(transaction).length }
    const waiting = this.#bySender.get(sender)
    if (waiting === undefined) this.#bySender.set(sender, [entry])
    else waiting.push(entry)
    this.#byId.set(transaction.transfer.id, transaction)
    this.#sizeBytes += entry.sizeBytes
  }

  /** At most `max` transfers, senders in order of arrival, each sender's in order of nonce. */
  reap(max: number): TransferTransaction[] {
    const chosen: TransferTransaction[] = []
    for (const waiting of this.#bySender.values()) {
      for (const { transaction } of waiting) {
        if (chosen.length === max) return chosen
        chosen.push(transaction)
      }
    }
    return chosen
  }

  /** Drops what can no longer be committed after a block. @returns how many */
  prune(height: number, accountOf: (sender: KeyBin) => SenderAccount | null): number {
    const before = this.count
    for (const [sender, waiting] of this.#bySender) {
      const account = accountOf(sender)
      const kept: Waiting[] = []
      let left = account?.balance ?? 0n
      for (const entry of waiting) {
        const { nonce, amount, expiryHeight } = entry.transaction.transfer
        if (account === null || nonce < account.nonce) continue
        // Behind one that falls out nothing fits: the nonces would leave a gap.
        if (nonce !== account.nonce + kept.length || expiryHeight <= height || amount > left) break
        left -= amount
        kept.push(entry)
      }
      const stays = new Set(kept)
      for (const entry of waiting) if (!stays.has(entry)) this.#byId.delete(entry.transaction.transfer.id)
      this.#sizeBytes -= sizeOf(waiting) - sizeOf(kept)
      if (kept.length === 0) this.#bySender.delete(sender)
      else this.#bySender.set(sender, kept)
    }
    return before - this.count
  }
}

const sizeOf = (waiting: readonly Waiting[]): number => waiting.reduce((sum, entry) => sum + entry.sizeBytes, 0)
