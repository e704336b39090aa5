// A virtual machine under QEMU: as an EC2 instance sees itself (firmware, metadata service), with its console in a file and,
// for the test only, a root shell on its second serial port. The image itself has no way in.

import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { eventually, expect, run } from '../tools.ts'

/** What guests call the machine that they run on. */
export const HOST_ADDRESS = '169.254.0.2'

export interface VmOptions {
  readonly name: string
  readonly work: string
  /** A disk that stays as it is: changes go into an overlay. */
  readonly image: string
  /** Ports of the guest, by those of this machine. */
  readonly ports: Readonly<Record<number, number>>
  readonly imdsPort: number | null
  readonly dataDisk?: string
  readonly cpus?: number
}

export interface Shell {
  readonly code: number
  readonly out: string
}

export interface Vm {
  readonly name: string
  /** performance.now() at power on. */
  readonly poweredOnMs: number
  /** Time that the processors have spent on this machine, s: what it would take if nothing else ran here. */
  cpuSeconds(): number
  console(): string
  /** Runs a script as root. */
  shell(script: string, timeoutMs?: number): Promise<Shell>
  /** @throws Error if the script fails */
  sh(script: string, timeoutMs?: number): Promise<string>
  /** Waits for an HTTP answer of 200. @returns seconds */
  http(port: number, path: string, timeoutMs: number): Promise<number>
  powerOff(): Promise<void>
  /** As a power cut. */
  kill(): Promise<void>
}

/** By its beginning, and the vendor's name, programs know EC2. systemd makes the machine's id of it, so each has one of its own. */
const uuidOf = (name: string): string => 'ec2' + createHash('sha256').update(name).digest('hex').replace(/^.{3}(.{5})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5')
/** Of the kernel's statistics, on every Linux. */
const TICKS_PER_SECOND = 100
const SHELL_TIMEOUT_MS = 60_000
const accelerator = process.env['PULSE_IMAGE_ACCEL'] ?? 'tcg,thread=multi'

export const overlayOf = ({ work, name }: Pick<VmOptions, 'work' | 'name'>): string => join(work, `${name}.qcow2`)

/** Makes the disk of a new instance. */
export async function newDisk(options: Pick<VmOptions, 'work' | 'name' | 'image'>): Promise<void> {
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', options.image, overlayOf(options)])
}

/** Switches on a machine whose disk is there. */
export function powerOn({ name, work, ports, imdsPort, dataDisk, cpus = 2 }: Omit<VmOptions, 'image'>): Vm {
  const consoleFile = join(work, `${name}.console`)
  const shellSocket = join(work, `${name}.sock`)
  const forwards = Object.entries(ports).map(([here, there]) => `,hostfwd=tcp:127.0.0.1:${here}-:${there}`)
  const imds = imdsPort === null ? '' : `,guestfwd=tcp:169.254.169.254:80-cmd:${join(import.meta.dirname, 'relay.sh')} ${imdsPort}`
  const args = [
    ['-name', name, '-machine', 'pc', '-accel', accelerator, '-cpu', 'max', '-smp', String(cpus), '-m', '1024'],
    ['-display', 'none', '-no-user-config', '-monitor', 'none', '-device', 'virtio-rng-pci'],
    ['-smbios', `type=1,manufacturer=Amazon EC2,product=t3.small,serial=${uuidOf(name)},uuid=${uuidOf(name)}`],
    ['-smbios', 'type=0,vendor=Amazon EC2'],
    ['-drive', `file=${join(work, `${name}.qcow2`)},if=none,id=system,cache=unsafe`, '-device', 'virtio-blk-pci,drive=system,bootindex=1'],
    dataDisk === undefined ? [] : ['-drive', `file=${dataDisk},if=none,id=data,format=raw`, '-device', 'virtio-blk-pci,drive=data,serial=vol0data'],
    ['-netdev', `user,id=net,net=169.254.0.0/16,host=${HOST_ADDRESS},dns=169.254.0.3,dhcpstart=169.254.0.15${forwards.join('')}${imds}`],
    ['-device', 'virtio-net-pci,netdev=net'],
    ['-chardev', `file,id=console,path=${consoleFile},append=on`, '-serial', 'chardev:console'],
    ['-chardev', `socket,id=shell,path=${shellSocket},server=on,wait=off`, '-serial', 'chardev:shell'],
  ].flat()
  const poweredOnMs = performance.now()
  const child = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (text: Buffer) => (said += text.toString()))
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const onExit = (): void => void child.kill('SIGKILL')
  process.once('exit', onExit)
  void ended.then(() => process.off('exit', onExit))
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null
  const door = createDoor(shellSocket, isRunning)

  return {
    name,
    poweredOnMs,
    cpuSeconds() {
      const [user, system] = readFileSync(`/proc/${child.pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ').slice(11, 13)
      return (Number(user) + Number(system)) / TICKS_PER_SECOND
    },
    console: () => stripVTControlCharacters(readFileSync(consoleFile, 'latin1')).replaceAll('\r', ''),
    shell: (script, timeoutMs = SHELL_TIMEOUT_MS) => door.run(script, timeoutMs),
    async sh(script, timeoutMs = SHELL_TIMEOUT_MS) {
      const { code, out } = await door.run(script, timeoutMs)
      expect(code === 0, `${name}: ${script}: exit code ${code}\n${out}`)
      return out
    },
    async http(port, path, timeoutMs) {
      const startMs = performance.now()
      await eventually(
        `${name} answers ${path}`,
        timeoutMs,
        async () => {
          expect(isRunning(), `${name}: QEMU has ended: ${said}`)
          return (await status(`http://127.0.0.1:${port}${path}`)) === 200 ? true : null
        },
        100,
      )
      return (performance.now() - startMs) / 1_000
    },
    async powerOff() {
      void door.run('systemctl poweroff', SHELL_TIMEOUT_MS).catch(() => undefined)
      await inTime(child, ended, 120_000)
      door.close()
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
      door.close()
    },
  }
}

async function inTime(child: ChildProcess, ended: Promise<void>, timeoutMs: number): Promise<void> {
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, timeoutMs)
  await ended
  clearTimeout(timer)
  expect(!late, `the machine did not switch itself off within ${timeoutMs / 1_000} s`)
}

async function status(url: string): Promise<number | null> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).status
  } catch {
    return null
  }
}

interface Door {
  run(script: string, timeoutMs: number): Promise<Shell>
  close(): void
}

/** The shell on the second serial port: one script at a time, as base64, with a mark at its end. */
function createDoor(path: string, isRunning: () => boolean): Door {
  let socket: Socket | null = null
  let heard = ''
  let count = 0
  let last: Promise<unknown> = Promise.resolve()

  async function open(): Promise<Socket> {
    if (socket !== null) return socket
    const fresh = await eventually('the serial port is there', 10_000, () => dial(path))
    fresh.on('data', (text: Buffer) => (heard += text.toString('latin1')))
    fresh.on('error', () => undefined)
    socket = fresh
    return fresh
  }

  async function exchange(script: string, timeoutMs: number): Promise<Shell> {
    const line = await open()
    const mark = `done-${++count}-`
    heard = ''
    const code = Buffer.from(`${script}\n`).toString('base64')
    const end = new RegExp(`begin-${count}\\r?\\n([^]*?)${mark}([0-9]+)\\r?\\n`)
    // The shell may not be up yet, or may come up anew after a reboot: what was typed before is lost.
    const typeMs = 2_000
    let typedMs = -typeMs
    let started = false
    return eventually(`the shell ends: ${script.slice(0, 60)}`, timeoutMs, () => {
      expect(isRunning(), 'QEMU has ended')
      started ||= heard.includes(`begin-${count}`)
      if (!started && performance.now() - typedMs > typeMs) {
        typedMs = performance.now()
        line.write(`\nif [ "$last" != ${count} ]; then last=${count}; echo; echo begin-${count}; echo ${code} | base64 -d | bash 2>&1; echo ${mark}$?; fi\n`)
      }
      const found = end.exec(heard)
      return found === null ? null : { out: Buffer.from(found[1]!, 'latin1').toString('utf8').replaceAll('\r', ''), code: Number(found[2]) }
    }, 50)
  }

  return {
    run(script, timeoutMs) {
      const mine = last.then(() => exchange(script, timeoutMs))
      last = mine.catch(() => undefined)
      return mine
    },
    close() {
      socket?.destroy()
      socket = null
    },
  }
}

function dial(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(socket))
    socket.once('error', () => resolve(null))
  })
}
