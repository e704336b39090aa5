// The machine that first boot runs on: its disks, its users, where it is.

import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, readFileSync } from 'node:fs'
import { Failure } from '../ops/failure.ts'
import { storageFailure } from '../ops/fsync.ts'
import { ROOT } from '../ops/root.ts'
import type { Ran } from '../ops/volume.ts'
import { adoptVolume, isEmptyDirectory, isZeroDevice } from '../ops/volume.ts'
import type { Machine } from './first-boot.ts'
import type { Io } from './io.ts'

interface User {
  readonly uid: number
  readonly gid: number
}

/** @param owner name of the user that runs the node @throws Failure('config') without root */
export function thisMachine({ fetch, clock }: Pick<Io, 'fetch' | 'clock'>, owner: string): Machine {
  if (process.geteuid?.() !== 0) throw new Failure('config', 'first-boot needs root: it mounts the data volume', 'Run: systemctl restart pulse-node-first-boot')
  const user = userOf(owner)
  return {
    fetch,
    clock,
    isEc2: isEc2(),
    builtMs: builtMs(),
    adoptVolume: (wanted, mountPoint) => adoptVolume(wanted, mountPoint, { run, clock, isZero: isZeroDevice, isEmptyDirectory }),
    own(dataDir) {
      try {
        chownSync(dataDir, user.uid, user.gid)
        chmodSync(dataDir, 0o700)
      } catch (error) {
        throw storageFailure(`Cannot give ${dataDir} to ${owner}`, error)
      }
    },
    asOwner(act) {
      const umask = process.umask(0o077)
      process.setegid!(user.gid)
      process.seteuid!(user.uid)
      try {
        return act()
      } finally {
        process.seteuid!(0)
        process.setegid!(0)
        process.umask(umask)
      }
    },
  }
}

const COMMAND_TIMEOUT_MS = 240_000

function run(command: string, ...args: string[]): Ran {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout: COMMAND_TIMEOUT_MS, env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' } })
  if (error !== undefined) return { status: 127, stdout: '', stderr: `${command}: ${error.message}` }
  return { status: status ?? 128, stdout, stderr }
}

function userOf(name: string): User {
  const line = readFileSync('/etc/passwd', 'utf8').split('\n').find((entry) => entry.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  if (uid === undefined || gid === undefined) throw new Failure('config', `There is no user ${name}`, 'Run: systemd-sysusers')
  return { uid: Number(uid), gid: Number(gid) }
}

/** The vendor that the firmware names. Asking the metadata address anywhere else would be asking a stranger. */
function isEc2(): boolean {
  const said = (path: string): string => {
    try {
      return readFileSync(path, 'utf8').trim()
    } catch {
      return ''
    }
  }
  return said('/sys/class/dmi/id/sys_vendor') === 'Amazon EC2' || said('/sys/hypervisor/uuid').startsWith('ec2')
}

/** When the bundle that this runs from was built; null if it runs from sources. */
export function builtMs(): number | null {
  try {
    const { date } = JSON.parse(readFileSync(new URL('build.json', ROOT), 'utf8')) as { date?: unknown }
    return typeof date === 'string' && !Number.isNaN(Date.parse(date)) ? Date.parse(date) : null
  } catch {
    return null
  }
}
