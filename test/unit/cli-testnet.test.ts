import t from 'tap'
import { createServer } from 'node:net'
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toBin, toHex } from '../../src/base/bytes.ts'
import { rawKey } from '../../src/crypto/keys.ts'
import { peerIdOf } from '../../src/crypto/peer-id.ts'
import { newNodeKeys } from '../../src/cli/network.ts'
import type { Testnet, TestnetOptions } from '../../src/cli/testnet.ts'
import { prepareTestnet, seedAddress, testnetGenesis } from '../../src/cli/testnet.ts'
import type { NodeProcess } from '../../src/cli/testnet-nodes.ts'
import { failureOf } from '../../src/cli/testnet-nodes.ts'
import { loadConfig } from '../../src/ops/config.ts'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import { readKeyFile } from '../../src/ops/keyfile.ts'
import { createSigner } from '../../src/ops/signer.ts'
import { checkGenesis, genesisHash } from '../../src/protocol/genesis.ts'
import { runCli } from './cli-support.ts'

const NOW_MS = 1_790_000_000_000
const prepare = (dir: string, options: Partial<TestnetOptions> = {}): Testnet => prepareTestnet({ dir, nowMs: NOW_MS, ...options })

/** Every file below a directory with its content. */
const contents = (dir: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path, readFileSync(path, 'utf8')]),
  )

t.test('a new testnet has a whole data directory for each node, and one genesis with all of them', async (t) => {
  const dir = join(t.testdir(), 'new', 'net')
  const testnet = prepare(dir, { nodes: 4 })
  t.equal(testnet.fresh, true)
  t.same(readdirSync(dir).sort(), ['node0', 'node1', 'node2', 'node3'])
  const { genesis, nodes } = testnet
  t.same(checkGenesis(genesis), [])
  t.match(genesis, { network: 'pulse-testnet', timeMs: NOW_MS, params: { development: true, blockIntervalMs: 1_000 } })
  t.same(genesis.validators.map(({ power }) => power), [1_000_000, 1_000_000, 1_000_000, 1_000_000])
  const files = new Set(nodes.map(({ dataDir }) => readFileSync(join(dataDir, 'genesis.json'), 'utf8')))
  t.equal(files.size, 1)
  for (const { dataDir, validator, peerId } of nodes) {
    t.same(readdirSync(dataDir).sort(), ['config.json', 'genesis.json', 'last-signed.json', 'node.key', 'validator.key'])
    for (const name of ['node.key', 'validator.key', 'last-signed.json']) t.equal(statSync(join(dataDir, name)).mode & 0o777, 0o600)
    const keys = readKeyFile(join(dataDir, 'validator.key'), 'ed25519')
    t.equal(toHex(rawKey(keys.publicKey, 'ed25519')), validator)
    t.same(createSigner({ keys, path: join(dataDir, 'last-signed.json') }).last(), { height: 0, round: 0, step: null })
    const nodeKey = rawKey(readKeyFile(join(dataDir, 'node.key'), 'ed25519').publicKey, 'ed25519')
    t.equal(peerIdOf(nodeKey), peerId)
    t.ok(genesis.validators.some((entry) => entry.nodeKey === toBin(nodeKey) && Buffer.from(entry.key, 'latin1').toString('hex') === validator))
  }
})

t.test('every node has ports of its own, and node0 as its seed', async (t) => {
  const dir = t.testdir()
  const { nodes } = prepare(dir, { nodes: 3, basePort: 9_000, baseP2pPort: 9_100 })
  const seed = `/ip4/127.0.0.1/tcp/9100/p2p/${nodes[0]!.peerId}`
  t.equal(seedAddress(9_100, nodes[0]!.peerId), seed)
  for (const [i, { name, dataDir, url, port, p2pPort }] of nodes.entries()) {
    t.same([name, dataDir, url, port, p2pPort], [`node${i}`, join(dir, `node${i}`), `http://127.0.0.1:${9_000 + i}`, 9_000 + i, 9_100 + i])
    const { config } = loadConfig({ flags: { dataDir } })
    t.match(config, { host: '127.0.0.1', port: 9_000 + i, p2pPort: 9_100 + i, verifyThreads: 1 })
    t.same(config.seeds, i === 0 ? [] : [seed])
  }
})

t.test('without flags there are four nodes at the ports of a node and those after', async (t) => {
  const { nodes } = prepare(t.testdir())
  t.same(nodes.map(({ port, p2pPort }) => [port, p2pPort]), [[8080, 4001], [8081, 4002], [8082, 4003], [8083, 4004]])
})

t.test('powers are lives, each of its own node, whatever the order of the keys', async (t) => {
  const { genesis, nodes } = prepare(t.testdir(), { powers: [40, 30, 20, 10], intervalMs: 500 })
  t.equal(nodes.length, 4)
  t.equal(genesis.params.blockIntervalMs, 500)
  const powers = nodes.map(({ validator }) => genesis.validators.find(({ key }) => toHex(Buffer.from(key, 'latin1')) === validator)?.power)
  t.same(powers, [40_000_000, 30_000_000, 20_000_000, 10_000_000])
})

t.test('the genesis is the same for the same keys, and valid for any number of nodes', async (t) => {
  for (const count of [1, 2, 7, 32]) {
    const keys = Array.from({ length: count }, newNodeKeys)
    const genesis = testnetGenesis(keys, { nowMs: NOW_MS })
    t.same(checkGenesis(genesis), [])
    t.same(genesisHash(testnetGenesis(keys, { nowMs: NOW_MS })), genesisHash(genesis))
    t.same(genesisHash(testnetGenesis(keys.toReversed(), { nowMs: NOW_MS })), genesisHash(genesis), 'the order of the nodes does not matter')
  }
})

t.test('a testnet that is there is used again, unchanged', async (t) => {
  const dir = t.testdir()
  const made = prepare(dir, { powers: [2, 1, 1], intervalMs: 700 })
  const before = contents(dir)
  for (const options of [{}, { nodes: 3 }, { powers: [2, 1, 1], intervalMs: 700 }]) {
    t.same(prepare(dir, options), { ...made, fresh: false })
    t.same(contents(dir), before)
  }
})

t.test('hearts are enrolled by the genesis, kept for the next time, and a registrar may enrol more', async (t) => {
  const dir = t.testdir()
  const { genesis, nodes, hearts } = prepare(dir, { nodes: 2, hearts: 3 })
  t.same(readdirSync(dir).sort(), ['hearts.json', 'node0', 'node1', 'registrar.key'])
  for (const name of ['hearts.json', 'registrar.key']) t.equal(statSync(join(dir, name)).mode & 0o777, 0o600, name)
  t.same(checkGenesis(genesis), [])
  t.same(hearts!.map((each) => each.length), [3, 3])
  t.same(genesis.enrolled, hearts!.flat().map(({ publicKey }) => toBin(publicKey)).sort())
  t.same(genesis.registrars, [toBin(readKeyFile(join(dir, 'registrar.key')).publicKey)])
  t.equal(genesis.params.enrolled, true)
  t.ok(genesis.params.epochBlocks < 60, 'power moves while one looks')
  for (const again of [{}, { hearts: 3 }, { hearts: 1 }, { hearts: 0 }]) t.same(prepare(dir, again), { dir, fresh: false, genesis, nodes, hearts })
  t.throws(() => prepare(dir, { hearts: 4 }), { code: 'genesis', message: /--hearts is 4, but .* has 3/ })
  writeFileSync(join(dir, 'hearts.json'), '[["xx"], []]')
  t.throws(() => prepare(dir), { code: 'genesis', message: /hearts of this testnet cannot be read/ })
})

t.test('without hearts any key is a life', async (t) => {
  const dir = t.testdir()
  const { genesis, hearts } = prepare(dir, { nodes: 1 })
  t.match({ hearts, genesis }, { hearts: null, genesis: { registrars: [], enrolled: [], params: { enrolled: false } } })
  t.same(prepare(dir, { hearts: 1_000 }).hearts, null, 'as many as one likes')
})

t.test('a genesis enrols only so many hearts', async (t) => {
  const dir = join(t.testdir(), 'net')
  t.throws(() => prepare(dir, { nodes: 32, hearts: 129 }), { code: 'config', message: /4128 hearts/ })
  t.notOk(existsSync(dir))
})

t.test('the command makes a network that counts enrolled lives, unless it is told otherwise', async (t) => {
  const dir = t.testdir()
  prepare(dir, { nodes: 1, hearts: 2 })
  t.match(await runCli(['testnet', '--dir', dir, '--open']), { code: EXIT_CODES.genesis, err: /counts enrolled lives/ })
})

t.test('flags that contradict the testnet that is there are refused, and nothing changes', async (t) => {
  const dir = t.testdir()
  prepare(dir, { powers: [2, 1, 1] })
  const before = contents(dir)
  const cases: [Partial<TestnetOptions>, RegExp][] = [
    [{ nodes: 4 }, /--nodes is 4, but .* has 3/],
    [{ nodes: 2 }, /--nodes is 2, but .* has 3/],
    [{ powers: [1, 1, 2] }, /--powers is 1,1,2, but .* has 2,1,1/],
    [{ intervalMs: 999 }, /--interval is 999, but .* has 1000/],
  ]
  for (const [options, message] of cases) t.throws(() => prepare(dir, options), { code: 'genesis', message })
  t.same(contents(dir), before)
})

t.test('other ports move a testnet; what else is configured stays', async (t) => {
  const dir = t.testdir()
  const made = prepare(dir, { nodes: 2, basePort: 9_000, baseP2pPort: 9_100 })
  const file = join(dir, 'node1', 'config.json')
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), logLevel: 'debug' }))
  rmSync(join(dir, 'node0', 'config.json'))
  const moved = prepare(dir, { basePort: 9_200, baseP2pPort: 9_300 })
  t.same(moved.nodes.map(({ port, p2pPort }) => [port, p2pPort]), [[9_200, 9_300], [9_201, 9_301]])
  const { config } = loadConfig({ flags: { dataDir: join(dir, 'node1') } })
  t.match(config, { logLevel: 'debug', port: 9_201, p2pPort: 9_301 })
  t.same(config.seeds, [seedAddress(9_300, made.nodes[0]!.peerId)])
  t.same(prepare(dir, { basePort: 9_400 }).nodes.map(({ port, p2pPort }) => [port, p2pPort]), [[9_400, 9_300], [9_401, 9_301]])
})

t.test('ports that do not exist or are wanted twice are refused, and nothing is made', async (t) => {
  const dir = join(t.testdir(), 'net')
  t.throws(() => prepare(dir, { nodes: 4, basePort: 65_533 }), { code: 'config', message: /above 65535/ })
  t.throws(() => prepare(dir, { nodes: 4, basePort: 4_000, baseP2pPort: 4_003 }), { code: 'config', message: /used twice/ })
  t.throws(() => prepare(dir, { nodes: 3, powers: [1, 1] }), { code: 'config', message: /2 powers for 3 nodes/ })
  t.notOk(existsSync(dir))
  t.equal(prepare(dir, { nodes: 4, basePort: 65_532, baseP2pPort: 65_528 }).nodes.at(-1)!.port, 65_535)
})

t.test('a testnet that was cut short, or something else, is never overwritten', async (t) => {
  const dir = t.testdir()
  prepare(dir, { nodes: 3 })
  rmSync(join(dir, 'node0'), { recursive: true })
  const before = contents(dir)
  t.throws(() => prepare(dir, { nodes: 3 }), { code: 'genesis', message: /no whole network/ })
  t.same(contents(dir), before)
})

t.test('nodes of two networks in one directory are refused', async (t) => {
  const dir = t.testdir()
  prepare(join(dir, 'a'), { nodes: 2 })
  prepare(join(dir, 'b'), { nodes: 2 })
  cpSync(join(dir, 'b', 'node1'), join(dir, 'a', 'node1'), { recursive: true, force: true })
  t.throws(() => prepare(join(dir, 'a')), { code: 'genesis', message: /node1 is of another network/ })
})

t.test('a key that others can read is refused', async (t) => {
  const dir = t.testdir()
  prepare(dir, { nodes: 2 })
  chmodSync(join(dir, 'node1', 'validator.key'), 0o644)
  t.throws(() => prepare(dir), { code: 'config', message: /other users/ })
})

t.test('wrong flags are refused before anything is made', async (t) => {
  const dir = join(t.testdir(), 'net')
  const cases: [string[], RegExp][] = [
    [['--nodes', '0'], /--nodes is "0"/],
    [['--nodes', '33'], /--nodes is "33"/],
    [['--powers', '1,1,'], /--powers is "1,1,"/],
    [['--powers', '0,1'], /--powers is "0,1"/],
    [['--powers', '1.5,1'], /--powers is/],
    [['--nodes', '2', '--powers', '1,1,1'], /3 powers for 2 nodes/],
    [['--interval', '99'], /--interval is "99"/],
    [['--hearts', '-1'], /--hearts is "-1"/],
    [['--seconds', '0'], /--seconds is "0"/],
    [['--base-port', '65536'], /--base-port is "65536"/],
  ]
  for (const [args, message] of cases) {
    const { code, out, err } = await runCli(['testnet', '--dir', dir, ...args])
    t.equal(code, EXIT_CODES.config, args.join(' '))
    t.equal(out, '')
    t.match(err, message)
  }
  t.equal((await runCli(['testnet', '--dir', dir, '--powers', '999999999,999999999'])).code, EXIT_CODES.genesis, 'more power than a network may have')
  t.notOk(existsSync(dir))
})

t.test('a port that is taken stops the testnet before a node starts', async (t) => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const dir = join(t.testdir(), 'net')
  const { code, out, err } = await runCli(['testnet', '--dir', dir, '--nodes', '1', '--base-port', String(port), '--base-p2p-port', String(port === 65_535 ? 1 : port + 1)])
  t.same([code, out], [EXIT_CODES.port, ''])
  t.match(err, `Port ${port} of node0 is taken`)
  t.notOk(existsSync(join(dir, 'node0', 'node.log')))
})

t.test('a node that does not come up says why', async (t) => {
  const { nodes } = prepare(t.testdir(), { nodes: 1 })
  const [node] = nodes
  const log = join(node!.dataDir, 'node.log')
  const ended = (code: number): NodeProcess => ({ node: node!, pid: 1, end: { code, text: `code ${code}` } })
  const failed = JSON.stringify({ error: { code: 'storage', exitCode: 8, message: 'Only 3 MiB are free', remedy: 'Free space.' } })
  writeFileSync(log, `${'{"msg":"Stopped"}\n'.repeat(2_000)}${failed}\n`)
  t.match(failureOf(ended(8)), { code: 'storage', message: 'node0: Only 3 MiB are free', remedy: 'Free space.' })
  t.match(failureOf(ended(1)), { code: 'failed', message: /code 1/ }, 'that failure was of an earlier run')
  for (const text of ['', '{"msg":"Stopped"}\n', 'Segmentation fault\n', 'null\n']) {
    writeFileSync(log, text)
    t.match(failureOf(ended(1)), { code: 'failed', message: 'node0 ended (code 1) before it was up', remedy: `See ${log}` })
  }
})
