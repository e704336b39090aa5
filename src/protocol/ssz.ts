// SSZ with the native hasher, and decoding that refuses what is not canonical.
// Import SSZ through this file only: the hasher must be set before the library computes its zero hashes.

import '../crypto/hasher.ts'
import type { Type } from '@chainsafe/ssz'
import { ByteListType, ByteVectorType, UintBigintType, UintNumberType } from '@chainsafe/ssz'
import { equalBytes } from '../base/bytes.ts'
import type { Result } from '../base/result.ts'
import { err, ok } from '../base/result.ts'

export { BitArray, BitListType, BooleanType, ContainerType, ListBasicType, ListCompositeType } from '@chainsafe/ssz'
export { ByteListType, ByteVectorType }

export const uint8 = new UintNumberType(1)
export const uint32 = new UintNumberType(4)

/** The library reads any 8 bytes into a double: above 2^53 − 1 it rounds, and what is a power of two even survives encoding again. */
export class SafeUint64Type extends UintNumberType {
  override value_deserializeFromBytes(...args: Parameters<UintNumberType['value_deserializeFromBytes']>): number {
    const value = super.value_deserializeFromBytes(...args)
    if (!Number.isSafeInteger(value)) throw new RangeError('an integer above 2^53 - 1')
    return value
  }
}

/** Times, heights, rounds, sequences, powers: safe integers (below 2^53). */
export const uint64 = new SafeUint64Type(8)
/** Amounts. */
export const bigUint64 = new UintBigintType(8)
export const bytes32 = new ByteVectorType(32)
export const bytes35 = new ByteVectorType(35)
export const bytes64 = new ByteVectorType(64)

/**
 * Decodes, and encodes again to be sure: offsets that overlap or leave holes, integers over 2^53 − 1 and trailing bytes
 * are all "malformed". For messages of a few kilobytes; large lists have codecs of their own.
 */
export function decodeSsz<T>(type: Type<T>, bytes: Uint8Array): Result<T, 'malformed'> {
  try {
    const value = type.deserialize(bytes)
    return equalBytes(type.serialize(value), bytes) ? ok(value) : err('malformed')
  } catch {
    return err('malformed')
  }
}
