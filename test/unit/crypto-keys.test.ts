// Tagged keys and their text, and what the signer makes.

import { base58 } from '@scure/base'
import fc from 'fast-check'
import t from 'tap'
import { concat, fromBin, fromHex, toBin, toHex } from '../../src/base/bytes.ts'
import type { Curve } from '../../src/crypto/keys.ts'
import { keyBinFromText, keyBinToText, keyCurve, keyFromText, keyToText, rawKey, TAGGED_KEY_SIZE, tagKey } from '../../src/crypto/keys.ts'
import { generateKeyPair, keyPairFromSecret, sign } from '../../src/crypto/sign.ts'
import { verifySignature } from '../../src/crypto/verify.ts'
import { holds } from '../fuzz/holds.ts'
import { bigOf, ECDSA } from './crypto-reference.ts'

const CURVES: readonly Curve[] = ['p256', 'secp256k1', 'ed25519']
const LEADS: Readonly<Record<Curve, string>> = { ed25519: 'z6Mk', secp256k1: 'zQ3s', p256: 'zDn' }
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })

t.test('a key survives tag, text and back', async (t) => {
  for (const curve of CURVES) {
    for (let i = 0; i < 5; i++) {
      const { publicKey } = generateKeyPair(curve)
      const text = keyToText(publicKey)
      t.equal(publicKey.length, TAGGED_KEY_SIZE)
      t.equal(keyCurve(publicKey), curve)
      t.ok(text.startsWith(LEADS[curve]), text)
      t.same(keyFromText(text), publicKey)
      t.same(tagKey(curve, rawKey(publicKey, curve)), publicKey)
      t.equal(keyBinToText(toBin(publicKey)), text)
      t.equal(keyBinFromText(text), toBin(publicKey))
    }
  }
})

t.test('texts are those of did:key', async (t) => {
  const zero = keyPairFromSecret('ed25519', new Uint8Array(32))
  t.equal(toHex(rawKey(zero.publicKey, 'ed25519')), '3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29')
  t.equal(keyToText(zero.publicKey), 'z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp')
})

t.test('texts that are not canonical are refused', async (t) => {
  for (const curve of CURVES) {
    const text = keyToText(keyPairFromSecret(curve, new Uint8Array(32).fill(5)).publicKey)
    const wrong = {
      empty: '', 'z alone': 'z', 'no prefix': text.slice(1), 'other prefix': `m${text.slice(1)}`, 'upper-case prefix': `Z${text.slice(1)}`,
      'a leading 1': `z1${text.slice(1)}`, 'a trailing 1': `${text}1`, 'cut short': text.slice(0, -1), 'a letter not in base58': `${text.slice(0, -1)}0`,
      'white space': ` ${text}`, 'a line end': `${text}\n`, 'as did:key': `did:key:${text}`, 'not ASCII': `${text.slice(0, -1)}é`, long: `z${'2'.repeat(61)}`, huge: `z${'2'.repeat(100_000)}`,
    }
    for (const [what, value] of Object.entries(wrong)) t.equal(keyFromText(value), null, `${curve}: ${what}`)
  }
})

t.test('a text of the right bytes but another length is refused', async (t) => {
  const ed = keyPairFromSecret('ed25519', new Uint8Array(32).fill(5)).publicKey
  t.same(keyFromText(`z${base58.encode(ed.subarray(0, 34))}`), ed)
  t.equal(keyFromText(`z${base58.encode(ed)}`), null, 'Ed25519 with the byte that pads it')
  t.equal(keyFromText(`z${base58.encode(ed.subarray(0, 33))}`), null, 'Ed25519, one byte short')
  const p256 = tagKey('p256', concat(Uint8Array.of(2), new Uint8Array(31).fill(7), Uint8Array.of(0)))
  t.same(keyFromText(`z${base58.encode(p256)}`), p256)
  t.equal(keyFromText(`z${base58.encode(p256.subarray(0, 34))}`), null, 'P-256 without its last byte, which is zero')
  t.equal(keyFromText(`z${base58.encode(concat(p256, Uint8Array.of(0)))}`), null, 'P-256 with a byte more')
})

t.test('bytes that are no tagged key are refused', async (t) => {
  const good = keyPairFromSecret('p256', new Uint8Array(32).fill(5)).publicKey
  const ed = keyPairFromSecret('ed25519', new Uint8Array(32).fill(5)).publicKey
  t.equal(keyCurve(good.subarray(0, 34)), null, 'short')
  t.equal(keyCurve(concat(good, Uint8Array.of(0))), null, 'long')
  for (let lead = 0; lead < 256; lead++) {
    const changed = Uint8Array.from(good)
    changed[2] = lead
    t.equal(keyCurve(changed), lead === 2 || lead === 3 ? 'p256' : null, `leading byte ${lead}`)
  }
  for (let last = 1; last < 256; last += 51) {
    const changed = Uint8Array.from(ed)
    changed[34] = last
    t.equal(keyCurve(changed), null, `a byte ${last} behind an Ed25519 key`)
    t.throws(() => keyToText(changed), RangeError)
  }
  for (const curve of CURVES) t.throws(() => tagKey(curve, new Uint8Array(31)), { message: `a ${curve} key has ${curve === 'ed25519' ? 32 : 33} bytes, not 31` })
  t.throws(() => keyPairFromSecret('p256', new Uint8Array(32)), 'zero is no secret key')
  t.throws(() => keyPairFromSecret('secp256k1', new Uint8Array(32).fill(255)), 'nor is what exceeds the order')
})

t.test('a text has one key and a key one text', async (t) => {
  holds(
    t,
    'every tagged key has a text that reads back',
    fc.property(fc.uint8Array({ minLength: 33, maxLength: 37 }), fc.constantFrom('ed01', 'e701', '8024', ''), fc.constantFrom('02', '03', ''), (bytes, tag, lead) => {
      const tagged = concat(fromHex(tag + lead)!, bytes).subarray(0, TAGGED_KEY_SIZE)
      if (keyCurve(tagged) === null) return true
      const text = keyToText(tagged)
      return toBin(keyFromText(text)!) === toBin(tagged)
    }),
  )
  const base58 = fc.constantFrom(...'123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz')
  holds(
    t,
    'every text that is read is the text of its key',
    fc.property(fc.constantFrom('z6Mk', 'zQ3s', 'zDn', 'z', ''), fc.oneof(fc.string({ unit: base58, minLength: 40, maxLength: 48 }), fc.string({ unit: 'binary' })), (start, rest) => {
      const key = keyFromText(start + rest)
      return key === null || keyToText(key) === start + rest
    }),
    { numRuns: 2_000 },
  )
})

t.test('signatures are deterministic, verify, and have a low S', async (t) => {
  holds(
    t,
    'signatures',
    fc.property(fc.constantFrom(...CURVES), bytes32, fc.uint8Array({ maxLength: 200 }), (curve, secret, message) => {
      if (curve !== 'ed25519' && (bigOf(secret) === 0n || bigOf(secret) >= ECDSA[curve].n)) return true
      const pair = keyPairFromSecret(curve, secret)
      const signature = sign(message, pair)
      const low = curve === 'ed25519' || 2n * bigOf(signature.subarray(32)) <= ECDSA[curve].n
      return signature.length === 64 && low && toBin(sign(message, pair)) === toBin(signature) && verifySignature(message, signature, pair.publicKey)
    }),
    { numRuns: 60 },
  )
})

t.test('published vectors: RFC 6979 (S folded to its low half) and RFC 8032', async (t) => {
  const p256 = keyPairFromSecret('p256', fromHex('c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721')!)
  const r = 'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716'
  const s = 0xf7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8n
  t.equal(toHex(rawKey(p256.publicKey, 'p256')).slice(2), '60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6')
  t.equal(toHex(sign(new TextEncoder().encode('sample'), p256)), r + (ECDSA.p256.n - s).toString(16).padStart(64, '0'))

  const ed = keyPairFromSecret('ed25519', fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60')!)
  t.equal(toHex(rawKey(ed.publicKey, 'ed25519')), 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
  const signature = sign(new Uint8Array(), ed)
  t.equal(
    toHex(signature),
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  )
  t.equal(fromBin(toBin(signature)).length, 64)
})
