// How `doctor` looks at this machine.

import { spawnSync } from 'node:child_process'
import { promises as dns } from 'node:dns'
import { readFileSync, statfsSync, statSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import type { Clock } from '../ops/clock.ts'
import { Failure } from '../ops/failure.ts'
import { createAdminClient } from './admin.ts'
import type { Probes } from './doctor.ts'

const DIAL_TIMEOUT_MS = 3_000

export function systemProbes(clock: Clock, builtMs: number | null): Probes {
  return {
    clock,
    uid: process.geteuid?.() ?? 0,
    builtMs,
    file(path) {
      const stats = statSync(path, { throwIfNoEntry: false })
      return stats === undefined ? null : { isDirectory: stats.isDirectory(), mode: stats.mode & 0o777, uid: stats.uid }
    },
    disk(path) {
      const { bavail, bsize, ffree, files } = statfsSync(path)
      // Some file systems count no inodes.
      return { freeBytes: bavail * bsize, freeInodes: files === 0 ? Number.MAX_SAFE_INTEGER : ffree }
    },
    lockHolder: (db) => lockHolder(join(db, 'LOCK')),
    async nodeAnswers(dataDir) {
      try {
        await createAdminClient(dataDir).peers()
        return true
      } catch (error) {
        if (error instanceof Failure) return false
        throw error
      }
    },
    listen,
    dial,
    async resolveDnsaddr(name) {
      try {
        const records = await dns.resolveTxt(`_dnsaddr.${name}`)
        return records.some((parts) => parts.join('').startsWith('dnsaddr=')) ? null : 'no dnsaddr= record'
      } catch (error) {
        return codeOf(error)
      }
    },
    clockSynchronised() {
      const { status, stdout } = spawnSync('timedatectl', ['show', '--property', 'NTPSynchronized', '--value'], { encoding: 'utf8', timeout: 5_000 })
      return status === 0 && /^(yes|no)$/.test(stdout.trim()) ? stdout.trim() === 'yes' : null
    },
    openFiles(pid) {
      const [, soft] = /^Max open files\s+(\d+)/m.exec(textOf(`/proc/${pid ?? 'self'}/limits`)) ?? []
      return soft === undefined ? null : Number(soft)
    },
  }
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error)

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** LevelDB locks by fcntl; the kernel lists such locks: `1: POSIX ADVISORY WRITE 123 fe:00:456 0 EOF` */
function lockHolder(path: string): number | null {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return null
  for (const line of textOf('/proc/locks').split('\n')) {
    const [, kind, , , pid, file] = line.trim().split(/\s+/)
    if (kind === 'POSIX' && file?.split(':')[2] === String(stats.ino)) return Number(pid)
  }
  return null
}

function listen(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) => resolve(codeOf(error)))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)))
  })
}

function dial(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: DIAL_TIMEOUT_MS })
    const end = (trouble: string | null): void => {
      socket.destroy()
      resolve(trouble)
    }
    socket.once('connect', () => end(null))
    socket.once('timeout', () => end('no answer'))
    socket.once('error', (error) => end(codeOf(error)))
  })
}
