// A block as records of the database.

import { Bucket, HEIGHT_SIZE, ID_SIZE, MetaKey, bucketKey, heightKey, metaKey, pageKey, writeHeight } from './buckets.ts'
import { seal } from './seal.ts'

export interface AccountPage {
  readonly page: number
  /** At most 32 packed account records. */
  readonly bytes: Uint8Array
}

/** A block and all that it changes. */
export interface BlockCommit {
  readonly height: number
  readonly blockId: Uint8Array
  readonly header: Uint8Array
  readonly body: Uint8Array
  readonly certificate: Uint8Array
  /** Pages that the block changed or added; at height 1 every page of the genesis too. */
  readonly accountPages: readonly AccountPage[]
  /** Ledger singletons after the block. */
  readonly state: Uint8Array
  /** In the block's order. */
  readonly transactionIds: readonly Uint8Array[]
}

export interface PutOperation {
  readonly type: 'put'
  readonly key: Uint8Array
  readonly value: Uint8Array
}

export const putSealed = (key: Uint8Array, value: Uint8Array): PutOperation => ({ type: 'put', key, value: seal(key, value) })

/** All records of the block, sealed. */
export function commitOperations(commit: BlockCommit): PutOperation[] {
  const { height, blockId } = commit
  const height8 = new Uint8Array(HEIGHT_SIZE)
  writeHeight(height8, 0, height)
  const head = new Uint8Array(HEIGHT_SIZE + ID_SIZE)
  head.set(height8)
  head.set(blockId, HEIGHT_SIZE)
  return [
    putSealed(heightKey(Bucket.headers, height), commit.header),
    putSealed(heightKey(Bucket.bodies, height), commit.body),
    putSealed(heightKey(Bucket.certificates, height), commit.certificate),
    putSealed(bucketKey(Bucket.blockIds, blockId), height8),
    ...commit.accountPages.map(({ page, bytes }) => putSealed(pageKey(page), bytes)),
    ...commit.transactionIds.map((id, index) => putSealed(bucketKey(Bucket.transactions, id), place(height8, index))),
    putSealed(bucketKey(Bucket.state), commit.state),
    putSealed(metaKey(MetaKey.head), head),
  ]
}

function place(height8: Uint8Array, index: number): Uint8Array {
  const bytes = new Uint8Array(HEIGHT_SIZE + 4)
  bytes.set(height8)
  new DataView(bytes.buffer).setUint32(HEIGHT_SIZE, index)
  return bytes
}
