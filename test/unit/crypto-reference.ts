// The signature rule once more, written from the equations with curve points and bigints only: slow, and independent of
// src/crypto/verify.ts. (noble's own `verify` would not do: for Ed25519 it multiplies by the cofactor.)

import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { concat, equalBytes } from '../../src/base/bytes.ts'
import type { Curve } from '../../src/crypto/keys.ts'

export type EcdsaCurve = Exclude<Curve, 'ed25519'>

export const bigOf = (bytes: Uint8Array): bigint => bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
export const littleOf = (bytes: Uint8Array): bigint => bigOf(Uint8Array.from(bytes).reverse())

/** 32 bytes, big-endian. */
export function bytes32Of(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * (31 - i))) & 0xffn))
}

export const little32Of = (value: bigint): Uint8Array => bytes32Of(value).reverse()

export const mod = (value: bigint, modulus: bigint): bigint => ((value % modulus) + modulus) % modulus

export function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n
  let square = mod(base, modulus)
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}

/** The modulus must be prime. */
export const inverse = (value: bigint, modulus: bigint): bigint => power(value, modulus - 2n, modulus)

export const POINTS = { p256: p256.Point, secp256k1: secp256k1.Point } as const
export type EcdsaPoint = InstanceType<(typeof POINTS)[EcdsaCurve]>

/** p, n, a, b of y² = x³ + ax + b. */
export const ECDSA = {
  p256: {
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    a: -3n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  },
  secp256k1: {
    p: 2n ** 256n - 2n ** 32n - 977n,
    n: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
    a: 0n,
    b: 7n,
  },
} as const

/** The point with this x, or null if there is none. @param odd parity of y */
export function liftX(curve: EcdsaCurve, x: bigint, odd: boolean): EcdsaPoint | null {
  const { p, a, b } = ECDSA[curve]
  if (x >= p) return null
  const square = mod(x * x * x + a * x + b, p)
  const root = power(square, (p + 1n) / 4n, p)
  if (mod(root * root, p) !== square) return null
  return POINTS[curve].fromAffine({ x, y: (root & 1n) === (odd ? 1n : 0n) ? root : mod(-root, p) })
}

function referenceEcdsa(curve: EcdsaCurve, message: Uint8Array, signature: Uint8Array, key: Uint8Array): boolean {
  const { n } = ECDSA[curve]
  const r = bigOf(signature.subarray(0, 32))
  const s = bigOf(signature.subarray(32))
  if (r < 1n || r >= n || s < 1n || 2n * s > n) return false
  if (key[0] !== 2 && key[0] !== 3) return false
  const point = liftX(curve, bigOf(key.subarray(1)), key[0] === 3)
  if (point === null) return false
  const e = mod(bigOf(sha256(message)), n)
  const w = inverse(s, n)
  const sum = POINTS[curve].BASE.multiplyUnsafe(mod(e * w, n)).add(point.multiplyUnsafe(mod(r * w, n)))
  return !sum.is0() && mod(sum.toAffine().x, n) === r
}

export const ED = ed25519.Point
export type EdPoint = InstanceType<typeof ED>
export const ED_FIELD = 2n ** 255n - 19n
export const ED_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n
const ED_D = mod(-121665n * inverse(121666n, ED_FIELD), ED_FIELD)
const SQRT_MINUS_ONE = power(2n, (ED_FIELD - 1n) / 4n, ED_FIELD)

/** The point of an encoding, or null; y must be below p, and x = 0 must have the sign 0. */
export function decodeEdPoint(encoded: Uint8Array): EdPoint | null {
  const value = littleOf(encoded)
  const y = value & (2n ** 255n - 1n)
  const odd = value >> 255n
  if (y >= ED_FIELD) return null
  const square = mod((y * y - 1n) * inverse(ED_D * y * y + 1n, ED_FIELD), ED_FIELD)
  let x = power(square, (ED_FIELD + 3n) / 8n, ED_FIELD)
  if (mod(x * x, ED_FIELD) !== square) x = mod(x * SQRT_MINUS_ONE, ED_FIELD)
  if (mod(x * x, ED_FIELD) !== square) return null
  if (x === 0n && odd === 1n) return null
  if ((x & 1n) !== odd) x = mod(-x, ED_FIELD)
  return ED.fromAffine({ x, y })
}

/** x's parity in the top bit of y. */
export function encodeEdPoint(point: EdPoint): Uint8Array {
  const { x, y } = point.toAffine()
  return little32Of(y | ((x & 1n) << 255n))
}

/** H(R ‖ A ‖ M) mod L. */
export const edChallenge = (r: Uint8Array, key: Uint8Array, message: Uint8Array): bigint => mod(littleOf(sha512(concat(r, key, message))), ED_ORDER)

const isSmallOrder = (point: EdPoint): boolean => point.double().double().double().is0()

function referenceEd25519(message: Uint8Array, signature: Uint8Array, key: Uint8Array): boolean {
  const r = signature.subarray(0, 32)
  const s = littleOf(signature.subarray(32))
  if (s >= ED_ORDER) return false
  const point = decodeEdPoint(key)
  if (point === null || isSmallOrder(point)) return false
  const pointR = decodeEdPoint(r)
  if (pointR !== null && isSmallOrder(pointR)) return false
  const sum = ED.BASE.multiplyUnsafe(s).subtract(point.multiplyUnsafe(edChallenge(r, key, message)))
  return equalBytes(encodeEdPoint(sum), r)
}

/** What `verify` must answer. @param tagged a tagged key of 35 bytes */
export function referenceVerify(message: Uint8Array, signature: Uint8Array, tagged: Uint8Array): boolean {
  if (signature.length !== 64 || tagged.length !== 35) return false
  const tag = (tagged[0]! << 8) | tagged[1]!
  if (tag === 0x8024) return referenceEcdsa('p256', message, signature, tagged.subarray(2))
  if (tag === 0xe701) return referenceEcdsa('secp256k1', message, signature, tagged.subarray(2))
  return tag === 0xed01 && tagged[34] === 0 && referenceEd25519(message, signature, tagged.subarray(2, 34))
}
