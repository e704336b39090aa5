import t from 'tap'
import type { Test } from 'tap'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAdminClient } from '../../src/cli/admin.ts'
import { peerIdOf } from '../../src/crypto/peer-id.ts'
import { adminSocketOf, createAdmin } from '../../src/ops/admin.ts'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import { fakeNode, problem, runCli } from './cli-support.ts'

const id = (byte: number): string => peerIdOf(new Uint8Array(32).fill(byte))
const [ONE, TWO, BANNED, STRANGER] = [id(1), id(2), id(3), id(4)]

const PEERS = [
  { id: ONE, address: `/ip4/198.51.100.207/tcp/54001/p2p/${ONE}`, direction: 'inbound', height: 1_234_567, score: -12.4, reasons: ['2026-11-20T00:00:00.000Z -12 slow'], connectedMs: 59_999, latencyMs: 41.6 },
  { id: TWO, address: '/ip6/2001:db8:1111:2222:3333:4444:5555:6666/tcp/4001', direction: 'outbound', height: 0, score: 0, reasons: [], connectedMs: 3 * 86_400_000, latencyMs: null },
]

interface Running {
  readonly dataDir: string
  readonly calls: unknown[][]
}

/** A data directory with the socket of a node in it. */
async function running(t: Test): Promise<Running> {
  const dataDir = mkdtempSync(join(tmpdir(), 'pulse-peers-'))
  const calls: unknown[][] = []
  const admin = createAdmin({
    path: adminSocketOf(dataDir),
    handlers: {
      node: () => ({ url: 'http://127.0.0.1:8080' }),
      peers: () => ({ peers: PEERS, bans: [{ peer: BANNED, untilMs: 1_790_000_000_000, reason: 'noise' }] }),
      why: (peer) => (peer === STRANGER ? [] : ['2026-11-20T00:00:00.000Z -20 invalid_message', '2026-11-20T00:00:01.000Z -5 slow']),
      ban: (...args) => void calls.push(['ban', ...args]),
      unban(peer) {
        calls.push(['unban', peer])
        return peer === BANNED
      },
    },
  })
  await admin.listen()
  t.teardown(async () => {
    await admin.close()
    rmSync(dataDir, { recursive: true })
  })
  return { dataDir, calls }
}

t.test('peers is a table within 80 columns, or what the node answered', async (t) => {
  const { fetch } = fakeNode({ 'GET /v2/peers': { peers: PEERS } })
  const { code, out, err } = await runCli(['peers'], { fetch })
  t.equal(code, EXIT_CODES.ok, err)
  for (const line of out.split('\n')) t.ok(line.length <= 80, line)
  t.match(out, new RegExp(`^…${ONE.slice(-8)} +in +1234567 +-12 +42 ms +59 s +/ip4/198\\.51\\.100\\.207/tcp/54001$`, 'm'))
  t.match(out, new RegExp(`^…${TWO.slice(-8)} +out +0 +0 +– +3 d +/ip6/`, 'm'))
  t.same(JSON.parse((await runCli(['peers', '--json'], { fetch })).out), { url: 'http://127.0.0.1:8080', peers: PEERS })
})

t.test('a node without peers says so, and one that refuses is a failure', async (t) => {
  t.equal((await runCli(['peers'], fakeNode({ 'GET /v2/peers': { peers: [] } }))).out, 'No peer is connected.\n')
  t.equal((await runCli(['peers'], fakeNode({}))).code, EXIT_CODES.unreachable)
  t.equal((await runCli(['peers'], fakeNode({ 'GET /v2/peers': problem(429, 'rate_limited', 'Too many.') }))).code, EXIT_CODES.refused)
})

t.test('why, bans, ban and unban go over the socket in the data directory', async (t) => {
  const { dataDir, calls } = await running(t)
  const run = (...args: string[]) => runCli(['peers', ...args, '--data-dir', dataDir])

  const why = await run('why', STRANGER)
  t.same([why.code, why.out], [0, `peer     ${STRANGER}\nreasons  none\n`])
  t.match((await run('why', ONE)).out, /^reasons {2}2026\S+ -20 invalid_message\n {9}2026\S+ -5 slow\n$/m)
  const bans = await run('bans')
  t.match(bans.out, new RegExp(`^…${BANNED.slice(-8)} +2026-09-21 14:13:20 +noise$`, 'm'))
  for (const line of bans.out.split('\n')) t.ok(line.length <= 80, line)

  t.same((await run('ban', STRANGER, '--seconds', '60', '--reason', 'too loud')).out, `banned  ${STRANGER}\nfor     60 s\nreason  too loud\n`)
  t.same(JSON.parse((await run('ban', ONE, '--json')).out), { id: ONE, seconds: 86_400, reason: 'by the operator' })
  t.equal((await run('unban', BANNED)).out, `${BANNED} is no longer banned.\n`)
  t.same(JSON.parse((await run('unban', ONE, '--json')).out), { id: ONE, unbanned: false })
  t.same(calls, [['ban', STRANGER, 60, 'too loud'], ['ban', ONE, 86_400, 'by the operator'], ['unban', BANNED], ['unban', ONE]])
})

t.test('the data directory may stand before or behind the subcommand', async (t) => {
  const { dataDir } = await running(t)
  for (const args of [['--data-dir', dataDir, 'why', ONE], ['why', '--data-dir', dataDir, ONE], ['why', ONE, '--data-dir', dataDir]]) {
    t.equal((await runCli(['peers', ...args])).code, EXIT_CODES.ok, args.join(' '))
  }
  t.equal((await runCli(['peers', 'why', ONE], { env: { PULSE_DATA_DIR: dataDir } })).code, EXIT_CODES.ok)
})

t.test('the end of an id stands for a peer that the node knows, if for one only', async (t) => {
  const { dataDir, calls } = await running(t)
  const run = (...args: string[]) => runCli(['peers', ...args, '--data-dir', dataDir])
  for (const [typed, whole] of [[ONE.slice(-6), ONE], [`…${TWO.slice(-8)}`, TWO], [BANNED.slice(-20), BANNED]] as const) {
    t.equal(JSON.parse((await run('why', typed, '--json')).out).id, whole)
  }
  t.match(await run('ban', STRANGER.slice(-8)), { code: EXIT_CODES.refused, err: /No peer ends in/ })
  t.match(await run('ban', ONE.slice(-5)), { code: EXIT_CODES.usage, err: /is no peer id/ })
  t.match(await run('ban', `${ONE.slice(0, -1)}0`), { code: EXIT_CODES.refused })
  t.same(calls, [])
})

t.test('what the node will not take is a refusal', async (t) => {
  const { dataDir, calls } = await running(t)
  const run = (...args: string[]) => runCli(['peers', 'ban', ONE, ...args, '--data-dir', dataDir])
  for (const seconds of ['0', '-1', '1.5', '31622401']) t.equal((await run('--seconds', seconds)).code, EXIT_CODES.config, seconds)
  for (const reason of ['', 'x'.repeat(65), '\u001b[2J']) t.match(await run('--reason', reason), { code: EXIT_CODES.refused, err: /reason must be a text of 1 to 64/ })
  t.same(calls, [])
})

t.test('administration needs the node of the data directory', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'pulse-peers-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const deep = join(dir, 'x'.repeat(120))
  mkdirSync(deep)
  for (const dataDir of [dir, join(dir, 'absent'), deep, join(dir, 'absent', 'x'.repeat(120))]) {
    t.match(await runCli(['peers', 'why', ONE, '--data-dir', dataDir]), { code: EXIT_CODES.unreachable, out: '', err: /No node runs in/ })
  }
  t.match(await runCli(['peers', 'ban', ONE, '--url', 'http://10.0.0.7:8080']), { code: EXIT_CODES.usage, err: /not by --url/ })
})

t.test('something else on the socket is no node', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'pulse-peers-'))
  const answers = ['HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi', 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnull', 'nonsense\r\n\r\n', '']
  let turn = 0
  const server = createServer((socket) => socket.on('error', () => undefined).end(answers[turn++] ?? ''))
  await new Promise<void>((resolve) => server.listen(adminSocketOf(dir), resolve))
  t.teardown(() => {
    server.close()
    rmSync(dir, { recursive: true })
  })
  const client = createAdminClient(dir)
  for (const code of ['refused', 'refused', 'unreachable', 'unreachable']) await t.rejects(client.peers(), { name: 'Failure', code })
})
