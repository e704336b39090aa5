// The ledger in the chain store: what a block writes, and how a start reads it back.

import { corruptChain } from '../chain/seal.ts'
import type { BlockCommit } from '../chain/commit.ts'
import type { ChainStore } from '../chain/store.ts'
import { concatAll, equalBytes, fromBin, toBin } from '../base/bytes.ts'
import { accountKey, RECORD_SIZE } from '../ledger/account.ts'
import { Accounts, PAGE_RECORDS } from '../ledger/accounts.ts'
import type { ExecutedBlock } from '../ledger/blocks.ts'
import type { Ledger } from '../ledger/state.ts'
import { decodeSingletons, encodeSingletons, genesisLedger, stateRoot } from '../ledger/state.ts'
import type { Certificate } from '../protocol/certificate.ts'
import { decodeCertificate, encodeCertificate } from '../protocol/certificate.ts'
import type { Genesis } from '../protocol/genesis.ts'
import { headerId } from '../protocol/header.ts'
import { transactionId } from '../protocol/transaction.ts'
import { totalPower } from '../protocol/validators.ts'
import type { KeyBin } from '../crypto/keys.ts'
import { encodeStoredBody } from './body-codec.ts'
import type { StoredHeader } from './header-codec.ts'
import { decodeStoredHeader, encodeStoredHeader } from './header-codec.ts'

/** What lists of blocks show beside a header. @param ledger before the block */
export function storedHeader({ validators }: Ledger, { block: { header, body }, execution }: ExecutedBlock, certificate: Certificate, bodyBytes: number): StoredHeader {
  return {
    header,
    heartbeats: body.heartbeats.length,
    transactions: body.transactions.length,
    minted: execution.minted,
    bodyBytes,
    power: certificate.signatures.reduce((sum, { validator }) => sum + validators[validator]!.power, 0),
    totalPower: totalPower(validators),
  }
}

/** @param ledger before the block */
export function blockCommit(ledger: Ledger, executed: ExecutedBlock, certificate: Certificate): BlockCommit {
  const { id, block, execution } = executed
  const { header, body } = block
  const { accounts: patch } = execution
  const opened = openedKeys(ledger, execution.accounts)
  const openedIndices = new Map(opened.map((key, i) => [key, ledger.accounts.count + i]))
  const pages = ledger.accounts.pagesOf(patch)
  const storedBody = encodeStoredBody(body, {
    timestampMs: header.timestampMs,
    indexOf: (key) => ledger.accounts.indexOf(key) ?? openedIndices.get(key)!,
    opened,
  })
  return {
    height: header.height,
    blockId: fromBin(id),
    header: encodeStoredHeader(storedHeader(ledger, executed, certificate, storedBody.length)),
    body: storedBody,
    certificate: encodeCertificate(certificate),
    // The accounts of the genesis are stored with the first block.
    accountPages: ledger.height === 0 ? withGenesisPages(ledger, pages) : pages,
    state: encodeSingletons(execution.state, patch.root),
    transactionIds: body.transactions.map((transaction) => fromBin(transactionId(transaction))),
  }
}

function openedKeys(ledger: Ledger, { indices, records }: ExecutedBlock['execution']['accounts']): KeyBin[] {
  const keys: KeyBin[] = []
  indices.forEach((index, i) => {
    if (index >= ledger.accounts.count) keys.push(accountKey(records, i * RECORD_SIZE))
  })
  return keys
}

function withGenesisPages(ledger: Ledger, pages: { page: number; bytes: Uint8Array }[]): { page: number; bytes: Uint8Array }[] {
  const touched = new Set(pages.map(({ page }) => page))
  const all = [...pages]
  for (let page = 0; page * PAGE_RECORDS < ledger.accounts.count; page++) {
    const end = Math.min((page + 1) * PAGE_RECORDS, ledger.accounts.count)
    if (!touched.has(page)) all.push({ page, bytes: ledger.accounts.records.slice(page * PAGE_RECORDS * RECORD_SIZE, end * RECORD_SIZE) })
  }
  return all
}

export interface LoadedChain {
  readonly ledger: Ledger
  /** Certificate of the head; null before the first block. */
  readonly headCertificate: Certificate | null
}

/** Reads the state after the last block, and checks it against that block's header. @throws Failure `corrupt` */
export async function loadChain(store: ChainStore, genesis: Genesis): Promise<LoadedChain> {
  const start = genesisLedger(genesis)
  if (store.head === 0) return { ledger: start, headCertificate: null }
  const [header, certificate, singletons] = await Promise.all([store.header(store.head), store.certificate(store.head), store.state()])
  if (header === undefined || certificate === undefined || singletons === undefined) throw corruptChain('the last block is incomplete')
  const stored = decodeStoredHeader(header)
  const decodedCertificate = decodeCertificate(certificate)
  if (stored === null || !decodedCertificate.ok) throw corruptChain('the last block cannot be read')
  const headId = headerId(stored.header)
  const { height, blockId } = decodedCertificate.value
  if (stored.header.height !== store.head || height !== store.head || blockId !== headId) throw corruptChain('the last block does not agree with its certificate')
  const records = await loadRecords(store)
  const { state, accountsRoot: storedRoot } = readSingletons(singletons)
  const accounts = new Accounts()
  const accountsRoot = accounts.load(records)
  const agrees = equalBytes(accountsRoot, storedRoot) && toBin(stateRoot(state, accountsRoot)) === stored.header.stateRoot
  if (!agrees) throw corruptChain('the accounts do not agree with the last block')
  return {
    ledger: { ...state, genesisHash: start.genesisHash, headId, accounts, accountsRoot },
    headCertificate: decodedCertificate.value,
  }
}

async function loadRecords(store: ChainStore): Promise<Uint8Array> {
  const pages: Uint8Array[] = []
  await store.loadAccountPages((bytes) => void pages.push(bytes))
  const records = concatAll(pages)
  if (records.length % RECORD_SIZE !== 0) throw corruptChain('a page of the accounts has a wrong size')
  return records
}

function readSingletons(bytes: Uint8Array): ReturnType<typeof decodeSingletons> {
  try {
    return decodeSingletons(bytes)
  } catch {
    throw corruptChain('the state cannot be read')
  }
}
