// The look at a store when it is opened: the head block is whole, and no recent height is missing.

import { Bucket, bucketKey, heightKey, readHeight } from './buckets.ts'
import type { Level } from './level.ts'
import { inBatches } from './level.ts'
import type { Head } from './meta.ts'
import { readSealed } from './meta.ts'
import { corruptChain } from './seal.ts'

/** Heights below the head whose headers are looked for: more than LevelDB's log can hold, which is what a crash may harm. */
export const RECENT_HEIGHTS = 16_384

/** @throws Failure `corrupt` */
export async function verifyReadable(level: Level, head: Head): Promise<void> {
  const { height, id } = head
  if (id !== undefined) {
    const parts = {
      header: heightKey(Bucket.headers, height),
      body: heightKey(Bucket.bodies, height),
      certificate: heightKey(Bucket.certificates, height),
      state: bucketKey(Bucket.state),
    }
    for (const [name, key] of Object.entries(parts)) {
      if ((await readSealed(level, key)) === undefined) throw corruptChain(`the ${name} of the head, height ${height}, is missing`)
    }
    const found = await readSealed(level, bucketKey(Bucket.blockIds, id))
    if (found === undefined || readHeight(found, 0) !== height) throw corruptChain(`the head, height ${height}, is not found by its id`)
  }
  await verifyHeights(level, Math.max(1, height - RECENT_HEIGHTS + 1), height)
}

/** Each height from `first` to `last` has a header, and none is beyond. */
async function verifyHeights(level: Level, first: number, last: number): Promise<void> {
  let next = first
  const headers = level.keys({ gte: heightKey(Bucket.headers, first), lt: bucketKey(Bucket.blockIds), fillCache: false })
  await inBatches(headers, (key) => {
    if (readHeight(key, 1) !== next) throw corruptChain(`height ${next} is missing`)
    next++
  })
  if (next !== last + 1) throw corruptChain(`the head is height ${last}, but blocks reach to height ${next - 1}`)
}
