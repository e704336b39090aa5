// The data volume: a disk of its own for the data directory. Adopted if it is one, formatted only if it is blank, grown to the
// size of the disk. A disk that holds anything else is left alone.

import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import type { Clock } from './clock.ts'
import { Failure } from './failure.ts'
import { storageFailure } from './fsync.ts'

export interface Ran {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface VolumeDependencies {
  readonly run: (command: string, ...args: string[]) => Ran
  readonly clock: Clock
  /** True if every byte that was looked at is zero. @throws the system's error */
  readonly isZero: (device: string, sizeBytes: number) => boolean
  readonly isEmptyDirectory: (path: string) => boolean
}

export interface Volume {
  readonly device: string
  readonly state: 'formatted' | 'adopted' | 'mounted already'
}

/** Says that a file system is ours. */
export const VOLUME_LABEL = 'pulse-data'
/** Attaching a volume takes a while. */
const WAIT_MS = 10_000
const WAIT_STEP_MS = 500
const OPTIONS = 'noatime,nosuid,nodev'

interface Disk {
  readonly path: string
  readonly type: string
  readonly size: number
  readonly ro: boolean
  readonly mountpoints?: readonly (string | null)[]
  readonly children?: readonly Disk[]
}

/** @param wanted `auto` or a path @throws Failure `config` or `storage`; then nothing was changed on any disk that holds data */
export async function adoptVolume(wanted: string, mountPoint: string, dependencies: VolumeDependencies): Promise<Volume> {
  const { run, isZero, isEmptyDirectory } = dependencies
  const mounted = run('findmnt', '--noheadings', '--output', 'SOURCE', '--mountpoint', mountPoint)
  if (mounted.status === 0) return { device: mounted.stdout.trim(), state: 'mounted already' }
  const disk = await findDisk(wanted, dependencies)
  const device = disk.path
  if (!isEmptyDirectory(mountPoint)) {
    throw new Failure(
      'config',
      `${mountPoint} on the system disk is not empty, and would be hidden by the data volume ${device}`,
      `Move what is in it to the volume, or leave dataVolume out of the user-data.`,
    )
  }
  const found = probe(device, run)
  const isBlank = found === null
  if (isBlank) {
    if (!isZero(device, disk.size)) throw holdsData(device, 'data of an unknown kind')
    succeed(run('mkfs.ext4', '-q', '-L', VOLUME_LABEL, '-m', '0', device), `Cannot format ${device}`)
  } else {
    if (found['PTTYPE'] !== undefined && found['TYPE'] === undefined) throw holdsData(device, `a partition table (${found['PTTYPE']})`)
    if (found['TYPE'] !== 'ext4') throw holdsData(device, `a file system of another kind (${found['TYPE'] ?? found['USAGE'] ?? 'unknown'})`)
    if (found['LABEL'] !== VOLUME_LABEL) throw holdsData(device, `a file system that is not labelled ${VOLUME_LABEL}`)
    // 1: errors were corrected
    succeed(run('e2fsck', '-p', device), `The file system on ${device} needs repair`, [0, 1])
  }
  succeed(run('mount', '-t', 'ext4', '-o', OPTIONS, device, mountPoint), `Cannot mount ${device}`)
  // Does nothing if the file system fills the disk.
  succeed(run('resize2fs', device), `Cannot grow the file system on ${device}`)
  return { device, state: isBlank ? 'formatted' : 'adopted' }
}

async function findDisk(wanted: string, { run, clock }: VolumeDependencies): Promise<Disk> {
  const endMs = clock.monotonicMs() + WAIT_MS
  for (;;) {
    const disks = wanted === 'auto' ? freeDisks(run) : namedDisk(wanted, run)
    if (disks.length > 1) {
      const names = disks.map(({ path }) => path).join(', ')
      throw new Failure('config', `There is more than one disk that could be the data volume: ${names}`, 'Name one as instance.dataVolume in the user-data.')
    }
    const [disk] = disks
    if (disk !== undefined) return disk
    if (clock.monotonicMs() >= endMs) {
      const what = wanted === 'auto' ? 'There is no disk for data beside the system disk' : `There is no disk ${wanted} that could be the data volume`
      throw new Failure('config', what, 'Attach the volume, or correct instance.dataVolume in the user-data.')
    }
    await new Promise<void>((resolve) => clock.after(WAIT_STEP_MS, resolve))
  }
}

/** With the name lsblk prints a tree: partitions within their disks. */
const LSBLK = ['--json', '--bytes', '--output', 'NAME,PATH,TYPE,SIZE,RO,MOUNTPOINTS'] as const

/** Disks that are writable, and not in use. Those with partitions count, too: they are refused later, by name. */
function freeDisks(run: VolumeDependencies['run']): Disk[] {
  const { stdout } = succeed(run('lsblk', ...LSBLK), 'Cannot list the disks')
  const inUse = ({ mountpoints = [], children = [] }: Disk): boolean => mountpoints.some((point) => point !== null) || children.some(inUse)
  return disksOf(stdout).filter((disk) => disk.type === 'disk' && disk.size > 0 && !disk.ro && !/^\/dev\/(zram|nbd|ram)/.test(disk.path) && !inUse(disk))
}

function namedDisk(path: string, run: VolumeDependencies['run']): Disk[] {
  const { status, stdout } = run('lsblk', ...LSBLK, path)
  if (status !== 0) return []
  const [disk] = disksOf(stdout)
  if (disk === undefined) return []
  const used = (disk.mountpoints ?? []).find((point) => point !== null)
  if (used !== undefined) throw new Failure('config', `The disk ${path} is mounted at ${used}`, 'Name the data volume as instance.dataVolume in the user-data.')
  return [disk]
}

function disksOf(json: string): Disk[] {
  try {
    return (JSON.parse(json) as { blockdevices: Disk[] }).blockdevices
  } catch {
    throw new Failure('storage', 'Cannot list the disks: lsblk printed no JSON', 'Check the installation of util-linux.')
  }
}

/** What blkid finds on the device itself, not in its cache; null if nothing. */
function probe(device: string, run: VolumeDependencies['run']): Record<string, string> | null {
  const ran = run('blkid', '--probe', '--output', 'export', device)
  // 2: nothing found
  if (ran.status === 2 && ran.stdout.trim() === '') return null
  // 8: several contradict each other
  if (ran.status === 8) throw holdsData(device, 'several kinds of data at once')
  succeed(ran, `Cannot probe ${device}`)
  return Object.fromEntries(ran.stdout.split('\n').filter((line) => line.includes('=')).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
}

function holdsData(device: string, what: string): Failure {
  return new Failure(
    'config',
    `The disk ${device} holds ${what}: it is not formatted`,
    `Attach the right volume. If this is the one and nothing on it is needed: wipefs --all ${device} && blkdiscard --zeroout ${device}`,
  )
}

function succeed(ran: Ran, doing: string, good: readonly number[] = [0]): Ran {
  if (good.includes(ran.status)) return ran
  throw storageFailure(doing, ran.stderr.trim().split('\n').at(-1) ?? `status ${ran.status}`)
}

const MEBIBYTE = 1024 * 1024
const SAMPLES = 64

/** Looks at the first and the last mebibyte, and at more in between. */
export function isZeroDevice(device: string, sizeBytes: number): boolean {
  const file = openSync(device, 'r')
  try {
    const [buffer, zeros] = [Buffer.alloc(MEBIBYTE), Buffer.alloc(MEBIBYTE)]
    const last = Math.max(0, sizeBytes - MEBIBYTE)
    for (let i = 0; i < SAMPLES; i++) {
      const position = Math.floor((last * i) / (SAMPLES - 1) / 4_096) * 4_096
      const size = readSync(file, buffer, 0, MEBIBYTE, position)
      if (!buffer.subarray(0, size).equals(zeros.subarray(0, size))) return false
    }
    return true
  } finally {
    closeSync(file)
  }
}

/** Also true if it does not exist. */
export function isEmptyDirectory(path: string): boolean {
  try {
    return readdirSync(path).every((name) => name === 'lost+found')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw storageFailure(`Cannot read ${path}`, error)
  }
}
