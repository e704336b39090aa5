// Stored bodies: what goes in comes out to the byte, and damaged bytes are refused soon and with little memory.

import fc from 'fast-check'
import t from 'tap'
import { concat, equalBytes, fromBin, toBin, toHex, writeUint32 } from '../../src/base/bytes.ts'
import type { KeyBin } from '../../src/crypto/keys.ts'
import type { StoredBody } from '../../src/node/body-codec.ts'
import { encodeStoredBody, openStoredBody } from '../../src/node/body-codec.ts'
import type { Body } from '../../src/protocol/block.ts'
import { decodeHeartbeat, encodeHeartbeatFields } from '../../src/protocol/heartbeat.ts'
import type { Heartbeat } from '../../src/protocol/heartbeat.ts'
import { encodeTransaction } from '../../src/protocol/transaction.ts'
import * as arbitrary from '../fuzz/arbitraries.ts'
import { holds } from '../fuzz/holds.ts'
import { asText } from './ledger-fixture.ts'

/** A body with the accounts that its heartbeats belong to: `known` before the block, then those that it opened. */
interface Case {
  readonly body: Body
  readonly timestampMs: number
  readonly keys: readonly KeyBin[]
  readonly known: number
}

/** 2^15 seconds after 1970 and later, so that every age fits. */
const timestampMs = fc.oneof(fc.integer({ min: 32_768_000, max: 4_000_000_000_000 }), fc.constantFrom(32_768_000, 32_768_999, 1_700_000_000_001))
const ageS = fc.oneof(fc.integer({ min: -5, max: 30 }), fc.integer({ min: -32_768, max: 32_767 }), fc.constantFrom(-32_768, 32_767))

const bodies: fc.Arbitrary<Case> = fc
  .record({
    timestampMs,
    keys: fc.uniqueArray(arbitrary.taggedKey.map(toBin), { minLength: 1, maxLength: 6 }),
    known: fc.nat({ max: 6 }),
    witnesses: fc.array(arbitrary.bytesOf(32), { minLength: 1, maxLength: 3 }),
    beats: fc.array(fc.record({ fields: arbitrary.heartbeatFields, ageS, key: fc.nat(), witness: fc.nat(), signature: arbitrary.bytesOf(64) }), { maxLength: 8 }),
    parentCertificate: fc.option(arbitrary.certificate),
    transactions: fc.array(arbitrary.transaction, { maxLength: 4 }),
  })
  .map(({ timestampMs: atMs, keys, known, witnesses, beats, parentCertificate, transactions }) => {
    const heartbeats = beats.map(({ fields, ageS: age, key, witness, signature }): Heartbeat => {
      const changed = { ...fields, deviceKey: fromBin(keys[key % keys.length]!), witness: witnesses[witness % witnesses.length]!, timestampS: Math.floor(atMs / 1_000) - age }
      return decodeHeartbeat(concat(encodeHeartbeatFields(changed), signature), '')!
    })
    return { body: { parentCertificate, heartbeats, transactions }, timestampMs: atMs, keys, known: Math.min(known, keys.length) }
  })

const encode = ({ body, timestampMs: atMs, keys, known }: Case): Uint8Array =>
  encodeStoredBody(body, { timestampMs: atMs, indexOf: (key) => keys.indexOf(key), opened: keys.slice(known) })

const keyOfAll = ({ keys }: Case) => (index: number): KeyBin | undefined => keys[index]

t.test('a body survives its stored form', async (t) => {
  holds(
    t,
    'heartbeats, accounts, certificate and transactions',
    fc.property(bodies, (drawn) => {
      const { body, timestampMs: atMs, keys, known } = drawn
      const opened = openStoredBody(encode(drawn), atMs)
      return (
        opened.heartbeats === body.heartbeats.length &&
        body.heartbeats.every(({ record }, i) => equalBytes(opened.record(i, keyOfAll(drawn)), record)) &&
        JSON.stringify(opened.opened) === JSON.stringify(keys.slice(known)) &&
        asText(opened.parentCertificate) === asText(body.parentCertificate) &&
        opened.transactions.length === body.transactions.length &&
        body.transactions.every((transaction, i) => equalBytes(opened.transactions[i]!, encodeTransaction(transaction)))
      )
    }),
    { numRuns: 300 },
  )
})

t.test('a heartbeat takes 113 bytes, a witness 32 once', async (t) => {
  const [drawn] = fc.sample(bodies.filter(({ body }) => body.heartbeats.length >= 3), { numRuns: 1, seed: 3 }) as [Case]
  const size = (heartbeats: readonly Heartbeat[]): number => encode({ ...drawn, body: { ...drawn.body, heartbeats } }).length
  const [first] = drawn.body.heartbeats as [Heartbeat]
  t.equal(size([first]) - size([]), 113 + 32)
  t.equal(size([first, first, first]) - size([first]), 2 * 113)
})

/** Reads all that can be read. */
function readAll(opened: StoredBody, keyOf: (index: number) => KeyBin | undefined): Uint8Array[] {
  return Array.from({ length: opened.heartbeats }, (_, i) => opened.record(i, keyOf))
}

/** What reading gives: the records in hex, or the name of the error. */
function attempt(bytes: Uint8Array, drawn: Case): string {
  try {
    const records = readAll(openStoredBody(bytes, drawn.timestampMs), keyOfAll(drawn))
    // Whatever is handed out can be decoded.
    return records.every((record) => decodeHeartbeat(record, '') !== null) ? toHex(concat(...records)) : 'not a heartbeat'
  } catch (error) {
    return error instanceof RangeError ? 'RangeError' : String(error)
  }
}

t.test('a body that is cut off or goes on is a RangeError', async (t) => {
  for (const drawn of fc.sample(bodies, { numRuns: 10, seed: 5 })) {
    const bytes = encode(drawn)
    const cut = Array.from({ length: bytes.length }, (_, length) => attempt(bytes.slice(0, length), drawn))
    t.strictSame([...new Set(cut)], ['RangeError'], `${bytes.length} bytes, cut anywhere`)
    t.equal(attempt(concat(bytes, new Uint8Array(1)), drawn), 'RangeError')
  }
})

t.test('flipped bytes give a RangeError or another body, and no other error', async (t) => {
  const outcomes = new Set<boolean>()
  holds(
    t,
    'damage',
    fc.property(bodies, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 3 }), (drawn, flips) => {
      const bytes = encode(drawn)
      for (const [at, xor] of flips) bytes[at % bytes.length]! ^= xor
      const outcome = attempt(bytes, drawn)
      outcomes.add(outcome === 'RangeError')
      return outcome === 'RangeError' || /^[0-9a-f]*$/.test(outcome)
    }),
    { numRuns: 2_000 },
  )
  t.equal(outcomes.size, 2, 'both were reached')
})

t.test('random bytes are refused', async (t) => {
  holds(
    t,
    'noise',
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      for (const start of [bytes, concat(Uint8Array.of(1), bytes)]) {
        try {
          openStoredBody(start, 1_700_000_000_000)
        } catch (error) {
          if (!(error instanceof RangeError)) return false
        }
      }
      return true
    }),
    { numRuns: 2_000 },
  )
})

const EMPTY = 1 + 4 + 4 + 2 + 4 + 4

t.test('counts that promise more than there is are refused before anything is made', async (t) => {
  const empty = (): Uint8Array => encodeStoredBody({ parentCertificate: null, heartbeats: [], transactions: [] }, { timestampMs: 0, indexOf: () => 0, opened: [] })
  t.equal(empty().length, EMPTY)
  t.equal(openStoredBody(empty(), 0).heartbeats, 0)
  for (const [what, at] of [['certificate', 1], ['accounts', 5], ['heartbeats', 11], ['transactions', 15]] as const) {
    for (const count of [1, 1_000, 0x7fff_ffff, 0xffff_ffff]) {
      const bytes = empty()
      writeUint32(bytes, at, count)
      const before = process.memoryUsage().arrayBuffers
      t.throws(() => openStoredBody(bytes, 0), RangeError, `${count} ${what}`)
      t.ok(process.memoryUsage().arrayBuffers - before < 1_000_000)
    }
  }
  const bytes = empty()
  bytes[9] = bytes[10] = 0xff
  t.throws(() => openStoredBody(bytes, 0), RangeError, '65535 witnesses')
  t.throws(() => openStoredBody(Uint8Array.of(2, ...empty().slice(1)), 0), { name: 'RangeError', message: /version/ })
  t.throws(() => openStoredBody(new Uint8Array(0), 0), RangeError)
})

t.test('a heartbeat that names what is not there, or is out of range, is a RangeError', async (t) => {
  const [drawn] = fc.sample(bodies.filter(({ body, keys }) => body.heartbeats.length === 2 && keys.length >= 2), { numRuns: 1, seed: 11 }) as [Case]
  const bytes = encode({ ...drawn, body: { ...drawn.body, transactions: [] } })
  const from = bytes.length - 4 - 2 * 113
  const changed = (at: number, ...values: number[]): StoredBody => {
    const copy = bytes.slice()
    copy.set(values, from + at)
    return openStoredBody(copy, drawn.timestampMs)
  }
  const keyOf = keyOfAll(drawn)
  t.strictSame(changed(0).record(0, keyOf), drawn.body.heartbeats[0]!.record)
  t.throws(() => changed(0, 0xff, 0xff, 0xff, 0xff).record(0, keyOf), RangeError, 'account')
  t.throws(() => changed(0).record(0, () => undefined), RangeError, 'account that nobody knows')
  t.throws(() => changed(14, 0xff, 0xff).record(0, keyOf), RangeError, 'witness')
  t.throws(() => changed(16, 0x80).record(0, keyOf), RangeError, 'rate level 8')
  t.throws(() => changed(16, 0x08).record(0, keyOf), RangeError, 'motion level 8')
  t.throws(() => changed(6, 0, 0, 0, 0, 0, 0, 0x20, 0).record(0, keyOf), RangeError, 'sequence 2^53')
  t.equal(decodeHeartbeat(changed(6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0).record(0, keyOf), '')!.sequence, Number.MAX_SAFE_INTEGER)
  t.throws(() => openStoredBody(bytes, 0).record(0, keyOf), RangeError, 'a time before 1970')
  for (const position of [2, 3, -1, 1_000_000]) t.throws(() => changed(0).record(position, keyOf), RangeError, `position ${position}`)
})
