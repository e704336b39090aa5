// Opens LevelDB: once per path in this process, after a look at its files, with errors as failures.

import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { Failure } from '../ops/failure.ts'
import { makeDirectory } from '../ops/fsync.ts'
import { levelFailure, lockedFailure } from './level-error.ts'
import { inspectLevelFiles } from './level-files.ts'

export type Level = ClassicLevel<Uint8Array, Uint8Array>

export interface OpenLevel {
  readonly level: Level
  readonly path: string
  readonly close: () => Promise<void>
}

/**
 * Paths that are open. LevelDB notices a second opening in a process, but releases the lock by failing it: closing any
 * descriptor of a file drops the process's fcntl locks on it. (Per thread: only the core thread opens a store.)
 */
const openPaths = new Set<string>()

/**
 * LevelDB maps its tables into memory, so files × open files bounds what it adds to the process: about 70 × 4 MiB.
 * A small write buffer keeps the log short (it is read at each start), and few pages twice on disk.
 */
const SETTINGS = {
  writeBufferSize: 4 * 1024 * 1024,
  maxFileSize: 4 * 1024 * 1024,
  cacheSize: 8 * 1024 * 1024,
  maxOpenFiles: 80,
} as const

/** @throws Failure `locked`, `corrupt`, `storage`; `config` if there is none and `createIfMissing` is false */
export async function openLevel(path: string, createIfMissing: boolean): Promise<OpenLevel> {
  const realPath = canonical(path)
  if (openPaths.has(realPath)) throw lockedFailure(path)
  openPaths.add(realPath)
  try {
    if (inspectLevelFiles(path) === 'absent') {
      if (!createIfMissing) throw noDatabase(path)
      makeDirectory(path)
    }
    const level: Level = new ClassicLevel(path, { keyEncoding: 'view', valueEncoding: 'view', createIfMissing, ...SETTINGS })
    await level.open()
    const close = async (): Promise<void> => {
      await level.close()
      openPaths.delete(realPath)
    }
    return { level, path, close }
  } catch (error) {
    openPaths.delete(realPath)
    throw levelFailure(error, path)
  }
}

export function noDatabase(path: string): Failure {
  return new Failure('config', `There is no chain database ${path}`, 'Check --data-dir, or make a data directory with: pulse-node init')
}

/** Takes everything from an iterator, a thousand at a time, and closes it. */
export async function inBatches<T>(
  iterator: { nextv(size: number): Promise<T[]>; close(): Promise<void> },
  take: (entry: T) => void,
): Promise<void> {
  try {
    for (let entries = await iterator.nextv(1_000); entries.length > 0; entries = await iterator.nextv(1_000)) {
      for (const entry of entries) take(entry)
    }
  } finally {
    await iterator.close()
  }
}

function canonical(path: string): string {
  const absolute = resolve(path)
  try {
    return realpathSync(absolute)
  } catch {
    try {
      return join(realpathSync(dirname(absolute)), basename(absolute))
    } catch {
      return absolute
    }
  }
}
