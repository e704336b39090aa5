// What lies in a LevelDB directory, checked before LevelDB opens it. LevelDB would make a new database over an old one whose
// file CURRENT is lost, and drop damaged parts of its log. Nothing is changed here.
//
// Never open and close `LOCK` in this process: closing any descriptor of that file would release LevelDB's lock.

import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { storageFailure } from '../ops/fsync.ts'
import { inspectLog } from './level-log.ts'
import { corruptChain } from './seal.ts'

/**
 * @returns absent: no directory, or one without a database (a creation that a crash cut short counts as none)
 * @throws Failure `corrupt` or `storage`
 */
export function inspectLevelFiles(path: string): 'absent' | 'present' {
  let names: string[]
  try {
    names = readdirSync(path)
  } catch (error) {
    if (isMissing(error)) return 'absent'
    throw storageFailure(`Cannot read the database directory ${path}`, error)
  }
  const logs = names.filter((name) => /^\d+\.log$/.test(name)).sort()
  const isData = (name: string): boolean => /^\d+\.(ldb|sst|log)$/.test(name) || (name.startsWith('MANIFEST-') && !isFirstManifest(name))
  if (!names.includes('CURRENT')) {
    if (names.some(isData)) throw corruptChain(`${join(path, 'CURRENT')} is missing`)
    return 'absent'
  }
  const manifest = /^(MANIFEST-\d+)\n$/.exec(read(join(path, 'CURRENT')).toString('latin1'))?.[1]
  if (manifest === undefined || !names.includes(manifest)) {
    throw corruptChain(`${join(path, 'CURRENT')} does not name a manifest that is there`)
  }
  if (logs.length === 0 && !isFirstManifest(manifest)) throw corruptChain(`the log of ${path} is missing`)
  for (const name of logs) {
    const result = inspectLog(read(join(path, name)))
    if (result.condition === 'damaged') throw corruptChain(`${join(path, name)} is broken at byte ${result.offset}`)
  }
  return 'present'
}

const isFirstManifest = (name: string): boolean => /^MANIFEST-0*1$/.test(name)
const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT'

function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    // Another process that has the database open may remove a file now; LevelDB's lock will tell.
    if (isMissing(error)) return Buffer.alloc(0)
    throw storageFailure(`Cannot read ${path}`, error)
  }
}
