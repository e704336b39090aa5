// Runs the built program as its own process, as an operator would, and talks to it over HTTP.
// `npm test` builds first; whoever runs a single file builds by hand (npm run build).

import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const PROGRAM = fileURLToPath(new URL('../../bin/pulse-node', import.meta.url))

/** Longest wait for anything that the program should do by itself. Reached only when a test fails. */
const PATIENCE_MS = 30_000

/** What a test offers for cleaning up. */
export interface Teardown {
  teardown(run: () => unknown): void
}

/** What another process printed or answered: the tests look at it member by member. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Json = any

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

const running = new Set<ChildProcess>()
/** What Node has compiled once: tests start hundreds of processes, and this halves the cost of each. */
let compileCache: string | null = null

/** Nothing outlives the tests, however they end. */
function cleanUp(): void {
  for (const child of running) child.kill('SIGKILL')
  if (compileCache !== null) rmSync(compileCache, { recursive: true, force: true })
}
process.on('exit', cleanUp)
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.once(signal, () => {
    cleanUp()
    process.kill(process.pid, signal)
  })
}

/** Node without the hooks that tap puts into every child process of a test: an operator's node has none. */
export const BARE_NODE = ['env', '-u', 'NODE_OPTIONS', process.execPath] as const

/** The environment without settings of whoever runs the tests. */
export const cleanEnv = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PULSE_|TAP|NODE_)/.test(name))),
  NODE_COMPILE_CACHE: (compileCache ??= mkdtempSync(join(tmpdir(), 'pulse-node-test-'))),
  ...more,
})

export interface ProgramOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** A command to run it under, such as `nsenter …`. */
  readonly under?: readonly string[]
}

export interface RunOptions extends ProgramOptions {
  readonly timeoutMs?: number
}

interface Launched {
  readonly child: ChildProcess
  readonly exit: Promise<Exit>
  readonly onOut: (take: (text: string) => void) => void
}

function launch(args: readonly string[], { env = {}, cwd, under = [] }: ProgramOptions): Launched {
  const [command, ...rest] = [...under, ...BARE_NODE, PROGRAM, ...args]
  const child = spawn(command!, rest, { cwd, env: cleanEnv(env), stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let out = ''
  let err = ''
  const takers: ((text: string) => void)[] = []
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
    for (const take of takers) take(text)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  const exit = new Promise<Exit>((resolve, reject) => {
    child.on('error', reject)
    // Not `exit`: what the process wrote last is read by then.
    child.on('close', (code, signal) => {
      running.delete(child)
      resolve({ code, signal, out, err })
    })
  })
  return { child, exit, onOut: (take) => void takers.push(take) }
}

/** Runs one command line to its end. It is killed if it takes more than `timeoutMs`. */
export async function runProgram(args: readonly string[], options: RunOptions = {}): Promise<Exit> {
  const { child, exit } = launch(args, options)
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? PATIENCE_MS)
  try {
    return await exit
  } finally {
    clearTimeout(timer)
  }
}

/** Runs a command with `--json` and reads what it printed. */
export async function runJson(args: readonly string[], options?: RunOptions): Promise<{ code: number | null; json: Json; err: string }> {
  const { code, out, err } = await runProgram([...args, '--json'], options)
  return { code, json: out === '' ? null : JSON.parse(out), err }
}

export class RunningNode {
  readonly dataDir: string
  readonly child: ChildProcess
  readonly exit: Promise<Exit>
  /** The log so far. */
  readonly lines: LogLine[] = []
  /** Blocks that the log announced: height -> first 16 digits of the id. */
  readonly announced = new Map<number, string>()
  url = ''
  #rest = ''
  readonly #watchers = new Set<(line: LogLine | null) => void>()

  constructor(dataDir: string, args: readonly string[], options: ProgramOptions) {
    this.dataDir = dataDir
    const { child, exit, onOut } = launch(args, options)
    this.child = child
    this.exit = exit
    onOut((text) => this.#read(text))
    const ended = (): void => this.#watchers.forEach((watch) => watch(null))
    exit.then(ended, ended)
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop()!
    for (const text of lines) {
      const line = JSON.parse(text) as LogLine
      this.lines.push(line)
      if (line.msg === 'Node started') this.url = line['url'] as string
      if (line.msg === 'Block committed') this.announced.set(line['height'] as number, line['id'] as string)
      for (const watch of this.#watchers) watch(line)
    }
  }

  /** Calls for every further line until it is told to stop. */
  watch(take: (line: LogLine) => void): () => void {
    const watcher = (line: LogLine | null): void => {
      if (line !== null) take(line)
    }
    this.#watchers.add(watcher)
    return () => void this.#watchers.delete(watcher)
  }

  /** The first line, past or future, that fits. Rejects if the node ends before, or takes too long. */
  async line(fits: (line: LogLine) => boolean, what: string): Promise<LogLine> {
    const found = this.lines.find(fits)
    if (found !== undefined) return found
    const { promise, resolve, reject } = Promise.withResolvers<LogLine>()
    const ended = ({ code, signal, err }: Exit): void => reject(new Error(`the node ended (${code ?? signal}) before ${what}: ${err}`))
    const watcher = (line: LogLine | null): void => {
      if (line === null) void this.exit.then(ended, reject)
      else if (fits(line)) resolve(line)
    }
    this.#watchers.add(watcher)
    if (this.child.exitCode !== null || this.child.signalCode !== null) watcher(null)
    const timer = setTimeout(() => reject(new Error(`no ${what} within ${PATIENCE_MS} ms`)), PATIENCE_MS)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.#watchers.delete(watcher)
    }
  }

  message(msg: string): Promise<LogLine> {
    return this.line((line) => line.msg === msg, `"${msg}"`)
  }

  height(height: number): Promise<LogLine> {
    return this.line((line) => line.msg === 'Block committed' && (line['height'] as number) >= height, `block ${height}`)
  }

  get lastAnnounced(): number {
    return Math.max(0, ...this.announced.keys())
  }

  /** Sends the signal and waits for the end; kills it if it doesn't come. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.child.kill(signal)
    const timer = setTimeout(() => this.child.kill('SIGKILL'), PATIENCE_MS)
    try {
      return await this.exit
    } finally {
      clearTimeout(timer)
    }
  }

  kill(): Promise<Exit> {
    return this.stop('SIGKILL')
  }
}

/** Ports that the system picks, a log for machines, and no more threads than a test needs. */
const START = ['start', '--host', '127.0.0.1', '--port', '0', '--p2p-port', '0', '--log-format', 'json', '--verify-threads', '1']

/** Spawns `start`, and does not wait for anything. */
export function spawnNode(t: Teardown, dataDir: string, args: readonly string[] = [], options: ProgramOptions = {}): RunningNode {
  const node = new RunningNode(dataDir, [...START, '--data-dir', dataDir, ...args], options)
  t.teardown(() => node.kill())
  return node
}

/** Spawns `start` and waits until the node is up. */
export async function startNode(t: Teardown, dataDir: string, args?: readonly string[], options?: ProgramOptions): Promise<RunningNode> {
  const node = spawnNode(t, dataDir, args, options)
  await node.message('Node started')
  return node
}

/** Runs `start` where it must not come up. */
export const startFailing = (dataDir: string, args: readonly string[] = [], options: ProgramOptions = {}): Promise<Exit> =>
  runProgram([...START, '--data-dir', dataDir, ...args], options)

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly json: Json
}

export async function request(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init)
  const text = await response.text()
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    json = undefined
  }
  return { status: response.status, headers: response.headers, json }
}

/** The JSON of an answer with status 200. */
export async function read(url: string): Promise<Json> {
  const { status, json } = await request(url)
  if (status !== 200) throw new Error(`${url} answered ${status}: ${JSON.stringify(json)}`)
  return json
}

const post = (url: string, type: string, body: string | Uint8Array<ArrayBuffer>): Promise<Answer> =>
  request(url, { method: 'POST', headers: { 'content-type': type }, body })

/** @param body a text goes as it is */
export const postJson = (url: string, body: unknown): Promise<Answer> =>
  post(url, 'application/json', typeof body === 'string' ? body : JSON.stringify(body))

export const postBytes = (url: string, body: Uint8Array): Promise<Answer> => post(url, 'application/octet-stream', new Uint8Array(body))

/** All items of a paged route. */
export async function readAll(url: string, name: string): Promise<Json[]> {
  const items: Json[] = []
  let cursor: string | null = null
  do {
    const page: Json = await read(`${url}?limit=200${cursor === null ? '' : `&cursor=${cursor}`}`)
    items.push(...(page[name] as Json[]))
    cursor = page.next as string | null
  } while (cursor !== null)
  return items
}

/** Asks until the answer is there; fails if it takes too long. */
export async function eventually<T>(what: string, ask: () => Promise<T | null | undefined | false>, patienceMs = PATIENCE_MS): Promise<T> {
  const endMs = Date.now() + patienceMs
  for (;;) {
    const found = await ask()
    if (found !== null && found !== undefined && found !== false) return found
    if (Date.now() > endMs) throw new Error(`not within ${patienceMs} ms: ${what}`)
    await delay(50)
  }
}

/** SHA-256 of every file below a directory, by its path in there. */
export function fingerprint(root: string): Record<string, string> {
  const names = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return Object.fromEntries(
    names
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(root.length + 1), createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 16)]),
  )
}
