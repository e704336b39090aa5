// A crash at every single write of the log, the store and the signer, through the first blocks of a chain: after each one
// the chain is whole, nothing that was announced is missing, nothing contradictory was signed, and it goes on.

import t from 'tap'
import { spawn } from 'node:child_process'
import { cpSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { initialise } from '../../src/cli/network.ts'
import { verifyChain } from '../../src/node/verify-chain.ts'
import { genesisHash } from '../../src/protocol/genesis.ts'
import { genesisOf } from './core-fixture.ts'
import type { Teardown } from './harness.ts'
import { BARE_NODE, cleanEnv } from './harness.ts'
import type { RecoverAnswer, RecoverCall } from './recover-child.ts'
import { SignedMessages } from './signed.ts'

const CHILD = join(import.meta.dirname, 'crash-child.ts')
const BLOCKS = 3
const INTERVAL_MS = 100
/** Heights that every chain must still reach after its crash. */
const FURTHER = 2
/** One in so many directories is verified as a whole. */
const VERIFY_EVERY = 10
/** One in so many restarts is cut short by a crash of its own. */
const AGAIN_EVERY = 5

/** What the store, the log and the signer call at their writes. */
const LABELS = [
  ...['after-directory-sync', 'after-open', 'after-rename', 'after-sync', 'after-write', 'before-write'].map((step) => `signer:${step}`),
  ...['after-commit', 'after-initialise', 'before-commit', 'before-initialise'].map((step) => `store:${step}`),
  ...['append', 'begin', 'flush'].flatMap((step) => [`wal:before-${step}`, `wal:after-${step}`]),
  ...['create', 'header', 'prune', 'write'].map((step) => `wal:after-${step}`),
].sort()

t.setTimeout(480_000)

interface Run {
  readonly blocks: ReadonlyMap<number, string>
  readonly writes: readonly string[]
  readonly crash: string | null
  readonly signal: NodeJS.Signals | null
  readonly err: string
}

/** @param at the write at which it dies; 0 for none */
async function runChild(dir: string, at: number, end: number): Promise<Run> {
  const [command, ...args] = [...BARE_NODE, CHILD, dir, String(at), String(end)]
  const child = spawn(command, args, { env: cleanEnv(), stdio: ['ignore', 'pipe', 'pipe'] })
  const timer = setTimeout(() => child.kill('SIGTERM'), 60_000)
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const signal = await new Promise<NodeJS.Signals | null>((resolve) => child.on('close', (_code, signal) => resolve(signal)))
  clearTimeout(timer)
  const lines = out.split('\n').map((line) => line.split(' '))
  const said = (word: string) => lines.filter(([first]) => first === word)
  return {
    blocks: new Map(said('block').map(([, height, id]) => [Number(height), id!])),
    writes: said('write').map(([, label]) => label!),
    crash: said('crash')[0]?.[1] ?? null,
    signal,
    err,
  }
}

/** A process that opens what the crashes left. */
function startRecoverer(t: Teardown): { recover(dir: string, above: number): Promise<Map<number, string>> } {
  const [command, ...args] = [...BARE_NODE, join(import.meta.dirname, 'recover-child.ts')]
  const child = spawn(command, args, { env: cleanEnv(), stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  t.teardown(() => child.kill('SIGKILL'))
  const calls = new Map<number, PromiseWithResolvers<Map<number, string>>>()
  let nextId = 1
  child.on('message', (answer: RecoverAnswer) => {
    if ('error' in answer) calls.get(answer.id)?.reject(new Error(answer.error))
    else calls.get(answer.id)?.resolve(new Map(answer.blocks))
    calls.delete(answer.id)
  })
  child.on('exit', () => calls.forEach(({ reject }) => reject(new Error('the recovering process has ended'))))
  return {
    recover(dir, above) {
      const call: RecoverCall = { id: nextId++, dir, above, further: FURTHER }
      const answer = Promise.withResolvers<Map<number, string>>()
      calls.set(call.id, answer)
      child.send(call)
      return answer.promise
    },
  }
}

t.test('a crash at every write loses nothing that was announced, signs nothing twice, and the chain goes on', async (t) => {
  const root = t.testdir()
  const fresh = join(root, 'fresh')
  initialise(fresh, { network: 'crash', development: true, intervalMs: INTERVAL_MS, nowMs: Date.now() })
  const hash = genesisHash(genesisOf(fresh))
  const copy = (name: string): string => {
    const dir = join(root, name)
    cpSync(fresh, dir, { recursive: true })
    return dir
  }

  const whole = await runChild(copy('whole'), 0, BLOCKS)
  t.equal(whole.signal, null, whole.err)
  t.equal(whole.blocks.size, BLOCKS)
  t.same([...new Set(whole.writes)].sort(), LABELS, 'every kind of write comes up')
  t.comment(`${whole.writes.length} writes in ${BLOCKS} blocks`)

  const recoverer = startRecoverer(t)
  const killedAt: string[] = []
  const lostBlocks: string[] = []
  const signing: string[] = []
  let compared = 0
  let replays = 0

  async function crashAt(at: number): Promise<void> {
    const dir = copy(`at-${at}`)
    const signed = new SignedMessages(hash)
    const announced = new Map<number, string>()
    const take = (run: Run): void => {
      for (const [height, id] of run.blocks) {
        if ((announced.get(height) ?? id) !== id) lostBlocks.push(`write ${at}: block ${height} was announced twice, differently`)
        announced.set(height, id)
      }
      signed.collect(dir)
    }
    const run = await runChild(dir, at, BLOCKS + 1)
    if (run.signal !== 'SIGKILL' || run.crash === null) throw new Error(`write ${at} killed nothing: ${run.err}`)
    killedAt[at - 1] = run.crash
    take(run)
    if (at % AGAIN_EVERY === 0) {
      const again = await runChild(dir, 1 + (at % 7), BLOCKS + 1)
      if (again.signal !== 'SIGKILL') throw new Error(`a write of the restart after write ${at} killed nothing: ${again.err}`)
      take(again)
      replays++
    }

    const ids = await recoverer.recover(dir, Math.max(0, ...announced.keys()))
    for (const [height, id] of announced) if (ids.get(height) !== id) lostBlocks.push(`write ${at} (${run.crash}): block ${height}`)
    signed.collect(dir)
    signing.push(...signed.contradictions, ...signed.broken)
    compared += signed.count
    if (at % VERIFY_EVERY === 0) await verifyChain({ dataDir: dir, threads: 1, onProgress: () => {} })
  }

  const points = whole.writes.map((_, i) => i + 1)
  const worker = async (): Promise<void> => {
    for (let at = points.shift(); at !== undefined; at = points.shift()) await crashAt(at)
  }
  await Promise.all(Array.from({ length: Math.min(3, availableParallelism() + 1) }, worker))

  t.same(killedAt, whole.writes, 'each write was the last one of a process once')
  t.same(lostBlocks, [], 'no announced block is missing or changed')
  t.same(signing, [], 'nothing contradictory was signed')
  t.comment(`${killedAt.length} crashes, ${replays} more within a restart; ${compared} signed messages compared`)
})
