// The data directory: where each thing lies, and whether it can be used.
// Its lock is LevelDB's own (db/LOCK): whoever has the store open owns the directory. See chain/level.ts.

import { closeSync, mkdirSync, openSync, rmSync, statSync, statfsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { Failure } from './failure.ts'
import { makeDirectory, storageFailure } from './fsync.ts'

/** A start with less free space than this is refused: the disk would be full within minutes. */
export const MIN_FREE_BYTES = 64 * 1024 * 1024

/** Absolute paths. */
export interface DataDir {
  readonly root: string
  readonly genesis: string
  /** Optional. */
  readonly config: string
  readonly nodeKey: string
  readonly validatorKey: string
  /** What the validator key signed last; beside the key. */
  readonly lastSigned: string
  /** LevelDB. */
  readonly db: string
  /** Write-ahead log of consensus. */
  readonly wal: string
}

export function dataDir(path: string): DataDir {
  const root = resolve(path)
  return {
    root,
    genesis: join(root, 'genesis.json'),
    config: join(root, 'config.json'),
    nodeKey: join(root, 'node.key'),
    validatorKey: join(root, 'validator.key'),
    lastSigned: join(root, 'last-signed.json'),
    db: join(root, 'db'),
    wal: join(root, 'wal'),
  }
}

/**
 * Makes the directory (0700: it holds keys) and its parents, if they are not there.
 * @throws Failure `storage`
 */
export function createDataDir(path: string): DataDir {
  const paths = dataDir(path)
  try {
    mkdirSync(dirname(paths.root), { recursive: true })
    makeDirectory(paths.root)
  } catch (error) {
    throw storageFailure(`Cannot make the data directory ${paths.root}`, error)
  }
  return paths
}

/**
 * Checks that a node can run in this directory.
 * @throws Failure `config` if it does not exist, `storage` if it cannot be written or the disk is nearly full
 */
export function prepareDataDir(path: string, minFreeBytes: number = MIN_FREE_BYTES): DataDir {
  const paths = dataDir(path)
  let isDirectory: boolean
  try {
    isDirectory = statSync(paths.root).isDirectory()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new Failure('config', `There is no data directory ${paths.root}`, 'Check --data-dir, or make one with: pulse-node init')
    }
    throw storageFailure(`Cannot use the data directory ${paths.root}`, error)
  }
  if (!isDirectory) throw new Failure('config', `The data directory ${paths.root} is not a directory`, 'Check --data-dir.')
  probe(paths.root)
  const { bavail, bsize } = statfsSync(paths.root)
  if (bavail * bsize < minFreeBytes) {
    const mebibytes = (bytes: number): string => `${Math.floor(bytes / 1024 ** 2)} MiB`
    throw new Failure(
      'storage',
      `Only ${mebibytes(bavail * bsize)} are free for the data directory ${paths.root}, at least ${mebibytes(minFreeBytes)} are needed`,
      'Free space on that disk, then start again.',
    )
  }
  return paths
}

/** Permission bits tell too little (root, read-only mounts, quotas): make a file. */
function probe(root: string): void {
  const path = join(root, `.write-test-${process.pid}`)
  try {
    closeSync(openSync(path, 'w', 0o600))
    rmSync(path)
  } catch (error) {
    throw storageFailure(`Cannot write to the data directory ${root}`, error)
  }
}
