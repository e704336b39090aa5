import t from 'tap'
import type { Clock } from '../../src/ops/clock.ts'
import { systemClock } from '../../src/ops/clock.ts'
import { changes } from '../../src/cli/testnet-live.ts'
import type { NodeProcess } from '../../src/cli/testnet-nodes.ts'
import { createScreen } from '../../src/cli/testnet-screen.ts'
import { fit, testnetTable } from '../../src/cli/testnet-table.ts'
import type { NodeRow } from '../../src/cli/testnet-watch.ts'
import { confirmations, meanMs, watchNode } from '../../src/cli/testnet-watch.ts'
import { fakeNode } from './cli-support.ts'

const HEX = 'ab'.repeat(32)
const READY: NodeRow = {
  name: 'node0', dataDir: 'net/node0', url: 'http://127.0.0.1:8080', pid: 77, state: 'ready', height: 41, headId: HEX, round: 0, power: 3_000_000,
  base: 1_000_000, totalPower: 12_000_000, peers: 3, lives: 12, heartbeatsPerMinute: 359.6, finalityMs: 187, reasons: [],
}
const DOWN: NodeRow = {
  ...READY, name: 'node1', pid: null, state: 'down', round: null, power: null, base: null, totalPower: null, peers: null, lives: null, heartbeatsPerMinute: null, finalityMs: null,
}

t.test('the table shows a row for each node, numbers under each other', async (t) => {
  const rows: NodeRow[] = [READY, DOWN, { ...READY, name: 'node2', height: 1_000_041, round: 7, power: 60_040_000, base: 40_000_000, totalPower: 120_080_000, finalityMs: 12_345 }]
  t.equal(
    testnetTable(rows),
    `
node     height round  share  base+life peers lives beats/s finality state
────── ──────── ───── ────── ────────── ───── ───── ─────── ──────── ───────────
node0        41     0  25.0%        1+2     3    12     6.0   187 ms ready
node1        41     –      –          –     –     –       –        – down
node2   1000041     7  50.0%      40+20     3    12     6.0   12.3 s ready
`.slice(1),
  )
})

t.test('the table fits 80 columns whatever the nodes say, and what they say cannot steer the terminal', async (t) => {
  const huge: NodeRow = {
    ...READY, name: 'node31', state: 'catching up', height: Number.MAX_SAFE_INTEGER, round: 1_000_000, power: 1e15, base: 1, totalPower: 1e15, peers: 1e9, lives: 1e9,
    heartbeatsPerMinute: 1e12, finalityMs: 1e12, reasons: ['\u001b[2JCut off.', 'x'.repeat(200), '\n'],
  }
  const table = testnetTable(Array.from({ length: 32 }, () => huge))
  for (const line of table.split('\n')) t.ok(line.length <= 80, line)
  t.notMatch(table.replaceAll('\n', ''), /\p{Cc}/u)
  t.equal(table.split('\n').length, 2 + 2 * 32 + 1)
  t.match(table, /catching up/)
  t.match(table, /9007199…/, 'a number that is cut is no other number')
})

t.test('those that are not ready say why below the table', async (t) => {
  const table = testnetTable([READY, { ...READY, name: 'node1', state: 'not ready', reasons: ['No quorum.', 'Two of four are gone.'] }])
  t.equal(table.split('\n').at(-2), 'node1: No quorum. Two of four are gone.')
  t.match(testnetTable([{ ...READY, power: 0, totalPower: 0 }]), /0\.0%/)
})

t.test('text that is too long ends in an ellipsis', async (t) => {
  t.same(['', 'abcd', 'abcde', 'abcdef'].map((text) => fit(text, 5)), ['', 'abcd', 'abcde', 'abcd…'])
})

interface Shown {
  readonly texts: string[]
  readonly screen: ReturnType<typeof createScreen>
  tick(ms: number): void
}

function shown(options: { json?: boolean; terminal?: boolean }): Shown {
  const texts: string[] = []
  let nowMs = 5_000
  const clock: Clock = { ...systemClock, monotonicMs: () => nowMs }
  const screen = createScreen({ out: (text) => void texts.push(text), json: options.json === true, outIsTerminal: options.terminal === true, clock })
  return { texts, screen, tick: (ms) => void (nowMs += ms) }
}

t.test('at a terminal every frame erases the one before, whatever its height', async (t) => {
  const { texts, screen, tick } = shown({ terminal: true })
  screen.show([READY])
  for (let i = 0; i < 6; i++) screen.event(`event ${i} ${'x'.repeat(100)}`)
  tick(1_000)
  screen.show([READY, DOWN])
  screen.show([READY])
  const parts = texts.map((text) => text.split('\u001b'))
  t.same(parts.map((each) => each.slice(1, -1)), [[], ['[5F'], ['[10F']], 'up by the lines of the frame before')
  const frames = parts.map((each) => each.at(-1)!.replace(/^\[J/, ''))
  t.same(frames.map((frame) => frame.split('\n').length - 1), [5, 10, 9])
  for (const line of frames.join('').split('\n')) t.ok(line.length <= 80, line)
  t.notMatch(texts[1]!, 'event 1')
  t.match(texts[1]!, /event 2 [^]*event 5 [^]*1 s\. Stop with Ctrl-C\./)
})

t.test('elsewhere there is a table every five seconds, and one at the end; events come at once', async (t) => {
  const { texts, screen, tick } = shown({})
  for (let i = 0; i < 11; i++) {
    screen.show([{ ...READY, height: i }])
    tick(1_000)
  }
  t.same(texts.map((text) => text.split('\n')[0]), ['0 s', '5 s', '10 s'])
  screen.event('node1 is down (SIGKILL).')
  t.equal(texts.at(-1), '11 s: node1 is down (SIGKILL).\n')
  screen.end()
  t.match(texts.at(-1)!, /^11 s\n[^]*\nnode0 +10 /)
  t.notMatch(texts.join(''), '\u001b')
  const quiet = shown({})
  quiet.screen.end()
  t.same(quiet.texts, [], 'nothing was seen')
})

t.test('programs get one line of JSON each time', async (t) => {
  const { texts, screen, tick } = shown({ json: true })
  screen.show([READY, DOWN])
  tick(1_001)
  screen.event('node1 is down')
  screen.show([READY])
  screen.end()
  t.equal(texts.length, 2)
  t.ok(texts.every((text) => text.indexOf('\n') === text.length - 1))
  t.same(texts.map((text) => JSON.parse(text)), [{ elapsedMs: 0, nodes: [READY, DOWN] }, { elapsedMs: 1_001, nodes: [READY] }])
})

t.test('what happens to a node is told once, in a sentence', async (t) => {
  const process = { node: { name: 'node0' }, pid: 1, end: { code: null, text: 'SIGKILL' } } as NodeProcess
  const states = ['ready', 'ready', 'not ready', 'down', 'down', 'catching up', 'ready', 'silent', 'ready'] as const
  const told = states.map((state, i) => changes(i === 0 ? [] : [{ ...READY, state: states[i - 1]! }], [{ ...READY, state }], [process]))
  t.same(told, [[], [], [], ['node0 is down (SIGKILL).'], [], ['node0 is back.'], [], ['node0 does not answer.'], ['node0 is back.']])
})

t.test('the time to finality is the mean over the blocks in between', async (t) => {
  const metrics = (sum: number, count: number): string => `# HELP pulse_block_confirmation_seconds x
pulse_block_confirmation_seconds_bucket{le="0.5"} 9
pulse_block_confirmation_seconds_sum ${sum}
pulse_block_confirmation_seconds_count ${count}
other_pulse_block_confirmation_seconds_count 99
`
  t.same(confirmations(metrics(1.25, 4)), { seconds: 1.25, count: 4 })
  t.same(confirmations(metrics(1.25, 4).replaceAll(/_(sum|count) /g, '_$1{thread="core"} ')), { seconds: 1.25, count: 4 })
  t.same(confirmations('nothing'), { seconds: 0, count: 0 })
  t.equal(meanMs({ seconds: 1, count: 4 }, { seconds: 1.5, count: 6 }), 250)
  t.equal(meanMs({ seconds: 1, count: 4 }, { seconds: 1, count: 4 }), null)
  t.equal(meanMs({ seconds: 9, count: 40 }, { seconds: 1, count: 4 }), null)
})

t.test('a node is starting, ready, catching up, not ready, silent, down, and back', async (t) => {
  const node = { name: 'node0', dataDir: 'net/node0', url: 'http://127.0.0.1:8080', port: 8080, p2pPort: 4001, peerId: '', validator: HEX }
  const process: { -readonly [Name in keyof NodeProcess]: NodeProcess[Name] } = { node, pid: 77, end: null }
  const said = { ready: true, reasons: [] as string[], syncing: false, height: 41, count: 10, there: false }
  const answers = {
    'GET /status': () => ({
      ready: said.ready, reasons: said.reasons, syncing: said.syncing, height: said.height, headId: HEX, consensus: { height: 42, round: 2, step: 'propose' }, lives: 5,
      heartbeatsPerMinute: 90, peers: 3, validators: [{ key: HEX, power: 3 }, { key: 'cd'.repeat(32), power: 9 }],
    }),
    'GET /metrics': () => new Response(`pulse_block_confirmation_seconds_sum ${said.count / 5}\npulse_block_confirmation_seconds_count ${said.count}\n`),
  }
  const there = fakeNode(answers)
  const watch = watchNode(process, { fetch: (...args) => (said.there ? there.fetch(...args) : Promise.reject(new TypeError('fetch failed'))) })
  const polled = async (change: Partial<typeof said>): Promise<NodeRow> => {
    Object.assign(said, change)
    await watch.poll()
    return watch.row()
  }
  t.match(await polled({}), { state: 'starting', height: null, power: null, finalityMs: null, pid: 77 })
  t.match(await polled({ there: true }), { state: 'ready', height: 41, round: 2, power: 3, totalPower: 12, peers: 3, lives: 5, heartbeatsPerMinute: 90, finalityMs: null })
  t.match(await polled({ count: 12 }), { finalityMs: 200 })
  t.match(await polled({}), { finalityMs: 200 }, 'no block since')
  t.match(await polled({ ready: false, reasons: ['No quorum.'] }), { state: 'not ready', reasons: ['No quorum.'] })
  t.match(await polled({ syncing: true, count: 50 }), { state: 'catching up', finalityMs: null })
  t.match(await polled({ syncing: false, ready: true, reasons: [], count: 60 }), { state: 'ready', finalityMs: null }, 'some of these were fetched')
  t.match(await polled({ count: 65 }), { finalityMs: 200 })
  t.match(await polled({ there: false }), { state: 'silent', height: 41, round: null, power: null, lives: null, reasons: [] })
  process.end = { code: null, text: 'SIGKILL' }
  t.match(await polled({}), { state: 'down', height: 41, pid: null })
  t.match(await polled({ there: true, count: 70, height: 45 }), { state: 'ready', height: 45, pid: null, finalityMs: null }, 'somebody started it again')
})

t.test('a node that takes its time is not asked twice at once', async (t) => {
  const node = { name: 'node0', dataDir: 'd', url: 'http://127.0.0.1:8080', port: 8080, p2pPort: 4001, peerId: '', validator: HEX }
  let asked = 0
  const { promise, reject } = Promise.withResolvers<Response>()
  const watch = watchNode({ node, pid: 1, end: null }, { fetch: () => (asked++, promise) })
  const first = watch.poll()
  await watch.poll()
  t.equal(asked, 2, 'status and metrics')
  reject(new TypeError('fetch failed'))
  await first
  await watch.poll()
  t.equal(asked, 4)
})
