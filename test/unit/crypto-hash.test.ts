// Domain tags, signing bytes, and Merkle trees against a tree that is built naively.

import { createHash } from 'node:crypto'
import t from 'tap'
import { concat, toHex } from '../../src/base/bytes.ts'
import type { Domain } from '../../src/crypto/hash.ts'
import { DOMAIN_SIZE, domainTag, sha256, SIGNING_PREFIX_SIZE, signingBytes } from '../../src/crypto/hash.ts'
import { extendRoot, hashPair, merkleize, mixInLength, ZERO_HASHES } from '../../src/crypto/merkle.ts'
import { ByteVectorType, ListCompositeType } from '../../src/protocol/ssz.ts'

const nodeSha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest()
const DOMAINS: readonly Domain[] = ['pulse/heartbeat/1', 'pulse/transfer/1', 'pulse/bundle/1', 'pulse/vote/1', 'pulse/proposal/1']

t.test('sha256 is SHA-256', async (t) => {
  for (const size of [0, 1, 55, 56, 63, 64, 65, 1_000]) {
    const bytes = Uint8Array.from({ length: size }, (_, i) => i)
    t.equal(toHex(sha256(bytes)), toHex(nodeSha256(bytes)), `${size} bytes`)
  }
})

t.test('a domain tag is its name, padded to 32 bytes; no two are alike', async (t) => {
  for (const domain of DOMAINS) {
    const tag = domainTag(domain)
    t.equal(tag.length, DOMAIN_SIZE)
    t.equal(new TextDecoder().decode(tag).replace(/\0+$/, ''), domain)
  }
  t.equal(new Set(DOMAINS.map((domain) => toHex(domainTag(domain)))).size, DOMAINS.length)
})

t.test('signing bytes are tag, genesis hash and payload', async (t) => {
  const genesis = new Uint8Array(32).fill(9)
  const payload = Uint8Array.of(1, 2, 3)
  const bytes = signingBytes('pulse/vote/1', genesis, payload)
  t.same(bytes, concat(domainTag('pulse/vote/1'), genesis, payload))
  t.equal(bytes.length, SIGNING_PREFIX_SIZE + 3)
  t.throws(() => signingBytes('pulse/vote/1', genesis.subarray(1), payload), { name: 'InvariantError' })
})

const chunksOf = (count: number): Uint8Array => Uint8Array.from({ length: 32 * count }, (_, i) => (i * 7 + (i >> 5)) % 251)

function naiveRoot(chunks: Uint8Array, depth: number): Uint8Array {
  let level: Uint8Array[] = Array.from({ length: 2 ** depth }, (_, i) => (32 * i < chunks.length ? chunks.slice(32 * i, 32 * i + 32) : new Uint8Array(32)))
  while (level.length > 1) level = Array.from({ length: level.length / 2 }, (_, i) => nodeSha256(concat(level[2 * i]!, level[2 * i + 1]!)))
  return level[0]!
}

t.test('merkleize equals the naive tree for every number of chunks', async (t) => {
  for (const depth of [0, 1, 2, 3, 6]) {
    for (let count = 0; count <= 2 ** depth; count++) t.same(merkleize(chunksOf(count), depth), naiveRoot(chunksOf(count), depth), `${count} chunks, depth ${depth}`)
    t.throws(() => merkleize(chunksOf(2 ** depth + 1), depth), { name: 'InvariantError' }, `one chunk too many at depth ${depth}`)
  }
  t.throws(() => merkleize(new Uint8Array(31), 4), { name: 'InvariantError' }, 'chunks have 32 bytes')
})

t.test('merkleize leaves its input as it was, and works on a view at an odd offset', async (t) => {
  const memory = concat(new Uint8Array(5), chunksOf(33))
  const view = memory.subarray(5)
  const before = toHex(memory)
  t.same(merkleize(view, 6), naiveRoot(chunksOf(33), 6))
  t.equal(toHex(memory), before)
})

t.test('roots of lists are those of SSZ', async (t) => {
  const type = new ListCompositeType(new ByteVectorType(32), 2 ** 20)
  for (const count of [0, 1, 2, 3, 5, 8, 9, 31, 32, 33, 100, 1_000, 4_097]) {
    const chunks = chunksOf(count)
    const values = Array.from({ length: count }, (_, i) => chunks.subarray(32 * i, 32 * i + 32))
    t.same(mixInLength(merkleize(chunks, 20), count), type.hashTreeRoot(values), `${count} values`)
  }
})

t.test('zero hashes and lifted roots', async (t) => {
  for (let depth = 0; depth < 8; depth++) {
    t.same(ZERO_HASHES[depth], naiveRoot(new Uint8Array(), depth))
    t.same(extendRoot(naiveRoot(chunksOf(1), 0), 0, depth), naiveRoot(chunksOf(1), depth))
  }
  t.same(extendRoot(naiveRoot(chunksOf(5), 3), 3, 6), naiveRoot(chunksOf(5), 6))
  t.same(hashPair(chunksOf(2).subarray(0, 32), chunksOf(2).subarray(32)), naiveRoot(chunksOf(2), 1))
  t.equal(ZERO_HASHES.length, 65)
})
