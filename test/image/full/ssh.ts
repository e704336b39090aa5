// The local image with SSH by choice. Its user-data is a cloud-config: a key to log in with, and the node's own user-data as a file.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench } from '../full.ts'
import { attempt, eventually, expect, run } from '../tools.ts'
import type { Bundle } from './bake.ts'
import { bakedDisk } from './bake.ts'
import { toRaw } from './images.ts'
import { BOOT_TIMEOUT_MS, freePorts, metadataOf, STEP_TIMEOUT_MS } from './nodes.ts'
import { newDisk, powerOn } from './vm.ts'

/** Whom the vendor's cloud-init gives the keys to. */
const USER = 'debian'

export async function checkSsh({ report, work, base }: Bench, bundle: Bundle): Promise<void> {
  const name = 'ssh'
  const [out, image, key] = [join(work, 'bake-ssh'), join(work, 'ssh.raw'), join(work, 'login_key')]
  const baked = await report.check('packer build with SSH_ENABLED=true', async () => {
    await run('bash', ['packer/bake.sh', 'local', bundle.directory, out], { env: { BASE_IMAGE: base, SSH_ENABLED: 'true' } })
    await toRaw(bakedDisk(out), image)
    await newDisk({ work, name, image })
  })
  if (!baked) return
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  const network = { name: 'ssh', development: true }
  const imds = await metadataOf('i-ssh', null)
  imds.instance.userData = `#cloud-config
ssh_authorized_keys:
  - ${readFileSync(`${key}.pub`, 'utf8').trim()}
write_files:
  - path: /etc/pulse-node/user-data.json
    content: '${JSON.stringify({ instance: { network } })}'
`
  const [port, sshPort] = (await freePorts(2)) as [number, number]
  const vm = powerOn({ name, work, ports: { [port]: 8080, [sshPort]: 22 }, imdsPort: imds.port })
  const ssh = (user: string, options: readonly string[], ...command: string[]): ReturnType<typeof attempt> => {
    const common = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR', '-o', 'ConnectTimeout=20']
    return attempt('ssh', [...common, ...options, '-p', String(sshPort), `${user}@127.0.0.1`, ...command])
  }
  try {
    await report.check('SSH by choice: the key of the user-data opens it, no password does, root stays out', async () => {
      await vm.http(port, '/health', BOOT_TIMEOUT_MS)
      const version = await eventually('the key opens it', STEP_TIMEOUT_MS, async () => {
        const { code, out: said } = await ssh(USER, ['-i', key], 'pulse-node', '--version')
        return code === 0 ? said.trim() : null
      }, 1_000)
      expect(version === bundle.version, version)
      const strangers = [await ssh(USER, ['-o', 'PreferredAuthentications=none']), await ssh('root', ['-i', key])]
      for (const { code, err } of strangers) expect(code === 255 && /Permission denied \(publickey\)/.test(err), `exit code ${code}: ${err}`)
    })
  } finally {
    await vm.kill()
    await imds.close()
  }
}
