// The living node, as a person starts it: simulated hearts, blocks, graceful stops, restarts, and the client commands.

import t from 'tap'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import { COIN } from '../../src/protocol/params.ts'
import { eventually, read, readAll, request, runJson, runProgram, spawnNode, startNode } from './harness.ts'
import { newLife } from './lives.ts'

t.setTimeout(240_000)

t.test('a new directory becomes a living node, which stops on a signal and goes on where it stopped', async (t) => {
  const dir = join(t.testdir(), 'data')
  const first = await startNode(t, dir, ['--simulate', '3', '--interval', '300'])
  t.match(first.url, /^http:\/\/127\.0\.0\.1:\d+$/)
  t.same((await request(`${first.url}/ready`)).json, { ready: true, reasons: [] })
  await first.height(5)
  const { genesisHash } = await read(`${first.url}/v2/node`)
  const status = await read(`${first.url}/status`)
  t.ok(status.height >= 5 && status.lives >= 1 && status.ready)
  const ids = new Map<number, string>((await readAll(`${first.url}/v2/blocks`, 'blocks')).map(({ height, id }) => [height, id]))
  t.same([...ids.keys()].sort((a, b) => a - b), Array.from(ids.keys(), (_, i) => i + 1), 'no height is missing')
  for (const [height, id] of first.announced) t.equal(ids.get(height)?.slice(0, 16), id, `the log announced block ${height} as it is`)

  const stopped = await first.stop('SIGTERM')
  t.same([stopped.code, stopped.signal, stopped.err], [EXIT_CODES.ok, null, ''])
  t.ok(first.lines.some(({ msg }) => msg === 'Stopping'))
  t.equal(first.lines.at(-1)?.msg, 'Stopped', 'and it says so as its last word')
  const height = first.lastAnnounced
  const verified = await runJson(['verify', '--data-dir', dir])
  t.equal(verified.code, EXIT_CODES.ok)
  t.ok(verified.json.ok === true && verified.json.height >= height)

  const second = await startNode(t, dir, ['--simulate', '3'])
  t.equal((await read(`${second.url}/v2/node`)).genesisHash, genesisHash)
  await second.height(height + 3)
  for (const [known, id] of ids) t.equal((await read(`${second.url}/v2/blocks/${known}`)).id, id, `block ${known} is the same as before`)
  const interrupted = await second.stop('SIGINT')
  t.same([interrupted.code, interrupted.signal, interrupted.err], [EXIT_CODES.ok, null, ''])
  t.equal((await runProgram(['verify', '--data-dir', dir])).code, EXIT_CODES.ok)
})

t.test('further signals change nothing about a stop that is under way', async (t) => {
  const dir = join(t.testdir(), 'data')
  for (let round = 0; round < 3; round++) {
    const node = await startNode(t, dir, ['--simulate', '3'])
    await node.height(node.lastAnnounced + 1)
    const impatient = setInterval(() => node.child.kill(Math.random() < 0.5 ? 'SIGTERM' : 'SIGINT'), 1)
    t.teardown(() => clearInterval(impatient))
    const { code, signal, err } = await node.stop('SIGTERM')
    clearInterval(impatient)
    t.same([code, signal, err], [EXIT_CODES.ok, null, ''])
  }
  t.equal((await runProgram(['verify', '--data-dir', dir])).code, EXIT_CODES.ok)
})

t.test('a signal during the start stops the node as well', async (t) => {
  const dir = join(t.testdir(), 'data')
  const node = spawnNode(t, dir)
  await node.message('Chain loaded')
  const { code, signal, err } = await node.stop('SIGTERM')
  t.same([code, signal, err], [EXIT_CODES.ok, null, ''])
})

t.test('client commands against a running node', async (t) => {
  const home = t.testdir()
  const dir = join(home, 'data')
  const node = await startNode(t, dir, ['--simulate', '2'])
  const client = (...args: string[]) => runJson([...args, '--url', node.url], { cwd: home })
  const made = await runJson(['device', 'new', 'me.key'], { cwd: home })
  const other = await runJson(['device', 'new', 'other.key', '--curve', 'ed25519'], { cwd: home })
  t.same([made.code, other.code], [0, 0])
  const me: string = made.json.key

  const early = await client('send', 'self', '1', '--key', 'me.key')
  t.same([early.code, early.json], [EXIT_CODES.refused, null], 'who never beat cannot send')
  const beat = await client('device', 'beat', '--key', 'me.key')
  t.equal(beat.code, 0)
  t.match(beat.json, { key: me, id: /^[0-9a-f]{64}$/ })
  await eventually('the heartbeat is paid', async () => (await request(`${node.url}/v2/accounts/${me}`)).status === 200)

  await t.test('send moves what it says, and a transfer to oneself moves nothing', async (t) => {
    const before = (await client('account', me)).json
    t.match(before, { key: me, alive: true, nonce: 0, index: Number })
    const self = await client('send', 'self', '0.5', '--key', 'me.key', '--memo', 'to me')
    t.match(self, { code: 0, json: { sender: me, recipient: me, amount: String(COIN / 2n), nonce: 0, height: Number } })
    const sent = await client('send', other.json.key, '0.25', '--key', 'me.key')
    t.match(sent, { code: 0, json: { recipient: other.json.key, nonce: 1 } })
    const after = (await client('account', me)).json
    t.equal(BigInt(after.balance) - BigInt(after.earned), BigInt(before.balance) - BigInt(before.earned) - COIN / 4n)
    t.equal(after.nonce, 2)
    const recipient = (await client('account', other.json.key)).json
    t.match(recipient, { balance: String(COIN / 4n), earned: '0', alive: false, lastHeartbeat: null })
    t.match(await read(`${node.url}/v2/transactions/${self.json.id}`), { memo: 'to me', height: self.json.height })
    const queued = await client('send', 'self', '1', '--key', 'me.key', '--no-wait')
    t.match(queued, { code: 0, json: { nonce: 2, height: null } })
  })

  await t.test('status and block show what the API shows', async (t) => {
    const status = await client('status')
    const shown = { url: node.url, node: { network: 'pulse-dev', development: true }, status: { ready: true, height: Number } }
    t.match(status, { code: 0, json: shown })
    const latest = await client('block', 'latest')
    t.ok(latest.code === 0 && latest.json.height >= status.json.status.height)
    for (const ref of ['1', latest.json.id]) t.same((await client('block', ref)).json, await read(`${node.url}/v2/blocks/${ref}`))
    const table = await runProgram(['status', '--url', node.url])
    t.equal(table.code, 0)
    t.match(table.out, /^ready +yes$/m)
  })

  await t.test('each kind of failure has its exit code and one line on standard error', async (t) => {
    const cases: [args: string[], exitCode: number][] = [
      [['block', 'no-such-thing', '--url', node.url], EXIT_CODES.usage],
      [['account', 'zzz', '--url', node.url], EXIT_CODES.usage],
      [['send', me, '1.123456789', '--url', node.url], EXIT_CODES.usage],
      [['status', '--no-such-flag'], EXIT_CODES.usage],
      [['status', '--url', 'ftp://127.0.0.1'], EXIT_CODES.config],
      [['send', 'self', '1', '--key', 'absent.key', '--url', node.url], EXIT_CODES.config],
      [['start', '--data-dir', dir, '--interval', '700'], EXIT_CODES.genesis],
      [['init', '--data-dir', dir], EXIT_CODES.genesis],
      [['verify', '--data-dir', dir], EXIT_CODES.locked],
      [['status', '--url', 'http://127.0.0.1:9'], EXIT_CODES.unreachable],
      [['block', '999999999', '--url', node.url], EXIT_CODES.refused],
      [['account', newLife().keyText, '--url', node.url], EXIT_CODES.refused],
      [['send', 'self', '1000000', '--key', 'me.key', '--url', node.url], EXIT_CODES.refused],
    ]
    for (const [args, exitCode] of cases) {
      const { code, out, err } = await runProgram(args, { cwd: home })
      t.same([code, out], [exitCode, ''], args.join(' '))
      t.match(err, /^pulse-node: [^\n]+\. [^\n]+ \([a-z_]+\)\n$/, 'cause, remedy and code in one line')
    }
    const { code, out, err } = await runProgram(['block', '999999999', '--url', node.url, '--json'])
    t.same([code, out], [EXIT_CODES.refused, ''])
    t.match(JSON.parse(err), { error: { code: 'refused', exitCode: EXIT_CODES.refused, message: String, remedy: String } })
  })

  t.equal((await node.stop()).code, 0)
  const verified = await runJson(['verify', '--data-dir', dir])
  t.match(verified, { code: 0, json: { ok: true, transactions: Number } })
  t.ok(verified.json.transactions >= 2)
})

t.test('simulated devices beat until their time is over', async (t) => {
  const dir = join(t.testdir(), 'data')
  const node = await startNode(t, dir)
  const { code, json } = await runJson(['device', 'simulate', '2', '--every', '1000', '--seconds', '4', '--url', node.url])
  t.equal(code, 0)
  t.ok(json.made >= 4 && json.accepted === json.made && json.refused === 0, JSON.stringify(json))
  await eventually('all of them are committed', async () => (await read(`${node.url}/status`)).mempool.heartbeats === 0)
  const { height } = await read(`${node.url}/status`)
  await delay(1_500)
  t.equal((await read(`${node.url}/status`)).height, height, 'without life the chain sleeps')
})

t.test('smoke goes from a fresh genesis to a self-transfer', async (t) => {
  const { code, json } = await runJson(['smoke'])
  t.equal(code, 0)
  t.equal(json?.passed, true, JSON.stringify(json))
})
