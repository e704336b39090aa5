// A small disk of its own for a test: a tmpfs in a mount namespace that ends with the test, whatever becomes of it.

import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import type { Teardown } from './harness.ts'

const canMount = spawnSync('unshare', ['-Urm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0
const canEnter = spawnSync('nsenter', ['--version']).status === 0

/** Why there can be no small disk here, or false. */
export const noSmallDisk: string | false = canMount && canEnter ? false : 'skipped: no mount namespaces are allowed here'

export interface SmallDisk {
  /** Where it is mounted, seen from inside. */
  readonly path: string
  /** The same place, seen from outside. */
  readonly outside: string
  /** What a program is run under so that it sees the disk. */
  readonly under: readonly string[]
  /** Runs a shell command inside. */
  sh(command: string): Promise<void>
  /** Takes all the space that is left. */
  fill(): Promise<void>
  free(): Promise<void>
  setWritable(isWritable: boolean): Promise<void>
}

export async function smallDisk(t: Teardown, path: string, sizeBytes: number): Promise<SmallDisk> {
  mkdirSync(path)
  const shell = spawn('unshare', ['-Urm', 'bash'], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => shell.kill('SIGKILL'))
  let output = ''
  let onOutput = (): void => {}
  shell.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    onOutput()
  })

  async function sh(command: string): Promise<void> {
    output = ''
    const answered = new Promise<void>((resolve, reject) => {
      shell.once('exit', () => reject(new Error(`the shell ended at: ${command}`)))
      onOutput = () => void (output.endsWith('\n') && resolve())
    })
    shell.stdin.write(`${command} >/dev/null; echo $?\n`)
    await answered
    if (output !== '0\n') throw new Error(`${command} failed: ${output}`)
  }

  await sh(`mount -t tmpfs -o size=${sizeBytes} tmpfs '${path}'`)
  return {
    path,
    outside: `/proc/${shell.pid}/root${path}`,
    under: ['nsenter', '-t', String(shell.pid), '-U', '-m', '--preserve-credentials'],
    sh,
    fill: () => sh(`{ cat /dev/zero > '${path}/ballast'; } 2>/dev/null || true`),
    free: () => sh(`rm '${path}/ballast'`),
    setWritable: (isWritable) => sh(`mount -o remount,${isWritable ? 'rw' : 'ro'} '${path}'`),
  }
}
