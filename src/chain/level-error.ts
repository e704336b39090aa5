// LevelDB's errors as failures that an operator can act on. LevelDB reports the system's text, not its code.

import { Failure } from '../ops/failure.ts'
import { diskRemedy, storageFailure } from '../ops/fsync.ts'
import { corruptChain } from './seal.ts'

interface LevelError {
  readonly code?: string
  readonly message: string
  readonly cause?: unknown
}

/** @param path of the database */
export function levelFailure(error: unknown, path: string): Failure {
  if (error instanceof Failure) return error
  const { code, message, cause } = error as LevelError
  if (code === 'LEVEL_DATABASE_NOT_OPEN' && cause !== undefined) return levelFailure(cause, path)
  const isLocked = code === 'LEVEL_LOCKED' && !/No locks available|Permission denied|Read-only/.test(message)
  if (isLocked) return lockedFailure(path, { cause: error })
  // A file that the manifest names and that is gone or cut short (a read behind its end) is damage, not an I/O error.
  const isFileLost = code === 'LEVEL_IO_ERROR' && /No such file|\.(ldb|sst): Invalid argument/.test(message)
  if (code === 'LEVEL_CORRUPTION' || isFileLost) return corruptChain(message, { cause: error })
  if (code === 'LEVEL_IO_ERROR' || code === 'LEVEL_LOCKED') {
    return new Failure('storage', `The chain database cannot be read or written: ${message}`, diskRemedy(message), { cause: error })
  }
  if (code?.startsWith('E') === true) return storageFailure(`Cannot use the database directory ${path}`, error)
  return new Failure('internal', `The chain database failed: ${message}`, 'Please report this.', { cause: error })
}

export function lockedFailure(path: string, options?: ErrorOptions): Failure {
  const remedy = 'Another pulse-node runs on this data directory: stop it, or choose another --data-dir.'
  return new Failure('locked', `The database ${path} is in use`, remedy, options)
}
