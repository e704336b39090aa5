// Looks into the baked disk without booting it: nothing of the bake may be left, and the node must be whole.

import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench } from '../full.ts'
import { attempt, expect, run } from '../tools.ts'
import type { Bundle } from './bake.ts'
import { addShell, extract } from './images.ts'

export async function checkHygiene({ report, work, image }: Bench, bundle: Bundle): Promise<void> {
  const root = join(work, 'files')
  const at = (path: string): string => join(root, path)
  const text = (path: string): string => (existsSync(at(path)) ? readFileSync(at(path), 'utf8') : '')
  const names = (path: string): string[] => (existsSync(at(path)) ? readdirSync(at(path)) : [])

  const extracted = await report.check('disk read without booting it', async () => {
    await extract(image, root)
    expect(existsSync(at('etc/passwd')), 'nothing was read')
    const { out } = await attempt('du', ['-sm', root])
    return `${out.split('\t')[0]} MiB of files`
  })
  if (!extracted) return

  await report.check('hygiene: no identity, no keys, no traces of the bake', async () => {
    const left: string[] = []
    const wrong = (condition: boolean, what: string): void => void (condition && left.push(what))
    wrong(text('etc/machine-id').trim() !== '', 'machine-id')
    wrong(existsSync(at('var/lib/dbus/machine-id')) && !lstatSync(at('var/lib/dbus/machine-id')).isSymbolicLink(), 'machine-id of dbus')
    wrong(names('etc/ssh').some((name) => name.startsWith('ssh_host_')), 'SSH host keys')
    for (const path of ['var/lib/cloud', 'var/log/journal', 'var/lib/pulse-node', 'tmp', 'var/tmp', 'home', 'var/lib/dhcp', 'var/lib/apt/lists', 'var/lib/chrony']) {
      for (const name of names(path)) wrong(name !== 'lost+found', `${path}/${name}`)
    }
    for (const path of ['var/lib/systemd/random-seed', 'var/lib/systemd/credential.secret', 'root/.bash_history', 'root/.ssh', 'root/last-step.sh', 'etc/sudoers.d/90-cloud-init-users', 'etc/pulse-node/config.json']) {
      wrong(existsSync(at(path)), path)
    }
    wrong(names('etc/systemd/network').some((name) => name.includes('cloud-init')), 'network files of cloud-init')
    for (const file of ['passwd', 'passwd-', 'shadow', 'shadow-', 'group', 'group-', 'gshadow', 'gshadow-', 'subuid', 'subgid']) {
      wrong(/^bake:/m.test(text(`etc/${file}`)), `the user of the bake in ${file}`)
    }
    const { out: keys } = await attempt('grep', ['-rlE', '--include=*', '-e', '-----BEGIN [A-Z ]*PRIVATE KEY-----', at('etc'), at('root'), at('var'), at('usr/local'), at('opt/pulse-node')])
    // Packages of Node.js mention the words in their code.
    for (const file of keys.split('\n')) wrong(file !== '' && !/\.(js|mjs|cjs|ts|map|node|md)$|\/node\/bin\/node$/.test(file), `a private key in ${file.slice(root.length)}`)
    const { out: grants } = await attempt('find', [root, '-name', 'authorized_keys', '-size', '+0'])
    wrong(grants !== '', `authorized keys: ${grants.trim()}`)
    const { out: logs } = await attempt('find', [at('var/log'), '-type', 'f', '-size', '+0'])
    wrong(logs !== '', `logs: ${logs.trim().replaceAll(root, '').replaceAll('\n', ' ')}`)
    expect(left.length === 0, left.join(', '))
  })

  await report.check('hygiene: no password opens anything, SSH is off', () => {
    const open = text('etc/shadow').split('\n').filter((line) => line !== '' && !/^[^:]+:[!*]/.test(line))
    expect(open.length === 0, `passwords: ${open.map((line) => line.split(':')[0]).join(', ')}`)
    const sshd = text('etc/ssh/sshd_config.d/10-pulse-node.conf')
    for (const line of ['PasswordAuthentication no', 'KbdInteractiveAuthentication no', 'PermitRootLogin no']) expect(sshd.includes(line), `sshd: ${line} is missing`)
    const wants = names('etc/systemd/system').filter((name) => name.endsWith('.wants')).flatMap((name) => names(`etc/systemd/system/${name}`))
    expect(!wants.some((name) => /^sshd?\./.test(name)), 'sshd is enabled')
  })

  await report.check('the node in the image is the bundle, whole, enabled behind first boot', async () => {
    const tree = at(`opt/pulse-node/${bundle.version}`)
    expect(readlinkSync(at('opt/pulse-node/current')).endsWith(bundle.version), 'current leads elsewhere')
    await run('sha256sum', ['--check', '--quiet', '--strict', 'MANIFEST.sha256'], { cwd: tree })
    const image = JSON.parse(text('usr/share/pulse-node/image.json')) as Record<string, string>
    expect(image['bundleSha256'] === bundle.sha256 && image['version'] === bundle.version, 'image.json tells of another bundle')
    expect(names('etc/systemd/system/multi-user.target.wants').includes('pulse-node.service'), 'pulse-node.service is not enabled')
    expect(names('etc/systemd/system/pulse-node.service.requires').includes('pulse-node-first-boot.service'), 'the node does not require first boot')
    const { uid } = statSync(at('var/lib/pulse-node'))
    expect(new RegExp(`^pulse-node:[^:]*:${uid}:`, 'm').test(text('etc/passwd')), 'the data directory is not of the node')
    return `bundle ${bundle.sha256.slice(0, 16)}`
  })
  rmSync(root, { recursive: true, force: true })
  await addShell(image)
}
