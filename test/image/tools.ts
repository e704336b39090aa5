// Programs that image tests need: runs them, and installs what is missing where that is possible.

import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

const execute = promisify(execFile)

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Never rejects for what the program does; a program that is not there has the code 127. */
export async function attempt(command: string, args: readonly string[], options: { readonly cwd?: string; readonly timeoutMs?: number; readonly env?: NodeJS.ProcessEnv } = {}): Promise<Ran> {
  try {
    const env = { ...process.env, LC_ALL: 'C', SYSTEMD_COLORS: '0', SYSTEMD_PAGER: 'cat', ...options.env }
    const { stdout, stderr } = await execute(command, [...args], { cwd: options.cwd ?? ROOT, timeout: options.timeoutMs ?? 0, maxBuffer: 64 * 1024 * 1024, env })
    return { code: 0, out: stdout, err: stderr }
  } catch (error) {
    const { code, stdout = '', stderr = '', message } = error as { code?: unknown; stdout?: string; stderr?: string; message: string }
    if (code === 'ENOENT') return { code: 127, out: '', err: message }
    return { code: typeof code === 'number' ? code : 1, out: stdout, err: stderr === '' && typeof code !== 'number' ? message : stderr }
  }
}

/** @returns what it printed @throws Error with all of it if the program fails */
export async function run(command: string, args: readonly string[], options: Parameters<typeof attempt>[2] = {}): Promise<string> {
  const { code, out, err } = await attempt(command, args, options)
  if (code === 0) return out
  throw new Error(`${command} ${args.slice(0, 3).join(' ')}: exit code ${code}\n${out}${err}`)
}

/** Debian package of each program. */
const PACKAGES: Readonly<Record<string, string>> = {
  mmdebstrap: 'mmdebstrap',
  'systemd-nspawn': 'systemd-container',
  'systemd-analyze': 'systemd',
  shellcheck: 'shellcheck',
  packer: 'packer',
  strace: 'strace',
}

const isRoot = (): boolean => process.getuid?.() === 0

export function has(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Installs what is missing. @returns program → why it cannot be had; those that are there are not in it */
export async function ensureTools(programs: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const missing = (): string[] => programs.filter((program) => !has(program))
  let why = 'not installed'
  if (missing().length > 0) {
    if (!isRoot()) why = 'not installed, and only root can install it'
    else if (!existsSync('/usr/bin/apt-get')) why = 'not installed, and there is no apt-get'
    else {
      const wait = ['-o', 'DPkg::Lock::Timeout=120', '-q', '-y']
      const env = { DEBIAN_FRONTEND: 'noninteractive' }
      await attempt('apt-get', [...wait, 'update'], { env })
      for (const program of missing()) {
        const { code, err } = await attempt('apt-get', [...wait, 'install', '--no-install-recommends', PACKAGES[program] ?? program], { env })
        if (code !== 0) why = `apt-get cannot install it: ${err.trim().split('\n').at(-1) ?? ''}`
      }
    }
  }
  return new Map(missing().map((program) => [program, `${program} is ${why}`]))
}

/** @returns why no machine can be booted here, or null */
export async function cannotBoot(): Promise<string | null> {
  if (!isRoot()) return 'booting a machine needs root'
  const { code, err } = await attempt('unshare', ['--mount', '--net', '--pid', '--uts', '--ipc', '--fork', 'true'])
  return code === 0 ? null : `this machine allows no namespaces (${err.trim()})`
}

export async function eventually<T>(what: string, timeoutMs: number, look: () => Promise<T | null> | T | null, everyMs = 100): Promise<T> {
  const endMs = performance.now() + timeoutMs
  for (;;) {
    const seen = await look()
    if (seen !== null) return seen
    if (performance.now() > endMs) throw new Error(`${what}: not within ${timeoutMs / 1_000} s`)
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

export function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message)
}
