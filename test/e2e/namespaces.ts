// Hosts of their own for a test: network namespaces on two switches with one link between them, which may be cut. They
// end with the test, whatever becomes of it. Nothing of this machine's own network is touched, and no privilege is needed
// where user namespaces are allowed.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import type { Teardown } from './harness.ts'
import { BARE_NODE, eventually } from './harness.ts'

const MOUNT = 'mount -t tmpfs tmpfs /run && ip link set lo up'
const probe = `${MOUNT} && ip link add left type bridge && ip link add cable type veth peer name socket && ip netns add host && nsenter --net=/run/netns/host true`

/** Why there can be no hosts here, or false. */
export const noHosts: string | false =
  spawnSync('unshare', ['-Urnm', 'bash', '-c', probe]).status === 0 ? false : 'skipped: network namespaces, ip or nsenter are missing here'

export interface Host {
  readonly address: string
  /** What a program is run under so that it runs on this host. */
  readonly under: readonly string[]
  /** Makes a TCP port of the host reachable from here. @returns a URL for it */
  reach(port: number): Promise<string>
}

export interface Hosts {
  readonly all: readonly Host[]
  /** Takes the link between the two switches away: packets are lost, and nobody is told. */
  cut(): Promise<void>
  heal(): Promise<void>
}

/** The program of `reach`: what comes to a socket in the file system goes to the port. */
const RELAY = `
const { connect, createServer } = require('node:net')
const [path, port, host] = process.argv.slice(1)
createServer((near) => {
  const far = connect(Number(port), host)
  near.pipe(far).pipe(near)
  for (const [one, other] of [[near, far], [far, near]]) one.on('error', () => other.destroy()).on('close', () => other.destroy())
}).listen(path)`

/** @param left hosts on the one switch; the rest are on the other. @param directory for sockets; its path is short */
export async function hosts(t: Teardown, directory: string, left: number, right: number): Promise<Hosts> {
  const shell = spawn('unshare', ['-Urnm', 'bash'], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => shell.kill('SIGKILL'))
  const enter = ['nsenter', '-t', String(shell.pid), '-U', '-n', '-m', '--preserve-credentials']
  const ended = once(shell, 'exit').then(() => Promise.reject(new Error('the shell of the hosts has ended')))
  ended.catch(() => {})
  let output = ''
  let onOutput = (): void => {}
  shell.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    onOutput()
  })

  async function sh(command: string): Promise<void> {
    output = ''
    const answered = new Promise<void>((resolve) => (onOutput = () => void (output.endsWith('\n') && resolve())))
    shell.stdin.write(`${command} >/dev/null; echo $?\n`)
    await Promise.race([answered, ended])
    if (output !== '0\n') throw new Error(`${command} failed: ${output}`)
  }

  await sh(MOUNT)
  await sh('ip link add left type bridge && ip link add right type bridge && ip link set left up && ip link set right up')
  await sh('ip link add cable type veth peer name socket && ip link set cable master left up && ip link set socket master right up')
  const all: Host[] = []
  for (let i = 0; i < left + right; i++) {
    const address = `10.77.0.${10 + i}`
    await sh(`ip netns add host${i} && ip link add port${i} type veth peer name eth0 netns host${i} && ip link set port${i} master ${i < left ? 'left' : 'right'} up`)
    await sh(`nsenter --net=/run/netns/host${i} sh -c 'ip link set lo up && ip link set eth0 up && ip addr add ${address}/24 dev eth0'`)
    const under = [...enter, 'nsenter', `--net=/run/netns/host${i}`]
    all.push({
      address,
      under,
      async reach(port) {
        const path = join(directory, `${i}-${port}`)
        const [command, ...rest] = [...under, ...BARE_NODE, '-e', RELAY, path, String(port), address]
        const relay = spawn(command, rest, { stdio: 'inherit' })
        t.teardown(() => relay.kill('SIGKILL'))
        const server = createServer((near) => {
          const far = connect(path)
          near.pipe(far).pipe(near)
          for (const [one, other] of [[near, far], [far, near]] as const) one.on('error', () => other.destroy()).on('close', () => other.destroy())
        }).listen(0, '127.0.0.1')
        t.teardown(() => server.close())
        await eventually('the relay is there', () => answers(path))
        return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      },
    })
  }
  return { all, cut: () => sh('ip link set cable down'), heal: () => sh('ip link set cable up') }
}

const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy()
      resolve(true)
    }).on('error', () => resolve(false))
  })
