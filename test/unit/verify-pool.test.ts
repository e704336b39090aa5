// The verification threads against verification right here: the same verdicts, in order, however batches are mixed.

import t from 'tap'
import type { Test } from 'tap'
import { InvariantError } from '../../src/base/assert.ts'
import { concat, fromBin, toHex } from '../../src/base/bytes.ts'
import { verifySignature } from '../../src/crypto/verify.ts'
import type { SignatureItem, VerifyPool } from '../../src/node/verify-pool.ts'
import { createVerifyPool } from '../../src/node/verify-pool.ts'
import { HEARTBEAT_MESSAGE_SIZE, HEARTBEAT_ROW_SIZE } from '../../src/protocol/heartbeat.ts'
import { digest } from './ledger-fixture.ts'
import { keysOf, rowBy, transferBy } from './ledger-signed.ts'

const HASH = new Uint8Array(32).fill(5)
const DEVICES = 12
const ROWS = Array.from({ length: 48 }, (_, i) => rowBy(keysOf(i % DEVICES), HASH, { timestampS: 1_000 + i, sequence: i }))

const flipped = (bytes: Uint8Array, at: number): Uint8Array => Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ 1 : byte))

/** Some rows are damaged: in the signed bytes, in the key, in its tag, in the signature. */
const MIXED = ROWS.map((row, i) => {
  const places: Record<number, number> = { 1: 3, 3: 64, 5: 66, 7: 100, 9: 180, 11: 181, 12: 244 }
  const at = places[i % 14]
  return at === undefined ? row : flipped(row, at)
})
const SWAPPED = concat(ROWS[0]!.subarray(0, HEARTBEAT_MESSAGE_SIZE), ROWS[1]!.subarray(HEARTBEAT_MESSAGE_SIZE))

/** What the pool must say of a row: verdict, id, name. */
function direct(row: Uint8Array): string {
  const message = row.subarray(0, HEARTBEAT_MESSAGE_SIZE)
  const valid = verifySignature(message, row.subarray(HEARTBEAT_MESSAGE_SIZE), row.subarray(64, 99))
  return valid ? `1 ${toHex(fromBin(digest(message)))}${toHex(fromBin(digest(row)))}` : `0 ${'0'.repeat(128)}`
}

async function verdicts(pool: VerifyPool, rows: readonly Uint8Array[]): Promise<string[]> {
  const { valid, hashes } = await pool.heartbeats(concat(...rows))
  return rows.map((_, i) => `${valid[i]} ${toHex(hashes.subarray(i * 64, (i + 1) * 64))}`)
}

function poolOf(t: Test, threads: number, maxCachedKeys = 100): VerifyPool {
  const pool = createVerifyPool({ threads, maxCachedKeys, onFailure: (error) => t.fail(error.message) })
  t.teardown(() => pool.close())
  return pool
}

t.test('rows get the verdicts, ids and names that they would get here', async (t) => {
  const rows = [...MIXED, SWAPPED]
  const expected = rows.map(direct)
  t.ok(expected.filter((verdict) => verdict.startsWith('1')).length > 15 && expected.filter((verdict) => verdict.startsWith('0')).length > 15)
  for (const threads of [1, 2, 3]) t.strictSame(await verdicts(poolOf(t, threads), rows), expected, `${threads} threads`)
  t.strictSame(await verdicts(poolOf(t, 2, 2), rows), expected, 'with hardly any key kept')
})

t.test('who knows the hashes gets the verdicts alone, also beside one who does not', async (t) => {
  const pool = poolOf(t, 2)
  const [alone, beside] = await Promise.all([pool.heartbeats(concat(...MIXED), false), verdicts(pool, MIXED)])
  t.strictSame([...alone.valid].map(String), MIXED.map((row) => direct(row)[0]))
  t.equal(alone.hashes.length, 0)
  t.strictSame(beside, MIXED.map(direct))
})

const ITEMS = Array.from({ length: 9 }, (_, i): SignatureItem => {
  const keys = keysOf(i)
  const { message, signature } = transferBy(keys, HASH, { recipient: 'x'.repeat(35), amount: 1n, nonce: i, expiryHeight: 9 })
  return { message: i % 3 === 1 ? flipped(message, 70) : message, signature: i % 4 === 3 ? flipped(signature, 0) : signature, key: i === 8 ? new Uint8Array(0) : keys.publicKey }
})
const itemVerdict = ({ message, signature, key }: SignatureItem): boolean => verifySignature(message, signature, key)

t.test('signatures get the verdicts that they would get here', async (t) => {
  const pool = poolOf(t, 2)
  const expected = ITEMS.map(itemVerdict)
  t.ok(expected.includes(true) && expected.includes(false))
  t.strictSame(await pool.signatures(ITEMS), expected)
  t.strictSame(await Promise.all(ITEMS.map((item) => pool.signatures([item]))), expected.map((valid) => [valid]))
})

t.test('what waits is counted, with the age of the oldest', async (t) => {
  const pool = poolOf(t, 1)
  t.same([pool.waiting, pool.delayMs], [0, 0])
  const asked = [pool.heartbeats(concat(...MIXED)), pool.heartbeats(concat(...MIXED))]
  t.equal(pool.waiting, 2 * MIXED.length)
  t.ok(pool.delayMs > 0)
  await Promise.all(asked)
  t.same([pool.waiting, pool.delayMs], [0, 0])
})

t.test('batches that overlap do not mix', async (t) => {
  const pool = poolOf(t, 2)
  const expected = MIXED.map(direct)
  const batches = Array.from({ length: 60 }, (_, i) => ({ from: (i * 7) % 40, size: 1 + ((i * 5) % 8) }))
  const answers: Promise<unknown>[] = []
  for (const [i, { from, size }] of batches.entries()) {
    answers.push(verdicts(pool, MIXED.slice(from, from + size)))
    if (i % 3 === 0) answers.push(pool.signatures(ITEMS.slice(i % 5, (i % 5) + 3)))
    // Some come while others are being verified.
    if (i % 10 === 9) await answers[i - 5]
  }
  const wanted = batches.flatMap(({ from, size }, i) => [
    expected.slice(from, from + size),
    ...(i % 3 === 0 ? [ITEMS.slice(i % 5, (i % 5) + 3).map(itemVerdict)] : []),
  ])
  t.strictSame(await Promise.all(answers), wanted)
})

t.test('what is urgent does not wait for what came before', async (t) => {
  const pool = poolOf(t, 1)
  const order: string[] = []
  const many = verdicts(pool, Array.from({ length: 3_000 }, (_, i) => MIXED[i % MIXED.length]!)).then(() => order.push('many'))
  const { valid, hashes } = await pool.urgentHeartbeats(ROWS[0]!)
  order.push('urgent')
  await many
  t.strictSame(order, ['urgent', 'many'])
  t.equal(`${valid[0]} ${toHex(hashes)}`, direct(ROWS[0]!))
})

t.test('a batch longer than a job comes back whole and in order', async (t) => {
  const rows = Array.from({ length: 1_300 }, (_, i) => MIXED[(i * 11) % MIXED.length]!)
  const byRow = new Map(MIXED.map((row) => [row, direct(row)]))
  t.strictSame(await verdicts(poolOf(t, 1), rows), rows.map((row) => byRow.get(row)!))
})

t.test('nothing to verify is answered at once', async (t) => {
  const pool = poolOf(t, 1)
  t.strictSame(await pool.heartbeats(new Uint8Array(0)), { valid: new Uint8Array(0), hashes: new Uint8Array(0) })
  t.strictSame(await pool.signatures([]), [])
})

t.test('half a row is a bug, and not a wait for ever', async (t) => {
  const pool = poolOf(t, 1)
  for (const size of [1, HEARTBEAT_ROW_SIZE - 1, HEARTBEAT_ROW_SIZE + 1]) t.throws(() => pool.heartbeats(new Uint8Array(size)), InvariantError, `${size} bytes`)
  t.strictSame(await verdicts(pool, [ROWS[0]!]), [direct(ROWS[0]!)], 'the next batch is answered')
})

t.test('closing reports no failure', async (t) => {
  const failures: Error[] = []
  const pool = createVerifyPool({ threads: 2, maxCachedKeys: 10, onFailure: (error) => failures.push(error) })
  await verdicts(pool, ROWS.slice(0, 3))
  await pool.close()
  t.strictSame(failures, [])
})

t.test('a thread that dies is reported', async (t) => {
  const failed = Promise.withResolvers<Error>()
  const pool = createVerifyPool({ threads: 1, maxCachedKeys: 10, onFailure: failed.resolve })
  void pool.signatures([{ ...ITEMS[0]!, message: 7 as unknown as Uint8Array }])
  t.match(await failed.promise, { name: 'TypeError' })
  await pool.close()
})
