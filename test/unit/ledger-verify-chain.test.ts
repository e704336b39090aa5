// `verify`: an honest chain passes, and whatever was changed on disk is found, though its checksum is right.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import t from 'tap'
import type { Test } from 'tap'
import { binToHex, toHex } from '../../src/base/bytes.ts'
import { Bucket, heightKey, pageKey } from '../../src/chain/buckets.ts'
import { seal, unseal } from '../../src/chain/seal.ts'
import { openChainStore } from '../../src/chain/store.ts'
import type { KeyBin } from '../../src/crypto/keys.ts'
import type { KeyPair } from '../../src/crypto/sign.ts'
import type { Candidate, ExecutedBlock } from '../../src/ledger/blocks.ts'
import { buildBlock } from '../../src/ledger/blocks.ts'
import { stateRoot } from '../../src/ledger/state.ts'
import { encodeStoredBody } from '../../src/node/body-codec.ts'
import type { StoredHeader } from '../../src/node/header-codec.ts'
import { decodeStoredHeader, encodeStoredHeader } from '../../src/node/header-codec.ts'
import { blockCommit } from '../../src/node/ledger-store.ts'
import type { VerifyReport } from '../../src/node/verify-chain.ts'
import { verifyChain } from '../../src/node/verify-chain.ts'
import { dataDir as pathsOf } from '../../src/ops/datadir.ts'
import type { Failure } from '../../src/ops/failure.ts'
import type { Certificate } from '../../src/protocol/certificate.ts'
import { encodeCertificate } from '../../src/protocol/certificate.ts'
import { genesisToJson } from '../../src/protocol/genesis.ts'
import { transactionFromMessage } from '../../src/protocol/transaction.ts'
import { candidateOn, commit, networkOf, sorted } from './ledger-fixture.ts'
import { beatBy, certifiedBy, keyOf, keysOf, rawKeyOf, transferBy, VALIDATOR, WITNESS } from './ledger-signed.ts'

const NETWORK = networkOf({}, { validators: [{ key: rawKeyOf(VALIDATOR), nodeKey: rawKeyOf(WITNESS), power: 1_000_000 }] })
const { hash: HASH } = NETWORK
const HEIGHT = 4

interface ChainOptions {
  /** Who signs the certificates. */
  readonly validator?: KeyPair
  /** Changes the certificate that the body of the next block carries. */
  readonly shown?: (certificate: Certificate) => Certificate
}

/** Blocks with true signatures: three lives and one that joins later; the first one sends a little. */
function blocksOf({ validator = VALIDATOR, shown = (certificate) => certificate }: ChainOptions = {}) {
  let ledger = NETWORK.ledger()
  let parentCertificate: Certificate | null = null
  const blocks: { block: ExecutedBlock; certificate: Certificate }[] = []
  for (let height = 1; height <= HEIGHT; height++) {
    const timestampMs = ledger.timestampMs + 1_000
    const lives = height < HEIGHT ? [0, 1, 2] : [0, 1, 2, 3, 4]
    const heartbeats = sorted(lives.map((of) => beatBy(keysOf(of), HASH, { timestampS: timestampMs / 1_000, sequence: height })))
    const { message, signature } = transferBy(keysOf(0), HASH, { recipient: keyOf(keysOf(20)), amount: 10_000_000n, nonce: height - 1, expiryHeight: 9 }, `payment ${height}`)
    const transaction = transactionFromMessage(message, signature, HASH)
    const content: Partial<Candidate> = { timestampMs, heartbeats, transactions: transaction.ok ? [transaction.value] : [], parentCertificate }
    const block = buildBlock(ledger, candidateOn(ledger, content))!
    const certificate = certifiedBy(validator, HASH, block)
    blocks.push({ block, certificate })
    parentCertificate = shown(certificate)
    // Later blocks need this one as it was before; so each gets a ledger of its own.
    ledger = blocks.reduce((grown, each) => commit(grown, each.block), NETWORK.ledger())
  }
  return { blocks, ledger }
}

const HONEST = blocksOf()

/** A data directory with these blocks. */
async function directory(t: Test, { blocks }: ReturnType<typeof blocksOf> = HONEST): Promise<string> {
  const dataDir = t.testdir()
  const paths = pathsOf(dataDir)
  writeFileSync(paths.genesis, genesisToJson(NETWORK.genesis))
  const store = await openChainStore({ path: paths.db, genesisHash: HASH, createIfMissing: true })
  let ledger = NETWORK.ledger()
  for (const { block, certificate } of blocks) {
    await store.commit(blockCommit(ledger, block, certificate))
    ledger = commit(ledger, block)
  }
  await store.close()
  return dataDir
}

/** Rewrites one record, with a checksum that fits; removes it for null. */
async function rewrite(dataDir: string, key: Uint8Array, change: (value: Uint8Array) => Uint8Array | null): Promise<void> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(pathsOf(dataDir).db, { keyEncoding: 'view', valueEncoding: 'view' })
  const value = change(unseal(key, (await level.get(key))!).slice())
  await (value === null ? level.del(key) : level.put(key, seal(key, value)))
  await level.close()
}

const verify = (dataDir: string): Promise<VerifyReport> => verifyChain({ dataDir, threads: 1, onProgress: () => {} })
const failure = (dataDir: string): Promise<Failure> => verify(dataDir).then(() => Promise.reject(new Error('it passed')), (error: Failure) => error)

t.test('an honest chain passes, with its figures', async (t) => {
  const progress: [number, number][] = []
  const report = await verifyChain({ dataDir: await directory(t), threads: 2, onProgress: (done, total) => progress.push([done, total]) })
  const { ledger } = HONEST
  t.match(report, { height: HEIGHT, heartbeats: 3 * (HEIGHT - 1) + 5, transactions: HEIGHT, supply: ledger.supply })
  t.equal(report.headId, binToHex(ledger.headId))
  t.equal(report.stateRoot, toHex(stateRoot(ledger, ledger.accountsRoot)))
  t.strictSame(progress, [1, 2, 3, 4].map((done) => [done, HEIGHT]))
})

t.test('a chain without a block passes', async (t) => {
  t.match(await verify(await directory(t, { ...HONEST, blocks: [] })), { height: 0, supply: 0n, heartbeats: 0 })
})

const flip = (at: number) => (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes, (byte, i) => (i === (at < 0 ? bytes.length + at : at) ? byte ^ 1 : byte))
const { block: last, certificate: lastCertificate } = HONEST.blocks[HEIGHT - 1]!
const { body, header } = last.block
/** Size of the transactions of a stored body: their count, and one with its length. */
const TRANSACTIONS = 4 + 2 + 1 + 64 + 98 + 'payment 4'.length

/** The last body, stored otherwise. */
function storedBody(change: Partial<typeof body>, swapOpened = false): Uint8Array {
  const opened = [keyOf(keysOf(3)), keyOf(keysOf(4))].sort()
  const known = HONEST.blocks.slice(0, HEIGHT - 1).reduce((grown, each) => commit(grown, each.block), NETWORK.ledger())
  const names = swapOpened ? [...opened].reverse() : opened
  const indexOf = (key: KeyBin): number => known.accounts.indexOf(key) ?? known.accounts.count + names.indexOf(key)
  return encodeStoredBody({ ...body, ...change }, { timestampMs: header.timestampMs, opened: names, indexOf })
}

const bodyKey = (height: number): Uint8Array => heightKey(Bucket.bodies, height)
const headerKey = (height: number): Uint8Array => heightKey(Bucket.headers, height)
const certificateKey = (height: number): Uint8Array => heightKey(Bucket.certificates, height)
/** The summary beside a header, changed. */
const summary = (change: Partial<StoredHeader>) => (value: Uint8Array): Uint8Array => encodeStoredHeader({ ...decodeStoredHeader(value)!, ...change })
/** The last certificate, changed. */
const certified = (change: Partial<Certificate>) => (): Uint8Array => encodeCertificate({ ...lastCertificate, ...change })

const rows: [desc: string, key: Uint8Array, change: (value: Uint8Array) => Uint8Array | null, code: string, message: RegExp][] = [
  ['the signature of a heartbeat', bodyKey(2), flip(-TRANSACTIONS - 1), 'failed', /Block 2 is wrong: it holds a signature that does not verify/],
  ['the evidence of a heartbeat', bodyKey(2), flip(-TRANSACTIONS - 90), 'failed', /Block 2.*signature/],
  ['the levels of a heartbeat', bodyKey(2), flip(-TRANSACTIONS - 97), 'failed', /Block 2.*signature/],
  ['the memo of a transfer', bodyKey(2), flip(-1), 'failed', /Block 2.*signature/],
  ['the signature of a transfer', bodyKey(2), flip(-TRANSACTIONS + 10), 'failed', /Block 2.*signature/],
  ['the kind of a transaction', bodyKey(2), flip(-TRANSACTIONS + 6), 'failed', /Block 2 is wrong: a transaction is malformed/],
  ['a body without a heartbeat that was there', bodyKey(HEIGHT), () => storedBody({ heartbeats: body.heartbeats.slice(1) }), 'failed', /bodyRoot/],
  ['a body with a heartbeat twice', bodyKey(HEIGHT), () => storedBody({ heartbeats: [body.heartbeats[0]!, ...body.heartbeats] }), 'failed', /heartbeat 1 is not valid: order/],
  ['a body without its transfer', bodyKey(HEIGHT), () => storedBody({ transactions: [] }), 'failed', /bodyRoot/],
  ['a body with another certificate of its parent', bodyKey(HEIGHT), () => storedBody({ parentCertificate: { ...body.parentCertificate!, round: 1 } }), 'failed', /parentCertificateRoot/],
  ['a body without the certificate of its parent', bodyKey(HEIGHT), () => storedBody({ parentCertificate: null }), 'failed', /parent_certificate/],
  ['accounts that are listed in another order', bodyKey(HEIGHT), () => storedBody({}, true), 'failed', /Block 4 is wrong: the accounts that it opened/],
  ['a body that is stored again as it was', bodyKey(HEIGHT), () => storedBody({}), 'passes', /./],
  ['a body that is cut off', bodyKey(3), (value) => value.slice(0, -1), 'corrupt', /block 3/],
  ['no body', bodyKey(3), () => null, 'corrupt', /(block|height) 3/],
  ['the state root in a header', headerKey(2), flip(125), 'failed', /Block 2/],
  ['the timestamp in a header', headerKey(2), flip(45), 'failed', /Block 2/],
  ['a header that is cut off', headerKey(2), (value) => value.slice(1), 'corrupt', /block 2 cannot be read/],
  ['the reward beside a header', headerKey(2), summary({ minted: 1n }), 'failed', /Block 2 is wrong: the summary/],
  ['the number of heartbeats beside a header', headerKey(2), summary({ heartbeats: 4 }), 'failed', /Block 2 is wrong: the summary/],
  ['the signature in a certificate', certificateKey(2), flip(-1), 'failed', /signature/],
  ['the round of a certificate', certificateKey(2), flip(8), 'failed', /signature/],
  ['a certificate without signatures', certificateKey(HEIGHT), certified({ signatures: [] }), 'failed', /Block 4 is wrong: a certificate has no quorum/],
  ['a certificate of somebody who is no validator', certificateKey(HEIGHT), certified({ signatures: [{ ...lastCertificate.signatures[0]!, validator: 1 }] }), 'failed', /signature that does not verify/],
  ['the certificate of another block', certificateKey(HEIGHT), certified(HONEST.blocks[0]!.certificate), 'failed', /Block 4 is wrong: its certificate is not for it/],
  ['a balance', pageKey(0), flip(41), 'corrupt', /accounts do not agree/],
]

for (const [desc, key, change, code, message] of rows) {
  t.test(`what was changed is found: ${desc}`, async (t) => {
    const dataDir = await directory(t)
    await rewrite(dataDir, key, change)
    if (code === 'passes') t.match(await verify(dataDir), { height: HEIGHT })
    else t.match(await failure(dataDir), { code, message })
  })
}

t.test('certificates that another key signed do not pass', async (t) => {
  t.match(await failure(await directory(t, blocksOf({ validator: WITNESS }))), { code: 'failed', message: /signature/ })
})

t.test('a certificate of the parent that only the next block carries is verified too', async (t) => {
  const forged = blocksOf({ shown: (certificate) => ({ ...certificate, signatures: certificate.signatures.map((each) => ({ ...each, signature: flip(0)(each.signature) })) }) })
  t.match(await failure(await directory(t, forged)), { code: 'failed', message: /Block 2 is wrong: a certificate has no quorum, or a signature that does not verify/ })
  const empty = blocksOf({ shown: (certificate) => ({ ...certificate, signatures: [] }) })
  t.match(await failure(await directory(t, empty)), { code: 'failed', message: /Block 2 is wrong: a certificate has no quorum, or a signature that does not verify/ })
})

t.test('what is missing is named', async (t) => {
  const dataDir = await directory(t)
  const { genesis, db } = pathsOf(dataDir)
  rmSync(db, { recursive: true })
  t.match(await failure(dataDir), { code: 'config' })
  mkdirSync(join(dataDir, 'empty'))
  t.match(await failure(join(dataDir, 'empty')), { code: 'genesis', message: /Cannot read the genesis/ })
  writeFileSync(genesis, '{}')
  t.match(await failure(dataDir), { code: 'genesis', message: /is wrong/ })
})
