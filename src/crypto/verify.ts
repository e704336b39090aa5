// The signature rule of Pulse, in one place. Whatever is verified is verified here.
//
// ECDSA (P-256, secp256k1): SHA-256 over the message; signature r‖s of 64 bytes, big-endian; 0 < r < n, 0 < s ≤ n/2
//   (low S: the other half would give every message a second signature); the key is a point on the curve.
// Ed25519: the key is canonical, neither the key nor R is of small order, S < L, and encode(S·B − k·A) equals R byte for
//   byte, which is what OpenSSL computes. There is no cofactor and no second opinion. Small orders are refused here,
//   because node:crypto does so since 2026 (nodejs/node#64026) and did not before: nodes of two releases must agree.
//
// Messages are verified, never bare digests: from a public key alone anybody can compute a digest with a valid signature.

import { createPublicKey, verify as nodeVerify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { toBin } from '../base/bytes.ts'
import type { Curve } from './keys.ts'
import { KeyCache } from './key-cache.ts'
import { keyCurve, rawKey } from './keys.ts'

export const SIGNATURE_SIZE = 64

/** Largest s, big-endian: ⌊n/2⌋. */
const HALF_ORDER = {
  p256: bytesOf('7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8'),
  secp256k1: bytesOf('7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0'),
} as const

/** Largest r, big-endian: n − 1. */
const ORDER_MINUS_ONE = {
  p256: bytesOf('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550'),
  secp256k1: bytesOf('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140'),
} as const

/** L − 1 and p − 1 of Ed25519, big-endian (the encodings are little-endian). */
const ED25519_ORDER_MINUS_ONE = bytesOf('1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ec')
const ED25519_FIELD_MINUS_ONE = bytesOf('7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec')

/** y of the points of order 1, 2, 4 and 8, big-endian; the sign of x is masked before the comparison. */
const ED25519_SMALL_ORDER_Y = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000001',
  '7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec',
  '05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826',
  '7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7',
].map(bytesOf)

/** Key objects are kept because importing a key costs half as much as a verification. */
export interface Verifier {
  /** @param tagged a tagged key (35 bytes) */
  verify(message: Uint8Array, signature: Uint8Array, tagged: Uint8Array): boolean
}

export interface VerifierOptions {
  /** Key objects kept; about 3 kB each outside the JavaScript heap. */
  maxCachedKeys: number
}

export function createVerifier({ maxCachedKeys }: VerifierOptions): Verifier {
  const keys = new KeyCache<KeyObject>(maxCachedKeys)

  function keyObject(tagged: Uint8Array, curve: Curve): KeyObject | null {
    const bin = toBin(tagged)
    const cached = keys.get(bin)
    if (cached !== undefined) return cached
    const key = importKey(tagged, curve)
    if (key !== null) keys.offer(bin, key)
    return key
  }

  return {
    verify(message, signature, tagged) {
      const curve = keyCurve(tagged)
      if (curve === null || signature.length !== SIGNATURE_SIZE || !signatureInRange(signature, curve)) return false
      const key = keyObject(tagged, curve)
      if (key === null) return false
      return curve === 'ed25519'
        ? nodeVerify(null, message, key, signature)
        : nodeVerify('sha256', message, key, derSignature(signature))
    },
  }
}

/** The same rule for a single signature, with nothing kept. */
export function verifySignature(message: Uint8Array, signature: Uint8Array, tagged: Uint8Array): boolean {
  return createVerifier({ maxCachedKeys: 1 }).verify(message, signature, tagged)
}

/**
 * r‖s as the DER sequence of two integers. node:crypto would take r‖s as it is, but only with an options object around the
 * key, and recognising that one costs Node 24 two thrown errors: 40 % of a verification (docs/benchmarks.md).
 */
function derSignature(signature: Uint8Array): Uint8Array {
  const r = integerOffset(signature, 0)
  const s = integerOffset(signature, 32)
  // An integer whose first bit is set gets a zero in front: DER's integers have a sign.
  const rPad = signature[r]! >> 7
  const sPad = signature[s]! >> 7
  const rSize = 32 - r + rPad
  const sSize = 64 - s + sPad
  const der = new Uint8Array(6 + rSize + sSize)
  der[0] = 0x30
  der[1] = 4 + rSize + sSize
  der[2] = 0x02
  der[3] = rSize
  der.set(signature.subarray(r, 32), 4 + rPad)
  der[4 + rSize] = 0x02
  der[5 + rSize] = sSize
  der.set(signature.subarray(s), 6 + rSize + sPad)
  return der
}

/** Offset of the first byte of a 32-byte integer that is not zero, or of its last. */
function integerOffset(bytes: Uint8Array, start: number): number {
  let at = start
  while (at < start + 31 && bytes[at] === 0) at++
  return at
}

/** The checks of a signature that do not need the key: r and s, or R and S. Exported for its test: a platform may hide a gap. */
export function signatureInRange(signature: Uint8Array, curve: Curve): boolean {
  const first = signature.subarray(0, 32)
  const s = signature.subarray(32)
  if (curve === 'ed25519') return compareBigEndian(reversed(s), ED25519_ORDER_MINUS_ONE) <= 0 && !ed25519SmallOrder(first)
  return !isZero(first) && compareBigEndian(first, ORDER_MINUS_ONE[curve]) <= 0 && !isZero(s) && compareBigEndian(s, HALF_ORDER[curve]) <= 0
}

/** SubjectPublicKeyInfo up to the key itself. */
const SPKI_PREFIX: Readonly<Record<Curve, Uint8Array>> = {
  ed25519: bytesOf('302a300506032b6570032100'),
  p256: bytesOf('3039301306072a8648ce3d020106082a8648ce3d030107032200'),
  secp256k1: bytesOf('3036301006072a8648ce3d020106052b8104000a032200'),
}

/** Null if the key is not a point on its curve, or for Ed25519 not canonical or of small order. */
function importKey(tagged: Uint8Array, curve: Curve): KeyObject | null {
  const raw = rawKey(tagged, curve)
  if (curve === 'ed25519' && !ed25519KeyAllowed(raw)) return null
  const der = new Uint8Array(SPKI_PREFIX[curve].length + raw.length)
  der.set(SPKI_PREFIX[curve], 0)
  der.set(raw, SPKI_PREFIX[curve].length)
  try {
    return createPublicKey({ key: der as Buffer, format: 'der', type: 'spki' })
  } catch {
    return null
  }
}

/** Canonical, and not of small order. Exported for its test. */
export function ed25519KeyAllowed(raw: Uint8Array): boolean {
  return compareBigEndian(ed25519Y(raw), ED25519_FIELD_MINUS_ONE) <= 0 && !ed25519SmallOrder(raw)
}

/** True for the canonical encodings of the eight points of small order (and for those of x = 0 with the wrong sign). */
function ed25519SmallOrder(encoded: Uint8Array): boolean {
  const y = ed25519Y(encoded)
  return ED25519_SMALL_ORDER_Y.some((bad) => compareBigEndian(y, bad) === 0)
}

/** y of an encoded point, big-endian, without the sign of x. */
function ed25519Y(encoded: Uint8Array): Uint8Array {
  const y = reversed(encoded)
  y[0]! &= 0x7f
  return y
}

function compareBigEndian(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) {
    const difference = a[i]! - b[i]!
    if (difference !== 0) return difference
  }
  return 0
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)
const reversed = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes).reverse()

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g)!, (pair) => parseInt(pair, 16))
}
