// Proof that the core makes progress, for whoever watches over the process. A quiet chain commits nothing, so blocks are no
// measure: the core's thread must answer, LevelDB must read and have no commit hanging, and the disk must take a synced write.

import { constants, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChainStore } from '../chain/store.ts'
import type { Engine } from '../engine/engine.ts'
import { storageFailure } from '../ops/fsync.ts'

export interface CoreProgress {
  readonly height: number
}

/** In the data directory; overwritten in place, so that it needs no space on a full disk. */
const PROBE_NAME = '.watchdog'
const PROBE_MODE = 0o600

/**
 * @param root the data directory
 * @returns a function that resolves when all of it has been seen to work; it has no time-out of its own
 * @throws from the function: Failure `corrupt`, `storage`
 */
export function createProgressProbe(engine: Engine, store: Pick<ChainStore, 'probe'>, root: string): () => Promise<CoreProgress> {
  const path = join(root, PROBE_NAME)
  let count = 0

  async function write(): Promise<void> {
    try {
      const file = await open(path, constants.O_WRONLY | constants.O_CREAT, PROBE_MODE)
      try {
        // Always the same length: nothing grows, and the sync has something to carry.
        await file.write(String(count++ % 10), 0)
        await file.datasync()
      } finally {
        await file.close()
      }
    } catch (error) {
      throw storageFailure(`Cannot write to ${path}`, error)
    }
  }

  return async () => {
    await store.probe()
    await write()
    return { height: engine.ledger.height }
  }
}
