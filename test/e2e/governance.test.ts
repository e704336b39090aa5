// A network grows and changes, as operators do it: by commands, between processes of their own.

import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import t from 'tap'
import { seedAddress } from '../../src/cli/testnet.ts'
import { rawKey } from '../../src/crypto/keys.ts'
import { peerIdOf } from '../../src/crypto/peer-id.ts'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import { readKeyFile } from '../../src/ops/keyfile.ts'
import type { Json } from './harness.ts'
import { eventually, postBytes, read, readAll, RunningNode, runJson, runProgram } from './harness.ts'
import type { Life } from './lives.ts'
import { networkOf, newLife, nextBeat } from './lives.ts'
import { assertAgreement, statusOf } from './several.ts'
import { freePorts } from '../ports.ts'

t.setTimeout(180_000)

/** Lives that beat through a node until they are stopped; those that are not enrolled are refused. */
function beating(t: Test, url: string, lives: readonly Life[]): { readonly refused: Set<string> } {
  const refused = new Set<string>()
  let stopped = false
  t.teardown(() => void (stopped = true))
  // One after the other within each second: so many blocks a second have a life.
  const beat = async (life: Life, i: number): Promise<void> => {
    const facts = await networkOf(url)
    await delay((1_000 * i) / lives.length)
    while (!stopped) {
      const heartbeat = nextBeat(facts, life)
      // A node that is away is no fault of its lives.
      const answer = heartbeat === null ? null : await postBytes(`${url}/v2/heartbeats`, heartbeat.row).catch(() => null)
      for (const verdict of (answer?.json.verdicts ?? []) as Json[]) if (!verdict.accepted) refused.add(verdict.code)
      await delay(1_000)
    }
  }
  lives.forEach((life, i) => void beat(life, i))
  return { refused }
}

/** Runs a command that must succeed. */
async function run(t: Test, ...args: string[]): Promise<Json> {
  const { code, json, err } = await runJson(args)
  if (code !== EXIT_CODES.ok) t.fail(`pulse-node ${args[0]}: ${err}`)
  return json
}

const blocksOf = (url: string): Promise<Json[]> => readAll(`${url}/v2/blocks`, 'blocks')
const validatorsOf = (url: string): Promise<Json> => read(`${url}/v2/validators`)

t.test('a network of one enrols lives, takes in a second validator, changes its parameters, and lets one go', async (t) => {
  const whole = t
  const root = t.testdir()
  const [dirA, dirB, registrarKey] = ['a', 'b', 'registrar.key'].map((name) => join(root, name)) as [string, string, string]
  const ports = await freePorts(4)
  const [urlA, urlB] = [ports, ports + 1].map((port) => `http://127.0.0.1:${port}`) as [string, string]

  const registrar = await run(t, 'keygen', registrarKey)
  const made = await run(t, 'init', '--data-dir', dirA, '--interval', '600', '--registrar', registrar.key)
  t.same(made.registrars, [registrar.key])
  const genesis = JSON.parse(readFileSync(join(dirA, 'genesis.json'), 'utf8'))
  t.equal(genesis.params.enrolled, true)
  // Epochs of seconds, not of minutes.
  const short = { ...genesis, params: { ...genesis.params, epochBlocks: 8, lifeWindowEpochs: 1 } }
  writeFileSync(join(dirA, 'genesis.json'), JSON.stringify(short))
  const joined = await run(t, 'init', '--data-dir', dirB, '--genesis', join(dirA, 'genesis.json'))
  const [keyA, keyB] = [made.validatorKey.hex, joined.validatorKey.hex] as [string, string]

  const start = async (dir: string, i: number, ...more: string[]): Promise<RunningNode> => {
    const own = ['--host', '127.0.0.1', '--port', String(ports + i), '--p2p-port', String(ports + 2 + i)]
    const node = new RunningNode(dir, ['start', '--data-dir', dir, '--json', ...own, ...more], {})
    t.teardown(() => node.kill())
    await node.message('Node started')
    return node
  }
  const a = await start(dirA, 0)
  const peerA = peerIdOf(rawKey(readKeyFile(join(dirA, 'node.key'), 'ed25519').publicKey, 'ed25519'))
  const b = await start(dirB, 1, '--seed', seedAddress(ports + 2, peerA))

  await t.test('lives count once a registrar has enrolled them', async (t) => {
    const lives = [1, 2, 3].map(() => newLife())
    const hearts = beating(whole, urlA, lives)
    await eventually('heartbeats are refused', async () => hearts.refused.has('not_enrolled'))
    t.equal((await statusOf(urlA)).height, 0, 'nothing can be committed')
    const stranger = join(root, 'stranger.key')
    await run(t, 'keygen', stranger)
    const refused = await runProgram(['enrol', lives[0]!.keyText, '--registrar-key', stranger, '--url', urlA])
    t.match(refused, { code: EXIT_CODES.refused, err: /not_registrar/ })
    const enrolled = await run(t, 'enrol', ...lives.map(({ keyText }) => keyText), '--registrar-key', registrarKey, '--url', urlA)
    t.match(enrolled, { height: 1, registrar: registrar.key })
    t.match(await read(`${urlA}/v2/transactions/${enrolled.id}`), { kind: 'enrolment', devices: lives.map(({ keyText }) => keyText).sort(), height: 1 })
    t.equal((await read(`${urlA}/v2/accounts/${lives[0]!.keyText}`)).enrolled, true)
    await eventually('lives make blocks', async () => (await statusOf(urlA)).height >= 3 && (await statusOf(urlB)).height >= 3)
    t.match((await validatorsOf(urlB)).validators, [{ key: keyA, base: 1_000_000, since: 1 }])
  })

  await t.test('lives that beat through a validator give it power', async (t) => {
    await eventually('life power', async () => (await validatorsOf(urlA)).validators[0].power > 1_000_000)
    const [own] = (await validatorsOf(urlA)).validators
    t.ok(own.meanLives > 0 && own.power <= 3_000_000, JSON.stringify(own))
    const shown = await runProgram(['validators', '--url', urlA])
    t.match(shown.out, new RegExp(`^${keyA.slice(0, 8)} +100 %`, 'm'))
    t.same(shown.out.split('\n').filter((line) => line.length > 80), [])
  })

  await t.test('a second validator joins with base power that the first approved; both finalise', async (t) => {
    const file = join(root, 'join.json')
    await run(t, 'join', '--data-dir', dirB, '--base', '4', '--out', file, '--url', urlB)
    t.match(await runProgram(['submit', file, '--url', urlB]), { code: EXIT_CODES.refused, err: /approved by 0 of 1 validators/ })
    t.match(await runProgram(['approve', file, '--data-dir', dirB, '--url', urlB]), { code: EXIT_CODES.refused, err: /is no validator/ })
    t.match(await run(t, 'approve', file, '--data-dir', dirA, '--url', urlA), { kind: 'join', key: keyB, base: 4_000_000, signed: true, support: { enough: true } })
    const submitted = await run(t, 'submit', file, '--url', urlB)
    t.match(await read(`${urlA}/v2/transactions/${submitted.id}`), { kind: 'join', key: keyB, approvals: [{ validator: keyA }] })
    await eventually('two validators', async () => (await validatorsOf(urlA)).validators.length === 2)
    const { since } = (await validatorsOf(urlA)).validators.find(({ key }: Json) => key === keyB)
    t.equal(since % 8, 1, 'with an epoch')
    await eventually('it proposes', async () => (await blocksOf(urlA)).some(({ proposer }) => proposer === keyB))
    // Its power grows with each epoch; from a third on nothing is final without it.
    await eventually('both sign', async () => (await blocksOf(urlA)).some(({ certificate }) => certificate.signatures === 2))
    t.equal((await read(`${urlB}/v2/node`)).validator, keyB, 'without a restart')
    const blocks = await blocksOf(urlA)
    t.notOk(blocks.some(({ height, proposer }) => height < since && proposer === keyB))
    t.ok(blocks.every(({ certificate: { power, totalPower } }) => 3 * power > 2 * totalPower), 'each has a quorum by the powers of its own epoch')
    t.ok(new Set(blocks.map(({ certificate }) => certificate.totalPower)).size > 2, 'which differ')
  })

  await t.test('parameters that both approved, each on a copy, take effect with an epoch, on both', async (t) => {
    const [wanted, one, other] = ['wanted.json', 'one.json', 'other.json'].map((name) => join(root, name)) as [string, string, string]
    writeFileSync(wanted, '{"blockIntervalMs": 200, "aliveBlocks": 20}')
    const proposed = await run(t, 'propose-params', wanted, '--after', '24', '--out', one, '--url', urlA)
    t.match(proposed.changes, [{ name: 'blockIntervalMs', before: 600, after: 200 }, { name: 'aliveBlocks', before: 12, after: 20 }])
    copyFileSync(one, other)
    await run(t, 'approve', one, '--data-dir', dirA, '--url', urlA)
    await run(t, 'approve', other, '--data-dir', dirB, '--url', urlB)
    const { height } = await run(t, 'submit', one, other, '--url', urlB)
    const { change, params } = await read(`${urlA}/v2/params`)
    t.match({ change, params }, { params: { blockIntervalMs: 600 }, change: { params: { blockIntervalMs: 200 } } })
    t.ok(change.effectiveHeight > height && change.effectiveHeight % 8 === 1, JSON.stringify(change))
    for (const url of [urlA, urlB]) {
      await eventually('the new parameters', async () => (await read(`${url}/v2/params`)).paramsSince === change.effectiveHeight)
      t.match(await read(`${url}/v2/node`), { params: { blockIntervalMs: 200, aliveBlocks: 20 } })
    }
    await eventually('faster blocks', async () => {
      const [last, before] = await blocksOf(urlB)
      return before.height >= change.effectiveHeight && last.timestampMs - before.timestampMs < 600
    })
  })

  await t.test('one leaves, and the other goes on', async (t) => {
    const left = await run(t, 'leave', '--data-dir', dirB, '--url', urlB)
    t.match(await read(`${urlA}/v2/transactions/${left.id}`), { kind: 'leave', key: keyB })
    await eventually('one validator', async () => (await validatorsOf(urlA)).validators.length === 1)
    const { epoch } = await validatorsOf(urlA)
    await eventually('both go on', async () => (await statusOf(urlA)).height > epoch.firstHeight + 3 && (await statusOf(urlB)).height > epoch.firstHeight + 3)
    const later = (await blocksOf(urlA)).filter(({ height }) => height >= epoch.firstHeight)
    t.same([...new Set(later.map(({ proposer }) => proposer))], [keyA])
    t.equal((await read(`${urlB}/v2/node`)).validator, null)
    t.match(await runProgram(['leave', '--data-dir', dirA, '--url', urlA]), { code: EXIT_CODES.refused, err: /last_validator/ })
  })

  await assertAgreement(t, [urlA, urlB], 40)
  for (const node of [a, b]) t.equal((await node.stop('SIGTERM')).code, EXIT_CODES.ok)
  for (const dir of [dirA, dirB]) t.match(await runJson(['verify', '--data-dir', dir]), { code: EXIT_CODES.ok })
})
