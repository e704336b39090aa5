// Reads of the committed chain and of what waits, for the API. Everything here is answered by the core thread.

import type { AccountView, BlockItems, BlockRef, BlockView, HeartbeatView, ParamsView, TransactionView, ValidatorsView } from '../api/backend.ts'
import { binToHex, toBin } from '../base/bytes.ts'
import { corruptChain } from '../chain/seal.ts'
import type { ChainStore } from '../chain/store.ts'
import type { KeyBin } from '../crypto/keys.ts'
import type { Engine } from '../engine/engine.ts'
import { decodeCertificate } from '../protocol/certificate.ts'
import { headerId } from '../protocol/header.ts'
import { decodeTransaction } from '../protocol/transaction.ts'
import type { StoredBody } from './body-codec.ts'
import { openStoredBody } from './body-codec.ts'
import { paramsView, validatorsView } from './governance-views.ts'
import type { StoredHeader } from './header-codec.ts'
import { decodeStoredHeader } from './header-codec.ts'
import { transactionView } from './transaction-view.ts'
import { accountView, blockView, heartbeatView } from './views.ts'

export interface Reads {
  block(ref: BlockRef): Promise<BlockView | null>
  blocks(before: number | null, limit: number): Promise<BlockView[]>
  blockHeartbeats(ref: BlockRef, offset: number, limit: number): Promise<BlockItems<HeartbeatView> | null>
  blockTransactions(ref: BlockRef, offset: number, limit: number): Promise<BlockItems<TransactionView> | null>
  account(key: Uint8Array): AccountView | null
  accounts(from: number, limit: number): AccountView[]
  transaction(id: Uint8Array): Promise<TransactionView | null>
  validators(): ValidatorsView
  params(): ParamsView
}

export function createReads(engine: Engine, store: ChainStore): Reads {
  const { genesisHash } = engine.ledger

  async function heightOf(ref: BlockRef): Promise<number | null> {
    if (ref === 'latest') return store.head
    return typeof ref === 'number' ? ref : ((await store.heightOfBlock(ref)) ?? null)
  }

  async function headerAt(height: number): Promise<StoredHeader | null> {
    const bytes = height > 0 && height <= store.head ? await store.header(height) : undefined
    if (bytes === undefined) return null
    const stored = decodeStoredHeader(bytes)
    if (stored === null) throw corruptChain(`the header of block ${height} cannot be read`)
    return stored
  }

  async function blockAt(height: number): Promise<BlockView | null> {
    const stored = await headerAt(height)
    if (stored === null) return null
    const certificate = decodeCertificate((await store.certificate(height)) ?? new Uint8Array(0))
    if (!certificate.ok) throw corruptChain(`the certificate of block ${height} cannot be read`)
    return blockView(stored, certificate.value)
  }

  async function bodyOf(ref: BlockRef): Promise<{ stored: StoredHeader; body: StoredBody } | null> {
    const height = await heightOf(ref)
    const stored = height === null ? null : await headerAt(height)
    const bytes = stored === null ? undefined : await store.body(stored.header.height)
    return stored === null || bytes === undefined ? null : { stored, body: openStoredBody(bytes, stored.header.timestampMs) }
  }

  const keyOf = (index: number): KeyBin | undefined => engine.ledger.accounts.keyAt(index)

  function items<T>({ header }: StoredHeader, total: number, offset: number, limit: number, view: (position: number) => T): BlockItems<T> {
    const count = Math.max(0, Math.min(limit, total - offset))
    return { blockId: binToHex(headerId(header)), height: header.height, total, items: Array.from({ length: count }, (_, i) => view(offset + i)) }
  }

  const reads: Reads = {
    async block(ref) {
      const height = await heightOf(ref)
      return height === null ? null : blockAt(height)
    },

    async blocks(before, limit) {
      const newest = Math.min(before === null ? store.head : before - 1, store.head)
      const heights = Array.from({ length: Math.max(0, Math.min(limit, newest)) }, (_, i) => newest - i)
      return (await Promise.all(heights.map(blockAt))).filter((view) => view !== null)
    },

    async blockHeartbeats(ref, offset, limit) {
      const found = await bodyOf(ref)
      if (found === null) return null
      return items(found.stored, found.body.heartbeats, offset, limit, (position) => heartbeatView(found.body.record(position, keyOf), genesisHash))
    },

    async blockTransactions(ref, offset, limit) {
      const found = await bodyOf(ref)
      if (found === null) return null
      const { stored, body } = found
      return items(stored, body.transactions.length, offset, limit, (position) => {
        const transaction = decodeTransaction(body.transactions[position]!, genesisHash)
        if (transaction === null) throw corruptChain(`transaction ${position} of block ${stored.header.height} cannot be read`)
        return transactionView(transaction, stored.header.height)
      })
    },

    account(key) {
      const account = engine.ledger.accounts.find(toBin(key))
      return account === null ? null : accountView(account, engine.ledger, engine.transfers.promised(account.key))
    },

    accounts(from, limit) {
      const count = Math.max(0, Math.min(limit, engine.ledger.accounts.count - from))
      return Array.from({ length: count }, (_, i) => {
        const account = engine.ledger.accounts.get(from + i)!
        return accountView(account, engine.ledger, engine.transfers.promised(account.key))
      })
    },

    async transaction(id) {
      const name = toBin(id)
      const waiting = engine.transfers.find(name) ?? engine.governance.find(name)
      if (waiting !== null) return transactionView(waiting, null)
      const place = await store.transactionPlace(id)
      if (place === undefined) return null
      const found = await reads.blockTransactions(place.height, place.index, 1)
      return found?.items[0] ?? null
    },

    validators: () => validatorsView(engine.ledger),
    params: () => paramsView(engine.ledger),
  }
  return reads
}
