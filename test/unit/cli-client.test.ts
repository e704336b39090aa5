import t from 'tap'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromHex } from '../../src/base/bytes.ts'
import { transactionFromMessage } from '../../src/protocol/transaction.ts'
import { verifySignature } from '../../src/crypto/verify.ts'
import { adminSocketOf, createAdmin } from '../../src/ops/admin.ts'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import { localUrl } from '../../src/cli/client.ts'
import { fakeNode, problem, runCli } from './cli-support.ts'

const HEX = 'ab'.repeat(32)
const KEY = 'z6MkqATfU7LsubuqzJNy58YJG8Riojaypq745C8AFFt866Sf'

const PEER = '12D3KooWBsurHKRRSPUBo4PEp1R5x3jC3noz2WuhYy9tuFiWMsWJ'
const NODE = { version: '0.1.0', network: 'pulse-dev', genesisHash: HEX, development: true, witness: HEX, validator: HEX, params: {}, nowMs: 0, limits: {}, peerId: PEER, addresses: [`/ip4/192.0.2.1/tcp/4001/p2p/${PEER}`] }
const STATUS = {
  ready: true, reasons: [], syncing: false, sync: null, uptimeMs: 1, height: 41, headId: HEX, timestampMs: 1_780_000_000_000, stateRoot: HEX, supply: '410000000001', reward: '10000000000',
  cumulativeLifePpm: '1', consensus: { height: 42, round: 0, step: 'propose' }, lives: 3, accounts: 3, mempool: { heartbeats: 2, transactions: 1, bytes: 600 },
  heartbeatsPerMinute: 90, blocksPerMinute: 60, transactionsPerSecond: 0, peers: 0, validators: [{ key: HEX, power: 1_000_000 }],
}
const BLOCK = {
  id: HEX, version: 1, height: 41, parentId: HEX, timestampMs: 1_780_000_000_000, proposer: HEX, bodyRoot: HEX, stateRoot: HEX, validatorsRoot: HEX, nextValidatorsRoot: HEX,
  paramsRoot: HEX, parentCertificateRoot: HEX, lives: 3, weightPpm: 1_200_001, cumulativeLifePpm: '1', heartbeats: 3, transactions: 0, reward: '10000000000', sizeBytes: 700,
  certificate: { round: 0, signatures: 1, power: 1_000_000, totalPower: 1_000_000 },
}
const ACCOUNT = {
  key: KEY, index: 0, balance: '150000000', available: '50000000', earned: '150000000', nonce: 4, nextNonce: 5, blocks: 9, enrolled: false, alive: true,
  lastHeartbeat: { height: 41, timestampS: 1_780_000_000, sequence: 1 }, streakMs: 61_500,
}

t.test('status, block and account are tables for people within 80 columns', async (t) => {
  const { fetch } = fakeNode({ 'GET /v2/node': NODE, 'GET /status': STATUS, 'GET /v2/blocks/latest': BLOCK, [`GET /v2/accounts/${KEY}`]: ACCOUNT })
  const cases: [string[], RegExp[]][] = [
    [['status'], [/^height +41$/m, /^reached at +\/ip4\/192\.0\.2\.1\/tcp\/4001$/m, new RegExp(`^peer id +${PEER}$`, 'm'), /^supply +4100\.00000001 PULSE$/m, /^network +pulse-dev \(development\)$/m, /^ready +yes$/m]],
    [['block'], [/^height +41$/m, /^weight +1\.200001$/m, /^reward +100 PULSE$/m, /^time +2026-05-28 20:26:40 UTC$/m]],
    [['account', KEY], [/^balance +1\.5 PULSE$/m, /^available +0\.5 PULSE$/m, /^next nonce +5$/m, /^streak +61 s$/m]],
  ]
  for (const [args, patterns] of cases) {
    const { code, out, err } = await runCli(args, { fetch })
    t.equal(code, EXIT_CODES.ok, err)
    for (const pattern of patterns) t.match(out, pattern)
    for (const line of out.split('\n')) t.ok(line.length <= 80, line)
  }
})

t.test('with --json they are what the node answered', async (t) => {
  const { fetch } = fakeNode({ 'GET /v2/node': NODE, 'GET /status': STATUS, 'GET /v2/blocks/41': BLOCK, [`GET /v2/accounts/${KEY}`]: ACCOUNT })
  t.same(JSON.parse((await runCli(['status', '--json'], { fetch })).out), { url: 'http://127.0.0.1:8080', node: NODE, status: STATUS })
  t.same(JSON.parse((await runCli(['block', '41', '--json'], { fetch })).out), BLOCK)
  t.same(JSON.parse((await runCli(['account', KEY, '--json'], { fetch })).out), ACCOUNT)
})

t.test('what a node says cannot steer the terminal', async (t) => {
  const { fetch } = fakeNode({ 'GET /v2/node': { ...NODE, network: '\u001b[2Jevil', version: '\u009b1m' }, 'GET /status': { ...STATUS, ready: false, reasons: ['\u0007'] } })
  t.notMatch((await runCli(['status'], { fetch })).out.replace(/\n/g, ''), /\p{Cc}/u)
})

t.test('no node, another server, a missing thing and a refusal have exit codes of their own', async (t) => {
  const nothing = await runCli(['status', '--url', 'http://10.1.2.3:9/'])
  t.equal(nothing.code, EXIT_CODES.unreachable)
  t.match(nothing.err, /^pulse-node: No node answers at http:\/\/10\.1\.2\.3:9: connect ECONNREFUSED\. Start a node .* \(unreachable\)\n$/)
  const web = await runCli(['block'], { fetch: () => Promise.resolve(new Response('<html>', { status: 404 })) })
  t.equal(web.code, EXIT_CODES.unreachable)
  t.match(web.err, /is no Pulse node \(HTTP 404\)/)
  const absent = await runCli(['block', '99'], { fetch: fakeNode({}).fetch })
  t.equal(absent.code, EXIT_CODES.refused)
  t.match(absent.err, /There is no block 99/)
  const limited = await runCli(['block'], { fetch: fakeNode({ 'GET /v2/blocks/latest': () => problem(429, 'rate_limited', 'Too many requests.') }).fetch })
  t.equal(limited.code, EXIT_CODES.refused)
  t.match(limited.err, /The node refused: rate_limited\. Too many requests\. \(refused\)/)
})

t.test('the port of the configuration leads to the node, unless --url does', async (t) => {
  const asked: string[] = []
  const fetch = (url: unknown): Promise<Response> => {
    asked.push(String(url))
    return Promise.resolve(Response.json(BLOCK))
  }
  await runCli(['block', '1'], { fetch, env: { PULSE_PORT: '9000' } })
  await runCli(['block', '1'], { fetch, env: { PULSE_HOST: '::' } })
  await runCli(['block', '1', '--url', 'https://node.example/api/'], { fetch, env: { PULSE_PORT: 'broken, and not looked at' } })
  t.same(asked, ['http://127.0.0.1:9000/v2/blocks/1', 'http://[::1]:8080/v2/blocks/1', 'https://node.example/api/v2/blocks/1'])
  t.equal(localUrl({ host: '10.0.0.7', port: 1 }), 'http://10.0.0.7:1')
})

t.test('send signs for this network with the next nonce, and waits for the block', async (t) => {
  const dir = t.testdir()
  const key = join(dir, 'a.key')
  const sender = JSON.parse((await runCli(['device', 'new', key, '--json'])).out).key as string
  let asked = 0
  let id = ''
  const node = fakeNode({ 'GET /v2/node': NODE, 'GET /status': STATUS, [`GET /v2/accounts/${sender}`]: { ...ACCOUNT, key: sender }, 'POST /v2/transactions': () => ({ accepted: true, id: HEX }) })
  const fetch: typeof globalThis.fetch = async (url, init) => {
    if (!String(url).includes('/v2/transactions/')) return node.fetch(url, init)
    id = String(url).split('/').at(-1)!
    return Response.json({ height: ++asked < 3 ? null : 43 })
  }
  const clock = { nowMs: () => 0, monotonicMs: () => 0, after: (_: number, call: () => void) => (setImmediate(call), { cancel: () => undefined }), every: () => ({ cancel: () => undefined }) }
  const { code, out, err } = await runCli(['send', KEY, '12.5', '--memo', 'für dich', '--key', key, '--json'], { fetch, clock })
  t.equal(code, EXIT_CODES.ok, err)
  const { message, signature } = node.requests.find(({ method }) => method === 'POST')!.body as { message: string; signature: string }
  const bytes = Uint8Array.from(Buffer.from(message, 'base64'))
  const read = transactionFromMessage(bytes, Uint8Array.from(Buffer.from(signature, 'base64')), fromHex(HEX)!)
  t.ok(read.ok)
  if (!read.ok) return
  const { transfer } = read.value
  t.match(transfer, { amount: 1_250_000_000n, nonce: 5, expiryHeight: 141 })
  t.equal(new TextDecoder().decode(transfer.memo), 'für dich')
  t.ok(verifySignature(bytes, transfer.signature, Uint8Array.from(Buffer.from(transfer.sender, 'latin1'))))
  t.equal(asked, 3)
  t.same(JSON.parse(out), { id, sender, recipient: KEY, amount: '1250000000', nonce: 5, height: 43 })
})

t.test('send can leave without waiting, send to oneself, and tell a refusal', async (t) => {
  const key = join(t.testdir(), 'a.key')
  const sender = JSON.parse((await runCli(['device', 'new', key, '--json'])).out).key as string
  const answers = { 'GET /v2/node': NODE, 'GET /status': STATUS, [`GET /v2/accounts/${sender}`]: { ...ACCOUNT, key: sender } }
  const taken = fakeNode({ ...answers, 'POST /v2/transactions': () => ({ accepted: true, id: HEX }) })
  const sent = await runCli(['send', 'self', '1', '--key', key, '--no-wait', '--json'], { fetch: taken.fetch })
  t.match(JSON.parse(sent.out), { sender, recipient: sender, height: null })
  const refusing = fakeNode({ ...answers, 'POST /v2/transactions': () => problem(422, 'sender_not_alive', 'The sender has no recent committed heartbeat.') })
  const refused = await runCli(['send', 'self', '1', '--key', key], { fetch: refusing.fetch })
  t.equal(refused.code, EXIT_CODES.refused)
  t.match(refused.err, /sender_not_alive\. The sender has no recent/)
  const poor = await runCli(['send', 'self', '1', '--key', key], { fetch: fakeNode({ 'GET /v2/node': NODE, 'GET /status': STATUS }).fetch })
  t.equal(poor.code, EXIT_CODES.refused)
  t.match(poor.err, /has no account yet/)
})

t.test('simulated hearts are refused by networks that are not for development', async (t) => {
  const key = join(t.testdir(), 'a.key')
  await runCli(['device', 'new', key])
  const params = { blockIntervalMs: 5_000, heartbeatMaxAgeMs: 30_000, heartbeatMaxFutureMs: 5_000, lifeMinIntervalMs: 1_000 }
  const node = fakeNode({ 'GET /v2/node': { ...NODE, development: false, params, timeMs: Date.now(), nowMs: Date.now() } })
  for (const args of [['device', 'beat', '--key', key], ['device', 'simulate', '2', '--seconds', '1']]) {
    const { code, err } = await runCli(args, { fetch: node.fetch })
    t.equal(code, EXIT_CODES.config, err)
    t.match(err, /development networks only/i)
  }
  t.notOk(node.requests.some(({ method }) => method === 'POST'))
})

t.test('a data directory that is named is that of a node that runs, wherever it listens', async (t) => {
  const { fetch, requests } = fakeNode({ 'GET /v2/node': NODE, 'GET /status': STATUS })
  const dir = mkdtempSync(join(tmpdir(), 'pulse-client-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const silent = await runCli(['status', '--data-dir', dir], { fetch })
  t.match(silent, { code: EXIT_CODES.unreachable, err: /No node runs in .*--url/ })
  t.same(requests, [], 'nobody else is asked')

  const nothing = { peers: () => ({ peers: [], bans: [] }), why: () => [], ban: () => {}, unban: () => false }
  const admin = createAdmin({ path: adminSocketOf(dir), handlers: { ...nothing, node: () => ({ url: 'http://127.0.0.1:8090' }) } })
  await admin.listen()
  t.teardown(() => admin.close())
  t.match((await runCli(['status', '--data-dir', dir], { fetch })).out, /^node +http:\/\/127\.0\.0\.1:8090, /m)
  t.match((await runCli(['status', '--data-dir', dir, '--url', 'http://127.0.0.1:8099'], { fetch })).out, /^node +http:\/\/127\.0\.0\.1:8099, /m)
  t.match(await runCli(['dump-wal', '--data-dir', dir]), { code: EXIT_CODES.config, err: /There is no node in/ })
})
