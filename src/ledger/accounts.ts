// Accounts by key, and drafts: the changes of a candidate block, kept apart from the accounts until it is decided.

import { assert } from '../base/assert.ts'
import type { KeyBin } from '../crypto/keys.ts'
import type { Account } from './account.ts'
import { accountKey, balanceOf, decodeAccount, RECORD_SIZE, writeNew } from './account.ts'
import type { TreePatch } from './tree.ts'
import { RecordTree } from './tree.ts'

/** Records are stored in pages of this many. */
export const PAGE_RECORDS = 32

export class Accounts {
  readonly #tree = new RecordTree()
  readonly #indices = new Map<KeyBin, number>()

  get count(): number {
    return this.#tree.count
  }

  /** All records, 128 bytes each. Valid until the next `apply`. */
  get records(): Uint8Array {
    return this.#tree.records
  }

  indexOf(key: KeyBin): number | undefined {
    return this.#indices.get(key)
  }

  /** Undefined if there is no such account. */
  keyAt(index: number): KeyBin | undefined {
    return index < this.count ? accountKey(this.records, index * RECORD_SIZE) : undefined
  }

  get(index: number): Account | null {
    return index < this.count ? decodeAccount(this.records, index * RECORD_SIZE, index) : null
  }

  find(key: KeyBin): Account | null {
    const index = this.indexOf(key)
    return index === undefined ? null : this.get(index)
  }

  draft(maxChanges: number): AccountDraft {
    return new AccountDraft(this, this.#tree, maxChanges)
  }

  apply(patch: TreePatch): void {
    const before = this.count
    this.#tree.apply(patch)
    for (let index = before; index < this.count; index++) this.#indices.set(accountKey(this.records, index * RECORD_SIZE), index)
  }

  /** Fills an empty table from stored pages, in order. @returns the root of the table */
  load(records: Uint8Array): Uint8Array {
    assert(this.count === 0, 'accounts are loaded once')
    const indices = Uint32Array.from({ length: records.length / RECORD_SIZE }, (_, i) => i)
    const patch = this.#tree.patch(indices, records)
    this.apply(patch)
    return patch.root
  }

  /** The pages that a patch touches, with the patch in place. */
  pagesOf(patch: TreePatch): { page: number; bytes: Uint8Array }[] {
    const pages: { page: number; bytes: Uint8Array }[] = []
    for (let i = 0; i < patch.indices.length; i++) {
      const index = patch.indices[i]!
      const page = Math.floor(index / PAGE_RECORDS)
      const first = page * PAGE_RECORDS
      if (pages.at(-1)?.page !== page) {
        const bytes = new Uint8Array(Math.min(PAGE_RECORDS, patch.count - first) * RECORD_SIZE)
        bytes.set(this.records.subarray(first * RECORD_SIZE, Math.min(first + PAGE_RECORDS, this.count) * RECORD_SIZE))
        pages.push({ page, bytes })
      }
      pages.at(-1)!.bytes.set(patch.records.subarray(i * RECORD_SIZE, (i + 1) * RECORD_SIZE), (index - first) * RECORD_SIZE)
    }
    return pages
  }
}

/** Copies of the records that a candidate block changes, and those that it creates. */
export class AccountDraft {
  readonly #accounts: Accounts
  readonly #tree: RecordTree
  readonly #slots = new Map<number, number>()
  readonly #created = new Map<KeyBin, number>()
  readonly #maxChanges: number
  /** Changed records in order of first touch; access through offsets from `edit` and `create`. */
  readonly bytes: Uint8Array

  constructor(accounts: Accounts, tree: RecordTree, maxChanges: number) {
    this.#accounts = accounts
    this.#tree = tree
    this.#maxChanges = maxChanges
    this.bytes = new Uint8Array(maxChanges * RECORD_SIZE)
  }

  indexOf(key: KeyBin): number | undefined {
    return this.#accounts.indexOf(key) ?? this.#created.get(key)
  }

  get created(): number {
    return this.#created.size
  }

  /** Copies a record into the draft at its first use. @returns its offset in `bytes` */
  edit(index: number): number {
    const slot = this.#slots.get(index)
    if (slot !== undefined) return slot * RECORD_SIZE
    const at = this.#take(index)
    this.bytes.set(this.#accounts.records.subarray(index * RECORD_SIZE, (index + 1) * RECORD_SIZE), at)
    return at
  }

  /** Opens an account behind all others. @returns its index and the offset of its record */
  create(key: KeyBin, enrolled: boolean): { index: number; at: number } {
    const index = this.#accounts.count + this.#created.size
    this.#created.set(key, index)
    const at = this.#take(index)
    writeNew(this.bytes, at, key, enrolled)
    return { index, at }
  }

  /** What the draft adds to the sum of all balances. */
  balanceChange(): bigint {
    const { records, count } = this.#accounts
    let change = 0n
    for (const [index, slot] of this.#slots) {
      change += balanceOf(this.bytes, slot * RECORD_SIZE)
      if (index < count) change -= balanceOf(records, index * RECORD_SIZE)
    }
    return change
  }

  toPatch(): TreePatch {
    const indices = Uint32Array.from(this.#slots.keys()).sort()
    const records = new Uint8Array(indices.length * RECORD_SIZE)
    indices.forEach((index, i) => {
      const from = this.#slots.get(index)! * RECORD_SIZE
      records.set(this.bytes.subarray(from, from + RECORD_SIZE), i * RECORD_SIZE)
    })
    return this.#tree.patch(indices, records)
  }

  #take(index: number): number {
    assert(this.#slots.size < this.#maxChanges, 'the draft has room')
    const slot = this.#slots.size
    this.#slots.set(index, slot)
    return slot * RECORD_SIZE
  }
}
