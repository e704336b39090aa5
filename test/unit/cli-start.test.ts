import t from 'tap'
import { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import { runCli } from './cli-support.ts'
import type { Ran } from './cli-support.ts'

type Line = Readonly<Record<string, unknown>>

interface Started {
  readonly signals: EventEmitter
  readonly lines: Line[]
  readonly ended: Promise<Ran>
  /** The first line with this message, which may have come already. */
  line(message: string): Promise<Line>
}

/** Runs `start` until a signal is emitted. */
function start(...args: string[]): Started {
  const signals = new EventEmitter()
  const lines: Line[] = []
  const waiting = new Map<unknown, (line: Line) => void>()
  const log = {
    write(text: string) {
      const line = JSON.parse(text) as Line
      lines.push(line)
      waiting.get(line['msg'])?.(line)
    },
  }
  const ended = runCli(['start', '--port', '0', '--p2p-port', '0', '--host', '127.0.0.1', ...args], { signals, log, fetch })
  const line = (message: string): Promise<Line> => {
    const seen = lines.find(({ msg }) => msg === message)
    if (seen !== undefined) return Promise.resolve(seen)
    const { promise, resolve, reject } = Promise.withResolvers<Line>()
    waiting.set(message, resolve)
    void ended.then(({ err }) => reject(new Error(`ended before "${message}": ${err}`)))
    return promise
  }
  return { signals, lines, ended, line }
}

t.test('start makes a network in a new directory, commits, and stops gracefully however often it is told to', async (t) => {
  const dataDir = join(t.testdir(), 'data')
  const node = start('--data-dir', dataDir, '--simulate', '1', '--interval', '300')
  t.match(await node.line('Node started'), { network: 'pulse-dev', development: true, dataDir, fresh: true, url: /^http:\/\/127\.0\.0\.1:\d+$/ })
  t.match(await node.line('Block committed'), { height: 1 })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM']) node.signals.emit(signal)
  t.same(await node.ended, { code: EXIT_CODES.ok, out: '', err: '' })
  t.equal(node.lines.filter(({ msg }) => msg === 'Already stopping').length, 2)
  t.equal(node.lines.at(-1)!['msg'], 'Stopped')
  for (const name of ['node.key', 'validator.key']) {
    const { secretKey } = JSON.parse(readFileSync(join(dataDir, name), 'utf8')) as { secretKey: string }
    t.notMatch(JSON.stringify(node.lines), secretKey)
  }

  const verified = await runCli(['verify', '--data-dir', dataDir, '--json'])
  t.equal(verified.code, EXIT_CODES.ok, verified.err)
  t.match(JSON.parse(verified.out), { ok: true, height: Number, supply: /^\d+00000000$/ })
  const dump = await runCli(['dump-wal', '--data-dir', dataDir, '--json'])
  for (const line of dump.out.trimEnd().split('\n')) t.type(JSON.parse(line).height, 'number')

  const again = start('--data-dir', dataDir)
  t.match(await again.line('Node started'), { fresh: false })
  again.signals.emit('SIGINT')
  t.equal((await again.ended).code, EXIT_CODES.ok)
})

t.test('people at a terminal get a banner with network, data directory and address', async (t) => {
  const dataDir = join(t.testdir(), 'data')
  const signals = new EventEmitter()
  let out = ''
  const { promise: greeted, resolve } = Promise.withResolvers<void>()
  const ended = runCli(['start', '--port', '0', '--p2p-port', '0', '--data-dir', dataDir, '--log-format', 'pretty'], {
    signals,
    log: { write: () => undefined },
    out(text) {
      out += text
      if (text.includes('Ctrl-C')) resolve()
    },
  })
  await greeted
  signals.emit('SIGINT')
  t.equal((await ended).code, EXIT_CODES.ok)
  t.match(out, /^network +pulse-dev \(development\), made just now$/m)
  t.match(out, /^API +http:\/\/\S+:\d+$/m)
  t.ok(out.includes(dataDir.slice(-40)))
})

t.test('a signal during the start stops the node as soon as it has started', async (t) => {
  const node = start('--data-dir', join(t.testdir(), 'data'))
  // The signals are taken over before the node is made.
  while (node.signals.listenerCount('SIGTERM') === 0) await new Promise(setImmediate)
  node.signals.emit('SIGTERM')
  t.equal((await node.ended).code, EXIT_CODES.ok)
  t.same(node.lines.map(({ msg }) => msg).filter((msg) => msg === 'Stopping' || msg === 'Stopped'), ['Stopping', 'Stopped'])
})

t.test('the smoke test passes, step by step', async (t) => {
  const { code, out, err } = await runCli(['smoke'], { fetch })
  t.equal(code, EXIT_CODES.ok, err)
  t.same(out.match(/^ok +[a-z-]+( [a-z]+)?/gm)?.map((line) => line.replace(/^ok +/, '')), [
    'genesis', 'node', 'first heartbeat', 'first block', 'first tokens', 'self-transfer', 'supply', 'stop', 'verify',
  ])
  t.match(out, /Passed in/)
  for (const line of out.split('\n')) t.ok(line.length <= 80, line)
})
