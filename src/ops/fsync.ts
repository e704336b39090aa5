// Files that survive a power cut: written, synced, and their directory entry synced too. Synchronous: small files only.

import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { Failure } from './failure.ts'

/** Called between the steps of a write. Tests throw here, as a crash would. */
export type WriteHook = (label: string) => void

const REMEDIES: readonly (readonly [pattern: RegExp, remedy: string])[] = [
  [/ENOSPC|No space left/, 'Free space on that disk, then start again.'],
  [/EDQUOT|quota exceeded/i, 'Raise the disk quota of the user that runs the node, then start again.'],
  [/EROFS|Read-only file system/, 'Mount the file system writable; look in the kernel log why it is read-only.'],
  [/EACCES|EPERM|Permission denied|not permitted/, 'Give the user that runs the node read and write permission.'],
  [/EMFILE|ENFILE|Too many open files/, 'Raise the limit of open files (LimitNOFILE in systemd).'],
  [/EIO|Input\/output error|I\/O error/, 'The disk is failing: look in the kernel log and move the data directory to another disk.'],
]

/** What an operator can do about an I/O error, from its code (`ENOSPC`) or its text (LevelDB reports only that). */
export function diskRemedy(error: string): string {
  for (const [pattern, remedy] of REMEDIES) if (pattern.test(error)) return remedy
  return 'Check that path, the disk and the permissions.'
}

/** @param doing as in `Cannot write /data/x`; the system's error text follows */
export function storageFailure(doing: string, error: unknown): Failure {
  if (error instanceof Failure) return error
  const text = error instanceof Error ? error.message : String(error)
  return new Failure('storage', `${doing}: ${text}`, diskRemedy(text), { cause: error })
}

/** Makes the names in a directory durable: created, renamed and removed files. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

/**
 * Makes a directory of the node's own (0700) in one that exists, durably; nothing if it is there.
 * Not recursive: that reports a read-only file system as ENOENT.
 * @throws the system's error
 */
export function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST' && statSync(path).isDirectory()) return
    throw error
  }
  syncDirectory(dirname(path))
}

/** Writes all of it; the system may take less at a time. */
export function writeFully(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
}

/**
 * Replaces a file: afterwards there is the old content or the new one, whole, whatever happens on the way.
 * Written to `<path>.tmp`, synced, renamed, directory synced; a leftover `.tmp` is overwritten.
 * @throws the system's error
 */
export function replaceFile(path: string, bytes: Uint8Array, mode: number, onStep: WriteHook = () => {}): void {
  const temporary = `${path}.tmp`
  onStep('before-write')
  const file = openSync(temporary, 'w', mode)
  try {
    onStep('after-open')
    writeFully(file, bytes)
    onStep('after-write')
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  onStep('after-sync')
  renameSync(temporary, path)
  onStep('after-rename')
  syncDirectory(dirname(path))
  onStep('after-directory-sync')
}

/**
 * Creates a file that must not exist yet, and syncs it and its directory.
 * @throws the system's error: `EEXIST` if it exists, whatever it holds. A file that could not be written whole is removed.
 */
export function createFile(path: string, bytes: Uint8Array, mode: number): void {
  const file = openSync(path, 'wx', mode)
  try {
    writeFully(file, bytes)
    fsyncSync(file)
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
  syncDirectory(dirname(path))
}
