// Disks of the full test, made from the baked image and from the base image without mounting anything.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { attempt, expect, run } from '../tools.ts'

/** Where the one partition begins. */
const OFFSET = 1024 * 1024

/** A root shell on the second serial port. The test puts it into its copies; no image has it. */
const SHELL_UNIT = `[Unit]
Description=Shell of the test
[Service]
ExecStart=/bin/bash -c 'stty -F /dev/ttyS1 raw -echo; exec /bin/bash --noprofile --norc'
StandardInput=tty
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS1
Environment=LC_ALL=C SYSTEMD_COLORS=0 SYSTEMD_PAGER=cat TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
Restart=always
TimeoutStopSec=1s
`

/** What stands for the node on the base image: an HTTP server, ordered as the node's unit is. */
const STAND_IN_UNIT = `[Unit]
Description=Stand-in of the node
After=network.target network-online.target cloud-init.service cloud-config.service
Wants=network-online.target
[Service]
ExecStart=/usr/bin/python3 -m http.server 8080
WorkingDirectory=/run
`

async function debugfs(disk: string, command: string): Promise<string> {
  const { code, out, err } = await attempt('debugfs', ['-w', '-R', command, `${disk}?offset=${OFFSET}`])
  const said = err.split('\n').filter((line) => line !== '' && !line.startsWith('debugfs ')).join('\n')
  expect(code === 0 && said === '', `debugfs ${command}: ${said}`)
  return out
}

export async function toRaw(image: string, disk: string): Promise<void> {
  await run('qemu-img', ['convert', '-O', 'raw', image, disk])
}

/** Installs and enables units that only the test needs. */
export async function addUnits(disk: string, units: Readonly<Record<string, string>>): Promise<void> {
  const work = mkdtempSync(`${disk}-units-`)
  try {
    for (const [name, text] of Object.entries(units)) {
      writeFileSync(join(work, name), text)
      await debugfs(disk, `write ${join(work, name)} /etc/systemd/system/${name}`)
      await debugfs(disk, `symlink /etc/systemd/system/multi-user.target.wants/${name} ../${name}`)
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

export const addShell = (disk: string): Promise<void> => addUnits(disk, { 'test-shell.service': SHELL_UNIT })
export const addStandIn = (disk: string): Promise<void> => addUnits(disk, { 'stand-in.service': STAND_IN_UNIT })

/** All files of a disk, into a directory. Owners and modes are kept. */
export async function extract(disk: string, directory: string): Promise<void> {
  await run('debugfs', ['-R', `rdump / ${directory}`, `${disk}?offset=${OFFSET}`])
}
