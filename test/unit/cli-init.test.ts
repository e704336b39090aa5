import t from 'tap'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from '../../src/base/bytes.ts'
import { keyFromText } from '../../src/crypto/keys.ts'
import { isFresh } from '../../src/cli/network.ts'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import type { Genesis } from '../../src/protocol/genesis.ts'
import { genesisFromJson, genesisHash } from '../../src/protocol/genesis.ts'
import type { Ran } from './cli-support.ts'
import { runCli } from './cli-support.ts'

const init = (dataDir: string, ...args: string[]): Promise<Ran> => runCli(['init', '--data-dir', dataDir, '--json', ...args])

function genesisOf(dataDir: string): Genesis {
  const read = genesisFromJson(readFileSync(join(dataDir, 'genesis.json'), 'utf8'))
  if (!read.ok) throw new Error(read.error.join())
  return read.value
}

const contents = (dataDir: string): Map<string, string> => new Map(readdirSync(dataDir).map((name) => [name, statSync(join(dataDir, name)).isFile() ? readFileSync(join(dataDir, name), 'utf8') : 'directory']))

t.test('init makes keys, the last-signed record and the genesis of a development network', async (t) => {
  const dir = join(t.testdir(), 'new', 'data')
  const { code, out, err } = await init(dir)
  t.equal(code, EXIT_CODES.ok, err)
  t.same(readdirSync(dir).sort(), ['genesis.json', 'last-signed.json', 'node.key', 'validator.key'])
  for (const name of ['node.key', 'validator.key', 'last-signed.json']) t.equal(statSync(join(dir, name)).mode & 0o777, 0o600, name)
  t.equal(statSync(dir).mode & 0o777, 0o700)
  const genesis = genesisOf(dir)
  t.match(genesis, { network: 'pulse-dev', params: { development: true, threshold: 1, blockIntervalMs: 1_000, enrolled: false } })
  const facts = JSON.parse(out)
  t.match(facts, { dataDir: dir, network: 'pulse-dev', development: true, genesisHash: toHex(genesisHash(genesis)), validator: true })
  for (const { key, hex } of [facts.nodeKey, facts.validatorKey]) t.equal(toHex(keyFromText(key)!.subarray(2, 34)), hex)
  t.same(genesis.validators.map(({ key, nodeKey, power }) => [key, nodeKey].map((bin) => Buffer.from(bin, 'latin1').toString('hex')).concat(String(power))), [
    [facts.validatorKey.hex, facts.nodeKey.hex, '1000000'],
  ])
})

t.test('flags shape the genesis', async (t) => {
  const dir = t.testdir()
  const { code, err } = await init(join(dir, 'a'), '--network', 'harbour', '--production', '--threshold', '3', '--interval', '2500')
  t.equal(code, EXIT_CODES.ok, err)
  t.match(genesisOf(join(dir, 'a')), { network: 'harbour', params: { development: false, threshold: 3, blockIntervalMs: 2_500 } })
  await init(join(dir, 'b'), '--production')
  t.match(genesisOf(join(dir, 'b')), { network: 'pulse', params: { development: false, threshold: 1, blockIntervalMs: 5_000 } })
})

t.test('init prints no secret key', async (t) => {
  const dir = join(t.testdir(), 'data')
  const { out, err } = await runCli(['init', '--data-dir', dir])
  const keys = await runCli(['keys', '--data-dir', dir])
  for (const name of ['node.key', 'validator.key']) {
    const { secretKey, publicKey } = JSON.parse(readFileSync(join(dir, name), 'utf8')) as Record<string, string>
    for (const text of [out, err, keys.out, keys.err]) t.notMatch(text, secretKey)
    for (const text of [out, keys.out]) t.match(text, publicKey)
  }
  // A command that is to be copied is never broken.
  for (const line of (out + keys.out).split('\n')) t.ok(line.length <= 80 || line.startsWith('  pulse-node start'), line)
})

t.test('init never overwrites: whatever of a node is there already stops it, and nothing changes', async (t) => {
  for (const name of ['genesis.json', 'node.key', 'validator.key', 'last-signed.json', 'db', 'wal']) {
    const dir = join(t.testdir(), name)
    mkdirSync(dir)
    if (name === 'db' || name === 'wal') mkdirSync(join(dir, name))
    else writeFileSync(join(dir, name), 'precious')
    const before = contents(dir)
    const { code, err } = await init(dir)
    t.equal(code, EXIT_CODES.genesis, name)
    t.match(JSON.parse(err).error.message, `There is already ${join(dir, name)}`)
    t.same(contents(dir), before)
  }
  const dir = join(t.testdir(), 'whole')
  await init(dir)
  const before = contents(dir)
  t.equal((await init(dir, '--network', 'other')).code, EXIT_CODES.genesis)
  t.same(contents(dir), before)
})

t.test('init keeps a configuration that was laid down before', async (t) => {
  const dir = t.testdir({ 'config.json': '{"port": 9000}' })
  t.equal((await init(dir)).code, EXIT_CODES.ok)
  t.equal(readFileSync(join(dir, 'config.json'), 'utf8'), '{"port": 9000}')
})

t.test('a genesis that would be wrong leaves nothing behind', async (t) => {
  const dir = join(t.testdir(), 'data')
  for (const network of ['Upper', '', '-x', 'a'.repeat(33), 'a b', '../x']) {
    const { code, err } = await init(dir, `--network=${network}`)
    t.equal(code, EXIT_CODES.genesis, network)
    t.match(err, 'network must be')
  }
  t.equal((await init(dir, '--threshold', '32769')).code, EXIT_CODES.config)
  t.notOk(existsSync(dir))
})

t.test('init --genesis joins an existing network with keys of its own', async (t) => {
  const dir = t.testdir()
  const first = JSON.parse((await init(join(dir, 'a'), '--threshold', '2')).out)
  const { code, out, err } = await init(join(dir, 'b'), '--genesis', join(dir, 'a', 'genesis.json'))
  t.equal(code, EXIT_CODES.ok, err)
  const second = JSON.parse(out)
  t.equal(second.genesisHash, first.genesisHash)
  t.equal(second.validator, false)
  t.not(second.nodeKey.key, first.nodeKey.key)
  t.equal(readFileSync(join(dir, 'b', 'genesis.json'), 'utf8'), readFileSync(join(dir, 'a', 'genesis.json'), 'utf8'))
})

t.test('a genesis that is missing or wrong is refused, and nothing is made', async (t) => {
  const dir = t.testdir({ broken: '{', unknown: '{"version": 1, "colour": 2}' })
  for (const [name, pattern] of [['absent', /ENOENT/], ['broken', /not JSON/], ['unknown', /and \d+ more/]] as const) {
    const { code, err } = await init(join(dir, 'data'), '--genesis', join(dir, name))
    t.equal(code, EXIT_CODES.genesis, name)
    t.match(err, pattern)
  }
  t.notOk(existsSync(join(dir, 'data')))
})

t.test('a data directory that cannot be made is a failure of the storage', async (t) => {
  const dir = t.testdir({ file: '' })
  t.equal((await init(join(dir, 'file'))).code, EXIT_CODES.storage)
  t.equal((await init(join(dir, 'file', 'below'))).code, EXIT_CODES.storage)
})

t.test('only a new or empty directory is fresh', async (t) => {
  const dir = t.testdir({ empty: {}, prepared: { 'config.json': '{}', 'lost+found': {} }, used: { 'node.key': '' }, foreign: { 'notes.txt': '' } })
  for (const [name, fresh] of [['absent', true], ['empty', true], ['prepared', true], ['used', false], ['foreign', false]] as const) t.equal(isFresh(join(dir, name)), fresh, name)
})

t.test('start refuses flags that contradict the genesis, and a directory without one', async (t) => {
  const dir = t.testdir({ foreign: { 'notes.txt': '' } })
  await init(join(dir, 'dev'), '--threshold', '2')
  await init(join(dir, 'real'), '--production')
  const cases: [string[], number, RegExp][] = [
    [['--data-dir', join(dir, 'dev'), '--threshold', '3'], EXIT_CODES.genesis, /--threshold is 3, but the genesis .* says 2/],
    [['--data-dir', join(dir, 'dev'), '--interval', '999'], EXIT_CODES.genesis, /--interval is 999, but the genesis .* says 1000/],
    [['--data-dir', join(dir, 'real'), '--simulate'], EXIT_CODES.config, /simulate is 3 \(flag --simulate\), but pulse is no development network/],
    [['--data-dir', join(dir, 'real'), '--simulate', '7'], EXIT_CODES.config, /simulate is 7/],
    [['--data-dir', join(dir, 'foreign')], EXIT_CODES.genesis, /Cannot read the genesis/],
  ]
  for (const [args, exitCode, pattern] of cases) {
    const { code, err } = await runCli(['start', ...args])
    t.equal(code, exitCode, args.join(' '))
    t.match(err, pattern)
  }
  t.same(readdirSync(join(dir, 'foreign')), ['notes.txt'])
})

t.test('device new makes a private key file and never overwrites one', async (t) => {
  const dir = t.testdir()
  for (const curve of ['p256', 'ed25519', 'secp256k1']) {
    const file = join(dir, `${curve}.key`)
    const made = await runCli(['device', 'new', file, '--curve', curve, '--json'])
    t.equal(made.code, EXIT_CODES.ok, made.err)
    t.equal(statSync(file).mode & 0o777, 0o600)
    t.match(JSON.parse(made.out), { file, curve, key: /^z/ })
    t.same(JSON.parse((await runCli(['keys', file, '--json'])).out), JSON.parse(made.out))
    const before = readFileSync(file, 'utf8')
    const again = await runCli(['device', 'new', file])
    t.equal(again.code, EXIT_CODES.config)
    t.equal(readFileSync(file, 'utf8'), before)
  }
})
