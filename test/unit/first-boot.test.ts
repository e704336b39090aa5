// First boot of an instance: what it makes, what it keeps, and what it refuses before anything is written.

import type { Test } from 'tap'
import t from 'tap'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FirstBootPaths, FirstBootResult, Machine } from '../../src/cli/first-boot.ts'
import { firstBoot } from '../../src/cli/first-boot.ts'
import { initialise } from '../../src/cli/network.ts'
import { readGenesis } from '../../src/ops/genesis-file.ts'
import { systemClock } from '../../src/ops/clock.ts'
import { Failure } from '../../src/ops/failure.ts'
import type { Volume } from '../../src/ops/volume.ts'
import type { FakeImds, FakeInstance } from './fake-imds.ts'
import { startFakeImds } from './fake-imds.ts'
import { runCli } from './cli-support.ts'

interface Instance {
  readonly paths: FirstBootPaths
  readonly imds: FakeImds
  readonly said: string[]
  boot(more?: Partial<Machine>): Promise<FirstBootResult>
  setUserData(data: unknown): void
  readonly contents: () => string[]
}

/** Several in a test: testdir() has only one. */
function directory(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'pulse-first-boot-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

async function launch(t: Test, userData: unknown, values: Record<string, string> = {}): Promise<Instance> {
  const root = directory(t)
  mkdirSync(join(root, 'etc'))
  const paths = { userData: join(root, 'etc', 'user-data.json'), config: join(root, 'etc', 'config.json'), dataDir: join(root, 'lib', 'data') }
  const instance: FakeInstance = { instanceId: 'i-1', values, userData: null }
  const imds = await startFakeImds(instance)
  t.teardown(() => imds.close())
  const said: string[] = []
  const setUserData = (data: unknown): void => void (instance.userData = data === null ? null : typeof data === 'string' ? data : JSON.stringify(data))
  setUserData(userData)
  const machine: Machine = {
    fetch,
    clock: systemClock,
    isEc2: true,
    builtMs: null,
    imds: { url: imds.url, pausesMs: [], timeoutMs: 300 },
    adoptVolume: () => Promise.reject(new Error('nobody asked for a volume')),
    own: () => undefined,
    asOwner: (act) => act(),
  }
  return {
    paths,
    imds,
    said,
    setUserData,
    boot: (more = {}) => firstBoot(paths, { ...machine, ...more }, (line) => said.push(line)),
    contents: () => (existsSync(paths.dataDir) ? readdirSync(paths.dataDir).sort() : []),
  }
}

const COMPLETE = ['genesis.json', 'last-signed.json', 'node.key', 'validator.key']
const SOLO = { instance: { network: { name: 'harbour', threshold: 2, intervalMs: 2_000 } } }
const config = ({ paths }: Instance): unknown => JSON.parse(readFileSync(paths.config, 'utf8'))

t.test('an instance with a network of its own: identity, genesis, configuration, public address', async (t) => {
  const one = await launch(t, { wsClients: 7, ...SOLO }, { 'meta-data/public-ipv4': '203.0.113.9', 'meta-data/ipv6': '2001:db8::9' })
  const made = await one.boot()
  t.same(one.contents(), COMPLETE)
  const announce = ['/ip4/203.0.113.9/tcp/4001', '/ip6/2001:db8::9/tcp/4001']
  t.same(config(one), { wsClients: 7, announce })
  t.equal(statSync(one.paths.config).mode & 0o777, 0o644)
  t.match(made, { network: 'harbour', announce, volume: null, validator: /^[0-9a-f]{64}:[0-9a-f]{64}$/, peerId: /^12D3KooW/ })
  t.match(readGenesis(join(one.paths.dataDir, 'genesis.json')), { network: 'harbour', params: { threshold: 2, blockIntervalMs: 2_000, development: false } })
  t.match(one.said, [/^Made the identity of this instance: validator /])
  t.same(readdirSync(join(one.paths.config, '..')), ['config.json'], 'no draft stays')
})

t.test('at the next boot the identity stays, and changed user-data is taken over', async (t) => {
  const one = await launch(t, SOLO)
  const first = await one.boot()
  const before = one.contents().map((name) => readFileSync(join(one.paths.dataDir, name), 'utf8'))
  one.setUserData({ ...SOLO, logLevel: 'debug' })
  t.match(await one.boot(), { validator: first.validator, peerId: first.peerId })
  t.same(one.contents().map((name) => readFileSync(join(one.paths.dataDir, name), 'utf8')), before)
  t.match(config(one), { logLevel: 'debug' })
  t.match(one.said.at(-1), /^Identity of this instance/)
})

t.test('two instances have two identities', async (t) => {
  const [a, b] = [await (await launch(t, SOLO)).boot(), await (await launch(t, SOLO)).boot()]
  t.not(a.validator, b.validator)
  t.not(a.peerId, b.peerId)
})

t.test('a network of several: keys first, then the genesis that is made from them', async (t) => {
  const instances = [await launch(t, { seeds: [] }), await launch(t, { seeds: [] }), await launch(t, { seeds: [] })]
  const validators: string[] = []
  for (const one of instances) {
    await t.rejects(one.boot(), { code: 'genesis', message: /belongs to no network yet/, remedy: /pulse-node genesis/ })
    t.same(one.contents(), ['last-signed.json', 'node.key', 'validator.key'])
    t.notOk(existsSync(one.paths.config), 'the node has nothing to start with')
    validators.push(/validator (\S+) peer/.exec(one.said.join())![1]!)
  }
  const { out } = await runCli(['genesis', '--network', 'three', ...validators.flatMap((text) => ['--validator', text])])
  for (const [i, one] of instances.entries()) {
    one.setUserData({ instance: { genesis: { inline: JSON.parse(out) as unknown } } })
    const made = await one.boot()
    t.match(made, { network: 'three', validator: validators[i] }, 'the keys are still the same')
    t.equal(readFileSync(join(one.paths.dataDir, 'genesis.json'), 'utf8'), out)
  }
})

t.test('a genesis that cannot be had yet does not keep an instance from making its keys', async (t) => {
  const one = await launch(t, { instance: { genesis: { path: '/nowhere/genesis.json' } } })
  await t.rejects(one.boot(), { code: 'config', message: /Cannot read \/nowhere\/genesis.json/ })
  t.same(one.contents(), ['last-signed.json', 'node.key', 'validator.key'])
  t.equal(one.said.length, 1)
})

t.test('settings come from all sources, the nearest last', async (t) => {
  const tags = { 'meta-data/tags/instance/pulse': '{"wsClients": 1, "logLevel": "debug"}' }
  const one = await launch(t, { wsClients: 3, instance: { ...SOLO.instance, settings: [{ tag: 'pulse' }, { inline: { logLevel: 'warn', wsClients: 2 } }] } }, tags)
  await one.boot()
  t.same(config(one), { wsClients: 3, logLevel: 'warn' })
})

t.test('addresses: public, else private, or what the settings say', async (t) => {
  const addresses = { 'meta-data/public-ipv4': '203.0.113.9', 'meta-data/local-ipv4': '10.0.0.7' }
  const announced = async (data: object, values: Record<string, string>): Promise<readonly string[]> => (await (await launch(t, data, values)).boot()).announce
  const asked = (announce: string): object => ({ p2pPort: 5000, instance: { ...SOLO.instance, announce } })
  t.same(await announced(asked('public'), addresses), ['/ip4/203.0.113.9/tcp/5000'])
  t.same(await announced(asked('public'), { 'meta-data/local-ipv4': '10.0.0.7' }), ['/ip4/10.0.0.7/tcp/5000'])
  t.same(await announced(asked('private'), addresses), ['/ip4/10.0.0.7/tcp/5000'])
  t.same(await announced(asked('none'), addresses), [])
  const own = await launch(t, { announce: ['/dns4/node.example.org/tcp/4001'], ...SOLO }, addresses)
  await own.boot()
  t.match(config(own), { announce: ['/dns4/node.example.org/tcp/4001'] })
})

t.test('wrong user-data is refused before anything is written', async (t) => {
  const cases: [data: unknown, message: RegExp, remedy?: RegExp][] = [
    [null, /no configuration: its user-data is empty/, /user-data such as/],
    ['#cloud-config\n', /no configuration/],
    ['{"port": 8080', /The user-data is not JSON/],
    [{ ...SOLO, prot: 9000 }, /Unknown key "prot" \(user-data\)/, /Did you mean port\?/],
    [{ ...SOLO, prot: 1, logLevel: 'loud' }, /Unknown key "prot"/, /Also: logLevel is "loud"/],
    [{ ...SOLO, seeds: ['seed.example.org:4001'] }, /seeds is \["seed/, /an address like \/dns4/],
    [{ ...SOLO, port: 4001 }, /port and p2pPort are both 4001/, /\(user-data, default\)/],
    [{ instance: { ...SOLO.instance, settings: [{ inline: { huh: 1 } }] } }, /Unknown key "huh"/],
    [{ instance: { ...SOLO.instance, settings: [{ inline: { dataDir: '/x' } }] } }, /dataDir is set/],
    [{ instance: { ...SOLO.instance, settings: [{ tag: 'none' }] } }, /no tag none/],
  ]
  for (const [data, message, remedy = /./] of cases) {
    const one = await launch(t, data)
    await t.rejects(one.boot(), { code: 'config', message, remedy }, JSON.stringify(data))
    t.same(one.contents(), [], 'no data directory')
    t.notOk(existsSync(one.paths.config), 'no configuration')
  }
})

t.test('a metadata service that is silent or talks nonsense stops the boot', async (t) => {
  const one = await launch(t, SOLO)
  for (const mood of ['silent', 'rubbish', 'no-tokens', 'failing'] as const) {
    one.imds.mood = mood
    await t.rejects(one.boot(), { code: 'unreachable', message: /metadata service/ }, mood)
  }
  t.same(one.contents(), [])
  const odd = await launch(t, SOLO, { 'meta-data/public-ipv4': 'none of your business' })
  await t.rejects(odd.boot(), { code: 'unreachable', message: /answers rubbish: announce is/ })
  t.same(odd.contents(), [])
})

t.test('a clock that is years off stops the boot, whoever tells', async (t) => {
  const at = (iso: string): Machine['clock'] => ({ ...systemClock, nowMs: () => Date.parse(iso) })
  const one = await launch(t, SOLO)
  await t.rejects(one.boot({ clock: at('2019-03-01') }), { code: 'config', message: /The clock is \d+ s behind that of the metadata service/, remedy: /chronyc/ })
  const file = await launch(t, null)
  writeFileSync(file.paths.userData, JSON.stringify(SOLO))
  const builtMs = Date.parse('2026-11-20')
  await t.rejects(file.boot({ isEc2: false, builtMs, clock: at('2019-03-01') }), { code: 'config', message: 'The clock says 2019-03-01, but this program is of 2026-11-20' })
  await t.rejects(file.boot({ isEc2: false, builtMs, clock: at('2051-03-01') }), { code: 'config', message: /many years after/ })
  t.same([...one.contents(), ...file.contents()], [])
  t.match(await file.boot({ isEc2: false, builtMs: Date.now() }), { network: 'harbour' })
})

t.test('without EC2 user-data is a file, and the metadata address is not asked', async (t) => {
  const one = await launch(t, { port: 1 })
  writeFileSync(one.paths.userData, JSON.stringify(SOLO))
  t.match(await one.boot({ isEc2: false }), { network: 'harbour', announce: [] })
  t.same(one.imds.requests, [])
})

t.test('a volume is asked for before anything is made, and its refusal stops the boot', async (t) => {
  const one = await launch(t, { instance: { ...SOLO.instance, dataVolume: 'auto' } })
  const refusal = new Failure('config', 'The disk /dev/vdb holds a file system of another kind (xfs): it is not formatted', 'Attach the right volume.')
  await t.rejects(one.boot({ adoptVolume: () => Promise.reject(refusal) }), refusal)
  t.same(one.contents(), [])
  const volume: Volume = { device: '/dev/vdb', state: 'formatted' }
  const asked: string[][] = []
  const made = await one.boot({
    async adoptVolume(...args) {
      asked.push(args)
      return volume
    },
  })
  t.same(asked, [['auto', one.paths.dataDir]])
  t.same(made.volume, volume)
  t.equal(one.said[0], 'Data volume /dev/vdb: formatted')
})

t.test("another network's chain is refused, and stays as it is", async (t) => {
  const one = await launch(t, SOLO)
  const { genesis } = initialise(one.paths.dataDir, { network: 'elsewhere', development: true, nowMs: Date.now() })
  await t.rejects(one.boot(), { code: 'wrong_network', message: /holds the network elsewhere, but the user-data asks for harbour/ })
  const other = initialise(join(directory(t), 'other'), { network: 'elsewhere', development: true, nowMs: Date.now() + 1 })
  one.setUserData({ instance: { genesis: { path: other.paths.genesis } } })
  await t.rejects(one.boot(), { code: 'wrong_network', message: /holds the network elsewhere \([0-9a-f]{12}…\), but .* is of the network elsewhere \([0-9a-f]{12}…\)/ })
  t.same(readGenesis(join(one.paths.dataDir, 'genesis.json')), genesis)
  one.setUserData({ logLevel: 'warn' })
  t.match(await one.boot(), { network: 'elsewhere' }, 'a chain that is there needs no word about it')
})

t.test('an identity that is cut short is completed; beside a chain nothing is made again', async (t) => {
  const one = await launch(t, {})
  await t.rejects(one.boot(), { code: 'genesis' })
  const remove = (name: string): void => rmSync(join(one.paths.dataDir, name))
  remove('last-signed.json')
  remove('validator.key')
  one.setUserData(SOLO)
  const made = await one.boot()
  t.same(one.contents(), COMPLETE)
  remove('last-signed.json')
  await t.rejects(one.boot(), { code: 'signer', message: /but no .*last-signed\.json/ })
  t.same(one.contents(), ['genesis.json', 'node.key', 'validator.key'])

  const kept = await launch(t, SOLO)
  await kept.boot()
  rmSync(join(kept.paths.dataDir, 'validator.key'))
  t.match(await kept.boot(), { validator: null }, 'the key may be a credential of the service')
  rmSync(join(kept.paths.dataDir, 'genesis.json'))
  await t.rejects(kept.boot(), { code: 'signer', message: /but no .*validator\.key/ })
  rmSync(join(kept.paths.dataDir, 'last-signed.json'))
  mkdirSync(join(kept.paths.dataDir, 'db'))
  await t.rejects(kept.boot(), { code: 'signer' })
  void made
})

t.test('a machine that is configured by hand is only looked at', async (t) => {
  const one = await launch(t, null)
  writeFileSync(one.paths.config, '{"port": 9000}')
  await t.rejects(one.boot(), { code: 'genesis', message: /Cannot read the genesis/ })
  initialise(one.paths.dataDir, { network: 'mine', development: true, nowMs: Date.now() })
  t.match(await one.boot(), { network: 'mine' })
  t.equal(readFileSync(one.paths.config, 'utf8'), '{"port": 9000}')
  writeFileSync(one.paths.config, '{"prot": 9000}')
  await t.rejects(one.boot(), { code: 'config', message: /Unknown key "prot"/ })
})
