// A machine under systemd-nspawn: booted from a directory that it does not change, with a data directory that it keeps.

import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Ran } from './tools.ts'
import { attempt, eventually, expect, run } from './tools.ts'

export const UNIT = 'pulse-node.service'
const BOOT_TIMEOUT_MS = 60_000
const API = 'http://127.0.0.1:8080'

export interface MachineOptions {
  readonly tree: string
  /** Of this machine; becomes /var/lib/pulse-node. */
  readonly data: string
  readonly log: string
}

export interface Machine {
  /** When it was switched on, of the monotonic clock, s. */
  readonly poweredOn: number
  try(...command: string[]): Promise<Ran>
  /** @throws Error if the command fails */
  run(...command: string[]): Promise<string>
  /** Properties of a unit. */
  show(unit: string, ...properties: string[]): Promise<Readonly<Record<string, string>>>
  /** Writes a file inside. */
  write(path: string, text: string): void
  /** Runs a program of this project, on this machine's Node.js, in the machine's network. */
  probe(script: string, ...args: string[]): Promise<string>
  /** GET from the node's API. */
  api(path: string): Promise<unknown>
  /** What this machine calls a process of that machine. */
  hostPid(pid: number): number
  journal(): Promise<string>
  powerOff(): Promise<void>
  /** As the power cut does it. */
  kill(): Promise<void>
}

const NSPAWN = [`--machine=pulse-test-${process.pid}`, '--volatile=overlay', '--private-network', '--register=no', '--keep-unit', '--link-journal=no', '--quiet'] as const

/** Two machines in one control group would take each other's processes for their own. Where no group can be made, there is one machine. */
const IN_GROUP = `
name=$1
shift
for root in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
  [ -w "$root/cgroup.procs" ] && mkdir "$root/$name" && echo $$ > "$root/$name/cgroup.procs"
done 2> /dev/null
exec "$@"`
let boots = 0

/** Seconds of CLOCK_MONOTONIC, which systemd's time stamps use too. */
export const monotonic = (): number => Number(process.hrtime.bigint()) / 1e9

/** Runs one command in the tree, without booting it. */
export function inTree({ tree, data }: Pick<MachineOptions, 'tree' | 'data'>, ...command: string[]): Promise<string> {
  return run('systemd-nspawn', ['-D', tree, `--bind=${data}:/var/lib/pulse-node`, ...NSPAWN, '--pipe', ...command])
}

export async function boot({ tree, data, log }: MachineOptions): Promise<Machine> {
  const out = openSync(log, 'a')
  const group = `pulse-test-${process.pid}-${++boots}`
  const poweredOn = monotonic()
  const args = ['-D', tree, `--bind=${data}:/var/lib/pulse-node`, ...NSPAWN, '--console=read-only', '--boot']
  const child = spawn('sh', ['-c', IN_GROUP, 'sh', group, 'systemd-nspawn', ...args], { stdio: ['ignore', out, out] })
  closeSync(out)
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let leader = 0
  // With its first process all others of the machine end; systemd-nspawn alone would leave them behind.
  const cut = (): void => {
    if (leader > 0 && child.exitCode === null) process.kill(leader, 'SIGKILL')
    else child.kill('SIGKILL')
  }
  process.prependOnceListener('exit', cut)
  void ended.then(() => {
    process.off('exit', cut)
    spawn('sh', ['-c', 'find /sys/fs/cgroup -depth -type d -path "*/$1*" -exec rmdir {} +', 'sh', group], { stdio: 'ignore' })
  })
  leader = await eventually('the machine has a first process', BOOT_TIMEOUT_MS, () => firstProcess(child, log), 5)

  const enter = (namespaces: readonly string[], command: readonly string[]): Promise<Ran> =>
    attempt('nsenter', ['-t', String(leader), ...namespaces, '--', ...command], { timeoutMs: 120_000 })
  const machine: Machine = {
    poweredOn,
    try: (...command) => enter(['-m', '-u', '-i', '-n', '-p'], command),
    async run(...command) {
      const { code, out, err } = await machine.try(...command)
      expect(code === 0, `${command.join(' ')}: exit code ${code}\n${out}${err}`)
      return out
    },
    async show(unit, ...properties) {
      const { out } = await machine.try('systemctl', 'show', unit, ...properties.map((name) => `--property=${name}`))
      return Object.fromEntries(out.trim().split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
    },
    write(path, text) {
      const inside = `/proc/${leader}/root${path}`
      mkdirSync(dirname(inside), { recursive: true })
      writeFileSync(inside, text)
    },
    async probe(script, ...args) {
      const { code, out, err } = await enter(['-n'], [process.execPath, join(import.meta.dirname, script), ...args])
      expect(code === 0, `${script} ${args.join(' ')}: ${err.trim() === '' ? `exit code ${code}` : err.trim()}`)
      return out
    },
    async api(path) {
      return JSON.parse(await machine.probe('inside-get.ts', API + path)) as unknown
    },
    hostPid: (pid) => hostPid(leader, pid),
    journal: async () => (await machine.try('journalctl', '--no-pager', '--output=cat', `--unit=${UNIT}`)).out,
    async powerOff() {
      await machine.try('systemctl', 'poweroff')
      const timer = setTimeout(cut, 30_000)
      await ended
      clearTimeout(timer)
    },
    async kill() {
      cut()
      await ended
    },
  }
  return machine
}

/** Its first child but one: the first makes the namespaces, and goes. */
function firstProcess({ pid, exitCode }: ChildProcess, log: string): number | null {
  if (exitCode !== null || pid === undefined) throw new Error(`systemd-nspawn has ended: ${readFileSync(log, 'utf8').slice(-2_000)}`)
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
  return children.map(Number).find((child) => child > 0 && innerPid(child) === '1') ?? null
}

/** What a process is called in its own namespace; undefined if it has ended. */
function innerPid(pid: number | string): string | undefined {
  try {
    return /^NSpid:.*\t([0-9]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  } catch {
    return undefined
  }
}

function hostPid(leader: number, pid: number): number {
  const space = readlinkSync(`/proc/${leader}/ns/pid`)
  for (const name of readdirSync('/proc')) {
    if (/^[0-9]+$/.test(name) && innerPid(name) === String(pid) && readlinkSync(`/proc/${name}/ns/pid`) === space) return Number(name)
  }
  throw new Error(`the machine has no process ${pid}`)
}
