// The account tree: an incremental Merkle tree over packed records in typed arrays, in the shape of the SSZ list
// List[Vector[Bytes32, 4], 2^32]. A candidate block changes nothing in place: it yields a patch (the new records and
// the new nodes above them), of which the decided one is applied. SSZ views would need 20 times the memory.

import { hashInto } from '@chainsafe/hashtree'
import { assert } from '../base/assert.ts'
import { CHUNK, extendRoot, mixInLength, ZERO_HASHES } from '../crypto/merkle.ts'
import { ACCOUNT_TREE_DEPTH } from '../protocol/limits.ts'
import { RECORD_SIZE } from './account.ts'

/** Changed nodes of one level, ascending by index. */
interface LevelPatch {
  readonly indices: Uint32Array
  readonly hashes: Uint8Array
}

export interface TreePatch {
  readonly root: Uint8Array
  /** Records after the patch. */
  readonly count: number
  /** Ascending indices of new and changed records, and their bytes. */
  readonly indices: Uint32Array
  readonly records: Uint8Array
  readonly levels: readonly LevelPatch[]
}

export class RecordTree {
  #records = new Uint8Array(0)
  #count = 0
  /** Level 0 holds the root of each record; the last level in use has one node. */
  readonly #levels: Uint8Array<ArrayBuffer>[] = []

  get count(): number {
    return this.#count
  }

  /** All records, 128 bytes each; the first `count` are in use. Valid until the next `apply`. */
  get records(): Uint8Array {
    return this.#records
  }

  /** @param indices ascending, without repetition; every index ≥ `count` up to the new count must be among them */
  patch(indices: Uint32Array, records: Uint8Array): TreePatch {
    assert(records.length === indices.length * RECORD_SIZE, 'one record per index')
    const last = indices.length === 0 ? -1 : indices[indices.length - 1]!
    const count = Math.max(this.#count, last + 1)
    const levels: LevelPatch[] = []
    let dirty: LevelPatch = { indices, hashes: hashRecords(records) }
    let width = count
    for (let level = 0; width > 0; level++) {
      levels.push(dirty)
      if (width === 1) break
      dirty = this.#parents(dirty, level)
      width = Math.ceil(width / 2)
    }
    return { root: this.#rootOf(levels, count), count, indices, records, levels }
  }

  apply(patch: TreePatch): void {
    this.#records = grown(this.#records, patch.count * RECORD_SIZE)
    copyAt(this.#records, patch.indices, patch.records, RECORD_SIZE)
    patch.levels.forEach(({ indices, hashes }, level) => {
      const width = Math.ceil(patch.count / 2 ** level)
      this.#levels[level] = grown(this.#levels[level] ?? new Uint8Array(0), width * CHUNK)
      copyAt(this.#levels[level], indices, hashes, CHUNK)
    })
    this.#count = patch.count
  }

  #parents(children: LevelPatch, level: number): LevelPatch {
    const parents = new Uint32Array(children.indices.length)
    let count = 0
    for (const child of children.indices) {
      const parent = child >>> 1
      if (count === 0 || parents[count - 1] !== parent) parents[count++] = parent
    }
    const indices = parents.subarray(0, count)
    const input = new Uint8Array(count * 2 * CHUNK)
    let next = 0
    for (let i = 0; i < count; i++) {
      for (let side = 0; side < 2; side++) {
        const child = 2 * indices[i]! + side
        const target = (2 * i + side) * CHUNK
        if (next < children.indices.length && children.indices[next] === child) {
          copyChunk(children.hashes, next * CHUNK, input, target)
          next++
        } else this.#copyNode(level, child, input, target)
      }
    }
    const hashes = new Uint8Array(count * CHUNK)
    if (count > 0) hashInto(input, hashes)
    return { indices, hashes }
  }

  #copyNode(level: number, index: number, target: Uint8Array, offset: number): void {
    const nodes = this.#levels[level]
    const exists = index < Math.ceil(this.#count / 2 ** level)
    if (nodes !== undefined && exists) copyChunk(nodes, index * CHUNK, target, offset)
    else target.set(ZERO_HASHES[level]!, offset)
  }

  #rootOf(levels: readonly LevelPatch[], count: number): Uint8Array {
    const top = Math.max(levels.length - 1, 0)
    let root = ZERO_HASHES[0]!
    if (count > 0) {
      root = new Uint8Array(CHUNK)
      const changed = levels[top]!
      if (changed.indices.length > 0) root.set(changed.hashes.subarray(0, CHUNK))
      else this.#copyNode(top, 0, root, 0)
    }
    return mixInLength(extendRoot(root, top, ACCOUNT_TREE_DEPTH), count)
  }
}

/** A record is a subtree of four chunks; where there is none, the leaf is a zero chunk, as in every SSZ list. */
function hashRecords(records: Uint8Array): Uint8Array {
  const pairs = new Uint8Array(records.length / 2)
  const roots = new Uint8Array(records.length / 4)
  if (records.length > 0) {
    hashInto(records, pairs)
    hashInto(pairs, roots)
  }
  return roots
}

/** The array itself, or a larger copy: capacity doubles, so that appending stays cheap. */
function grown(array: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  if (array.length >= size) return array
  const larger = new Uint8Array(Math.max(size, 2 * array.length, 64 * CHUNK))
  larger.set(array)
  return larger
}

function copyAt(target: Uint8Array, indices: Uint32Array, source: Uint8Array, size: number): void {
  for (let i = 0; i < indices.length; i++) target.set(source.subarray(i * size, (i + 1) * size), indices[i]! * size)
}

function copyChunk(source: Uint8Array, from: number, target: Uint8Array, to: number): void {
  for (let i = 0; i < CHUNK; i++) target[to + i] = source[from + i]!
}
