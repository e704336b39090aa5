// The processes of a testnet: each node is a `pulse-node start` of its own, with its log in its data directory.

import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { FailureCode } from '../ops/failure.ts'
import { EXIT_CODES, Failure } from '../ops/failure.ts'
import { storageFailure } from '../ops/fsync.ts'
import type { Io } from './io.ts'
import type { TestnetNode } from './testnet.ts'

export interface NodeProcess {
  readonly node: TestnetNode
  readonly pid: number
  /** Null while it runs. */
  readonly end: ProcessEnd | null
}

export interface ProcessEnd {
  /** Null if a signal ended it, or if it could not be started. */
  readonly code: number | null
  /** `code 3` or `SIGKILL` */
  readonly text: string
}

export interface NodeProcesses {
  readonly all: readonly NodeProcess[]
  /** Asks all to stop, and kills those that have not after `timeoutMs`. @returns the names of these */
  stop(timeoutMs: number): Promise<string[]>
}

/** What this program was started with: bin/pulse-node, or what the launcher of a bundle starts. */
const PROGRAM = process.argv[1]!
const LOG_MODE = 0o600

export const logFileOf = ({ dataDir }: Pick<TestnetNode, 'dataDir'>): string => join(dataDir, 'node.log')

/** @throws Failure('port') if a port of the testnet is taken: by a node of it that still runs, for example */
export async function checkPortsFree(nodes: readonly TestnetNode[]): Promise<void> {
  for (const { name, port, p2pPort } of nodes) {
    for (const wanted of [port, p2pPort]) {
      if (await isFree(wanted)) continue
      throw new Failure('port', `Port ${wanted} of ${name} is taken`, 'Stop the program that uses it, or choose others with --base-port and --base-p2p-port.')
    }
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** @param env settings in it are not passed on: they would be the same for all nodes */
export function startProcesses(nodes: readonly TestnetNode[], { env, clock }: Pick<Io, 'env' | 'clock'>): NodeProcesses {
  const ownEnv = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('PULSE_')))
  const started: Started[] = []
  try {
    for (const node of nodes) started.push(startProcess(node, ownEnv))
  } catch (error) {
    for (const { child } of started) child.kill('SIGTERM')
    throw error
  }
  return {
    all: started.map(({ state }) => state),
    async stop(timeoutMs) {
      const running = started.filter(({ state }) => state.end === null)
      for (const { child } of running) child.kill('SIGTERM')
      const late: string[] = []
      const timer = clock.after(timeoutMs, () => {
        for (const { child, state } of running) {
          if (state.end === null && child.kill('SIGKILL')) late.push(state.node.name)
        }
      })
      await Promise.all(running.map(({ ended }) => ended))
      timer.cancel()
      return late
    },
  }
}

interface Started {
  readonly child: ChildProcess
  readonly state: NodeProcess
  readonly ended: Promise<void>
}

/** @throws Failure `storage` if the log cannot be opened */
function startProcess(node: TestnetNode, env: NodeJS.ProcessEnv): Started {
  const log = openLog(logFileOf(node))
  const child = spawn(process.execPath, [PROGRAM, 'start', '--data-dir', node.dataDir, '--json'], { env, stdio: ['ignore', log, log] })
  closeSync(log)
  const state = { node, pid: child.pid ?? 0, end: null as ProcessEnd | null }
  const ended = new Promise<void>((resolve) => {
    const settle = (end: ProcessEnd): void => {
      state.end ??= end
      resolve()
    }
    child.once('error', ({ message }) => settle({ code: null, text: message }))
    child.once('exit', (code, signal) => settle({ code, text: signal ?? `code ${code}` }))
  })
  return { child, state, ended }
}

function openLog(path: string): number {
  try {
    return openSync(path, 'a', LOG_MODE)
  } catch (error) {
    throw storageFailure(`Cannot open the log ${path}`, error)
  }
}

/** Why a node did not come up: what it said last, if that is the failure that it ended with. */
export function failureOf({ node, end }: NodeProcess): Failure {
  const file = logFileOf(node)
  try {
    const { error } = JSON.parse(lastLine(file)) as { error?: Readonly<Record<string, unknown>> }
    const { code, message, remedy } = error ?? {}
    const known = Object.entries(EXIT_CODES).find(([name, exitCode]) => name === code && exitCode === end?.code)
    if (known !== undefined) return new Failure(known[0] as FailureCode, `${node.name}: ${String(message)}`, String(remedy))
  } catch {
    // It said nothing in particular.
  }
  return new Failure('failed', `${node.name} ended (${end?.text}) before it was up`, `See ${file}`)
}

const TAIL_BYTES = 8_192

function lastLine(path: string): string {
  const file = openSync(path, 'r')
  try {
    const tail = Buffer.alloc(TAIL_BYTES)
    const size = readSync(file, tail, 0, TAIL_BYTES, Math.max(0, fstatSync(file).size - TAIL_BYTES))
    return tail.toString('utf8', 0, size).trimEnd().split('\n').at(-1) ?? ''
  } finally {
    closeSync(file)
  }
}
