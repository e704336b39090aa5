// The fast verifier against the reference, over the edge cases of three curves and over mutations of valid signatures.

import { createPublicKey, verify as nodeVerify } from 'node:crypto'
import { ed25519 } from '@noble/curves/ed25519.js'
import fc from 'fast-check'
import type { Test } from 'tap'
import t from 'tap'
import { concat, equalBytes, fromHex, toHex } from '../../src/base/bytes.ts'
import { sha256 } from '../../src/crypto/hash.ts'
import type { Curve } from '../../src/crypto/keys.ts'
import { rawKey, tagKey } from '../../src/crypto/keys.ts'
import { keyPairFromSecret, sign } from '../../src/crypto/sign.ts'
import { createVerifier, ed25519KeyAllowed, signatureInRange, verifySignature } from '../../src/crypto/verify.ts'
import { holds } from '../fuzz/holds.ts'
import type { EcdsaCurve, EcdsaPoint, EdPoint } from './crypto-reference.ts'
import {
  bigOf, bytes32Of, decodeEdPoint, ECDSA, ED, ED_FIELD, ED_ORDER, edChallenge, encodeEdPoint, inverse, liftX, little32Of, littleOf, mod, POINTS,
  referenceVerify,
} from './crypto-reference.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
const CURVES: readonly Curve[] = ['p256', 'secp256k1', 'ed25519']
const ECDSA_CURVES: readonly EcdsaCurve[] = ['p256', 'secp256k1']

const caching = createVerifier({ maxCachedKeys: 8 })

/** Checks that reference and fast verifier (with and without a cached key) agree with what is expected. */
function expect(t: Test, verdict: boolean, what: string, message: Uint8Array, signature: Uint8Array, tagged: Uint8Array): void {
  const diagnostic = { message: toHex(message), signature: toHex(signature), key: toHex(tagged) }
  t.equal(referenceVerify(message, signature, tagged), verdict, `reference: ${what}`, diagnostic)
  t.equal(verifySignature(message, signature, tagged), verdict, `fast: ${what}`, diagnostic)
  t.equal(caching.verify(message, signature, tagged), verdict, `fast, key imported: ${what}`, diagnostic)
  t.equal(caching.verify(message, signature, tagged), verdict, `fast, key cached: ${what}`, diagnostic)
}

// ECDSA

const pointKey = (curve: EcdsaCurve, point: EcdsaPoint): Uint8Array => {
  const { x, y } = point.toAffine()
  return tagKey(curve, concat(Uint8Array.of(y & 1n ? 3 : 2), bytes32Of(x)))
}

/** The key under which (x(R) mod n, s) is a signature of the message: Q = r⁻¹ · (s·R − e·G). */
function keyThatFits(curve: EcdsaCurve, message: Uint8Array, point: EcdsaPoint, s: bigint): { key: Uint8Array; r: bigint } {
  const { n } = ECDSA[curve]
  const r = mod(point.toAffine().x, n)
  const e = mod(bigOf(sha256(message)), n)
  const q = point.multiplyUnsafe(s).subtract(POINTS[curve].BASE.multiplyUnsafe(e)).multiplyUnsafe(inverse(r, n))
  return { key: pointKey(curve, q), r }
}

for (const curve of ECDSA_CURVES) {
  const { n, p } = ECDSA[curve]
  const { BASE } = POINTS[curve]
  const half = n / 2n
  const message = text(`a message for ${curve}`)
  const pair = keyPairFromSecret(curve, fill(7))
  const valid = sign(message, pair)
  const r = bigOf(valid.subarray(0, 32))
  const s = bigOf(valid.subarray(32))
  const rs = (first: bigint, second: bigint): Uint8Array => concat(bytes32Of(first), bytes32Of(second))

  t.test(`${curve}: r and s outside their ranges are refused`, async (t) => {
    expect(t, true, 'a valid signature', message, valid, pair.publicKey)
    const edges = { 0: 0n, 1: 1n, 'n - 1': n - 1n, n, 'n + 1': n + 1n, p, '2^256 - 1': 2n ** 256n - 1n }
    for (const [name, edge] of Object.entries(edges)) {
      expect(t, false, `r = ${name}`, message, rs(edge, s), pair.publicKey)
      expect(t, false, `s = ${name}`, message, rs(r, edge), pair.publicKey)
      expect(t, false, `r = s = ${name}`, message, rs(edge, edge), pair.publicKey)
      t.equal(signatureInRange(rs(edge, 1n), curve), edge > 0n && edge < n, `our own check: r = ${name}`)
      t.equal(signatureInRange(rs(1n, edge), curve), edge > 0n && edge <= half, `our own check: s = ${name}`)
    }
    if (r + n < 2n ** 256n) expect(t, false, 'r + n', message, rs(r + n, s), pair.publicKey)
    if (s + n < 2n ** 256n) expect(t, false, 's + n', message, rs(r, s + n), pair.publicKey)
    expect(t, false, 'r and s exchanged', message, rs(s, r), pair.publicKey)
    expect(t, false, 'n - r', message, rs(n - r, s), pair.publicKey)
  })

  t.test(`${curve}: s at and past half the order`, async (t) => {
    const point = BASE.multiplyUnsafe(0x1234567890abcdefn)
    for (const [name, edge, verdict] of [
      ['1', 1n, true], ['2', 2n, true], ['half - 1', half - 1n, true], ['half', half, true], ['half + 1', half + 1n, false], ['n - 2', n - 2n, false], ['n - 1', n - 1n, false],
    ] as const) {
      const { key, r } = keyThatFits(curve, message, point, edge)
      expect(t, verdict, `a key for which s = ${name} satisfies the equation`, message, rs(r, edge), key)
    }
    t.ok(lenientEcdsa(curve, message, rs(r, n - s), pair.publicKey), 'the library alone accepts the high half')
    expect(t, false, 'the other half of a valid signature', message, rs(r, n - s), pair.publicKey)
  })

  t.test(`${curve}: small, large and wrapped r`, async (t) => {
    // x between n and p: r is x - n, and the verifier must reduce what it computes.
    let wrapped = 0
    let small = 0
    for (let x = 1n; wrapped < 2 || small < 2; x++) {
      for (const [point, kind] of [[liftX(curve, x, true), 'small'], [liftX(curve, n + x, false), 'wrapped']] as const) {
        if (point === null) continue
        if (kind === 'small') small++
        else wrapped++
        const { key, r } = keyThatFits(curve, message, point, half - x)
        t.equal(r, x)
        expect(t, true, `r = ${x}, ${kind}`, message, rs(r, half - x), key)
        expect(t, false, `r = ${x} + 1, ${kind}`, message, rs(r + 1n, half - x), key)
      }
    }
    for (let x = n - 1n, found = 0; found < 2; x--) {
      const point = liftX(curve, x, false)
      if (point === null) continue
      found++
      const { key, r } = keyThatFits(curve, message, point, 3n)
      expect(t, true, `r = n - ${n - r}`, message, rs(r, 3n), key)
    }
  })

  t.test(`${curve}: special cases of point addition`, async (t) => {
    const e = mod(bigOf(sha256(message)), n)
    // u1·G = −u2·Q: the sum is the point at infinity, which has no x.
    const opposite = pointKey(curve, BASE.multiplyUnsafe(mod(-e * inverse(r, n), n)))
    expect(t, false, 'the sum is infinity', message, rs(r, s), opposite)
    // u1·G = u2·Q: a doubling.
    const u1 = 0xabcdefn
    const doubled = BASE.multiplyUnsafe(2n * u1)
    const x = mod(doubled.toAffine().x, n)
    const s1 = mod(e * inverse(u1, n), n)
    const same = pointKey(curve, BASE.multiplyUnsafe(mod(e * inverse(x, n), n)))
    expect(t, 2n * s1 <= n, 'the sum is a doubling', message, rs(x, s1), same)
    const negative = pointKey(curve, BASE.multiplyUnsafe(mod(e * inverse(x, n), n)).negate())
    expect(t, false, 'the sum is a doubling, for the opposite key', message, rs(x, s1), negative)
    for (const secret of [1n, 2n, n - 1n]) {
      const extreme = keyPairFromSecret(curve, bytes32Of(secret))
      expect(t, true, `secret key ${secret}`, message, sign(message, extreme), extreme.publicKey)
    }
  })

  t.test(`${curve}: keys that are no points are refused`, async (t) => {
    const compressed = rawKey(pair.publicKey, curve)
    const keyOf = (lead: number, x: bigint): Uint8Array => tagKey(curve, concat(Uint8Array.of(lead), bytes32Of(x)))
    const x = bigOf(compressed.subarray(1))
    expect(t, false, 'the other parity', message, valid, keyOf(compressed[0]! ^ 1, x))
    for (const lead of [0, 1, 4, 5, 6, 7, 0x82, 0xff]) expect(t, false, `a leading byte of ${lead}`, message, valid, keyOf(lead, x))
    let offCurve = 0n
    while (liftX(curve, offCurve, false) !== null) offCurve++
    expect(t, false, 'x of no point', message, valid, keyOf(2, offCurve))
    for (const [name, large] of [['p', p], ['p + 1', p + 1n], ['2^256 - 1', 2n ** 256n - 1n]] as const) expect(t, false, `x = ${name}`, message, valid, keyOf(2, large))
    // x + p is a second name of x, and must not be a second key.
    for (let small = 0n, found = 0; found < 2; small++) {
      if (liftX(curve, small, false) === null) continue
      found++
      expect(t, false, `x = p + ${small}`, message, valid, keyOf(2, small + p))
    }
  })

  t.test(`${curve}: another key, another message, flipped bits`, async (t) => {
    expect(t, false, 'another key', message, valid, keyPairFromSecret(curve, fill(8)).publicKey)
    expect(t, false, 'another message', text('another message'), valid, pair.publicKey)
    expect(t, false, 'an empty message', new Uint8Array(), valid, pair.publicKey)
    expect(t, true, 'a signature of the empty message', new Uint8Array(), sign(new Uint8Array(), pair), pair.publicKey)
    for (let bit = 0; bit < 512; bit += 37) expect(t, false, `signature bit ${bit}`, message, flip(valid, bit), pair.publicKey)
    for (let bit = 24; bit < 280; bit += 41) expect(t, false, `key bit ${bit}`, message, valid, flip(pair.publicKey, bit))
    // The digest itself as a message: what a verifier of bare digests would accept.
    expect(t, false, 'the digest in place of the message', sha256(message), valid, pair.publicKey)
  })
}

function lenientEcdsa(curve: EcdsaCurve, message: Uint8Array, signature: Uint8Array, tagged: Uint8Array): boolean {
  const prefix = curve === 'p256' ? '3039301306072a8648ce3d020106082a8648ce3d030107032200' : '3036301006072a8648ce3d020106052b8104000a032200'
  const key = createPublicKey({ key: Buffer.concat([fromHex(prefix)!, rawKey(tagged, curve)]), format: 'der', type: 'spki' })
  return nodeVerify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature)
}

// Ed25519

const edKey = (encoded: Uint8Array): Uint8Array => tagKey('ed25519', encoded)

/**
 * What a verifier accepts that checks the equation alone. (Older releases of node:crypto are such verifiers; since
 * nodejs/node#64026 it refuses small orders itself.)
 */
function equationHolds(message: Uint8Array, signature: Uint8Array, encoded: Uint8Array): boolean {
  const r = signature.subarray(0, 32)
  const point = decodeEdPoint(encoded)
  if (point === null) return false
  const sum = ED.BASE.multiplyUnsafe(littleOf(signature.subarray(32))).subtract(point.multiplyUnsafe(edChallenge(r, encoded, message)))
  return equalBytes(encodeEdPoint(sum), r)
}

/** The points of order 1, 2, 4 and 8: multiples of L·P for some P outside the main subgroup. */
const TORSION: readonly EdPoint[] = (() => {
  for (let y = 2n; ; y++) {
    const point = decodeEdPoint(little32Of(y))
    if (point === null) continue
    const generator = point.multiplyUnsafe(ED_ORDER - 1n).add(point)
    if (generator.double().double().is0()) continue
    return Array.from({ length: 8 }, (_, i) => generator.multiplyUnsafe(BigInt(i)))
  }
})()

/** Every 32-byte string that a lenient decoder could take for a point of small order. */
const SMALL_ORDER_ENCODINGS: readonly Uint8Array[] = (() => {
  const found = new Map<string, Uint8Array>()
  for (const point of TORSION) {
    const { y } = point.toAffine()
    for (const value of [y, y + ED_FIELD]) {
      for (const sign of [0n, 1n]) {
        if (value < 2n ** 255n) found.set(`${value}/${sign}`, little32Of(value | (sign << 255n)))
      }
    }
  }
  return [...found.values()]
})()

const secret = 0x1234_5678_9abc_def0n * 2n ** 160n + 0x5555n
const A = ED.BASE.multiplyUnsafe(secret)
const nonce = 0xfeed_beefn * 2n ** 128n + 99n
const edMessage = (i: number): Uint8Array => text(`message ${i}`)
const edSignature = (r: Uint8Array, s: bigint): Uint8Array => concat(r, little32Of(s))

/** The first of numbered messages whose challenge satisfies a condition. */
function messageWith(r: Uint8Array, key: Uint8Array, condition: (k: bigint) => boolean): Uint8Array {
  for (let i = 0; ; i++) if (condition(edChallenge(r, key, edMessage(i)))) return edMessage(i)
}

t.test('ed25519: what a signer makes is accepted, and S has one value', async (t) => {
  const pair = keyPairFromSecret('ed25519', fill(7))
  const message = text('a message')
  const valid = sign(message, pair)
  const r = valid.subarray(0, 32)
  const s = littleOf(valid.subarray(32))
  expect(t, true, 'a valid signature', message, valid, pair.publicKey)
  const edges = { 0: 0n, 1: 1n, 'L - 1': ED_ORDER - 1n, L: ED_ORDER, 'L + 1': ED_ORDER + 1n, 'S + L': s + ED_ORDER, 'S + 2L': s + 2n * ED_ORDER, 'S + 8L': s + 8n * ED_ORDER }
  for (const [name, edge] of Object.entries(edges)) expect(t, false, `S = ${name}`, message, edSignature(r, edge), pair.publicKey)
  for (const bit of [252n, 253n, 254n, 255n]) expect(t, false, `S with bit ${bit}`, message, edSignature(r, s | (1n << bit)), pair.publicKey)
  expect(t, false, 'another message', text('another'), valid, pair.publicKey)
  expect(t, false, 'another key', message, valid, keyPairFromSecret('ed25519', fill(8)).publicKey)
  expect(t, true, 'a signature of the empty message', new Uint8Array(), sign(new Uint8Array(), pair), pair.publicKey)
  for (let bit = 0; bit < 512; bit += 37) expect(t, false, `signature bit ${bit}`, message, flip(valid, bit), pair.publicKey)
  for (let bit = 16; bit < 272; bit += 41) expect(t, false, `key bit ${bit}`, message, valid, flip(pair.publicKey, bit))
})

t.test('ed25519: keys of small order are refused in every encoding', async (t) => {
  t.equal(TORSION.length, 8)
  t.equal(new Set(TORSION.map((point) => toHex(encodeEdPoint(point)))).size, 8)
  t.equal(SMALL_ORDER_ENCODINGS.length, 14, '5 values of y, 2 of them with a second name below 2^255, each with 2 signs')
  // The platform may refuse them too, and hide a gap: our own checks are tested by themselves.
  for (const encoded of SMALL_ORDER_ENCODINGS) t.notOk(ed25519KeyAllowed(encoded), `a key, our own check: ${toHex(encoded)}`)
  for (const point of TORSION) t.notOk(signatureInRange(edSignature(encodeEdPoint(point), 1n), 'ed25519'), `R, our own check: ${toHex(encodeEdPoint(point))}`)
  for (let i = 1n; i < 50n; i++) {
    const mixed = encodeEdPoint(ED.BASE.multiplyUnsafe(i).add(TORSION[Number(i % 8n)]!))
    t.ok(ed25519KeyAllowed(mixed) && signatureInRange(edSignature(mixed, 1n), 'ed25519'), 'a point of large order')
  }
  const r = encodeEdPoint(ED.BASE.multiplyUnsafe(nonce))
  let forgeries = 0
  for (const encoded of SMALL_ORDER_ENCODINGS) {
    // With k = 0 mod 8 the equation r·B − k·A = R holds for R = r·B: a signature that anybody can make.
    const message = messageWith(r, encoded, (k) => k % 8n === 0n)
    const forged = edSignature(r, nonce)
    if (equationHolds(message, forged, encoded)) forgeries++
    expect(t, false, `key ${toHex(encoded)}`, message, forged, edKey(encoded))
  }
  t.equal(forgeries, 8, 'the equation holds for each canonical one')
})

t.test('ed25519: a key has one encoding', async (t) => {
  const r = encodeEdPoint(ED.BASE.multiplyUnsafe(nonce))
  for (let y = 0n; y < 19n; y++) {
    for (const sign of [0n, 1n]) {
      const encoded = little32Of((ED_FIELD + y) | (sign << 255n))
      t.notOk(ed25519KeyAllowed(encoded), `our own check: y = p + ${y}, sign ${sign}`)
      expect(t, false, `y = p + ${y}, sign ${sign}`, edMessage(0), edSignature(r, nonce), edKey(encoded))
    }
  }
  // The same points under their true names are fine as keys, and here only the signature is wrong.
  t.ok(decodeEdPoint(little32Of(3n)) !== null || decodeEdPoint(little32Of(4n)) !== null)
  for (const value of [1n, ED_FIELD - 1n]) {
    expect(t, false, `x = 0 with the sign 1, y = ${value}`, edMessage(0), edSignature(encodeEdPoint(ED.ZERO), 0n), edKey(little32Of(value | (1n << 255n))))
  }
  let off = 2n
  while (decodeEdPoint(little32Of(off)) !== null) off++
  expect(t, false, 'y of no point', edMessage(0), edSignature(r, nonce), edKey(little32Of(off)))
})

t.test('ed25519: R of small order is refused', async (t) => {
  const key = encodeEdPoint(A)
  // A signer may choose the nonce 0: then R is the identity, S = k·a, and the equation holds.
  for (const r of [little32Of(1n), little32Of(1n | (1n << 255n)), little32Of(ED_FIELD + 1n), little32Of((ED_FIELD + 1n) | (1n << 255n))]) {
    const k = edChallenge(r, key, edMessage(0))
    const signature = edSignature(r, mod(k * secret, ED_ORDER))
    t.equal(equationHolds(edMessage(0), signature, key), littleOf(r) === 1n, 'the equation holds for the canonical encoding')
    expect(t, false, `R = identity as ${toHex(r)}`, edMessage(0), signature, edKey(key))
  }
  const mixedKey = encodeEdPoint(A.add(TORSION[1]!))
  for (const [i, point] of TORSION.entries()) {
    if (i === 0) continue
    // R = −k·T under a key a·B + T: the equation holds.
    const r = encodeEdPoint(point)
    const message = messageWith(r, mixedKey, (k) => TORSION[1]!.multiplyUnsafe(k % 8n).add(point).is0())
    const exact = edSignature(r, mod(edChallenge(r, mixedKey, message) * secret, ED_ORDER))
    t.ok(equationHolds(message, exact, mixedKey), 'the equation holds')
    expect(t, false, `R = T${i}, as the equation gives it`, message, exact, edKey(mixedKey))
    // The same R under an honest key: only a verifier that multiplies by 8 accepts it.
    const cofactored = edSignature(r, mod(edChallenge(r, key, edMessage(0)) * secret, ED_ORDER))
    t.ok(ed25519.verify(cofactored, edMessage(0), key), 'a cofactored verifier accepts it')
    expect(t, false, `R = T${i} under an honest key`, edMessage(0), cofactored, edKey(key))
  }
})

t.test('ed25519: there is no cofactor: parts of small order must cancel exactly', async (t) => {
  const key = encodeEdPoint(A)
  for (const [i, torsion] of TORSION.entries()) {
    if (i === 0) continue
    // R = r·B + T under an honest key.
    const mixedR = encodeEdPoint(ED.BASE.multiplyUnsafe(nonce).add(torsion))
    const s = mod(nonce + edChallenge(mixedR, key, edMessage(0)) * secret, ED_ORDER)
    t.ok(ed25519.verify(edSignature(mixedR, s), edMessage(0), key), 'a cofactored verifier accepts it')
    expect(t, false, `R = r·B + T${i}`, edMessage(0), edSignature(mixedR, s), edKey(key))

    // A = a·B + T: S·B − k·A = r·B − k·T, which is R exactly if k·T vanishes.
    const mixedKey = encodeEdPoint(A.add(torsion))
    const r = encodeEdPoint(ED.BASE.multiplyUnsafe(nonce))
    const vanishes = (k: bigint): boolean => torsion.multiplyUnsafe(k % 8n).is0()
    for (const [verdict, condition] of [[true, vanishes], [false, (k: bigint) => !vanishes(k)]] as const) {
      const message = messageWith(r, mixedKey, condition)
      const s = mod(nonce + edChallenge(r, mixedKey, message) * secret, ED_ORDER)
      t.ok(ed25519.verify(edSignature(r, s), message, mixedKey), 'a cofactored verifier accepts both')
      expect(t, verdict, `A = a·B + T${i}, k·T ${verdict ? 'vanishes' : 'remains'}`, message, edSignature(r, s), edKey(mixedKey))
    }

    // Both: R = r·B − k·T is what the equation gives.
    const both = encodeEdPoint(ED.BASE.multiplyUnsafe(nonce).add(torsion))
    const message = messageWith(both, mixedKey, (k) => torsion.multiplyUnsafe(k % 8n).add(torsion).is0())
    const s2 = mod(nonce + edChallenge(both, mixedKey, message) * secret, ED_ORDER)
    expect(t, true, `A = a·B + T${i} and R = r·B − k·T${i}`, message, edSignature(both, s2), edKey(mixedKey))
  }
})

// All curves

const flip = (bytes: Uint8Array, bit: number): Uint8Array => {
  const flipped = Uint8Array.from(bytes)
  flipped[bit >> 3]! ^= 1 << (bit & 7)
  return flipped
}

t.test('signatures and keys of another size or curve are refused', async (t) => {
  const message = text('a message')
  for (const curve of CURVES) {
    const pair = keyPairFromSecret(curve, fill(9))
    const valid = sign(message, pair)
    for (const signature of [new Uint8Array(), valid.subarray(0, 63), concat(valid, Uint8Array.of(0)), concat(valid, Uint8Array.of(1))]) {
      expect(t, false, `${curve}: a signature of ${signature.length} bytes`, message, signature, pair.publicKey)
    }
    for (const key of [new Uint8Array(), pair.publicKey.subarray(0, 34), concat(pair.publicKey, Uint8Array.of(0)), rawKey(pair.publicKey, curve)]) {
      expect(t, false, `${curve}: a key of ${key.length} bytes`, message, valid, key)
    }
    for (const other of CURVES) {
      if (other !== curve) expect(t, false, `${curve}: a ${other} key`, message, valid, keyPairFromSecret(other, fill(9)).publicKey)
    }
    for (let tag = 0; tag < 16; tag++) expect(t, false, `${curve}: tag bit ${tag}`, message, valid, flip(pair.publicKey, tag))
  }
  const pair = keyPairFromSecret('ed25519', fill(9))
  expect(t, false, 'ed25519: a byte behind the key', message, sign(message, pair), flip(pair.publicKey, 8 * 34))
})

t.test('the cache drops the oldest key, never a verdict', async (t) => {
  const verifier = createVerifier({ maxCachedKeys: 2 })
  const pairs = Array.from({ length: 5 }, (_, i) => keyPairFromSecret('p256', fill(i + 1)))
  const message = text('a message')
  for (let turn = 0; turn < 3; turn++) {
    for (const [i, pair] of pairs.entries()) {
      t.ok(verifier.verify(message, sign(message, pair), pair.publicKey))
      t.notOk(verifier.verify(message, sign(message, pair), pairs[(i + 1) % 5]!.publicKey))
    }
  }
})

t.test('fast verifier and reference agree on mutated signatures', async (t) => {
  const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
  const edges = fc.constantFrom(
    ...CURVES.flatMap((curve) => (curve === 'ed25519' ? [] : [ECDSA[curve].n, ECDSA[curve].n / 2n, ECDSA[curve].p])).flatMap((value) => [value - 1n, value, value + 1n]),
    0n, 1n, ED_ORDER, ED_ORDER - 1n, ED_FIELD, ED_FIELD + 1n, 2n ** 256n - 1n,
  )
  const mutation = fc.oneof(
    fc.constant({ kind: 'none' } as const),
    fc.record({ kind: fc.constant('signature bit' as const), bit: fc.nat(511) }),
    fc.record({ kind: fc.constant('key bit' as const), bit: fc.nat(279) }),
    fc.record({ kind: fc.constant('message' as const), message: fc.uint8Array({ maxLength: 64 }) }),
    fc.record({ kind: fc.constant('first half' as const), half: fc.oneof(bytes32, edges.map(bytes32Of), edges.map(little32Of)) }),
    fc.record({ kind: fc.constant('second half' as const), half: fc.oneof(bytes32, edges.map(bytes32Of), edges.map(little32Of)) }),
    fc.record({ kind: fc.constant('other s' as const) }),
    fc.record({ kind: fc.constant('key' as const), x: fc.oneof(bytes32, edges.map(bytes32Of)), lead: fc.nat(5) }),
  )
  const verifier = createVerifier({ maxCachedKeys: 4 })
  let accepted = 0
  let runs = 0
  holds(
    t,
    'one verdict',
    fc.property(fc.constantFrom(...CURVES), bytes32, fc.uint8Array({ maxLength: 300 }), mutation, (curve, seed, original, change) => {
      if (curve !== 'ed25519' && mod(bigOf(seed), ECDSA[curve].n) !== bigOf(seed)) return
      const pair = keyPairFromSecret(curve, seed)
      let message = original
      let signature = sign(message, pair)
      let key = pair.publicKey
      if (change.kind === 'signature bit') signature = flip(signature, change.bit)
      else if (change.kind === 'key bit') key = flip(key, change.bit)
      else if (change.kind === 'message') message = change.message
      else if (change.kind === 'first half') signature = concat(change.half, signature.subarray(32))
      else if (change.kind === 'second half') signature = concat(signature.subarray(0, 32), change.half)
      else if (change.kind === 'other s' && curve !== 'ed25519') signature = concat(signature.subarray(0, 32), bytes32Of(ECDSA[curve].n - bigOf(signature.subarray(32))))
      else if (change.kind === 'other s') signature = concat(signature.subarray(0, 32), little32Of(littleOf(signature.subarray(32)) + ED_ORDER))
      else if (change.kind === 'key') key = tagKey(curve, curve === 'ed25519' ? change.x : concat(Uint8Array.of(change.lead), change.x))
      const verdict = referenceVerify(message, signature, key)
      runs++
      if (verdict) accepted++
      return verifier.verify(message, signature, key) === verdict && verifySignature(message, signature, key) === verdict
    }),
    { numRuns: 600, examples: CURVES.map((curve) => [curve, fill(3), text('example'), { kind: 'none' }]) },
  )
  t.ok(accepted >= 20 && runs - accepted >= 100, 'both verdicts occurred', { accepted, runs })
})
