// A small Debian as a directory, made from the package sources of this machine and kept in a cache.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { attempt, run } from './tools.ts'

/** What a machine needs to boot and to run a bundle. */
const PACKAGES = ['dbus', 'libstdc++6', 'systemd', 'systemd-sysv'] as const
const VERSION = 1

interface Sources {
  readonly suite: string
  readonly lines: readonly string[]
}

export const cacheDir = (): string => join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'pulse-node')

/** @returns Debian's sources as apt knows them here, or null if there are none */
export async function debianSources(): Promise<Sources | null> {
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)'
  const { out } = await attempt('apt-get', ['indextargets', '--format', format, 'Created-By: Packages', 'Origin: Debian'])
  const targets = out.trim().split('\n').filter((line) => line.split(' ').length === 3)
  const suite = targets.map((line) => line.split(' ')[1]!).find((name) => !name.includes('-'))
  return suite === undefined ? null : { suite, lines: targets.map((line) => `deb ${line}`) }
}

/** @returns the archive, and whether it was in the cache */
export async function cachedTree({ suite, lines }: Sources): Promise<{ readonly archive: string; readonly cached: boolean }> {
  const key = createHash('sha256').update(JSON.stringify([VERSION, suite, process.arch, PACKAGES])).digest('hex').slice(0, 16)
  const archive = join(cacheDir(), `debian-${suite}-${key}.tar`)
  if (existsSync(archive)) return { archive, cached: true }
  mkdirSync(cacheDir(), { recursive: true })
  const temporary = `${archive}.${process.pid}`
  const sources = `${temporary}.list`
  try {
    writeFileSync(sources, lines.join('\n') + '\n')
    await run('mmdebstrap', ['--quiet', '--variant=minbase', '--format=tar', `--include=${PACKAGES.join(',')}`, suite, temporary, sources])
    renameSync(temporary, archive)
  } finally {
    rmSync(sources, { force: true })
    rmSync(temporary, { force: true })
  }
  return { archive, cached: false }
}

/** Unpacks it as a machine that is ready to boot. */
export async function unpackTree(archive: string, directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true })
  await run('tar', ['-xpf', archive, '-C', directory, '--numeric-owner'])
  writeFileSync(join(directory, 'etc/hosts'), '127.0.0.1 localhost\n')
  writeFileSync(join(directory, 'etc/hostname'), 'pulse-test\n')
  writeFileSync(join(directory, 'etc/resolv.conf'), '')
  // A network of its own without an interface never comes online.
  for (const unit of ['systemd-networkd-wait-online.service', 'console-getty.service', 'getty@.service']) {
    symlinkSync('/dev/null', join(directory, 'etc/systemd/system', unit))
  }
}
