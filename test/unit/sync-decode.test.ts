// The fast decoder of synced blocks takes and refuses what the decoder of the protocol does, and reads the same.

import * as fc from 'fast-check'
import t from 'tap'
import { decodeBlock, encodeBlock } from '../../src/protocol/block.ts'
import { digest } from '../../src/node/digest.ts'
import { decodeSyncedBlock } from '../../src/node/sync-decode.ts'
import { genesisHash } from '../../src/protocol/genesis.ts'
import { rowsOf } from '../../src/protocol/heartbeat.ts'
import { transactionFromMessage } from '../../src/protocol/transaction.ts'
import type { TransferTransaction } from '../../src/protocol/transaction.ts'
import { asText } from './ledger-fixture.ts'
import { keyOf, keysOf, transferBy } from './ledger-signed.ts'
import { chainOf } from './sync-fixture.ts'

const CHAIN = chainOf(2, { heartbeats: 3 })
const HASH = genesisHash(CHAIN.genesis)

const transfers = [0, 1, 2].map((nonce): TransferTransaction => {
  const { message, signature } = transferBy(keysOf(1), HASH, { recipient: keyOf(keysOf(2)), amount: 7n, nonce, expiryHeight: 9 }, 'x'.repeat(nonce))
  return (transactionFromMessage(message, signature, HASH) as { value: TransferTransaction }).value
})
const BLOCKS = [0, 1, 3].flatMap((count) => CHAIN.blocks.map(({ executed: { block } }) => encodeBlock({ ...block, body: { ...block.body, transactions: transfers.slice(0, count) } })))

/** Both decoders on the same bytes, as text. */
function both(bytes: Uint8Array): readonly [string, string] {
  const theirs = decodeBlock(bytes, HASH, digest)
  const ours = decodeSyncedBlock(bytes, HASH)
  return [theirs.ok ? asText(theirs.value) : 'malformed', ours === null ? 'malformed' : asText(ours.block)]
}

t.test('blocks with and without parent, heartbeats and transactions', async (t) => {
  for (const bytes of BLOCKS) {
    const [theirs, ours] = both(bytes)
    t.not(theirs, 'malformed')
    t.equal(ours, theirs)
    const { block, rows } = decodeSyncedBlock(bytes, HASH)!
    t.same(rows, rowsOf(block.body.heartbeats.map(({ record }) => record), HASH))
  }
})

t.test('changed, cut and grown blocks are refused or read alike', async (t) => {
  // Most bytes are hashes and signatures; what matters are offsets and lengths.
  const position = (length: number): fc.Arbitrary<number> => fc.oneof(fc.integer({ min: 300, max: 360 }), fc.integer({ min: 0, max: length - 1 }), fc.integer({ min: 1, max: 400 }).map((back) => Math.max(0, length - back)))
  const damage = fc.constantFrom(...BLOCKS).chain((bytes) =>
    fc.record({
      changes: fc.array(fc.tuple(position(bytes.length), fc.oneof(fc.constantFrom(0, 1, 4, 8, 255), fc.integer({ min: 0, max: 255 }))), { maxLength: 3 }),
      length: fc.oneof(fc.constant(bytes.length), fc.integer({ min: 0, max: bytes.length + 200 })),
    }).map(({ changes, length }) => {
      const damaged = new Uint8Array(length)
      damaged.set(bytes.subarray(0, length))
      for (const [at, value] of changes) if (at < length) damaged[at] = value
      return damaged
    }),
  )
  fc.assert(
    fc.property(damage, (bytes) => {
      const [theirs, ours] = both(bytes)
      return theirs === ours
    }),
    { numRuns: 3_000 },
  )
  t.pass('3 000 blocks')
})
