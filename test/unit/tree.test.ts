// The account tree against two plain references: merkleize over all records, and the SSZ library's list.

import fc from 'fast-check'
import t from 'tap'
import { concat, toHex } from '../../src/base/bytes.ts'
import { InvariantError } from '../../src/base/assert.ts'
import { extendRoot, hashPair, merkleize, mixInLength } from '../../src/crypto/merkle.ts'
import { RECORD_SIZE } from '../../src/ledger/account.ts'
import type { TreePatch } from '../../src/ledger/tree.ts'
import { RecordTree } from '../../src/ledger/tree.ts'
import { bytes32, ListCompositeType } from '../../src/protocol/ssz.ts'
import { VectorCompositeType } from '@chainsafe/ssz'
import { holds } from '../fuzz/holds.ts'
import { bytesOf } from './ledger-fixture.ts'

const RecordsSsz = new ListCompositeType(new VectorCompositeType(bytes32, 4), 2 ** 32)

/** All records, hashed from scratch: the root of each (four chunks) is a leaf among 2^32. */
const referenceRoot = (records: readonly Uint8Array[]): string =>
  toHex(mixInLength(merkleize(concat(...records.map((record) => merkleize(record, 2))), 32), records.length))

const sszRoot = (records: readonly Uint8Array[]): string =>
  toHex(RecordsSsz.hashTreeRoot(records.map((record) => [0, 32, 64, 96].map((at) => record.subarray(at, at + 32)))))

const recordOf = (seed: string): Uint8Array => bytesOf(`record ${seed}`, RECORD_SIZE)

/** The patch that sets these records. */
function patchOf(tree: RecordTree, changes: ReadonlyMap<number, Uint8Array>): TreePatch {
  const indices = Uint32Array.from(changes.keys()).sort()
  return tree.patch(indices, concat(...Array.from(indices, (index) => changes.get(index)!)))
}

const used = (tree: RecordTree): Uint8Array => tree.records.slice(0, tree.count * RECORD_SIZE)
const rootOf = (tree: RecordTree): string => toHex(patchOf(tree, new Map()).root)

const COUNTS = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 1_000]

t.test('the root is that of the SSZ list, at every count', async (t) => {
  for (const count of COUNTS) {
    const records = Array.from({ length: count }, (_, i) => recordOf(`${i}`))
    const tree = new RecordTree()
    const patch = patchOf(tree, new Map(records.entries()))
    t.equal(toHex(patch.root), referenceRoot(records), `${count} records against merkleize`)
    t.equal(toHex(patch.root), sszRoot(records), `${count} records against the SSZ library`)
    t.equal(patch.count, count)
    tree.apply(patch)
    t.equal(tree.count, count)
    t.equal(rootOf(tree), referenceRoot(records), `${count} records after the patch was applied`)
    t.strictSame(used(tree), concat(...records))
  }
})

t.test('appending one by one gives the same roots as appending all at once', async (t) => {
  const records = Array.from({ length: 130 }, (_, i) => recordOf(`${i}`))
  const tree = new RecordTree()
  for (const [i, record] of records.entries()) {
    const patch = patchOf(tree, new Map([[i, record]]))
    tree.apply(patch)
    if (toHex(patch.root) !== referenceRoot(records.slice(0, i + 1))) return t.fail(`record ${i}`)
  }
  t.equal(rootOf(tree), sszRoot(records))
})

t.test('growing from any count to any other gives the right root', async (t) => {
  for (const from of COUNTS.slice(0, 15)) {
    for (const to of COUNTS.slice(0, 15)) {
      if (to < from) continue
      const records = Array.from({ length: to }, (_, i) => recordOf(`${i}`))
      const tree = new RecordTree()
      tree.apply(patchOf(tree, new Map(records.slice(0, from).entries())))
      const rest = new Map(Array.from(records.entries()).slice(from))
      // A record that was there changes too, unless there is none.
      if (from > 0) rest.set(from >> 1, (records[from >> 1] = recordOf('changed')))
      const patch = patchOf(tree, rest)
      tree.apply(patch)
      if (toHex(patch.root) !== referenceRoot(records) || rootOf(tree) !== referenceRoot(records)) return t.fail(`${from} to ${to}`)
    }
  }
  t.pass('all pairs')
})

/** Some changes: indices into what is there, and how many records are appended. */
const change = fc.record({ edits: fc.array(fc.nat(), { maxLength: 6 }), appended: fc.oneof(fc.nat({ max: 3 }), fc.constantFrom(0, 8, 33)), apply: fc.boolean() })

t.test('random appends and updates give the root of all records, and a patch that is not applied changes nothing', async (t) => {
  let applied = 0
  let dropped = 0
  holds(
    t,
    'sequences of patches',
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      const tree = new RecordTree()
      let records: Uint8Array[] = []
      for (const [step, { edits, appended, apply }] of changes.entries()) {
        const next = [...records]
        const map = new Map<number, Uint8Array>()
        for (const edit of edits) if (records.length > 0) map.set(edit % records.length, recordOf(`${step} edit ${edit}`))
        for (let i = 0; i < appended; i++) map.set(records.length + i, recordOf(`${step} append ${i}`))
        for (const [index, record] of map) next[index] = record
        const patch = patchOf(tree, map)
        if (toHex(patch.root) !== referenceRoot(next) || patch.count !== next.length) return false
        if (apply) {
          tree.apply(patch)
          records = next
          applied++
        } else dropped++
        if (rootOf(tree) !== referenceRoot(records) || toHex(used(tree)) !== toHex(concat(...records))) return false
      }
      return true
    }),
    { numRuns: 150 },
  )
  t.ok(applied > 100 && dropped > 100, 'both kinds were drawn')
})

t.test('of several candidates on one base, each has its own root, and the one that is applied counts', async (t) => {
  const base = Array.from({ length: 37 }, (_, i) => recordOf(`${i}`))
  const candidates: Map<number, Uint8Array>[] = [
    new Map([[0, recordOf('a')]]),
    new Map([[36, recordOf('b')], [37, recordOf('c')]]),
    new Map(Array.from({ length: 100 }, (_, i) => [37 + i, recordOf(`d${i}`)])),
    new Map(),
    new Map([[0, recordOf('e')], [63, recordOf('f')], ...Array.from({ length: 26 }, (_, i): [number, Uint8Array] => [37 + i, recordOf(`g${i}`)])]),
  ]
  const after = candidates.map((changes) => {
    const records = [...base]
    for (const [index, record] of [...changes].sort(([a], [b]) => a - b)) records[index] = record
    return records
  })
  for (const chosen of candidates.keys()) {
    const tree = new RecordTree()
    tree.apply(patchOf(tree, new Map(base.entries())))
    const patches = candidates.map((changes) => patchOf(tree, changes))
    t.strictSame(patches.map(({ root }) => toHex(root)), after.map(referenceRoot), 'roots')
    tree.apply(patches[chosen]!)
    t.equal(rootOf(tree), referenceRoot(after[chosen]!), `candidate ${chosen} applied`)
    t.strictSame(used(tree), concat(...after[chosen]!))
    const next = patchOf(tree, new Map([[1, recordOf('next')]]))
    const expected = [...after[chosen]!]
    expected[1] = recordOf('next')
    t.equal(toHex(next.root), referenceRoot(expected), `on top of candidate ${chosen}`)
  }
})

t.test('a patch shares no memory with what it was made from', async (t) => {
  const tree = new RecordTree()
  tree.apply(patchOf(tree, new Map([[0, recordOf('0')], [1, recordOf('1')]])))
  const patch = patchOf(tree, new Map([[1, recordOf('2')]]))
  const root = toHex(patch.root)
  tree.apply(patchOf(tree, new Map([[0, recordOf('3')], [1, recordOf('4')]])))
  t.equal(toHex(patch.root), root)
  t.strictSame(patch.records, recordOf('2'))
})

t.test('records without bytes for each index are a bug', async (t) => {
  const tree = new RecordTree()
  t.throws(() => tree.patch(Uint32Array.of(0, 1), recordOf('0')), InvariantError)
  t.throws(() => tree.patch(new Uint32Array(0), recordOf('0')), InvariantError)
})

t.test('a lone record lies 32 levels below the root, with its length mixed in', async (t) => {
  const record = recordOf('0')
  const leaf = hashPair(hashPair(record.subarray(0, 32), record.subarray(32, 64)), hashPair(record.subarray(64, 96), record.subarray(96)))
  t.equal(toHex(patchOf(new RecordTree(), new Map([[0, record]])).root), toHex(mixInLength(extendRoot(leaf, 0, 32), 1)))
})
