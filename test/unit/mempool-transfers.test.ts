// The pool of transfers: each refusal, each bound at it and one past it, and against a plain list.

import fc from 'fast-check'
import t from 'tap'
import type { KeyBin } from '../../src/crypto/keys.ts'
import type { SenderAccount, TransferPoolOptions } from '../../src/mempool/transfers.ts'
import { TransferPool } from '../../src/mempool/transfers.ts'
import type { Reason } from '../../src/protocol/reason.ts'
import type { TransferTransaction } from '../../src/protocol/transaction.ts'
import { encodeTransaction } from '../../src/protocol/transaction.ts'
import { holds } from '../fuzz/holds.ts'
import type { TransferFields } from './ledger-fixture.ts'
import { device, transferOn } from './ledger-fixture.ts'

const HASH = new Uint8Array(32)
const transfer = (from: number, nonce: number, amount: bigint, more: Partial<TransferFields> = {}): TransferTransaction => transferOn(HASH, { from, to: 9, nonce, amount, ...more })
const poolOf = (options: Partial<TransferPoolOptions> = {}): TransferPool => new TransferPool({ maxTransfers: 1_000, maxBytes: 1_000_000, maxPerSender: 64, ...options })
/** Of a transfer without memo: kind, signature, fields. */
const SIZE = 1 + 64 + 98

function offer(pool: TransferPool, transaction: TransferTransaction, account: SenderAccount): Reason | null {
  const reason = pool.check(transaction, account)
  if (reason === null) pool.add(transaction)
  return reason
}

const all = (pool: TransferPool): TransferTransaction[] => pool.reap(1_000_000)

t.test('a transfer is held against the account and those of its sender that wait', async (t) => {
  const account = { nonce: 5, balance: 100n }
  const waiting = [transfer(0, 5, 30n), transfer(0, 6, 50n)]
  const rows: [desc: string, transaction: TransferTransaction, expected: Reason | null][] = [
    ['the next nonce', transfer(0, 7, 1n), null],
    ['all that is left', transfer(0, 7, 20n), null],
    ['a unit more', transfer(0, 7, 21n), 'insufficient_balance'],
    ['the same one', waiting[0]!, 'duplicate'],
    ['the same one, signed again', transfer(0, 5, 30n, { salt: 'again' }), 'duplicate'],
    ['another one with its nonce', transfer(0, 5, 31n), 'nonce_conflict'],
    ['another one with its nonce, to somebody else', transfer(0, 6, 50n, { to: 8 }), 'nonce_conflict'],
    ['a used nonce', transfer(0, 4, 1n), 'nonce_used'],
    ['a gap', transfer(0, 8, 1n), 'nonce_gap'],
    ['a gap, whatever the amount', transfer(0, 8, 1_000n), 'nonce_gap'],
    ['to itself: it promises as much', transfer(0, 7, 21n, { to: 0 }), 'insufficient_balance'],
    ['of another sender', transfer(1, 5, 100n), null],
  ]
  for (const [desc, transaction, expected] of rows) {
    const pool = poolOf()
    for (const each of waiting) pool.add(each)
    t.equal(pool.check(transaction, account), expected, desc)
    t.equal(pool.check(transaction, account), expected, `${desc}, asked again: nothing is remembered`)
    t.strictSame(pool.promised(device(0)), { count: 2, amount: 80n })
  }
})

t.test('bounds, at them and one past them', async (t) => {
  const rich = { nonce: 0, balance: 2n ** 64n - 1n }
  const counted = poolOf({ maxTransfers: 2 })
  t.strictSame([0, 1, 2].map((from) => offer(counted, transfer(from, 0, 1n), rich)), [null, null, 'mempool_full'])
  const perSender = poolOf({ maxPerSender: 2 })
  t.strictSame([0, 1, 2].map((nonce) => offer(perSender, transfer(0, nonce, 1n), rich)), [null, null, 'mempool_full'])
  t.equal(offer(perSender, transfer(1, 0, 1n), rich), null, 'another sender has its own share')
  for (const [maxBytes, expected] of [
    [3 * SIZE + 10, [null, null, null]],
    [3 * SIZE + 9, [null, null, 'mempool_full']],
    [2 * SIZE, [null, null, 'mempool_full']],
    [2 * SIZE - 1, [null, 'mempool_full', 'nonce_gap']],
  ] as const) {
    const sized = poolOf({ maxBytes })
    const transactions = [transfer(0, 0, 1n), transfer(0, 1, 1n), transfer(0, 2, 1n, { memo: new Uint8Array(10).fill(65) })]
    t.strictSame(transactions.map((transaction) => offer(sized, transaction, rich)), expected, `${maxBytes} bytes`)
    t.equal(sized.sizeBytes, all(sized).reduce((sum, transaction) => sum + encodeTransaction(transaction).length, 0))
  }
})

t.test('what waits is found by its id, and promised by its sender', async (t) => {
  const pool = poolOf()
  const transactions = [transfer(0, 0, 5n), transfer(1, 0, 7n), transfer(0, 1, 11n)]
  for (const each of transactions) pool.add(each)
  for (const each of transactions) t.equal(pool.find(each.transfer.id), each)
  t.equal(pool.find(transfer(0, 2, 1n).transfer.id), null)
  t.strictSame([0, 1, 2].map((who) => pool.promised(device(who))), [{ count: 2, amount: 16n }, { count: 1, amount: 7n }, { count: 0, amount: 0n }])
  pool.prune(0, () => null)
  t.equal(pool.find(transactions[0]!.transfer.id), null)
  t.strictSame([pool.count, pool.sizeBytes], [0, 0])
})

t.test('blocks get senders in order of arrival, each with its nonces in order', async (t) => {
  const pool = poolOf()
  const transactions = [transfer(3, 0, 1n), transfer(1, 0, 1n), transfer(3, 1, 1n), transfer(2, 0, 1n)]
  for (const each of transactions) pool.add(each)
  const expected = [0, 2, 1, 3].map((i) => transactions[i]!)
  for (const max of [0, 1, 2, 3, 4, 5]) t.strictSame(pool.reap(max), expected.slice(0, max), `at most ${max}`)
  t.equal(pool.count, 4)
})

t.test('a block drops what is used, expired or no longer covered, and what stands behind it', async (t) => {
  const waiting = (): TransferTransaction[] => [transfer(0, 5, 30n, { expiryHeight: 20 }), transfer(0, 6, 40n, { expiryHeight: 10 }), transfer(0, 7, 30n, { expiryHeight: 20 })]
  const rows: [desc: string, height: number, account: SenderAccount | null, left: number[]][] = [
    ['nothing has changed', 5, { nonce: 5, balance: 100n }, [5, 6, 7]],
    ['the first was committed', 5, { nonce: 6, balance: 70n }, [6, 7]],
    ['the first was committed, and the rest is not covered', 5, { nonce: 6, balance: 69n }, [6]],
    ['all were committed', 5, { nonce: 8, balance: 0n }, []],
    ['more was committed than waited', 5, { nonce: 99, balance: 100n }, []],
    ['the last height of the second', 9, { nonce: 5, balance: 100n }, [5, 6, 7]],
    ['the second has expired', 10, { nonce: 5, balance: 100n }, [5]],
    ['the second has expired, and is the next', 10, { nonce: 6, balance: 100n }, []],
    ['the first has expired too', 20, { nonce: 5, balance: 100n }, []],
    ['the balance covers none', 5, { nonce: 5, balance: 29n }, []],
    ['it covers the first', 5, { nonce: 5, balance: 69n }, [5]],
    ['the account is gone', 5, null, []],
  ]
  for (const [desc, height, account, left] of rows) {
    const pool = poolOf()
    for (const each of [...waiting(), transfer(1, 0, 1n)]) pool.add(each)
    const dropped = pool.prune(height, (sender) => (sender === device(0) ? account : { nonce: 0, balance: 1n }))
    const own = all(pool).filter(({ transfer: { sender } }) => sender === device(0))
    t.strictSame([own.map(({ transfer: { nonce } }) => nonce), dropped, pool.count], [left, 3 - left.length, left.length + 1], desc)
    t.equal(pool.sizeBytes, (left.length + 1) * SIZE)
    if (account !== null && left.length > 0) t.equal(pool.check(transfer(0, account.nonce + left.length, 1n), { ...account, balance: 1_000n }), null, 'the next nonce fits')
  }
})

const offering = fc.record({
  kind: fc.constant('offer' as const),
  from: fc.nat({ max: 3 }),
  /** Of the nonce that comes next. */
  ahead: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: -2, max: 1 }) }),
  amount: fc.oneof(fc.bigInt({ min: 1n, max: 5n }), fc.bigInt({ min: 1n, max: 60n })),
  expiryHeight: fc.integer({ min: 2, max: 20 }),
})
/** A block: it takes some of what waits in order, and gives every account some income or takes half of what it has. */
const committing = fc.record({ kind: fc.constant('block' as const), taken: fc.nat({ max: 4 }), income: fc.bigInt({ min: 0n, max: 40n }), lost: fc.boolean() })
const steps = fc.array(fc.oneof({ weight: 12, arbitrary: offering }, { weight: 1, arbitrary: committing }), { maxLength: 80, size: 'max' })

t.test('random steps keep every sender’s transfers contiguous, covered and counted', async (t) => {
  const options = { maxTransfers: 7, maxBytes: SIZE * 6, maxPerSender: 3 }
  const reached = new Set<Reason | null>()
  holds(
    t,
    'verdicts, counts and contents',
    fc.property(steps, (drawn) => {
      const pool = poolOf(options)
      const accounts = new Map<KeyBin, { nonce: number; balance: bigint }>([0, 1, 2, 3].map((who) => [device(who), { nonce: 0, balance: 100n }]))
      let height = 0
      for (const each of drawn) {
        if (each.kind === 'offer') {
          const account = accounts.get(device(each.from))!
          const own = all(pool).filter(({ transfer: { sender } }) => sender === device(each.from))
          const nonce = account.nonce + own.length + each.ahead
          if (nonce < 0) continue
          const transaction = transfer(each.from, nonce, each.amount, { expiryHeight: height + each.expiryHeight })
          const same = own.find((other) => other.transfer.nonce === nonce)
          const promised = own.reduce((sum, other) => sum + other.transfer.amount, 0n)
          const expected =
            same !== undefined ? (same.transfer.id === transaction.transfer.id ? 'duplicate' : 'nonce_conflict')
            : nonce < account.nonce ? 'nonce_used'
            : nonce > account.nonce + own.length ? 'nonce_gap'
            : promised + each.amount > account.balance ? 'insufficient_balance'
            : pool.count >= 6 || own.length >= 3 ? 'mempool_full'
            : null
          const reason = offer(pool, transaction, account)
          reached.add(reason)
          if (reason !== expected) return false
        } else {
          height++
          for (const { transfer: { sender, amount } } of pool.reap(each.taken)) {
            const account = accounts.get(sender)!
            account.nonce++
            account.balance -= amount
          }
          for (const account of accounts.values()) account.balance = each.lost ? account.balance / 2n : account.balance + each.income
          const before = pool.count
          if (pool.prune(height, (sender) => accounts.get(sender)!) !== before - pool.count) return false
        }
        const left = new Map([...accounts].map(([key, { nonce, balance }]) => [key, { nonce, balance }]))
        for (const { transfer: { sender, nonce, amount, expiryHeight } } of all(pool)) {
          const account = left.get(sender)!
          if (nonce !== account.nonce++ || (account.balance -= amount) < 0n || expiryHeight <= height) return false
        }
        if (all(pool).length !== pool.count || pool.sizeBytes !== pool.count * SIZE) return false
      }
      return true
    }),
    { numRuns: 400 },
  )
  for (const reason of ['insufficient_balance', 'mempool_full', 'nonce_conflict', 'nonce_gap', 'nonce_used', null] as const) t.ok(reached.has(reason), `${reason} was reached`)
})
