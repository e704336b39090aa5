// Verifies the whole chain, offline: every signature, every certificate, and every block by executing it again from the
// genesis. The state that comes out must be the one that is stored. Signatures of the next blocks are verified by the
// pool while this thread executes the blocks before them.

import { binToHex, equalBytes, toBin, toHex } from '../base/bytes.ts'
import { corruptChain } from '../chain/seal.ts'
import type { ChainStore } from '../chain/store.ts'
import { openChainStore } from '../chain/store.ts'
import type { KeyBin } from '../crypto/keys.ts'
import { markVerified } from '../crypto/verified.ts'
import { accountKey, RECORD_SIZE } from '../ledger/account.ts'
import { validateBlock } from '../ledger/blocks.ts'
import type { BlockError } from '../ledger/blocks.ts'
import { applyExecution } from '../ledger/execute.ts'
import type { Ledger } from '../ledger/state.ts'
import { genesisLedger, stateRoot } from '../ledger/state.ts'
import { validatorsAt } from '../ledger/validators-at.ts'
import { dataDir as pathsOf } from '../ops/datadir.ts'
import { Failure } from '../ops/failure.ts'
import { readGenesis } from '../ops/genesis-file.ts'
import type { Block } from '../protocol/block.ts'
import type { Certificate } from '../protocol/certificate.ts'
import { decodeCertificate, encodeCertificate, hasQuorum } from '../protocol/certificate.ts'
import type { Genesis } from '../protocol/genesis.ts'
import { headerId } from '../protocol/header.ts'
import { decodeHeartbeat, HEARTBEAT_RECORD_SIZE, HEARTBEAT_ROW_SIZE, rowOfRecord } from '../protocol/heartbeat.ts'
import { decodeTransaction, transactionSignatures } from '../protocol/transaction.ts'
import { certificateSignatures } from './assembler.ts'
import { openStoredBody } from './body-codec.ts'
import type { StoredHeader } from './header-codec.ts'
import { decodeStoredHeader, encodeStoredHeader } from './header-codec.ts'
import { loadChain, storedHeader } from './ledger-store.ts'
import type { VerifyPool } from './verify-pool.ts'
import { createVerifyPool } from './verify-pool.ts'

export interface VerifyOptions {
  readonly dataDir: string
  readonly threads: number
  /** In heights. */
  onProgress(done: number, total: number): void
}

export interface VerifyReport {
  readonly height: number
  readonly heartbeats: number
  readonly transactions: number
  /** hex */
  readonly headId: string
  readonly stateRoot: string
  readonly supply: bigint
  readonly seconds: number
}

/** Blocks whose signatures are on their way while one is executed. */
const AHEAD = 8
const MAX_CACHED_KEYS = 65_536

/** @throws Failure `failed` if the chain breaks a rule, `corrupt` if it cannot be read, or what opening it throws */
export async function verifyChain({ dataDir, threads, onProgress }: VerifyOptions): Promise<VerifyReport> {
  const started = process.hrtime.bigint()
  const paths = pathsOf(dataDir)
  const genesis = readGenesis(paths.genesis)
  const start = genesisLedger(genesis)
  const store = await openChainStore({ path: paths.db, genesisHash: start.genesisHash, createIfMissing: false })
  const died = Promise.withResolvers<never>()
  died.promise.catch(() => {})
  const pool = createVerifyPool({
    threads,
    maxCachedKeys: MAX_CACHED_KEYS,
    onFailure: (error) => died.reject(error),
  })
  try {
    const { ledger, heartbeats, transactions } = await Promise.race([replay(store, pool, start, onProgress), died.promise])
    await compareWithStored(store, genesis, ledger)
    return {
      height: ledger.height,
      heartbeats,
      transactions,
      headId: binToHex(ledger.headId),
      stateRoot: toHex(stateRoot(ledger, ledger.accountsRoot)),
      supply: ledger.supply,
      seconds: Number(process.hrtime.bigint() - started) / 1e9,
    }
  } finally {
    await pool.close()
    await store.close()
  }
}

/** A block as it is on disk, with the verdict on its signatures on its way. */
interface ReadBlock {
  readonly stored: StoredHeader
  readonly certificate: Certificate
  readonly block: Promise<Block>
  /** Its certificate, and that of its parent if the body shows another than the one that is stored there. */
  readonly certificates: readonly Certificate[]
  /** The verdict on the signatures of the certificates; null while their validators are not known. */
  signed: Promise<boolean> | null
}

async function replay(store: ChainStore, pool: VerifyPool, start: Ledger, onProgress: VerifyOptions['onProgress']) {
  const keys: KeyBin[] = Array.from({ length: start.accounts.count }, (_, i) => accountKey(start.accounts.records, i * RECORD_SIZE))
  const ahead: ReadBlock[] = []
  let ledger = start
  /** Starts the check of certificates as soon as the validators of their heights are known. */
  const checkCertificates = (read: ReadBlock): void => {
    const sets = read.certificates.map(({ height }) => validatorsAt(ledger, height))
    if (read.signed !== null || sets.includes(null)) return
    const whole = read.certificates.every((certificate, i) => hasQuorum(certificate, sets[i]!))
    const items = read.certificates.flatMap((certificate, i) => certificateSignatures(certificate, ledger.genesisHash, sets[i]!))
    read.signed = whole ? pool.signatures(items).then((valid) => !valid.includes(false)) : Promise.resolve(false)
    read.signed.catch(() => {})
  }
  let newest: Certificate | null = null
  let heartbeats = 0
  let transactions = 0
  for (let height = 1; height <= store.head; height++) {
    while (ahead.length < AHEAD && height + ahead.length <= store.head) {
      const read: ReadBlock = await readBlock(store, pool, start, height + ahead.length, keys, newest)
      newest = read.certificate
      ahead.push(read)
    }
    ahead.forEach(checkCertificates)
    const read: ReadBlock = ahead.shift()!
    const { stored, certificate } = read
    const block = await read.block
    const { header, body } = block
    const id = headerId(header)
    const result = validateBlock(ledger, block)
    if (!result.ok) throw wrong(height, describe(result.error))
    if (certificate.height !== height || certificate.blockId !== id) throw wrong(height, 'its certificate is not for it')
    if ((await read.signed) !== true) throw wrong(height, 'a certificate has no quorum, or a signature that does not verify')
    const { execution } = result.value
    const summary = storedHeader(ledger, result.value, certificate, stored.bodyBytes)
    if (!equalBytes(encodeStoredHeader(stored), encodeStoredHeader(summary))) throw wrong(height, 'the summary beside its header does not follow from its content')
    const known = ledger.accounts.count
    ledger = applyExecution(ledger, execution, id)
    for (let index = known; index < ledger.accounts.count; index++) {
      if (keys[index] !== accountKey(ledger.accounts.records, index * RECORD_SIZE)) throw wrong(height, 'the accounts that it opened are not those that it lists')
    }
    heartbeats += body.heartbeats.length
    transactions += body.transactions.length
    onProgress(height, store.head)
  }
  return { ledger, heartbeats, transactions }
}

/**
 * @param keys of all accounts before the block; those that it opened are appended
 * @param previous certificate that is stored beside the parent; null before the first block
 */
async function readBlock(store: ChainStore, pool: VerifyPool, start: Ledger, height: number, keys: KeyBin[], previous: Certificate | null): Promise<ReadBlock> {
  const { genesisHash } = start
  const [headerBytes, bodyBytes, certificateBytes] = await Promise.all([store.header(height), store.body(height), store.certificate(height)])
  if (headerBytes === undefined || bodyBytes === undefined || certificateBytes === undefined) throw corruptChain(`block ${height} is not there`)
  const stored = decodeStoredHeader(headerBytes)
  const certificate = decodeCertificate(certificateBytes)
  if (stored === null || !certificate.ok) throw corruptChain(`block ${height} cannot be read`)
  const { header } = stored
  const body = readable(height, () => openStoredBody(bodyBytes, header.timestampMs))
  keys.push(...body.opened)
  const rows = new Uint8Array(body.heartbeats * HEARTBEAT_ROW_SIZE)
  for (let i = 0; i < body.heartbeats; i++) {
    const record = readable(height, () => body.record(i, (index) => keys[index]))
    rows.set(rowOfRecord(record, genesisHash), i * HEARTBEAT_ROW_SIZE)
  }
  const transactions = body.transactions.map((encoded) => {
    const transaction = decodeTransaction(encoded, genesisHash)
    if (transaction === null) throw wrong(height, 'a transaction is malformed')
    return transaction
  })
  // The body may hold another certificate of the parent than the one that this node stored.
  const { parentCertificate } = body
  const shown = parentCertificate === null || (previous !== null && equalBytes(encodeCertificate(parentCertificate), encodeCertificate(previous)))
  const signatures = transactions.flatMap((transaction) => transactionSignatures(transaction, genesisHash))
  const verified = Promise.all([pool.heartbeats(rows), pool.signatures(signatures)]).then(([{ valid, hashes }, others]): Block => {
    if (!valid.every((bit) => bit === 1) || others.includes(false)) throw wrong(height, 'it holds a signature that does not verify')
    const heartbeats = Array.from({ length: body.heartbeats }, (_, i) => {
      const record = rows.subarray((i + 1) * HEARTBEAT_ROW_SIZE - HEARTBEAT_RECORD_SIZE, (i + 1) * HEARTBEAT_ROW_SIZE)
      const heartbeat = decodeHeartbeat(record, toBin(hashes.subarray(i * 64 + 32, i * 64 + 64)))
      if (heartbeat === null) throw wrong(height, 'a heartbeat is malformed')
      return heartbeat
    })
    return markVerified({ header, body: { parentCertificate, heartbeats, transactions } })
  })
  // Awaited in its turn; until then a refusal must not count as unhandled.
  verified.catch(() => {})
  return { stored, certificate: certificate.value, block: verified, certificates: shown ? [certificate.value] : [certificate.value, parentCertificate], signed: null }
}

function readable<T>(height: number, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw corruptChain(`block ${height}: ${(error as Error).message}`)
  }
}

/** The state that was computed again must be the one that the node runs with. */
async function compareWithStored(store: ChainStore, genesis: Genesis, ledger: Ledger): Promise<void> {
  const stored = await loadChain(store, genesis)
  const agrees = stored.ledger.headId === ledger.headId && equalBytes(stored.ledger.accountsRoot, ledger.accountsRoot)
  if (!agrees) throw wrong(ledger.height, 'the stored state is not the one that the blocks lead to')
}

function describe(error: BlockError): string {
  switch (error.code) {
    case 'header':
      return `its header field ${error.field} does not follow from its content`
    case 'item':
      return `its ${error.error.item} ${error.error.position} is not valid: ${error.error.reason}`
    default:
      return error.code
  }
}

const wrong = (height: number, what: string): Failure =>
  new Failure('failed', `Block ${height} is wrong: ${what}`, 'Do not run this data directory: sync again, and keep a copy for study.')
