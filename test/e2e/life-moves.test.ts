// Lives that move to a new validator take their power with them, as fast as the bound allows, and it proposes.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { compareBin } from '../../src/base/bytes.ts'
import { seedAddress } from '../../src/cli/testnet.ts'
import { keyBinFromText, rawKey } from '../../src/crypto/keys.ts'
import { peerIdOf } from '../../src/crypto/peer-id.ts'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import { readKeyFile } from '../../src/ops/keyfile.ts'
import type { Json } from './harness.ts'
import { eventually, postBytes, read, readAll, RunningNode, runJson } from './harness.ts'
import { networkOf, newLife, nextBeat } from './lives.ts'
import { assertAgreement } from './several.ts'
import { freePorts } from '../ports.ts'

t.setTimeout(600_000)

const LIFE = 1_000_000
/** A few epochs. */
const PATIENCE_MS = 150_000
const LIVES = 8
/** Epochs of 9 s: lives beat once a second, and must be seen in every quarter. */
const PARAMS = { blockIntervalMs: 500, epochBlocks: 16, lifeWindowEpochs: 1 }

t.test('lives move to a node that joined without base power', async (t) => {
  const root = t.testdir()
  const dirs = [0, 1, 2].map((i) => join(root, `node${i}`)) as [string, string, string]
  const base = await freePorts(6)
  const urls = [0, 1, 2].map((i) => `http://127.0.0.1:${base + i}`) as [string, string, string]
  const lives = Array.from({ length: LIVES }, () => newLife())
  const run = async (...args: string[]): Promise<Json> => {
    const { code, json, err } = await runJson(args)
    if (code !== EXIT_CODES.ok) throw new Error(`pulse-node ${args[0]}: ${err}`)
    return json
  }

  // Two validators with the base power of one life each, and a node that only follows.
  const [first, second] = [await run('init', '--data-dir', dirs[0]), await run('init', '--data-dir', dirs[1])]
  const file = join(dirs[0], 'genesis.json')
  const made = JSON.parse(readFileSync(file, 'utf8'))
  const other = JSON.parse(readFileSync(join(dirs[1], 'genesis.json'), 'utf8'))
  const genesis = {
    ...made,
    params: { ...made.params, ...PARAMS, enrolled: true },
    validators: [...made.validators, ...other.validators].map((each: Json) => ({ ...each, power: LIFE })).sort((a, b) => (a.key < b.key ? -1 : 1)),
    enrolled: lives.map(({ keyText }) => keyText).sort((a, b) => compareBin(keyBinFromText(a)!, keyBinFromText(b)!)),
  }
  for (const dir of dirs.slice(0, 2)) writeFileSync(join(dir, 'genesis.json'), JSON.stringify(genesis))
  const joiner = (await run('init', '--data-dir', dirs[2], '--genesis', file)).validatorKey.hex as string
  const seed = seedAddress(base + 3, peerIdOf(rawKey(readKeyFile(join(dirs[0], 'node.key'), 'ed25519').publicKey, 'ed25519')))
  for (const [i, dir] of dirs.entries()) {
    const ports = ['--host', '127.0.0.1', '--port', String(base + i), '--p2p-port', String(base + 3 + i)]
    const node = new RunningNode(dir, ['start', '--data-dir', dir, '--json', ...ports, ...(i === 0 ? [] : ['--seed', seed])], {})
    t.teardown(() => node.kill())
    await node.message('Node started')
  }

  let through = urls[0]
  let stopped = false
  t.teardown(() => void (stopped = true))
  for (const [i, life] of lives.entries()) {
    void (async () => {
      await delay((1_000 * i) / LIVES)
      while (!stopped) {
        const facts = await networkOf(through).catch(() => null)
        const beat = facts === null ? null : nextBeat(facts, life)
        if (beat !== null) await postBytes(`${through}/v2/heartbeats`, beat.row).catch(() => null)
        await delay(1_000)
      }
    })()
  }

  /** Powers by epoch, as they are seen. */
  const epochs = new Map<number, Map<string, number>>()
  const look = async (): Promise<Map<string, number>> => {
    const { epoch, validators } = await read(`${urls[0]}/v2/validators`)
    const powers = new Map<string, number>((validators as Json[]).map(({ key, power }) => [key, power]))
    epochs.set(epoch.number, powers)
    return powers
  }
  const [a, b] = [first.validatorKey.hex, second.validatorKey.hex] as [string, string]
  await eventually('the lives give power to the first node', async () => ((await look()).get(a) ?? 0) >= 4 * LIFE, PATIENCE_MS)
  await run('join', '--data-dir', dirs[2], '--url', urls[2], '--no-wait')
  await eventually('the third is a validator, with the least power there is', async () => (await look()).get(joiner) === 1, PATIENCE_MS)
  through = urls[2]
  // Together at most twice the base power: 4 lives.
  const done = await eventually('all life power has moved', async () => {
    const powers = await look()
    return powers.get(joiner) === 4 * LIFE && powers.get(a) === LIFE && powers
  }, PATIENCE_MS)
  t.strictSame([done.get(a), done.get(b), done.get(joiner)], [LIFE, LIFE, 4 * LIFE])

  const numbers = [...epochs.keys()].sort((x, y) => x - y)
  t.comment(numbers.map((number) => `epoch ${number}: ${[a, b, joiner].map((key) => epochs.get(number)!.get(key) ?? 0).join(', ')}`).join('; '))
  const steps = numbers.slice(1).filter((number) => epochs.has(number - 1))
  for (const number of steps) {
    const [before, after] = [epochs.get(number - 1)!, epochs.get(number)!]
    const gained = [...after].reduce((sum, [key, power]) => sum + Math.max(0, power - (before.get(key) ?? 0)), 0)
    const total = [...before.values()].reduce((sum, power) => sum + power, 0)
    t.ok(3 * gained <= total, `epoch ${number}: ${gained} of ${total} moved`)
  }
  t.ok(steps.length >= 3, `${steps.length} changes were seen`)
  await eventually('it proposes', async () => ((await readAll(`${urls[1]}/v2/blocks`, 'blocks'))).some(({ proposer }) => proposer === joiner), PATIENCE_MS)
  await assertAgreement(t, urls, 40)
})
