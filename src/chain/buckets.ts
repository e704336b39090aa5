// Every kind of record in the database: a bucket number in the first byte of the key, then the key itself.
// Numbers are for ever: a retired one stays here as a comment, so that it isn't given to something else.
// Heights are 8 bytes and page numbers 4 bytes, big-endian, so that LevelDB's byte order is numeric order.

export const Bucket = {
  /** `MetaKey` (1 byte) -> see there */
  meta: 0,
  /** height -> encoded header */
  headers: 1,
  /** block id (32 bytes) -> height */
  blockIds: 2,
  /** height -> encoded body */
  bodies: 3,
  /** height -> encoded certificate of the block at this height */
  certificates: 4,
  /** page number -> up to 32 packed account records of 128 bytes; only the last page may hold fewer */
  accountPages: 5,
  /** (empty) -> encoded ledger singletons after the head block */
  state: 6,
  /** transaction id (32 bytes) -> height ‖ index in the block (4 bytes) */
  transactions: 7,
} as const

export type BucketNumber = (typeof Bucket)[keyof typeof Bucket]

export const MetaKey = {
  /** -> 4 bytes. Its place and its encoding stay the same in every later schema. */
  schemaVersion: 0,
  /** -> 32 bytes */
  genesisHash: 1,
  /** -> height ‖ block id (32 bytes); none before the first block */
  head: 2,
} as const

/** Of what this version writes. A change of a bucket's meaning or encoding raises it. */
export const SCHEMA_VERSION = 1

export const ID_SIZE = 32
export const HEIGHT_SIZE = 8

const NO_BYTES = new Uint8Array(0)

/** bucket ‖ key */
export function bucketKey(bucket: BucketNumber, key: Uint8Array = NO_BYTES): Uint8Array {
  const bytes = new Uint8Array(1 + key.length)
  bytes[0] = bucket
  bytes.set(key, 1)
  return bytes
}

export const metaKey = (key: (typeof MetaKey)[keyof typeof MetaKey]): Uint8Array => Uint8Array.of(Bucket.meta, key)

/** bucket ‖ height */
export function heightKey(bucket: BucketNumber, height: number): Uint8Array {
  const bytes = new Uint8Array(1 + HEIGHT_SIZE)
  bytes[0] = bucket
  writeHeight(bytes, 1, height)
  return bytes
}

/** bucket ‖ page number */
export function pageKey(page: number): Uint8Array {
  const bytes = new Uint8Array(5)
  bytes[0] = Bucket.accountPages
  view(bytes).setUint32(1, page)
  return bytes
}

export const readPage = (key: Uint8Array): number => view(key).getUint32(1)

export function writeHeight(bytes: Uint8Array, offset: number, height: number): void {
  view(bytes).setBigUint64(offset, BigInt(height))
}

export function readHeight(bytes: Uint8Array, offset: number): number {
  return Number(view(bytes).getBigUint64(offset))
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
