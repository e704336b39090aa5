// What `/pulse/blocks/1` carries, and the server that makes it out of stored blocks.

import t from 'tap'
import { toHex } from '../../src/base/bytes.ts'
import { openChainStore } from '../../src/chain/store.ts'
import { accountKey, RECORD_SIZE } from '../../src/ledger/account.ts'
import type { Ledger } from '../../src/ledger/state.ts'
import { blockCommit } from '../../src/node/ledger-store.ts'
import { decodeRequest, encodeRequest, openFrame } from '../../src/node/sync-frame.ts'
import { createBlockServer } from '../../src/node/sync-serve.ts'
import { encodeBlock } from '../../src/protocol/block.ts'
import { encodeCertificate } from '../../src/protocol/certificate.ts'
import { genesisHash } from '../../src/protocol/genesis.ts'
import { transactionFromMessage } from '../../src/protocol/transaction.ts'
import { frameOf, offlineBlocks } from '../e2e/offline-chain.ts'
import { keyOf, keysOf, transferBy, beatBy } from './ledger-signed.ts'
import { chainOf, networkOf, VALIDATORS } from './sync-fixture.ts'

t.test('a request survives its encoding; others are refused', async (t) => {
  t.same(decodeRequest(encodeRequest(123_456_789, 32)), { first: 123_456_789, count: 32 })
  t.equal(decodeRequest(encodeRequest(0, 32)), null, 'heights begin at 1')
  t.equal(decodeRequest(encodeRequest(1, 0)), null)
  for (const size of [0, 8, 10]) t.equal(decodeRequest(new Uint8Array(size).fill(1)), null, `${size} bytes`)
})

t.test('an opened frame names what its parts name; damaged ones stay shut', async (t) => {
  const { blocks, frames } = chainOf(2)
  const opened = openFrame(frames[1]!)!
  t.equal(opened.id, blocks[1]!.executed.id)
  t.equal(opened.header.height, 2)
  t.same(opened.certificate, blocks[1]!.certificate)
  const [certificate, block] = [encodeCertificate(blocks[0]!.certificate), encodeBlock(blocks[1]!.executed.block)]
  t.equal(openFrame(frameOf(certificate, block)), null, 'the certificate of another block')
  for (const length of [0, 3, 4, 50, 300]) t.equal(openFrame(frames[1]!.subarray(0, length)), null, `${length} bytes`)
  const lying = frames[1]!.slice()
  lying.fill(255, 0, 4)
  t.equal(openFrame(lying), null, 'a certificate longer than the frame')
})

t.test('the server gives exactly the blocks that were committed, up to its head', async (t) => {
  const genesis = networkOf({ accountMinimum: 1n })
  const hash = genesisHash(genesis)
  const sender = keysOf(1)
  const store = await openChainStore({ path: `${t.testdir()}/db`, genesisHash: hash, createIfMissing: true })
  t.teardown(() => store.close())
  const expected: Uint8Array[] = []
  let last: Ledger | null = null
  const transactions = (_: Ledger, height: number) => {
    if (height !== 3) return []
    const { message, signature } = transferBy(sender, hash, { recipient: keyOf(keysOf(2)), amount: 1_000n, nonce: 0, expiryHeight: 9 }, 'hello')
    const transaction = transactionFromMessage(message, signature, hash)
    return transaction.ok ? [transaction.value] : []
  }
  // The sender beats too, so that it has something to send.
  const heartbeat = (beat: ReturnType<typeof beatBy>, height: number) => (height === 2 ? beatBy(sender, hash, { timestampS: beat.timestampS, sequence: height }) : beat)
  for (const { ledger, executed, certificate } of offlineBlocks({ genesis, validators: VALIDATORS, blocks: 5, transactions, heartbeat })) {
    await store.commit(blockCommit(ledger, executed, certificate))
    expected.push(frameOf(encodeCertificate(certificate), encodeBlock(executed.block)))
    if (executed.block.header.height === 3) t.equal(executed.block.body.transactions.length, 1)
    last = ledger
  }
  const { accounts } = last!
  const server = createBlockServer(store, (index) => (index < accounts.count ? accountKey(accounts.records, index * RECORD_SIZE) : undefined))
  const served = async (first: number, count: number): Promise<string[] | undefined> => (await server.serve(encodeRequest(first, count)))?.map(toHex)
  t.same(await served(1, 32), expected.slice(0, 5).map(toHex).slice(0, 5))
  t.same(await served(3, 1), [toHex(expected[2]!)])
  t.same(await served(6, 4), [], 'not there yet')
  t.equal(await server.serve(new Uint8Array(4)), null)
})
