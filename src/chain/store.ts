// The chain on disk: blocks, certificates, the ledger's pages and indexes, in one LevelDB. Bytes in, bytes out; what they
// mean is others' business. A block is one synced atomic batch, so its parts can never disagree; only height + 1 is taken.

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { InvariantError, assert } from '../base/assert.ts'
import type { BucketNumber } from './buckets.ts'
import { Bucket, HEIGHT_SIZE, ID_SIZE, bucketKey, heightKey, pageKey, readHeight, readPage } from './buckets.ts'
import { verifyReadable } from './check.ts'
import type { BlockCommit } from './commit.ts'
import { commitOperations } from './commit.ts'
import { levelFailure } from './level-error.ts'
import type { Level, OpenLevel } from './level.ts'
import { inBatches, openLevel } from './level.ts'
import type { Head } from './meta.ts'
import { identify, readHead, readSealed } from './meta.ts'
import { corruptChain, unseal } from './seal.ts'

export interface TransactionPlace {
  readonly height: number
  readonly index: number
}

/** Every read throws Failure `corrupt` for a damaged record, `storage` if the disk fails; undefined means that there is none. */
export interface ChainStore {
  /** Height of the last block; 0 if there is none. */
  readonly head: number
  /** Id of the last block. */
  readonly headId: Uint8Array | undefined
  /**
   * @throws InvariantError unless height is head + 1 and no other commit is on its way
   * @throws Failure `storage`; from then on every commit fails with it, because nobody knows what the disk holds
   */
  commit(commit: BlockCommit): Promise<void>
  header(height: number): Promise<Uint8Array | undefined>
  body(height: number): Promise<Uint8Array | undefined>
  certificate(height: number): Promise<Uint8Array | undefined>
  /** Up to `count` headers from height `from` upwards; fewer at the head. */
  headers(from: number, count: number): Promise<Uint8Array[]>
  heightOfBlock(id: Uint8Array): Promise<number | undefined>
  transactionPlace(id: Uint8Array): Promise<TransactionPlace | undefined>
  /** Hands over every page in order; the bytes are not shared. @returns the number of pages */
  loadAccountPages(take: (bytes: Uint8Array, page: number) => void): Promise<number>
  state(): Promise<Uint8Array | undefined>
  /** On disk. */
  sizeBytes(): Promise<number>
  /** Quick look, done when the store is opened: the head block is whole, and no recent height is missing. @throws Failure `corrupt` */
  verifyReadable(): Promise<void>
  /** Resolves when a commit that is on its way has ended and the database has answered a read. @throws Failure `corrupt`, `storage` */
  probe(): Promise<void>
  /** Waits for a commit that is on its way. */
  close(): Promise<void>
}

export interface ChainStoreOptions {
  /** Directory of the database; its parent must exist. */
  readonly path: string
  readonly genesisHash: Uint8Array
  readonly createIfMissing: boolean
  /** Called with `store:` and `before-initialise`, `after-initialise`, `before-commit`, `after-commit`. Tests crash here. */
  readonly onWrite?: (label: string) => void | Promise<void>
  /** For tests: puts something between the store and LevelDB. */
  readonly wrap?: (level: Level) => Level
}

/**
 * @throws Failure `locked`, `corrupt`, `storage`, `newer_schema`, `wrong_network`; `config` if there is no database and
 * `createIfMissing` is false. Nothing is overwritten in any of these cases.
 */
export async function openChainStore(options: ChainStoreOptions): Promise<ChainStore> {
  assert(options.genesisHash.length === ID_SIZE, 'a genesis hash has 32 bytes')
  const opened = await openLevel(options.path, options.createIfMissing)
  const database = options.wrap === undefined ? opened : { ...opened, level: options.wrap(opened.level) }
  try {
    await identify(database, options)
    const store = createStore(database, await readHead(database.level), options)
    await store.verifyReadable()
    return store
  } catch (error) {
    await opened.close()
    throw error instanceof InvariantError ? error : levelFailure(error, options.path)
  }
}

function createStore({ level, path, close }: OpenLevel, opened: Head, options: ChainStoreOptions): ChainStore {
  let head = opened
  let pending: Promise<void> | null = null
  let failed: Error | undefined

  const guard = async <T>(read: () => Promise<T>): Promise<T> => {
    try {
      return await read()
    } catch (error) {
      throw levelFailure(error, path)
    }
  }
  const read = (key: Uint8Array): Promise<Uint8Array | undefined> => guard(() => readSealed(level, key))

  /** A part of the block at this height, which must be there up to the head. */
  async function readPart(bucket: BucketNumber, height: number): Promise<Uint8Array | undefined> {
    if (height < 1 || height > head.height) return undefined
    const part = await read(heightKey(bucket, height))
    if (part === undefined) throw corruptChain(`height ${height} has no record in bucket ${bucket}`)
    return part
  }

  async function write(commit: BlockCommit): Promise<void> {
    try {
      await options.onWrite?.('store:before-commit')
      try {
        await level.batch(commitOperations(commit), { sync: true })
      } catch (error) {
        throw levelFailure(error, path)
      }
      await options.onWrite?.('store:after-commit')
    } catch (error) {
      failed = error as Error
      throw error
    }
    head = { height: commit.height, id: commit.blockId.slice() }
  }

  return {
    get head() {
      return head.height
    },
    get headId() {
      return head.id
    },

    async commit(commit) {
      if (failed !== undefined) throw failed
      assert(pending === null, 'one commit at a time')
      assert(commit.height === head.height + 1, `the store takes height ${head.height + 1}, not ${commit.height}`)
      assert(commit.blockId.length === ID_SIZE && commit.transactionIds.every((id) => id.length === ID_SIZE), 'ids have 32 bytes')
      pending = write(commit)
      try {
        await pending
      } finally {
        pending = null
      }
    },

    header: (height) => readPart(Bucket.headers, height),
    body: (height) => readPart(Bucket.bodies, height),
    certificate: (height) => readPart(Bucket.certificates, height),
    state: () => read(bucketKey(Bucket.state)),

    headers: (from, count) =>
      guard(async () => {
        const last = Math.min(from + count - 1, head.height)
        if (from > last) return []
        const range = { gte: heightKey(Bucket.headers, from), lte: heightKey(Bucket.headers, last) }
        const headers: Uint8Array[] = []
        await inBatches(level.iterator({ ...range, highWaterMarkBytes: 1024 * 1024 }), ([key, sealed]) => {
          if (readHeight(key, 1) !== from + headers.length) throw corruptChain(`the header of height ${from + headers.length} is missing`)
          headers.push(unseal(key, sealed))
        })
        if (headers.length !== last - from + 1) throw corruptChain(`the header of height ${from + headers.length} is missing`)
        return headers
      }),

    async heightOfBlock(id) {
      const value = await read(bucketKey(Bucket.blockIds, id))
      return value && readHeight(value, 0)
    },

    async transactionPlace(id) {
      const value = await read(bucketKey(Bucket.transactions, id))
      return value && { height: readHeight(value, 0), index: new DataView(value.buffer, value.byteOffset).getUint32(HEIGHT_SIZE) }
    },

    loadAccountPages: (take) =>
      guard(async () => {
        let next = 0
        const range = { gte: pageKey(0), lte: pageKey(0xffff_ffff) }
        await inBatches(level.iterator({ ...range, fillCache: false, highWaterMarkBytes: 1024 * 1024 }), ([key, sealed]) => {
          if (readPage(key) !== next) throw corruptChain(`page ${next} of the accounts is missing`)
          take(unseal(key, sealed), next)
          next++
        })
        return next
      }),

    async sizeBytes() {
      let size = 0
      for (const name of await readdir(path)) {
        // LevelDB removes files meanwhile.
        size += await stat(join(path, name)).then((file) => file.size, () => 0)
      }
      return size
    },

    verifyReadable: () => guard(() => verifyReadable(level, head)),

    async probe() {
      // Whether it went well is told elsewhere.
      await pending?.catch(() => {})
      await read(head.height === 0 ? bucketKey(Bucket.state) : heightKey(Bucket.headers, head.height))
    },

    async close() {
      await pending?.catch(() => {})
      await close()
    },
  }
}
