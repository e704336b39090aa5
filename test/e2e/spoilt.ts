// Copies of a small chain that a test may spoil, and what must hold of a start that fails on one.

import type { Test } from 'tap'
import { ClassicLevel } from 'classic-level'
import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { FailureCode } from '../../src/ops/failure.ts'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import type { Exit, ProgramOptions } from './harness.ts'
import { fingerprint, runJson, startFailing, startNode } from './harness.ts'

export interface Chain {
  /** Where copies may lie beside it. */
  readonly home: string
  readonly dir: string
  /** Of the last block that was announced. */
  readonly height: number
}

/** A chain of a few blocks in a stopped node's directory, with a database file of each kind. */
export async function makeChain(t: Test, home: string): Promise<Chain> {
  const dir = join(home, 'base')
  let height = 0
  // The second start makes LevelDB write a table.
  for (let run = 0; run < 2; run++) {
    const node = await startNode(t, dir, ['--simulate', '3', ...(run === 0 ? ['--interval', '200'] : [])])
    await node.height(height + 4)
    t.equal((await node.stop()).code, EXIT_CODES.ok)
    height = node.lastAnnounced
  }
  const kinds = new Set(readdirSync(join(dir, 'db')).map((name) => name.replace(/^\d+|-\d+$/g, '')))
  t.ok(['.ldb', '.log', 'CURRENT', 'MANIFEST'].every((kind) => kinds.has(kind)), [...kinds].join(' '))
  return { home, dir, height }
}

/** A copy of the chain. */
export function spoilt({ home, dir: base }: Chain, spoil: (dir: string) => unknown = () => {}): string {
  const dir = mkdtempSync(join(home, 'spoilt-'))
  cpSync(base, dir, { recursive: true })
  spoil(dir)
  return dir
}

type Files = Readonly<Record<string, string>>

/** LevelDB's own log for people, and its lock: they hold nothing of the chain. */
const OF_NO_ACCOUNT = /^db\/(LOG|LOG\.old|LOCK)$/

const matching = (files: Files, fits: (name: string) => boolean): Files =>
  Object.fromEntries(Object.entries(files).filter(([name]) => fits(name)))

/** Hashes of all files that hold something, by name. */
export const filesOf = (dir: string): Files => matching(fingerprint(dir), (name) => !OF_NO_ACCOUNT.test(name))

export const outsideDb = (files: Files): Files => matching(files, (name) => !name.startsWith('db/'))

/** Hash of all records of the database, in order: LevelDB rewrites its files whenever it opens them, but not what is in them. */
export async function recordsOf(dir: string): Promise<string> {
  const copy = mkdtempSync(`${dir}-look-`)
  cpSync(join(dir, 'db'), copy, { recursive: true })
  const hash = createHash('sha256')
  await withLevel(copy, async (level) => {
    for await (const [key, value] of level.iterator()) hash.update(key).update(value)
  })
  rmSync(copy, { recursive: true })
  return hash.digest('hex')
}

export async function withLevel<T>(path: string, use: (level: ClassicLevel<Uint8Array, Uint8Array>) => Promise<T>): Promise<T> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(path, { keyEncoding: 'view', valueEncoding: 'view' })
  await level.open()
  try {
    return await use(level)
  } finally {
    await level.close()
  }
}

/** The program ended with the code of this failure, said so in one line, and never ran. */
export function assertOneLine(t: Test, { code, out, err }: Exit, failure: FailureCode, cause: RegExp): void {
  t.equal(code, EXIT_CODES[failure], err)
  t.match(err, /^pulse-node: [^\n]+\. [^\n]+\n$/, 'one line, with cause and remedy')
  t.ok(err.endsWith(` (${failure})\n`), err)
  t.match(err, cause)
  t.notMatch(out, /Node started|Block committed/, 'it never ran')
}

export interface Refused {
  readonly failure: FailureCode
  readonly cause: RegExp
  readonly args?: readonly string[]
  readonly options?: ProgramOptions
  /** `files`: not one byte of any file may change. `records`: LevelDB is opened, but nothing in it may change. */
  readonly unchanged?: 'files' | 'records'
}

export async function assertRefused(t: Test, dir: string, { failure, cause, args, options, unchanged = 'files' }: Refused): Promise<void> {
  const before = filesOf(dir)
  const records = unchanged === 'records' ? await recordsOf(dir) : ''
  assertOneLine(t, await startFailing(dir, args, options), failure, cause)
  const after = filesOf(dir)
  if (unchanged === 'files') t.same(after, before, 'not one byte was changed')
  else {
    t.same(outsideDb(after), outsideDb(before), 'not one byte outside the database was changed')
    t.equal(await recordsOf(dir), records, 'nor any record in it')
  }
}

/** The directory was not harmed: the node starts again where it stopped, and the chain goes on. */
export async function assertAlive(t: Test, dir: string, least: number, options: ProgramOptions = {}): Promise<void> {
  const node = await startNode(t, dir, ['--simulate', '3'], options)
  const loaded = await node.message('Chain loaded')
  t.ok((loaded['height'] as number) >= least, 'no block is missing')
  await node.height(least + 1)
  t.equal((await node.stop()).code, EXIT_CODES.ok)
}

export async function assertVerifies(t: Test, dir: string, least: number, options: ProgramOptions = {}): Promise<void> {
  const { code, json } = await runJson(['verify', '--data-dir', dir], options)
  t.equal(code, EXIT_CODES.ok)
  t.ok(json?.height >= least, 'every announced block verifies')
}
