// The data volume: adopted if it is ours, formatted only if it is blank, never touched if it holds anything else.

import t from 'tap'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/ops/clock.ts'
import type { Clock } from '../../src/ops/clock.ts'
import type { Ran, VolumeDependencies } from '../../src/ops/volume.ts'
import { adoptVolume, isEmptyDirectory, isZeroDevice } from '../../src/ops/volume.ts'

const ok = (stdout = ''): Ran => ({ status: 0, stdout, stderr: '' })
const fail = (status: number, stderr = ''): Ran => ({ status, stdout: '', stderr })
const disk = (path: string, more: object = {}): object => ({ path, type: 'disk', size: 1e9, ro: false, mountpoints: [null], ...more })
const SYSTEM = disk('/dev/vda', { children: [{ path: '/dev/vda1', type: 'part', size: 1e9, ro: false, mountpoints: ['/'] }] })
/** Commands that change a disk. */
const CHANGES = ['mkfs.ext4', 'mount', 'resize2fs', 'e2fsck']

interface World {
  readonly disks?: readonly object[]
  /** What blkid says of every device. */
  readonly blkid?: Ran
  readonly others?: Readonly<Record<string, Ran>>
  readonly isZero?: boolean
  readonly isEmpty?: boolean
}

/** Time passes when somebody waits. */
function hastyClock(): Clock {
  let ms = 0
  return {
    ...systemClock,
    monotonicMs: () => ms,
    after(delayMs, call) {
      ms += delayMs
      return systemClock.after(0, call)
    },
  }
}

function machine({ disks = [SYSTEM, disk('/dev/vdb')], blkid = fail(2), others = {}, isZero = true, isEmpty = true }: World = {}): { ran: string[]; dependencies: VolumeDependencies } {
  const ran: string[] = []
  const run = (command: string, ...args: string[]): Ran => {
    ran.push([command, ...args].join(' '))
    const found = others[command]
    if (found !== undefined) return found
    if (command === 'findmnt') return fail(1)
    if (command === 'blkid') return blkid
    if (command !== 'lsblk') return ok()
    const named = args.at(-1)!.startsWith('/dev/') ? disks.filter((one) => (one as { path: string }).path === args.at(-1)) : disks
    return named.length === 0 ? fail(32) : ok(JSON.stringify({ blockdevices: named }))
  }
  return { ran, dependencies: { run, clock: hastyClock(), isZero: () => isZero, isEmptyDirectory: () => isEmpty } }
}

const changes = (ran: readonly string[]): string[] => ran.filter((line) => CHANGES.includes(line.split(' ')[0]!))
const OURS = ok('DEVNAME=/dev/vdb\nLABEL=pulse-data\nTYPE=ext4\nUSAGE=filesystem\n')

t.test('a blank disk is formatted, mounted and grown', async (t) => {
  const { ran, dependencies } = machine()
  t.same(await adoptVolume('auto', '/data', dependencies), { device: '/dev/vdb', state: 'formatted' })
  t.same(changes(ran), ['mkfs.ext4 -q -L pulse-data -m 0 /dev/vdb', 'mount -t ext4 -o noatime,nosuid,nodev /dev/vdb /data', 'resize2fs /dev/vdb'])
})

t.test('a disk that is ours is adopted as it is', async (t) => {
  const { ran, dependencies } = machine({ blkid: OURS })
  t.same(await adoptVolume('/dev/vdb', '/data', dependencies), { device: '/dev/vdb', state: 'adopted' })
  t.same(changes(ran), ['e2fsck -p /dev/vdb', 'mount -t ext4 -o noatime,nosuid,nodev /dev/vdb /data', 'resize2fs /dev/vdb'])
})

t.test('a volume that is mounted already is left alone', async (t) => {
  const { ran, dependencies } = machine({ others: { findmnt: ok('/dev/vdb\n') } })
  t.same(await adoptVolume('auto', '/data', dependencies), { device: '/dev/vdb', state: 'mounted already' })
  t.same(changes(ran), [])
})

t.test('a disk that holds anything else is refused, and not touched', async (t) => {
  const cases: [world: World, message: RegExp][] = [
    [{ blkid: ok('TYPE=xfs\nUSAGE=filesystem\n') }, /\/dev\/vdb holds a file system of another kind \(xfs\): it is not formatted/],
    [{ blkid: ok('TYPE=ext4\nLABEL=photos\n') }, /not labelled pulse-data/],
    [{ blkid: ok('TYPE=ext4\n') }, /not labelled pulse-data/],
    [{ blkid: ok('PTTYPE=gpt\n') }, /a partition table \(gpt\)/],
    [{ blkid: ok('TYPE=LVM2_member\nUSAGE=raid\n') }, /LVM2_member/],
    [{ blkid: fail(8, 'ambivalent') }, /several kinds of data/],
    [{ isZero: false }, /data of an unknown kind/],
  ]
  for (const [world, message] of cases) {
    const { ran, dependencies } = machine(world)
    await t.rejects(adoptVolume('auto', '/data', dependencies), { code: 'config', message, remedy: /Attach the right volume/ })
    t.same(changes(ran), [], String(message))
  }
})

t.test('no disk, two disks, a disk in use: refused by name', async (t) => {
  const refuse = async (wanted: string, world: World, expected: object): Promise<void> => {
    const { ran, dependencies } = machine(world)
    await t.rejects(adoptVolume(wanted, '/data', dependencies), { code: 'config', ...expected })
    t.same(changes(ran), [])
  }
  await refuse('auto', { disks: [SYSTEM] }, { message: /no disk for data beside the system disk/, remedy: /Attach the volume/ })
  await refuse('auto', { disks: [SYSTEM, disk('/dev/vdb'), disk('/dev/vdc')] }, { message: /more than one disk .*: \/dev\/vdb, \/dev\/vdc/ })
  await refuse('/dev/vdx', {}, { message: /no disk \/dev\/vdx/ })
  await refuse('/dev/vdb', { disks: [disk('/dev/vdb', { mountpoints: ['/srv'] })] }, { message: /is mounted at \/srv/ })
  await refuse('auto', { isEmpty: false }, { message: /would be hidden by the data volume/, remedy: /Move what is in it/ })
})

t.test('what cannot carry data is no candidate', async (t) => {
  const others = [disk('/dev/zram0'), disk('/dev/sr0', { type: 'rom' }), disk('/dev/vdc', { ro: true }), disk('/dev/vdd', { size: 0 }), disk('/dev/vde', { mountpoints: ['[SWAP]'] })]
  const { ran, dependencies } = machine({ disks: [SYSTEM, ...others, disk('/dev/vdb')] })
  t.match(await adoptVolume('auto', '/data', dependencies), { device: '/dev/vdb' })
  t.match(ran.find((line) => line.startsWith('lsblk')), /NAME/, 'without it lsblk lists partitions beside their disks')
})

t.test('a disk that is attached late is waited for', async (t) => {
  const { dependencies } = machine()
  let asked = 0
  const run: VolumeDependencies['run'] = (command, ...args) =>
    command === 'lsblk' && ++asked < 4 ? ok(JSON.stringify({ blockdevices: [SYSTEM] })) : dependencies.run(command, ...args)
  t.match(await adoptVolume('auto', '/data', { ...dependencies, run }), { device: '/dev/vdb' })
})

t.test('a program that fails is a failure of storage, with its last words', async (t) => {
  for (const [command, blkid] of [['mkfs.ext4', fail(2)], ['mount', OURS], ['resize2fs', OURS]] as const) {
    const { dependencies } = machine({ blkid, others: { [command]: fail(1, 'first\nInput/output error\n') } })
    await t.rejects(adoptVolume('auto', '/data', dependencies), { code: 'storage', message: /Input\/output error/, remedy: /The disk is failing/ })
  }
  const { ran, dependencies } = machine({ blkid: OURS, others: { e2fsck: fail(4, 'UNEXPECTED INCONSISTENCY') } })
  await t.rejects(adoptVolume('auto', '/data', dependencies), { code: 'storage', message: /needs repair/ })
  t.notOk(ran.some((line) => line.startsWith('mount')), 'it is not mounted then')
  const { dependencies: mended } = machine({ blkid: OURS, others: { e2fsck: fail(1) } })
  t.match(await adoptVolume('auto', '/data', mended), { state: 'adopted' }, 'errors that were corrected are none')
})

t.test('zeros are looked for at the start, at the end and in between', async (t) => {
  const path = join(t.testdir(), 'disk')
  const size = 40 * 1024 * 1024
  const bytes = Buffer.alloc(size)
  writeFileSync(path, bytes)
  t.ok(isZeroDevice(path, size))
  for (const position of [0, size / 2, size - 1]) {
    bytes[position] = 1
    writeFileSync(path, bytes)
    t.notOk(isZeroDevice(path, size), String(position))
    bytes[position] = 0
  }
  t.ok(isEmptyDirectory(t.testdir({ 'lost+found': {} })))
  t.notOk(isEmptyDirectory(t.testdir({ file: '' })))
  t.ok(isEmptyDirectory('/nowhere/at/all'))
})
