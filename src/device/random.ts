// Seeded random numbers for the heart model: xoshiro128** (Blackman and Vigna, 2018). For simulation only, never for
// keys or nonces: those come from the platform's cryptographic source.

import { sha256 } from '../crypto/hash.ts'
import { readUint32 } from '../base/bytes.ts'

export interface Random {
  /** 0 ≤ x < 1, 53 bits. */
  uniform(): number
  between(low: number, high: number): number
  /** Normal distribution, mean 0, standard deviation 1. */
  normal(): number
}

/** The same seed gives the same numbers. Seeds that differ as text give unrelated numbers. */
export function createRandom(seed: string | number): Random {
  const digest = sha256(new TextEncoder().encode(`pulse heart ${seed}`))
  let a = readUint32(digest, 0)
  let b = readUint32(digest, 4)
  let c = readUint32(digest, 8)
  let d = readUint32(digest, 12)

  function next32(): number {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = rotateLeft(d, 11)
    return result
  }

  const uniform = (): number => ((next32() >>> 5) * 0x400_0000 + (next32() >>> 6)) / 2 ** 53
  return {
    uniform,
    between: (low, high) => low + (high - low) * uniform(),
    // Box and Muller; 1 − x keeps the logarithm's argument above zero.
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  }
}

const rotateLeft = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits))
