// What the API reads: blocks, their items, accounts and transactions, committed and waiting, as the chain has them.

import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { fromBin, toHex } from '../../src/base/bytes.ts'
import type { ChainStore } from '../../src/chain/store.ts'
import { openChainStore } from '../../src/chain/store.ts'
import { keyBinToText } from '../../src/crypto/keys.ts'
import { markVerified } from '../../src/crypto/verified.ts'
import { createEngine, DEFAULT_MEMPOOL_LIMITS } from '../../src/engine/engine.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { admitTransaction } from '../../src/engine/admission.ts'
import type { ExecutedBlock } from '../../src/ledger/blocks.ts'
import type { Ledger } from '../../src/ledger/state.ts'
import { blockCommit } from '../../src/node/ledger-store.ts'
import type { Reads } from '../../src/node/reads.ts'
import { createReads } from '../../src/node/reads.ts'
import type { Certificate } from '../../src/protocol/certificate.ts'
import { heartbeatEvidence, heartbeatFields, heartbeatMessage, heartbeatSignature, heartbeatWitness } from '../../src/protocol/heartbeat.ts'
import type { TransferTransaction } from '../../src/protocol/transaction.ts'
import { build, bytesOf, commit, device, digest, GENESIS_TIME_MS, networkOf, sorted } from './ledger-fixture.ts'

const NETWORK = networkOf({ aliveBlocks: 2, gapMs: 2_000, gapBlocks: 1 }, { enrolled: [device(9)] })
const MEMO = '\uFEFF ♥ \0'

const hex = (bin: string): string => toHex(fromBin(bin))
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const SIGNATURES = [0, 2].map((validator) => ({ validator, signature: bytesOf(`${validator}`, 64) }))
const certify = ({ id, block }: ExecutedBlock): Certificate => ({ height: block.header.height, round: 2, blockId: id, signatures: SIGNATURES })

interface Scene {
  readonly reads: Reads
  readonly engine: Engine
  readonly store: ChainStore
  readonly blocks: readonly ExecutedBlock[]
}

/** Four blocks: lives 0, 1, 2 in all of them, life 3 in the first only; life 0 pays life 1 and a stranger in the second. */
async function scene(t: Test): Promise<Scene> {
  const store = await openChainStore({ path: join(t.testdir(), 'db'), genesisHash: NETWORK.hash, createIfMissing: true })
  t.teardown(() => store.close())
  let ledger: Ledger = NETWORK.ledger()
  const blocks: ExecutedBlock[] = []
  for (let height = 1; height <= 4; height++) {
    const timestampS = GENESIS_TIME_MS / 1_000 + height
    const heartbeats = sorted((height === 1 ? [0, 1, 2, 3] : [0, 1, 2]).map((of) => NETWORK.beat({ of, sequence: 10 * height, timestampS, rateLevel: of, witness: `${of}` })))
    const transactions = [
      NETWORK.transfer({ from: 0, to: 1, amount: 5n, memo: new TextEncoder().encode(MEMO) }),
      NETWORK.transfer({ from: 0, to: 40, amount: 10_000_000n, nonce: 1 }),
    ]
    const block = build(ledger, { heartbeats, transactions: height === 2 ? transactions : [] })
    await store.commit(blockCommit(ledger, block, certify(block)))
    ledger = commit(ledger, block)
    blocks.push(block)
  }
  const engine = createEngine({ ledger, headCertificate: certify(blocks[3]!), self: null, mempool: DEFAULT_MEMPOOL_LIMITS, signedHeight: 0, trusted: true })
  return { reads: createReads(engine, store), engine, store, blocks }
}

t.test('a block is found by height, by id, and as the latest', async (t) => {
  const { reads, blocks, store } = await scene(t)
  const { id, block: { header, body }, execution } = blocks[1]!
  const view = await reads.block(2)
  t.strictSame(view, {
    id: hex(id),
    version: 1,
    height: 2,
    parentId: hex(blocks[0]!.id),
    timestampMs: header.timestampMs,
    proposer: hex('A'.repeat(32)),
    bodyRoot: hex(header.bodyRoot),
    stateRoot: hex(header.stateRoot),
    validatorsRoot: hex(header.validatorsRoot),
    nextValidatorsRoot: hex(header.nextValidatorsRoot),
    paramsRoot: hex(header.paramsRoot),
    parentCertificateRoot: hex(header.parentCertificateRoot),
    lives: 3,
    weightPpm: header.weightPpm,
    cumulativeLifePpm: header.cumulativeLifePpm.toString(),
    heartbeats: 3,
    transactions: body.transactions.length,
    reward: execution.minted.toString(),
    sizeBytes: (await store.body(2))!.length,
    certificate: { round: 2, signatures: 2, power: 2_000_000, totalPower: 3_000_000 },
  })
  t.strictSame(await reads.block(fromBin(id)), view)
  t.equal((await reads.block('latest'))!.height, 4)
  for (const ref of [0, 5, -1, Number.MAX_SAFE_INTEGER, new Uint8Array(32)]) t.equal(await reads.block(ref), null, String(ref))
})

t.test('blocks come newest first, below a height', async (t) => {
  const { reads } = await scene(t)
  const heights = async (before: number | null, limit: number): Promise<number[]> => (await reads.blocks(before, limit)).map(({ height }) => height)
  t.strictSame(await heights(null, 10), [4, 3, 2, 1])
  t.strictSame(await heights(null, 2), [4, 3])
  t.strictSame(await heights(4, 2), [3, 2])
  t.strictSame(await heights(5, 1), [4])
  t.strictSame(await heights(99, 1), [4])
  t.strictSame(await heights(2, 10), [1])
  for (const [before, limit] of [[1, 10], [0, 10], [null, 0]] as const) t.strictSame(await heights(before, limit), [])
})

t.test('the heartbeats of a block are shown as they were signed, page by page', async (t) => {
  const { reads, blocks } = await scene(t)
  const { id, block: { body } } = blocks[0]!
  const expected = body.heartbeats.map(({ record, device: key, timestampS, sequence, rateLevel, motionLevel }) => ({
    id: hex(digest(heartbeatMessage(NETWORK.hash, heartbeatFields(record)))),
    device: keyBinToText(key),
    timestampS,
    sequence,
    witness: toHex(heartbeatWitness(record)),
    rateLevel,
    motionLevel,
    evidence: toHex(heartbeatEvidence(record)),
    signature: base64(heartbeatSignature(record)),
  }))
  t.strictSame(await reads.blockHeartbeats(1, 0, 50), { blockId: hex(id), height: 1, total: 4, items: expected })
  for (const [offset, limit, items] of [[1, 2, expected.slice(1, 3)], [3, 9, expected.slice(3)], [4, 9, []], [1_000_000, 9, []], [0, 0, []]] as const) {
    t.strictSame((await reads.blockHeartbeats(fromBin(id), offset, limit))!.items, items, `${limit} from ${offset}`)
  }
  t.equal((await reads.blockHeartbeats('latest', 0, 1))!.height, 4)
  for (const ref of [0, 5, new Uint8Array(32)]) t.equal(await reads.blockHeartbeats(ref, 0, 1), null)
})

const viewOf = ({ transfer }: TransferTransaction, height: number | null, memo = '') => ({
  id: hex(transfer.id),
  kind: 'transfer',
  sender: keyBinToText(transfer.sender),
  recipient: keyBinToText(transfer.recipient),
  amount: transfer.amount.toString(),
  nonce: transfer.nonce,
  expiryHeight: transfer.expiryHeight,
  memo,
  signature: base64(transfer.signature),
  height,
})

t.test('transactions are found in their block and by their id, committed or waiting', async (t) => {
  const { reads, engine, blocks } = await scene(t)
  const [first, second] = blocks[1]!.block.body.transactions as [TransferTransaction, TransferTransaction]
  const views = [viewOf(first, 2, MEMO), viewOf(second, 2)]
  t.strictSame(await reads.blockTransactions(2, 0, 50), { blockId: hex(blocks[1]!.id), height: 2, total: 2, items: views })
  t.strictSame((await reads.blockTransactions(2, 1, 50))!.items, views.slice(1))
  t.strictSame((await reads.blockTransactions(1, 0, 50))!.items, [])
  t.equal(await reads.blockTransactions(9, 0, 50), null)
  t.strictSame(await reads.transaction(fromBin(first.transfer.id)), views[0], 'the memo is whole, with its byte order mark')
  t.strictSame(await reads.transaction(fromBin(second.transfer.id)), views[1])
  t.equal(await reads.transaction(new Uint8Array(32)), null)

  const waiting = NETWORK.transfer({ from: 0, to: 1, amount: 7n, nonce: 2 })
  t.equal(await reads.transaction(fromBin(waiting.transfer.id)), null)
  t.match(admitTransaction(engine, markVerified(waiting), GENESIS_TIME_MS), { accepted: true })
  t.strictSame(await reads.transaction(fromBin(waiting.transfer.id)), viewOf(waiting, null))
})

t.test('an account is shown with what it may still spend, whether it is alive, and its streak', async (t) => {
  const { reads, engine } = await scene(t)
  const account = (who: number) => reads.account(fromBin(device(who)))
  const own = engine.ledger.accounts.find(device(0))!
  t.strictSame(account(0), {
    key: keyBinToText(device(0)),
    index: own.index,
    balance: own.balance.toString(),
    available: own.balance.toString(),
    earned: (own.balance + 10_000_005n).toString(),
    nonce: 2,
    nextNonce: 2,
    blocks: 4,
    enrolled: false,
    alive: true,
    lastHeartbeat: { height: 4, timestampS: GENESIS_TIME_MS / 1_000 + 4, sequence: 40 },
    streakMs: 3_000,
  })
  for (const [nonce, amount] of [[2, 7n], [3, 11n]] as const) admitTransaction(engine, markVerified(NETWORK.transfer({ from: 0, to: 1, amount, nonce })), GENESIS_TIME_MS)
  t.match(account(0), { balance: own.balance.toString(), available: (own.balance - 18n).toString(), nonce: 2, nextNonce: 4 })
  t.match(account(3), { alive: false, streakMs: 0, lastHeartbeat: { height: 1 } }, 'silent for three blocks')
  t.match(account(40), { alive: false, streakMs: 0, lastHeartbeat: null, balance: '10000000', earned: '0', blocks: 0 }, 'opened by a transfer')
  t.match(account(9), { enrolled: true, index: 0, lastHeartbeat: null })
  t.equal(account(77), null)
})

t.test('alive means: may send in the next block', async (t) => {
  const { reads, engine } = await scene(t)
  const { ledger } = engine
  for (const [height, alive] of [[4, true], [5, true], [6, false]] as const) {
    engine.ledger = { ...ledger, height }
    t.equal(reads.account(fromBin(device(0)))!.alive, alive, `head at ${height}, last heartbeat at 4, two blocks`)
  }
  for (const [activeMs, streakMs] of [[4_000, 3_000], [6_000, 5_000], [6_001, 0]] as const) {
    engine.ledger = { ...ledger, activeMs }
    t.equal(reads.account(fromBin(device(0)))!.streakMs, streakMs, `active for ${activeMs}`)
  }
})

t.test('accounts come by number, page by page', async (t) => {
  const { reads, engine } = await scene(t)
  const { count } = engine.ledger.accounts
  t.equal(count, 6)
  const indices = (from: number, limit: number): number[] => reads.accounts(from, limit).map(({ index }) => index)
  t.strictSame(indices(0, 100), [0, 1, 2, 3, 4, 5])
  t.strictSame(indices(2, 3), [2, 3, 4])
  t.strictSame(indices(5, 3), [5])
  for (const [from, limit] of [[6, 3], [1_000_000, 3], [0, 0]] as const) t.strictSame(indices(from, limit), [])
  t.strictSame(reads.accounts(1, 1)[0], reads.account(fromBin(engine.ledger.accounts.get(1)!.key)))
})

t.test('what cannot be read is corrupt, and not there is not corrupt', async (t) => {
  const { engine, store } = await scene(t)
  const with_ = (change: Partial<ChainStore>): Reads => createReads(engine, { ...store, head: 4, heightOfBlock: (id) => store.heightOfBlock(id), ...change })
  const code = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => 'fine', (error: { code?: string }) => error.code)
  const cut = (read: (height: number) => Promise<Uint8Array | undefined>) => (height: number) => read(height).then((bytes) => bytes?.slice(0, -1))
  t.equal(await code(with_({ header: cut(store.header) }).block(2)), 'corrupt')
  t.equal(await code(with_({ certificate: cut(store.certificate) }).block(2)), 'corrupt')
  t.equal(await code(with_({ header: cut(store.header) }).blockHeartbeats(2, 0, 1)), 'corrupt')
  t.equal(await with_({ header: async () => undefined }).block(2), null)
  t.equal(await with_({ body: async () => undefined }).blockHeartbeats(2, 0, 1), null)
})
