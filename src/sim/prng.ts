// Random numbers from a seed: xoshiro128** on 32-bit integers, so that every machine draws the same.

export const PPM = 1_000_000

export class Prng {
  #a: number
  #b: number
  #c: number
  #d: number

  /** @param seed uint32. @param stream draws of one stream are independent of how much another is used */
  constructor(seed: number, stream = '') {
    let state = seed >>> 0
    for (let i = 0; i < stream.length; i++) state = mix(state ^ Math.imul(stream.charCodeAt(i) + 1, 0x9e3779b1))
    this.#a = mix((state += 0x9e3779b9))
    this.#b = mix((state += 0x9e3779b9))
    this.#c = mix((state += 0x9e3779b9))
    this.#d = mix(state + 0x9e3779b9) | 1
  }

  /** uint32 */
  next(): number {
    const result = Math.imul(rotate(Math.imul(this.#b, 5), 7), 9) >>> 0
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = rotate(this.#d, 11)
    return result
  }

  /** An integer from 0 to `limit` − 1. */
  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit)
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  chance(ppm: number): boolean {
    return this.below(PPM) < ppm
  }

  /** Small values are likelier: half of them lie in the lowest quarter. */
  skewed(low: number, high: number): number {
    return low + Math.floor(((high - low + 1) * this.below(1_000) * this.below(1_000)) / 1_000_000)
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  shuffled<T>(list: readonly T[]): T[] {
    const shuffled = [...list]
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const other = shuffled[j]!
      shuffled[j] = shuffled[i]!
      shuffled[i] = other
    }
    return shuffled
  }

  /** 32 bytes that nobody else draws. */
  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.next() >>> 24)
  }
}

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits))

/** The finaliser of MurmurHash3: every bit of the input moves half of the output. */
export function mix(value: number): number {
  let x = value | 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}
