// The chain on disk: what is stored block by block is loaded again whole, and what does not agree is `corrupt`.

import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { fromBin, toBin, toHex } from '../../src/base/bytes.ts'
import type { BlockCommit } from '../../src/chain/commit.ts'
import type { ChainStore } from '../../src/chain/store.ts'
import { openChainStore } from '../../src/chain/store.ts'
import { RECORD_SIZE } from '../../src/ledger/account.ts'
import { PAGE_RECORDS } from '../../src/ledger/accounts.ts'
import type { ExecutedBlock } from '../../src/ledger/blocks.ts'
import { encodeSingletons, stateRoot } from '../../src/ledger/state.ts'
import type { Ledger } from '../../src/ledger/state.ts'
import { openStoredBody } from '../../src/node/body-codec.ts'
import { decodeStoredHeader } from '../../src/node/header-codec.ts'
import { blockCommit, loadChain } from '../../src/node/ledger-store.ts'
import { Failure } from '../../src/ops/failure.ts'
import type { Certificate } from '../../src/protocol/certificate.ts'
import { encodeCertificate } from '../../src/protocol/certificate.ts'
import { transactionId } from '../../src/protocol/transaction.ts'
import type { Network } from './ledger-fixture.ts'
import { asText, build, bytesOf, commit, device, grow, networkOf, sorted, verdict } from './ledger-fixture.ts'

function certify({ id, block: { header: { height } } }: ExecutedBlock): Certificate {
  return { height, round: 1, blockId: id, signatures: [{ validator: 2, signature: bytesOf(`certificate ${height}`, 64) }] }
}

/** A block in which 20 lives beat, most of them new, and some send to each other and to strangers. */
function nextBlock({ beat, transfer }: Network, ledger: Ledger): ExecutedBlock {
  const { height } = ledger
  const waitMs = [1_000, 1_000, 2_500, 1_001][height % 4]!
  const timestampMs = ledger.timestampMs + waitMs
  const lives = Array.from({ length: 20 }, (_, i) => 7 * height + 3 * i)
  const blockS = Math.floor(timestampMs / 1_000)
  const beatsOf = (of: number) =>
    Array.from({ length: 1 + (of % 2) }, (_, i) => beat({ of, sequence: 10 * height + i, timestampS: blockS + 2 * i - 2, rateLevel: (of + height) % 8, witness: `${of % 3}` }))
  const heartbeats = sorted(lives.flatMap(beatsOf))
  const transactions = lives.slice(0, 4).map((from, i) => {
    const account = ledger.accounts.find(device(from))
    return transfer({ from, to: i < 2 ? lives[i + 1]! : 10_000 + 10 * height + i, amount: 1_000_000n + BigInt(i), nonce: account?.nonce ?? 0 })
  })
  return build(ledger, { timestampMs, heartbeats, transactions })
}

const NETWORK = networkOf({ enrolled: false }, { enrolled: Array.from({ length: PAGE_RECORDS + 3 }, (_, i) => device(5 * i)).sort() })
const BLOCKS = 12

const open = (t: Test, path: string): Promise<ChainStore> =>
  openChainStore({ path, genesisHash: NETWORK.hash, createIfMissing: true }).then((store) => {
    t.teardown(() => store.close())
    return store
  })

/** Everything that makes up a ledger. */
const whole = (ledger: Ledger): string => {
  const { accounts, ...rest } = ledger
  return asText({ ...rest, records: accounts.records.slice(0, accounts.count * RECORD_SIZE), root: stateRoot(ledger, ledger.accountsRoot) })
}

/** Lets a ledger and a store grow together. */
async function growStore(store: ChainStore, start: Ledger, blocks: number): Promise<{ ledger: Ledger; last: ExecutedBlock }> {
  let ledger = start
  let last: ExecutedBlock | null = null
  for (let i = 0; i < blocks; i++) {
    last = nextBlock(NETWORK, ledger)
    await store.commit(blockCommit(ledger, last, certify(last)))
    ledger = commit(ledger, last)
  }
  return { ledger, last: last! }
}

t.test('a chain that is loaded is the one that was stored, after every block', async (t) => {
  const path = join(t.testdir(), 'db')
  let store = await open(t, path)
  const empty = await loadChain(store, NETWORK.genesis)
  t.equal(whole(empty.ledger), whole(NETWORK.ledger()))
  t.equal(empty.headCertificate, null)
  let running = NETWORK.ledger()
  for (let height = 1; height <= BLOCKS; height++) {
    const { ledger, last } = await growStore(store, running, 1)
    running = ledger
    if (height % 4 === 0) {
      await store.close()
      store = await open(t, path)
    }
    const loaded = await loadChain(store, NETWORK.genesis)
    t.equal(whole(loaded.ledger), whole(running), `height ${height}`)
    t.equal(asText(loaded.headCertificate), asText(certify(last)))
    const next = nextBlock(NETWORK, running)
    t.equal(verdict({ ...loaded.ledger }, next.block), 'ok', 'the next block fits on both')
    t.equal(next.id, nextBlock(NETWORK, loaded.ledger).id)
  }
  t.ok(running.accounts.count > 3 * PAGE_RECORDS, `${running.accounts.count} accounts`)
  t.not(running.supply, 0n)
})

t.test('bodies and headers on disk say what the blocks said', async (t) => {
  const store = await open(t, join(t.testdir(), 'db'))
  let ledger = NETWORK.ledger()
  const keys = ledger.accounts
  for (let height = 1; height <= 4; height++) {
    const block = nextBlock(NETWORK, ledger)
    await store.commit(blockCommit(ledger, block, certify(block)))
    const before = keys.count
    ledger = commit(ledger, block)
    const { header, body } = block.block
    const bytes = (await store.body(height))!
    const opened = openStoredBody(bytes, header.timestampMs)
    const records = Array.from({ length: opened.heartbeats }, (_, i) => toHex(opened.record(i, (index) => ledger.accounts.get(index)?.key)))
    t.strictSame(records, body.heartbeats.map(({ record }) => toHex(record)))
    t.strictSame(opened.opened, Array.from({ length: keys.count - before }, (_, i) => keys.get(before + i)!.key))
    t.equal(asText(opened.parentCertificate), asText(body.parentCertificate))
    const summary = { heartbeats: body.heartbeats.length, transactions: body.transactions.length, minted: block.execution.minted, bodyBytes: bytes.length, power: 1_000_000, totalPower: 3_000_000 }
    t.equal(asText(decodeStoredHeader((await store.header(height))!)), asText({ header, ...summary }))
    for (const [index, transaction] of body.transactions.entries()) t.strictSame(await store.transactionPlace(fromBin(transactionId(transaction))), { height, index })
  }
})

t.test('the first block stores every account of the genesis, touched or not', async (t) => {
  const ledger = NETWORK.ledger()
  const only = build(ledger, { heartbeats: [NETWORK.beat({ of: 0, sequence: 1, timestampS: ledger.timestampMs / 1_000 + 1 })] })
  const { accountPages } = blockCommit(ledger, only, certify(only))
  t.strictSame(accountPages.map(({ page, bytes }) => [page, bytes.length / RECORD_SIZE]).sort(([a], [b]) => a! - b!), [[0, PAGE_RECORDS], [1, 3]])
  const next = commit(ledger, only)
  const second = build(next, { heartbeats: [NETWORK.beat({ of: 0, sequence: 2, timestampS: next.timestampMs / 1_000 + 1 })] })
  t.equal(blockCommit(next, second, certify(second)).accountPages.length, 1)
})

/** A store whose last commit was changed on its way: its checksums are right, its content is not. */
async function storeWith(t: Test, change: (commit: BlockCommit, ledger: Ledger) => Partial<BlockCommit>): Promise<ChainStore> {
  const store = await open(t, join(t.testdir(), 'db'))
  const { ledger } = await growStore(store, NETWORK.ledger(), 2)
  const last = nextBlock(NETWORK, ledger)
  const honest = blockCommit(ledger, last, certify(last))
  await store.commit({ ...honest, ...change(honest, ledger) })
  return store
}

t.test('what does not agree is corrupt', async (t) => {
  const flip = (bytes: Uint8Array, at: number): Uint8Array => Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ 1 : byte))
  const inFirst = ({ accountPages: [first, ...rest] }: BlockCommit, change: (bytes: Uint8Array) => Uint8Array) => ({
    accountPages: [{ ...first!, bytes: change(first!.bytes) }, ...rest],
  })
  const certified = (height: number, blockId: Uint8Array) => ({ certificate: encodeCertificate({ height, round: 0, blockId: toBin(blockId), signatures: [] }) })
  const state = (change: Partial<Ledger>) => (_: BlockCommit, ledger: Ledger) => ({ state: encodeSingletons({ ...ledger, height: 3, ...change }, ledger.accountsRoot) })
  const rows: [desc: string, change: (commit: BlockCommit, ledger: Ledger) => Partial<BlockCommit>][] = [
    ['a balance', (commit) => inFirst(commit, (bytes) => flip(bytes, 41))],
    ['a reserved byte', (commit) => inFirst(commit, (bytes) => flip(bytes, 127))],
    ['a page that is a record short', (commit) => inFirst(commit, (bytes) => bytes.slice(RECORD_SIZE))],
    ['a page that is a byte short', (commit) => inFirst(commit, (bytes) => bytes.slice(1))],
    ['a page that is empty', (commit) => inFirst(commit, () => new Uint8Array(0))],
    ['pages of the block before', () => ({ accountPages: [] })],
    ['the state of the block before', (_, ledger) => ({ state: encodeSingletons(ledger, ledger.accountsRoot) })],
    ['another supply', state({ supply: 1n })],
    ['other priorities', state({ priorities: [0, 0, 0] })],
    ['another active time', state({ activeMs: 1 })],
    ['a state that is cut off', (commit) => ({ state: commit.state.slice(0, 100) })],
    ['an empty state', () => ({ state: new Uint8Array(0) })],
    ['a state of noise', (commit) => ({ state: bytesOf('noise', commit.state.length) })],
    ['a header that is cut off', (commit) => ({ header: commit.header.slice(1) })],
    ['another header', (commit) => ({ header: flip(commit.header, 20) })],
    ['a certificate that is cut off', (commit) => ({ certificate: commit.certificate.slice(1) })],
    ['a certificate of another block', (commit, { height }) => certified(height + 1, commit.blockId.toReversed())],
    ['a certificate of another height', (commit, { height }) => certified(height, commit.blockId)],
  ]
  for (const [desc, change] of rows) {
    await t.test(desc, async (t) => {
      const store = await storeWith(t, change)
      const error: unknown = await loadChain(store, NETWORK.genesis).then(() => null, (reason: unknown) => reason)
      t.ok(error instanceof Failure, String(error))
      t.match(error, { code: 'corrupt', exitCode: 9 })
    })
  }
  await t.test('nothing was changed', async (t) => {
    t.equal((await loadChain(await storeWith(t, () => ({})), NETWORK.genesis)).ledger.height, 3)
  })
})

t.test('a ledger of another start is not the same', async (t) => {
  const other = networkOf({}, { enrolled: [device(1)] })
  const grown = grow(other.ledger(), { heartbeats: [other.beat({ of: 1, sequence: 1, timestampS: other.genesis.timeMs / 1_000 + 1 })] })
  t.not(whole(grown), whole(other.ledger()))
})
