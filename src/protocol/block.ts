// Blocks: header and body.
//
// bodyRoot commits to the names of the heartbeats (hash of signed bytes ‖ signature) and to the transactions, so a
// proposal can name heartbeats that its receivers already hold. A block on the wire is the SSZ container
// { header, parentCertificate: List[Certificate, 1], heartbeats: List[ByteVector[181], 32768], transactions: List[ByteList[16384], 8192] }.

import type { Bin } from '../base/bytes.ts'
import { copyBin, equalBytes } from '../base/bytes.ts'
import type { Result } from '../base/result.ts'
import { err, ok } from '../base/result.ts'
import { hashPair, merkleize, mixInLength } from '../crypto/merkle.ts'
import type { Certificate } from './certificate.ts'
import { certificateFromSsz, CertificateSsz, certificateToSsz } from './certificate.ts'
import type { Header } from './header.ts'
import { HeaderSsz, headerFromSsz, headerToSsz } from './header.ts'
import type { Heartbeat } from './heartbeat.ts'
import { decodeHeartbeat, HEARTBEAT_RECORD_SIZE, rowOfRecord } from './heartbeat.ts'
import { MAX_BLOCK_BYTES, MAX_BLOCK_HEARTBEATS, MAX_BLOCK_TRANSACTIONS, MAX_TRANSACTION_BYTES } from './limits.ts'
import { ByteListType, ByteVectorType, ContainerType, ListCompositeType } from './ssz.ts'
import type { Transaction } from './transaction.ts'
import { decodeTransaction, encodeTransaction } from './transaction.ts'

export interface Body {
  /** Certificate of the parent; null at height 1. */
  readonly parentCertificate: Certificate | null
  /** Ascending by (device key, sequence). */
  readonly heartbeats: readonly Heartbeat[]
  readonly transactions: readonly Transaction[]
}

export interface Block {
  readonly header: Header
  readonly body: Body
}

const TransactionsSsz = new ListCompositeType(new ByteListType(MAX_TRANSACTION_BYTES), MAX_BLOCK_TRANSACTIONS)
const BlockSsz = new ContainerType({
  header: HeaderSsz,
  parentCertificate: new ListCompositeType(CertificateSsz, 1),
  heartbeats: new ListCompositeType(new ByteVectorType(HEARTBEAT_RECORD_SIZE), MAX_BLOCK_HEARTBEATS),
  transactions: TransactionsSsz,
})

const NAMES_DEPTH = 31 - Math.clz32(MAX_BLOCK_HEARTBEATS)

/** Root of the SSZ list of heartbeat names: List[Bytes32, 32768]. */
export function namesRoot(heartbeats: readonly Pick<Heartbeat, 'name'>[]): Uint8Array {
  const chunks = new Uint8Array(32 * heartbeats.length)
  heartbeats.forEach(({ name }, i) => copyBin(name, chunks, 32 * i))
  return mixInLength(merkleize(chunks, NAMES_DEPTH), heartbeats.length)
}

/** Root of the SSZ container { heartbeats: List[Bytes32, 32768], transactions: List[ByteList[16384], 8192] }. */
export function bodyRoot(body: { readonly heartbeats: readonly Pick<Heartbeat, 'name'>[]; readonly transactions: Body['transactions'] }): Uint8Array {
  return hashPair(namesRoot(body.heartbeats), TransactionsSsz.hashTreeRoot(body.transactions.map(encodeTransaction)))
}

export function encodeBlock({ header, body }: Block): Uint8Array {
  return BlockSsz.serialize({
    header: headerToSsz(header),
    parentCertificate: body.parentCertificate === null ? [] : [certificateToSsz(body.parentCertificate)],
    heartbeats: body.heartbeats.map(({ record }) => record),
    transactions: body.transactions.map(encodeTransaction),
  })
}

/**
 * Decodes a block; nothing in it has been verified.
 * @param nameOf SHA-256 of signed bytes ‖ signature, as the caller's platform computes it fastest
 */
export function decodeBlock(bytes: Uint8Array, genesisHash: Uint8Array, nameOf: (bytes: Uint8Array) => Bin): Result<Block, 'malformed'> {
  if (bytes.length > MAX_BLOCK_BYTES) return err('malformed')
  let value: ReturnType<typeof BlockSsz.deserialize>
  try {
    value = BlockSsz.deserialize(bytes)
    if (!equalBytes(BlockSsz.serialize(value), bytes)) return err('malformed')
  } catch {
    return err('malformed')
  }
  const certificate = value.parentCertificate[0] === undefined ? ok(null) : certificateFromSsz(value.parentCertificate[0])
  if (!certificate.ok) return certificate
  const heartbeats: Heartbeat[] = []
  for (const record of value.heartbeats) {
    const heartbeat = decodeHeartbeat(record, heartbeatName(record, genesisHash, nameOf))
    if (heartbeat === null) return err('malformed')
    heartbeats.push(heartbeat)
  }
  const transactions: Transaction[] = []
  for (const encoded of value.transactions) {
    const transaction = decodeTransaction(encoded, genesisHash)
    if (transaction === null) return err('malformed')
    transactions.push(transaction)
  }
  return ok({ header: headerFromSsz(value.header), body: { parentCertificate: certificate.value, heartbeats, transactions } })
}

/** The name under which blocks list a heartbeat. */
export function heartbeatName(record: Uint8Array, genesisHash: Uint8Array, nameOf: (bytes: Uint8Array) => Bin): Bin {
  return nameOf(rowOfRecord(record, genesisHash))
}
