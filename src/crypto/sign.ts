// Key pairs and signatures of the three curves (RFC 6979 or Ed25519: deterministic, low S). Runs in browsers.

import { ed25519 } from '@noble/curves/ed25519.js'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import type { Curve } from './keys.ts'
import { tagKey } from './keys.ts'

export const SECRET_KEY_SIZE = 32

export interface KeyPair {
  readonly curve: Curve
  readonly secretKey: Uint8Array
  /** Tagged, 35 bytes. */
  readonly publicKey: Uint8Array
}

const signers = { p256, secp256k1 } as const

/** @throws if the 32 bytes are no secret key of that curve (zero, or not below the order) */
export function keyPairFromSecret(curve: Curve, secretKey: Uint8Array): KeyPair {
  const raw = curve === 'ed25519' ? ed25519.getPublicKey(secretKey) : signers[curve].getPublicKey(secretKey, true)
  return { curve, secretKey, publicKey: tagKey(curve, raw) }
}

/** Uses the platform's cryptographic random source. */
export function generateKeyPair(curve: Curve): KeyPair {
  const secretKey = curve === 'ed25519' ? ed25519.utils.randomSecretKey() : signers[curve].utils.randomSecretKey()
  return keyPairFromSecret(curve, secretKey)
}

/** @returns 64 bytes: r‖s with low S, or R‖S */
export function sign(message: Uint8Array, keys: KeyPair): Uint8Array {
  return keys.curve === 'ed25519' ? ed25519.sign(message, keys.secretKey) : signers[keys.curve].sign(message, keys.secretKey, { lowS: true })
}
