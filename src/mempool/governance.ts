// Governance transactions that wait for a block. They are few: what fills the pool is refused.

import type { Bin } from '../base/bytes.ts'
import type { Reason } from '../protocol/reason.ts'
import type { GovernanceTransaction } from '../protocol/transaction.ts'
import { encodeTransaction, EVIDENCE_KIND, JOIN_KIND } from '../protocol/transaction.ts'

/** Of all kinds; joins cost nobody anything, so they may take only a part of it. */
const MAX_WAITING = 256
const MAX_JOINS = 32

export class GovernancePool {
  readonly #byId = new Map<Bin, GovernanceTransaction>()

  get count(): number {
    return this.#byId.size
  }

  get sizeBytes(): number {
    return [...this.#byId.values()].reduce((sum, transaction) => sum + encodeTransaction(transaction).length, 0)
  }

  find(id: Bin): GovernanceTransaction | null {
    return this.#byId.get(id) ?? null
  }

  /** Why a transaction may not wait here, or null. Needs no verified signature and remembers nothing. */
  check(transaction: GovernanceTransaction): Reason | null {
    if (this.#byId.has(transaction.id)) return 'duplicate'
    const joins = (): number => [...this.#byId.values()].filter(({ kind }) => kind === JOIN_KIND).length
    return this.count >= MAX_WAITING || (transaction.kind === JOIN_KIND && joins() >= MAX_JOINS) ? 'mempool_full' : null
  }

  /** The transaction must have passed `check`. */
  add(transaction: GovernanceTransaction): void {
    this.#byId.set(transaction.id, transaction)
  }

  /** All that wait: evidence first, the rest in order of arrival. */
  reap(): GovernanceTransaction[] {
    const all = [...this.#byId.values()]
    return [...all.filter(({ kind }) => kind === EVIDENCE_KIND), ...all.filter(({ kind }) => kind !== EVIDENCE_KIND)]
  }

  /** Drops what can no longer be committed. */
  prune(isValid: (transaction: GovernanceTransaction) => boolean): void {
    for (const [id, transaction] of this.#byId) if (!isValid(transaction)) this.#byId.delete(id)
  }
}
