// Records, drafts and pages: what is written comes back, and stored pages rebuild the same accounts.

import fc from 'fast-check'
import t from 'tap'
import { InvariantError } from '../../src/base/assert.ts'
import { concat, equalBytes, toHex } from '../../src/base/bytes.ts'
import {
  addReward, decodeAccount, RECORD_SIZE, setBalance, setNonce, writeBeat, writeNew,
} from '../../src/ledger/account.ts'
import { Accounts, PAGE_RECORDS } from '../../src/ledger/accounts.ts'
import { holds } from '../fuzz/holds.ts'
import { device } from './ledger-fixture.ts'

/** As a store keeps them: a page is replaced as a whole. */
class Pages {
  readonly #pages = new Map<number, Uint8Array>()

  put(pages: readonly { page: number; bytes: Uint8Array }[]): void {
    for (const { page, bytes } of pages) this.#pages.set(page, bytes.slice())
  }

  joined(): Uint8Array {
    const order = [...this.#pages.keys()].sort((a, b) => a - b)
    if (order.some((page, i) => page !== i)) throw new Error('a page is missing')
    return concat(...order.map((page) => this.#pages.get(page)!))
  }
}

/** Opens accounts `from` to `to`, not included, and gives some others a balance. @returns the root */
function change(accounts: Accounts, pages: Pages, to: number, touched: readonly number[] = []): string {
  const draft = accounts.draft(to - accounts.count + touched.length)
  for (const index of touched) setBalance(draft.bytes, draft.edit(index), BigInt(to * 1_000 + index))
  for (let index = accounts.count; index < to; index++) draft.create(device(index), index % 3 === 0)
  const patch = draft.toPatch()
  pages.put(accounts.pagesOf(patch))
  accounts.apply(patch)
  return toHex(patch.root)
}

function agrees(accounts: Accounts, pages: Pages, root: string): boolean {
  const loaded = new Accounts()
  const stored = pages.joined()
  if (toHex(loaded.load(stored)) !== root || loaded.count !== accounts.count || stored.length !== accounts.count * RECORD_SIZE) return false
  for (let index = 0; index < accounts.count; index++) {
    const { key } = accounts.get(index)!
    if (loaded.indexOf(key) !== index || accounts.indexOf(key) !== index) return false
  }
  return equalBytes(loaded.records.subarray(0, stored.length), accounts.records.subarray(0, stored.length))
}

t.test('stored pages rebuild the accounts, at every boundary of a page', async (t) => {
  for (const count of [1, 2, PAGE_RECORDS - 1, PAGE_RECORDS, PAGE_RECORDS + 1, 2 * PAGE_RECORDS - 1, 2 * PAGE_RECORDS, 2 * PAGE_RECORDS + 1]) {
    for (const first of [0, 1, PAGE_RECORDS - 1, PAGE_RECORDS, PAGE_RECORDS + 1]) {
      if (first > count) continue
      const accounts = new Accounts()
      const pages = new Pages()
      change(accounts, pages, first)
      const root = change(accounts, pages, count, first === 0 ? [] : [0, first - 1])
      t.ok(agrees(accounts, pages, root), `${first}, then ${count}`)
    }
  }
})

t.test('stored pages rebuild the accounts after random changes', async (t) => {
  const step = fc.record({ opened: fc.oneof(fc.nat({ max: 3 }), fc.constantFrom(0, 31, 32, 33)), touched: fc.array(fc.nat(), { maxLength: 4 }) })
  holds(
    t,
    'pages and root',
    fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
      const accounts = new Accounts()
      const pages = new Pages()
      return steps.every(({ opened, touched }) => {
        const indices = accounts.count === 0 ? [] : touched.map((index) => index % accounts.count)
        const root = change(accounts, pages, accounts.count + opened, indices)
        return agrees(accounts, pages, root)
      })
    }),
    { numRuns: 60 },
  )
})

t.test('only touched pages are written, each once, and only the last may be short', async (t) => {
  const accounts = new Accounts()
  change(accounts, new Pages(), 100)
  const draft = accounts.draft(10)
  for (const index of [99, 0, 31, 32, 33, 0]) draft.edit(index)
  draft.create(device(100), false)
  const pages = accounts.pagesOf(draft.toPatch())
  t.strictSame(pages.map(({ page, bytes }) => [page, bytes.length / RECORD_SIZE]), [[0, 32], [1, 32], [3, 5]])
  t.strictSame(accounts.pagesOf(accounts.draft(0).toPatch()), [], 'nothing changed, nothing to write')
})

t.test('pages are copies: neither the accounts nor the patch change with them', async (t) => {
  const accounts = new Accounts()
  change(accounts, new Pages(), 3)
  const draft = accounts.draft(1)
  draft.edit(1)
  const patch = draft.toPatch()
  const before = toHex(concat(accounts.records.subarray(0, 3 * RECORD_SIZE), patch.records))
  for (const { bytes } of accounts.pagesOf(patch)) bytes.fill(0xff)
  t.equal(toHex(concat(accounts.records.subarray(0, 3 * RECORD_SIZE), patch.records)), before)
})

t.test('a draft changes nothing until its patch is applied', async (t) => {
  const accounts = new Accounts()
  change(accounts, new Pages(), 2)
  const draft = accounts.draft(2)
  setBalance(draft.bytes, draft.edit(0), 77n)
  const { index } = draft.create(device(9), true)
  t.equal(index, 2)
  t.equal(draft.indexOf(device(9)), 2)
  t.equal(draft.created, 1)
  t.equal(accounts.count, 2)
  t.equal(accounts.indexOf(device(9)), undefined)
  t.equal(accounts.get(0)!.balance, 0n)
  t.equal(accounts.get(2), null)
  t.equal(accounts.find(device(9)), null)
  accounts.apply(draft.toPatch())
  t.equal(accounts.get(0)!.balance, 77n)
  t.match(accounts.find(device(9)), { index: 2, key: device(9), enrolled: true })
})

t.test('two edits of one record are edits of one copy', async (t) => {
  const accounts = new Accounts()
  change(accounts, new Pages(), 2)
  const draft = accounts.draft(1)
  setBalance(draft.bytes, draft.edit(1), 5n)
  t.equal(draft.edit(1), draft.edit(1))
  accounts.apply(draft.toPatch())
  t.equal(accounts.get(1)!.balance, 5n)
})

t.test('a draft knows what it adds to the sum of all balances', async (t) => {
  const accounts = new Accounts()
  change(accounts, new Pages(), 3)
  change(accounts, new Pages(), 3, [0, 2])
  const { balance } = accounts.get(0)!
  const draft = accounts.draft(3)
  t.equal(draft.balanceChange(), 0n)
  const first = draft.edit(0)
  t.equal(draft.balanceChange(), 0n, 'touched, not changed')
  setBalance(draft.bytes, first, balance - 5n)
  t.equal(draft.balanceChange(), -5n)
  setBalance(draft.bytes, draft.edit(1), 2n ** 63n)
  setBalance(draft.bytes, draft.create(device(7), false).at, 2n ** 63n)
  t.equal(draft.balanceChange(), 2n ** 64n - 5n)
})

t.test('a draft that is full, and accounts that are loaded twice, are bugs', async (t) => {
  const accounts = new Accounts()
  change(accounts, new Pages(), 2)
  const draft = accounts.draft(1)
  draft.edit(0)
  draft.edit(0)
  t.throws(() => draft.edit(1), InvariantError)
  t.throws(() => draft.create(device(5), false), InvariantError)
  t.throws(() => accounts.load(new Uint8Array(RECORD_SIZE)), InvariantError)
})

t.test('a record keeps what is written to it, and nothing else', async (t) => {
  const bytes = new Uint8Array(3 * RECORD_SIZE).fill(0xee)
  const at = RECORD_SIZE
  writeNew(bytes, at, device(1), true)
  const silent = { lastTimestampS: 0, lastSequence: 0, lastHeight: 0, lastActiveMs: 0, streakStartMs: 0 }
  const empty = { index: 4, key: device(1), enrolled: true, blocks: 0, balance: 0n, nonce: 0, earned: 0n, ...silent }
  t.strictSame(decodeAccount(bytes, at, 4), empty)
  const large = Number.MAX_SAFE_INTEGER
  writeBeat(bytes, at, { timestampS: large, sequence: large - 1, height: large - 2, activeMs: large - 3, streakStartMs: large - 4 })
  addReward(bytes, at, 3n)
  addReward(bytes, at, 2n ** 63n)
  setNonce(bytes, at, large - 5)
  const full = { lastTimestampS: large, lastSequence: large - 1, lastHeight: large - 2, lastActiveMs: large - 3, streakStartMs: large - 4, nonce: large - 5 }
  t.strictSame(decodeAccount(bytes, at, 4), { ...empty, ...full, blocks: 2, balance: 2n ** 63n + 3n, earned: 2n ** 63n + 3n })
  setBalance(bytes, at, 2n ** 64n - 1n)
  t.equal(decodeAccount(bytes, at, 4).balance, 2n ** 64n - 1n)
  t.equal(decodeAccount(bytes, at, 4).earned, 2n ** 63n + 3n)
  t.ok(bytes.subarray(0, at).every((byte) => byte === 0xee) && bytes.subarray(2 * RECORD_SIZE).every((byte) => byte === 0xee), 'the neighbours are untouched')
  t.ok(bytes.subarray(at + 104, at + RECORD_SIZE).every((byte) => byte === 0), 'the reserved bytes stay zero')
})
