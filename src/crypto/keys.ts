// Tagged public keys of three curves: multicodec varint + compressed key, padded to one fixed size.
//
//   curve       tag      key      text
//   Ed25519     ed 01    32       z + base58btc(tag ‖ key), the body of a did:key
//   secp256k1   e7 01    33
//   P-256       80 24    33
//
// The fixed-size form (35 bytes; an Ed25519 key has one zero byte behind it) is what messages, blocks and accounts carry.

import { base58 } from '@scure/base'
import type { Bin } from '../base/bytes.ts'
import { fromBin, toBin, toHex } from '../base/bytes.ts'

export type Curve = 'ed25519' | 'secp256k1' | 'p256'

/** A tagged key of 35 bytes as a Bin; made only by the functions of this file. */
export type KeyBin = Bin

export const TAGGED_KEY_SIZE = 35

const TAGS: Readonly<Record<Curve, readonly [number, number]>> = {
  ed25519: [0xed, 0x01],
  secp256k1: [0xe7, 0x01],
  p256: [0x80, 0x24],
}
const KEY_SIZES: Readonly<Record<Curve, number>> = { ed25519: 32, secp256k1: 33, p256: 33 }

/** @param key the compressed key: 32 bytes for Ed25519, 33 otherwise */
export function tagKey(curve: Curve, key: Uint8Array): Uint8Array {
  if (key.length !== KEY_SIZES[curve]) throw new RangeError(`a ${curve} key has ${KEY_SIZES[curve]} bytes, not ${key.length}`)
  const tagged = new Uint8Array(TAGGED_KEY_SIZE)
  tagged.set(TAGS[curve], 0)
  tagged.set(key, 2)
  return tagged
}

/** The curve of a tagged key, or null if the 35 bytes are no canonical tagged key. Does not check that the point is on the curve. */
export function keyCurve(tagged: Uint8Array): Curve | null {
  if (tagged.length !== TAGGED_KEY_SIZE) return null
  const first = tagged[0]
  const second = tagged[1]
  const lead = tagged[2]
  if (first === 0x80 && second === 0x24) return lead === 2 || lead === 3 ? 'p256' : null
  if (first === 0xed && second === 0x01) return tagged[34] === 0 ? 'ed25519' : null
  if (first === 0xe7 && second === 0x01) return lead === 2 || lead === 3 ? 'secp256k1' : null
  return null
}

/** The compressed key without its tag. */
export function rawKey(tagged: Uint8Array, curve: Curve): Uint8Array {
  return tagged.subarray(2, 2 + KEY_SIZES[curve])
}

/** The bare Ed25519 key of a node or a validator, as the genesis lists it. */
export const bareBin = (tagged: Uint8Array): Bin => toBin(rawKey(tagged, 'ed25519'))
export const bareHex = (tagged: Uint8Array): string => toHex(rawKey(tagged, 'ed25519'))

/** `z…` (multibase base58btc). The argument must be a canonical tagged key. */
export function keyToText(tagged: Uint8Array): string {
  const curve = keyCurve(tagged)
  if (curve === null) throw new RangeError('not a tagged key')
  return 'z' + base58.encode(tagged.subarray(0, 2 + KEY_SIZES[curve]))
}

export const keyBinToText = (key: KeyBin): string => keyToText(fromBin(key))

const MAX_KEY_TEXT = 60

/** Reads `z…`; null for anything that is not the canonical text of a tagged key. */
export function keyFromText(text: string): Uint8Array | null {
  if (text.length > MAX_KEY_TEXT || !text.startsWith('z')) return null
  let bytes: Uint8Array
  try {
    bytes = base58.decode(text.slice(1))
  } catch {
    return null
  }
  if (bytes.length > TAGGED_KEY_SIZE) return null
  const tagged = new Uint8Array(TAGGED_KEY_SIZE)
  tagged.set(bytes)
  const curve = keyCurve(tagged)
  return curve !== null && bytes.length === 2 + KEY_SIZES[curve] ? tagged : null
}

export function keyBinFromText(text: string): KeyBin | null {
  const tagged = keyFromText(text)
  return tagged === null ? null : toBin(tagged)
}
