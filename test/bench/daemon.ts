// The node under measurement: the built program, in a process of its own, over its command line and its HTTP interface.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface NodeFacts {
  /** hex */
  readonly genesisHash: string
  /** hex */
  readonly witness: string
}

export interface BlockFacts {
  readonly height: number
  readonly timestampMs: number
  readonly heartbeats: number
  readonly lives: number
  readonly sizeBytes: number
}

export interface Daemon {
  readonly pid: number
  readonly url: string
  readonly dataDir: string
  /** From the start of the process to its first word that it serves. */
  readonly startMs: number
  get<T>(path: string): Promise<T>
  text(path: string): Promise<string>
  node(): Promise<NodeFacts>
  /** All blocks from that height on, ascending. */
  blocksFrom(height: number): Promise<BlockFacts[]>
  /** Warnings and errors that it has logged so far, the first few. */
  readonly complaints: readonly string[]
  /** Rejects if it ends before it was told to. */
  readonly died: Promise<never>
  /** SIGTERM, and waits for its end. @throws Error unless it ends well */
  stop(): Promise<void>
}

export interface DaemonOptions {
  readonly program: string
  readonly dataDir: string
  readonly flags?: readonly string[]
  /** Flags of Node itself, such as --cpu-prof. */
  readonly nodeFlags?: readonly string[]
}

const MAX_COMPLAINTS = 20

export async function startDaemon({ program, dataDir, flags = [], nodeFlags = [] }: DaemonOptions): Promise<Daemon> {
  const spawnedMs = performance.now()
  const child = spawn(process.execPath, [...nodeFlags, program, 'start', '--data-dir', dataDir, '--host', '127.0.0.1', '--port', '0', '--p2p-port', '0', '--log-format', 'json', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // A bench that fails leaves no node behind.
  const killAtExit = (): void => void child.kill('SIGKILL')
  process.once('exit', killAtExit)
  child.once('exit', () => process.off('exit', killAtExit))
  const exited = once(child, 'exit') as Promise<[code: number | null, signal: string | null]>
  const complaints: string[] = []
  const complain = (line: string): void => void (complaints.length < MAX_COMPLAINTS && complaints.push(line))
  let stopping = false
  const died = new Promise<never>((_, reject) => {
    void exited.then(([code, signal]) => {
      if (!stopping) reject(new Error(`the node ended with ${signal ?? `code ${code}`}: ${complaints.join('\n')}`))
    })
  })
  died.catch(() => {})
  const served = new Promise<string>((resolve) => {
    const read = (line: string): void => {
      const found = /"url":"([^"]+)"/.exec(line)
      if (found !== null) resolve(found[1]!.replace('localhost', '127.0.0.1'))
      if (!/"level":("(info|debug|trace)"|[123]0\b)/.test(line)) complain(line)
    }
    createInterface(child.stdout).on('line', read)
    createInterface(child.stderr).on('line', read)
  })
  const url = await Promise.race([served, died])
  const startMs = performance.now() - spawnedMs

  async function text(path: string): Promise<string> {
    const response = await fetch(url + path)
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`)
    return response.text()
  }
  const get = async <T>(path: string): Promise<T> => JSON.parse(await text(path)) as T

  return {
    pid: child.pid!,
    url,
    dataDir,
    startMs,
    get,
    text,
    node: () => get('/v2/node'),
    async blocksFrom(height) {
      const blocks: BlockFacts[] = []
      for (let cursor: string | null = ''; cursor !== null; ) {
        const page: { blocks: BlockFacts[]; next: string | null } = await get(`/v2/blocks?limit=200${cursor === '' ? '' : `&cursor=${cursor}`}`)
        blocks.push(...page.blocks)
        cursor = (blocks.at(-1)?.height ?? 0) <= height ? null : page.next
      }
      return blocks.filter((block) => block.height >= height).reverse()
    },
    complaints,
    died,
    async stop() {
      stopping = true
      child.kill('SIGTERM')
      const [code] = await exited
      if (code !== 0) throw new Error(`the node ended with code ${code}: ${complaints.join('\n')}`)
    },
  }
}

/** Runs a command of the program to its end. @returns what it printed. @throws Error unless it ends well */
export async function runProgram(program: string, args: readonly string[]): Promise<{ output: string; seconds: number }> {
  const startedMs = performance.now()
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${args[0]} ended with code ${code}: ${errors}`)
  return { output, seconds: (performance.now() - startedMs) / 1_000 }
}

/** Of all files below a directory, bytes. */
export function diskBytes(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((total, { parentPath, name }) => total + statSync(join(parentPath, name)).size, 0)
}
