// Where and of what the figures are: machine, commit, command.

import { execFileSync } from 'node:child_process'
import { arch, availableParallelism, loadavg, platform, totalmem } from 'node:os'

export interface Provenance {
  readonly date: string
  readonly commit: string
  readonly command: string
  readonly machine: string
  /** Of the minute before the run: figures from a busy machine are not worth much. */
  readonly loadBefore: number
}

export function provenance(command: string): Provenance {
  const gigabytes = Math.round(totalmem() / 1024 ** 3)
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    command,
    machine: `${availableParallelism()} cores, ${gigabytes} GiB of memory, ${platform()} ${arch()}, Node.js ${process.versions.node}`,
    loadBefore: loadavg()[0]!,
  }
}

function commit(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', '../../src', '../../package-lock.json') !== ''
    return git('rev-parse', '--short=12', 'HEAD') + (changed ? ' with changes' : '')
  } catch {
    return 'unknown'
  }
}
