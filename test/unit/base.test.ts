// Bytes, byte strings, little-endian integers, bounded maps, assertions.

import fc from 'fast-check'
import t from 'tap'
import { holds } from '../fuzz/holds.ts'
import { assert, InvariantError, unreachable } from '../../src/base/assert.ts'
import { BoundedMap } from '../../src/base/bounded.ts'
import {
  binToHex, compareBin, concat, copyBin, equalBytes, fromBin, fromHex, readBigUint64, readUint32, readUint64, toBin, toHex, writeBigUint64, writeUint32,
  writeUint64,
} from '../../src/base/bytes.ts'
import { err, ok } from '../../src/base/result.ts'

const bytes = fc.uint8Array({ maxLength: 100 })
const same = (a: Uint8Array | null, b: Uint8Array): boolean => a !== null && Buffer.compare(a, b) === 0

t.test('hex and byte strings survive there and back', async (t) => {
  holds(t, 'hex', fc.property(bytes, (value) => same(fromHex(toHex(value)), value) && same(fromHex(toHex(value).toUpperCase()), value)))
  holds(t, 'byte strings print as hex', fc.property(bytes, (value) => toHex(value) === Buffer.from(value).toString('hex') && binToHex(toBin(value)) === toHex(value)))
  holds(t, 'byte strings', fc.property(bytes, (value) => same(fromBin(toBin(value)), value) && toBin(value) === Buffer.from(value).toString('latin1')))
  for (const text of ['0', 'abc', '0g', 'zz', ' 00', '0x00', '00 ', '--', '٠٠']) t.equal(fromHex(text), null, `'${text}' is not hex`)
})

t.test('byte strings sort in byte order', async (t) => {
  holds(t, 'order', fc.property(bytes, bytes, (a, b) => compareBin(toBin(a), toBin(b)) === Math.sign(Buffer.compare(a, b))))
})

t.test('concat, equalBytes and copyBin', async (t) => {
  holds(t, 'concat', fc.property(fc.array(bytes, { maxLength: 5 }), (parts) => same(concat(...parts), Buffer.concat(parts))))
  holds(t, 'equalBytes', fc.property(bytes, bytes, (a, b) => equalBytes(a, b) === same(a, b) && equalBytes(a, a.slice())))
  const target = new Uint8Array(5)
  copyBin('\x01\xff', target, 2)
  t.same(target, Uint8Array.of(0, 0, 1, 255, 0))
})

t.test('integers are little-endian and exact up to their limits', async (t) => {
  const check = (value: number): boolean => {
    const ours = new Uint8Array(10)
    writeUint64(ours, 1, value)
    const theirs = Buffer.alloc(10)
    theirs.writeBigUInt64LE(BigInt(value), 1)
    return same(ours, theirs) && readUint64(ours, 1) === value
  }
  for (const value of [0, 1, 255, 256, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 52, Number.MAX_SAFE_INTEGER]) t.ok(check(value), `${value}`)
  holds(t, 'safe integers', fc.property(fc.maxSafeNat(), check))
  holds(
    t,
    'bigints',
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
      const ours = new Uint8Array(9)
      writeBigUint64(ours, 1, value)
      const safe = value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : -1
      return Buffer.from(ours).readBigUInt64LE(1) === value && readBigUint64(ours, 1) === value && readUint64(ours, 1) === safe
    }),
  )
  const over = new Uint8Array(8)
  writeBigUint64(over, 0, 2n ** 53n)
  t.equal(readUint64(over, 0), -1, '2^53 is refused')
  holds(
    t,
    'uint32',
    fc.property(fc.nat({ max: 2 ** 32 - 1 }), (value) => {
      const ours = new Uint8Array(4)
      writeUint32(ours, 0, value)
      return Buffer.from(ours).readUInt32LE() === value && readUint32(ours, 0) === value
    }),
  )
})

t.test('a bounded map holds its maximum and drops the entry that was set longest ago', async (t) => {
  const map = new BoundedMap<string, number>(3)
  for (const [i, key] of ['a', 'b', 'c'].entries()) map.set(key, i)
  t.equal(map.size, 3, 'at the limit nothing is dropped')
  t.ok(map.has('a'))
  map.set('a', 9)
  t.equal(map.size, 3, 'setting again does not grow it')
  map.set('d', 4)
  t.equal(map.size, 3, 'one past the limit')
  t.notOk(map.has('b'), 'b is the oldest, as a was set again')
  t.strictSame([...map.values()], [2, 9, 4])
  t.equal(map.get('a'), 9)
  t.equal(map.get('b'), undefined)
  t.ok(map.delete('a'))
  t.notOk(map.delete('a'))
  t.equal(map.size, 2)
})

t.test('assertions throw invariant errors, results are values', async (t) => {
  assert(1 < 2, 'holds')
  for (const value of [false, 0, '', null, undefined]) t.throws(() => assert(value, 'broken'), { name: 'InvariantError', message: 'broken' })
  t.throws(() => unreachable('x' as never), InvariantError)
  t.strictSame(ok(1), { ok: true, value: 1 })
  t.strictSame(err('no'), { ok: false, error: 'no' })
})
