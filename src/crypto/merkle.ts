// Binary Merkle trees over 32-byte chunks, in the shape of SSZ lists, hashed level by level with the native hasher.

import { hashInto } from '@chainsafe/hashtree'
import { assert } from '../base/assert.ts'

export const CHUNK = 32

/** Root of an all-zero tree of each depth. */
export const ZERO_HASHES: readonly Uint8Array[] = (() => {
  const hashes = [new Uint8Array(CHUNK)]
  const pair = new Uint8Array(2 * CHUNK)
  for (let depth = 0; depth < 64; depth++) {
    pair.set(hashes[depth]!, 0)
    pair.set(hashes[depth]!, CHUNK)
    const parent = new Uint8Array(CHUNK)
    hashInto(pair, parent)
    hashes.push(parent)
  }
  return hashes
})()

export function hashPair(left: Uint8Array, right: Uint8Array): Uint8Array {
  const pair = new Uint8Array(2 * CHUNK)
  pair.set(left, 0)
  pair.set(right, CHUNK)
  const parent = new Uint8Array(CHUNK)
  hashInto(pair, parent)
  return parent
}

/** Root of the chunks, padded with zero chunks to 2^depth. @param chunks concatenated, 32 bytes each */
export function merkleize(chunks: Uint8Array, depth: number): Uint8Array {
  assert(chunks.length % CHUNK === 0 && chunks.length / CHUNK <= 2 ** depth, 'chunks fit the tree')
  if (chunks.length === 0) return ZERO_HASHES[depth]!
  let level = chunks
  for (let height = 0; height < depth; height++) {
    const count = level.length / CHUNK
    if (count === 1) return extendRoot(level, height, depth)
    let input = level
    if (count % 2 === 1) {
      input = new Uint8Array(level.length + CHUNK)
      input.set(level)
      input.set(ZERO_HASHES[height]!, level.length)
    }
    level = new Uint8Array(input.length / 2)
    hashInto(input, level)
  }
  return level
}

/** Lifts the root of a tree of depth `from` to one of depth `to` whose other leaves are all zero. */
export function extendRoot(root: Uint8Array, from: number, to: number): Uint8Array {
  let lifted = root
  for (let depth = from; depth < to; depth++) lifted = hashPair(lifted, ZERO_HASHES[depth]!)
  return lifted
}

/** The root of an SSZ list: the root of its chunks with its length mixed in. */
export function mixInLength(root: Uint8Array, length: number): Uint8Array {
  const chunk = new Uint8Array(CHUNK)
  new DataView(chunk.buffer).setBigUint64(0, BigInt(length), true)
  return hashPair(root, chunk)
}
