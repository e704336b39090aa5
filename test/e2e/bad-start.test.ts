// Starts that must fail for what the operator gave: one line that names cause and remedy, an exit code of its own, nothing
// overwritten, and never a node that runs on without its data.

import t from 'tap'
import { chmodSync, cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { MetaKey, metaKey } from '../../src/chain/buckets.ts'
import { putSealed } from '../../src/chain/commit.ts'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import { runProgram, startFailing, startNode } from './harness.ts'
import type { Chain, Refused } from './spoilt.ts'
import { assertAlive, assertOneLine, assertRefused, makeChain, recordsOf, spoilt, withLevel } from './spoilt.ts'

t.setTimeout(240_000)

const home = t.testdir()
let chain: Chain

t.test('a chain to spoil', async (t) => {
  chain = await makeChain(t, home)
})

type Case = readonly [name: string, refused: Refused, spoil?: (dir: string) => unknown]

const edit = (name: string, from: string | RegExp, to: string) => (dir: string) =>
  writeFileSync(join(dir, name), readFileSync(join(dir, name), 'utf8').replace(from, to))
const write = (name: string, text: string) => (dir: string) => writeFileSync(join(dir, name), text)
const remove = (name: string) => (dir: string) => rmSync(join(dir, name))
const cut = (name: string, size: number) => (dir: string) => truncateSync(join(dir, name), size)

const SOMEBODY = '"z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH"'

const CONFIG: readonly Case[] = [
  ['a broken config.json', { failure: 'config', cause: /config\.json is not JSON/ }, write('config.json', '{"port": 80')],
  ['a misspelt key', { failure: 'config', cause: /"prot".*Did you mean port\?/ }, write('config.json', '{"prot": 80}')],
  ['a port that is a text', { failure: 'config', cause: /port is "80" \(file .*config\.json\)/ }, write('config.json', '{"port": "80"}')],
  ['a wrong value of a variable', { failure: 'config', cause: /PULSE_LOG_LEVEL/, options: { env: { PULSE_LOG_LEVEL: 'all' } } }],
  ['an unknown variable', { failure: 'config', cause: /PULSE_PROT/, options: { env: { PULSE_PROT: '1' } } }],
  ['a wrong value of a flag', { failure: 'config', cause: /--shutdown-timeout-ms/, args: ['--shutdown-timeout-ms', 'soon'] }],
  ['a file that is not there', { failure: 'config', cause: /cannot be read \(ENOENT\)/, args: ['--config', 'absent.json'] }],
  ['an unknown flag', { failure: 'usage', cause: /--prot/, args: ['--prot', '80'] }],
]

const GENESIS: readonly Case[] = [
  ['a missing genesis', { failure: 'genesis', cause: /Cannot read the genesis/ }, remove('genesis.json')],
  ['a broken genesis', { failure: 'genesis', cause: /not JSON/ }, cut('genesis.json', 200)],
  ['an impossible genesis', { failure: 'genesis', cause: /threshold/ }, edit('genesis.json', '"threshold": 1', '"threshold": 0')],
  ['a genesis with a member too many', { failure: 'genesis', cause: /unknown/ }, edit('genesis.json', '{', '{"motto": "",')],
  ['a flag against the genesis', { failure: 'genesis', cause: /--threshold is 5/, args: ['--threshold', '5'] }],
]

const KEYS: readonly Case[] = [
  ['a missing node key', { failure: 'config', cause: /no key file .*node\.key/ }, remove('node.key')],
  ['a missing validator key', { failure: 'config', cause: /no key file .*validator\.key/ }, remove('validator.key')],
  ['a broken key', { failure: 'config', cause: /validator\.key is not JSON/ }, cut('validator.key', 100)],
  ['a key that others can read', { failure: 'config', cause: /Run: chmod 600/ }, (dir) => chmodSync(join(dir, 'node.key'), 0o644)],
  ['no last-signed record', { failure: 'signer', cause: /is missing/, unchanged: 'records' }, remove('last-signed.json')],
  ['a broken one', { failure: 'signer', cause: /is not JSON/, unchanged: 'records' }, cut('last-signed.json', 50)],
  ["another key's", { failure: 'signer', cause: /another/, unchanged: 'records' }, edit('last-signed.json', /"z[^"]*"/, SOMEBODY)],
  [
    'one of a newer version',
    { failure: 'newer_schema', cause: /last-signed.*newer version/, unchanged: 'records' },
    edit('last-signed.json', '"version": 1', '"version": 2'),
  ],
]

for (const [title, cases] of [['configuration', CONFIG], ['genesis', GENESIS], ['keys and last-signed record', KEYS]] as const) {
  t.test(title, async (t) => {
    for (const [name, refused, spoil] of cases) await t.test(name, (t) => assertRefused(t, spoilt(chain, spoil), refused))
  })
}

t.test('simulated hearts on a real network', async (t) => {
  const dir = join(home, 'production')
  t.equal((await runProgram(['init', '--production', '--data-dir', dir])).code, EXIT_CODES.ok)
  await assertRefused(t, dir, { failure: 'config', cause: /no development network/, args: ['--simulate'] })
})

t.test('a second node on the same directory', async (t) => {
  const dir = spoilt(chain)
  const first = await startNode(t, dir, ['--simulate', '3'])
  assertOneLine(t, await startFailing(dir), 'locked', /in use/)
  t.equal((await runProgram(['verify', '--data-dir', dir])).code, EXIT_CODES.locked)
  await first.height(first.lastAnnounced + 2)
  t.equal((await first.stop()).code, EXIT_CODES.ok, 'the first one has not noticed')
  await assertAlive(t, dir, first.lastAnnounced)
})

t.test("another network's genesis", async (t) => {
  const other = join(home, 'other')
  t.equal((await runProgram(['init', '--data-dir', other])).code, EXIT_CODES.ok)
  const dir = spoilt(chain, (dir) => cpSync(join(other, 'genesis.json'), join(dir, 'genesis.json')))
  const cause = /belongs to the network [0-9a-f]{8}…, the genesis file to [0-9a-f]{8}…/
  await assertRefused(t, dir, { failure: 'wrong_network', cause, unchanged: 'records' })
  t.equal((await runProgram(['verify', '--data-dir', dir])).code, EXIT_CODES.wrong_network)
  cpSync(join(chain.dir, 'genesis.json'), join(dir, 'genesis.json'))
  await assertAlive(t, dir, chain.height)
})

t.test('a newer schema', async (t) => {
  const dir = spoilt(chain)
  const newer = putSealed(metaKey(MetaKey.schemaVersion), Uint8Array.of(2, 0, 0, 0))
  await withLevel(join(dir, 'db'), (level) => level.put(newer.key, newer.value))
  await assertRefused(t, dir, { failure: 'newer_schema', cause: /schema 2/, unchanged: 'records' })
  t.equal((await runProgram(['verify', '--data-dir', dir])).code, EXIT_CODES.newer_schema)
})

t.test('an occupied port', async (t) => {
  const server = createServer().listen(0, '0.0.0.0')
  t.teardown(() => server.close())
  await new Promise((resolve) => server.on('listening', resolve))
  const { port } = server.address() as { port: number }
  const dir = spoilt(chain)
  const records = await recordsOf(dir)
  assertOneLine(t, await startFailing(dir, ['--port', String(port)]), 'port', new RegExp(`Port ${port} .*taken`))
  assertOneLine(t, await startFailing(dir, ['--p2p-port', String(port)]), 'port', new RegExp(`port ${port} for other nodes is taken`))
  assertOneLine(t, await startFailing(dir, ['--host', '192.0.2.1']), 'port', /not an address of this machine/)
  t.equal(await recordsOf(dir), records, 'the chain is as it was')
  await assertAlive(t, dir, chain.height)
})

t.test('a file in place of the data directory', async (t) => {
  const path = join(home, 'file')
  writeFileSync(path, 'mine')
  assertOneLine(t, await startFailing(path), 'storage', /data directory/)
  t.equal(readFileSync(path, 'utf8'), 'mine')
})
