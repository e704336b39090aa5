// Decodes the blocks of a sync. It takes and refuses exactly what `decodeBlock` does, without copying: heartbeats are views
// of the frame, and the rows to verify are the only thing that is written.

import type { Bin } from '../base/bytes.ts'
import { readUint32 } from '../base/bytes.ts'
import { signingBytes, SIGNING_PREFIX_SIZE } from '../crypto/hash.ts'
import type { Block } from '../protocol/block.ts'
import type { Certificate } from '../protocol/certificate.ts'
import { decodeCertificate } from '../protocol/certificate.ts'
import { decodeHeader, HEADER_SIZE } from '../protocol/header.ts'
import type { Heartbeat } from '../protocol/heartbeat.ts'
import { decodeHeartbeat, HEARTBEAT_RECORD_SIZE, HEARTBEAT_ROW_SIZE } from '../protocol/heartbeat.ts'
import { MAX_BLOCK_BYTES, MAX_BLOCK_HEARTBEATS, MAX_BLOCK_TRANSACTIONS, MAX_TRANSACTION_BYTES } from '../protocol/limits.ts'
import type { Transaction } from '../protocol/transaction.ts'
import { decodeTransaction } from '../protocol/transaction.ts'
import { digest } from './digest.ts'

export interface DecodedBlock {
  readonly block: Block
  /** n × 245 bytes: what the heartbeats' signatures are over, with them. */
  readonly rows: Uint8Array<ArrayBuffer>
}

/** The header, and the offsets of three lists. */
const FIXED_SIZE = HEADER_SIZE + 12

/** Null if the bytes are malformed; nothing in them is verified. */
export function decodeSyncedBlock(bytes: Uint8Array, genesisHash: Uint8Array): DecodedBlock | null {
  if (bytes.length < FIXED_SIZE || bytes.length > MAX_BLOCK_BYTES) return null
  const header = decodeHeader(bytes.subarray(0, HEADER_SIZE))
  const [parentAt, heartbeatsAt, transactionsAt] = [0, 4, 8].map((at) => readUint32(bytes, HEADER_SIZE + at)) as [number, number, number]
  const inOrder = parentAt === FIXED_SIZE && heartbeatsAt >= parentAt && transactionsAt >= heartbeatsAt && transactionsAt <= bytes.length
  if (!header.ok || !inOrder) return null
  const parentCertificate = decodeParent(bytes.subarray(parentAt, heartbeatsAt))
  const heartbeats = decodeHeartbeats(bytes.subarray(heartbeatsAt, transactionsAt), genesisHash)
  const transactions = decodeTransactions(bytes.subarray(transactionsAt), genesisHash)
  if (parentCertificate === 'malformed' || heartbeats === null || transactions === null) return null
  return { block: { header: header.value, body: { parentCertificate, heartbeats: heartbeats.all, transactions } }, rows: heartbeats.rows }
}

/** A list of at most one certificate. */
function decodeParent(list: Uint8Array): Certificate | null | 'malformed' {
  const items = itemsOf(list, 1)
  if (items === null) return 'malformed'
  if (items[0] === undefined) return null
  const certificate = decodeCertificate(items[0])
  return certificate.ok ? certificate.value : 'malformed'
}

function decodeHeartbeats(records: Uint8Array, genesisHash: Uint8Array): { all: Heartbeat[]; rows: Uint8Array<ArrayBuffer> } | null {
  const count = records.length / HEARTBEAT_RECORD_SIZE
  if (!Number.isInteger(count) || count > MAX_BLOCK_HEARTBEATS) return null
  const prefix = signingBytes('pulse/heartbeat/1', genesisHash, new Uint8Array(0))
  const rows = new Uint8Array(count * HEARTBEAT_ROW_SIZE)
  const all: Heartbeat[] = []
  for (let i = 0; i < count; i++) {
    const record = records.subarray(i * HEARTBEAT_RECORD_SIZE, (i + 1) * HEARTBEAT_RECORD_SIZE)
    const at = i * HEARTBEAT_ROW_SIZE
    rows.set(prefix, at)
    rows.set(record, at + SIGNING_PREFIX_SIZE)
    const name: Bin = digest(rows.subarray(at, at + HEARTBEAT_ROW_SIZE))
    const heartbeat = decodeHeartbeat(record, name)
    if (heartbeat === null) return null
    all.push(heartbeat)
  }
  return { all, rows }
}

function decodeTransactions(list: Uint8Array, genesisHash: Uint8Array): Transaction[] | null {
  const transactions: Transaction[] = []
  for (const item of itemsOf(list, MAX_BLOCK_TRANSACTIONS) ?? [null]) {
    const transaction = item === null || item.length > MAX_TRANSACTION_BYTES ? null : decodeTransaction(item, genesisHash)
    if (transaction === null) return null
    transactions.push(transaction)
  }
  return transactions
}

/** The items of an SSZ list of variable items: their offsets, without gaps, then the items. Null if it is malformed. */
function itemsOf(list: Uint8Array, max: number): Uint8Array[] | null {
  if (list.length === 0) return []
  const first = list.length < 4 ? 0 : readUint32(list, 0)
  const count = first / 4
  if (first === 0 || !Number.isInteger(count) || count > max || first > list.length) return null
  const items: Uint8Array[] = []
  for (let i = 0; i < count; i++) {
    const [from, to] = [readUint32(list, 4 * i), i + 1 < count ? readUint32(list, 4 * i + 4) : list.length]
    if (from > to || to > list.length) return null
    items.push(list.subarray(from, to))
  }
  return items
}
