// What `doctor` finds, from what it is told of a machine; and the command itself, on this one.

import t from 'tap'
import { chmodSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Finding, Probes } from '../../src/cli/doctor.ts'
import { examine } from '../../src/cli/doctor.ts'
import { initialise } from '../../src/cli/network.ts'
import { systemClock } from '../../src/ops/clock.ts'
import { dataDir } from '../../src/ops/datadir.ts'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import type { Config } from '../../src/ops/settings.ts'
import { configWith } from '../../src/ops/settings.ts'
import { runCli } from './cli-support.ts'

const root = join(t.testdir(), 'data')
initialise(root, { network: 'harbour', development: true, nowMs: Date.parse('2026-11-20') })
const paths = dataDir(root)
const GIBIBYTE = 1024 ** 3

const WELL: Probes = {
  clock: { ...systemClock, nowMs: () => Date.parse('2026-12-01') },
  uid: 900,
  builtMs: Date.parse('2026-11-20'),
  file: (path) => ({ isDirectory: path === root, mode: path === root ? 0o700 : 0o600, uid: 900 }),
  disk: () => ({ freeBytes: 50 * GIBIBYTE, freeInodes: 1e6 }),
  lockHolder: () => null,
  nodeAnswers: async () => false,
  listen: async () => null,
  dial: async () => null,
  resolveDnsaddr: async () => null,
  clockSynchronised: () => true,
  openFiles: () => 65_536,
}

const SEED = '/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWBgbrXSsLTsR7KJCEyYzHnC1KXhpZpy2fuRyuqxvRtRzU'

async function findings(probes: Partial<Probes> = {}, config: Partial<Config> = {}): Promise<Finding[]> {
  return examine({ config: configWith(config), problems: [], paths }, { ...WELL, ...probes })
}

/** `verdict text` of one check. */
async function finding(check: string, probes: Partial<Probes>, config: Partial<Config> = {}): Promise<string> {
  const found = (await findings(probes, config)).filter((one) => one.check === check)
  return found.map(({ verdict, text }) => `${verdict} ${text}`).join('; ')
}

t.test('a node that is well gets no remark', async (t) => {
  const all = await findings({}, { seeds: [SEED], announce: ['/dns4/node.example.org/tcp/4001'] })
  t.same(all.filter(({ verdict }) => verdict === 'warn' || verdict === 'fail'), [])
  t.same(
    all.map(({ check }) => check),
    ['configuration', 'permissions', 'genesis', 'disk', 'lock', 'API port', 'p2p port', 'clock', 'limits', 'seed', 'announced'],
  )
})

t.test('each thing that is wrong is found, with what to do', async (t) => {
  const mode = (wrong: string, bits: number): Probes['file'] => (path) => ({ ...WELL.file(path)!, ...(path === wrong ? { mode: bits } : {}) })
  const gone = (wrong: string): Probes['file'] => (path) => (path === wrong ? null : WELL.file(path))
  const owner = (wrong: string): Probes['file'] => (path) => ({ ...WELL.file(path)!, ...(path === wrong ? { uid: 5 } : {}) })
  const cases: [check: string, probes: Partial<Probes>, expected: RegExp, config?: Partial<Config>][] = [
    ['permissions', { file: gone(root) }, /^fail There is no .*data\. Check --data-dir/],
    ['permissions', { file: (path) => ({ ...WELL.file(path)!, isDirectory: false }) }, /^fail .* is not a directory/],
    ['permissions', { uid: 901 }, /^fail .* belongs to user 900, this is user 901/],
    ['permissions', { uid: 0 }, /^ok/],
    ['permissions', { file: mode(root, 0o755) }, /^warn .*chmod 700/],
    ['permissions', { file: mode(paths.nodeKey, 0o640) }, /^fail .*chmod 600 .*node\.key/],
    ['permissions', { file: gone(paths.lastSigned) }, /^fail There is no .*last-signed/],
    ['permissions', { file: gone(paths.validatorKey) }, /^ok/],
    ['permissions', { file: owner(paths.validatorKey) }, /^fail .*validator\.key belongs to user 5\. Run: chown 900/],
    ['disk', { disk: () => ({ freeBytes: 1e6, freeInodes: 1e6 }) }, /^fail 0\.0 GiB free: the node does not start/],
    ['disk', { disk: () => ({ freeBytes: GIBIBYTE, freeInodes: 1e6 }) }, /^warn 1\.0 GiB free: grow/],
    ['disk', { disk: () => ({ freeBytes: 50 * GIBIBYTE, freeInodes: 7 }) }, /^fail 7 inodes/],
    ['lock', { lockHolder: () => 42 }, /^fail Process 42 holds/],
    ['lock', { lockHolder: () => 42, nodeAnswers: async () => true }, /^ok A node runs here, process 42/],
    ['API port', { listen: async (_, port) => (port === 8080 ? 'EADDRINUSE' : null) }, /^fail 8080 cannot be listened on: EADDRINUSE/],
    ['p2p port', { listen: async (_, port) => (port === 8080 ? 'EADDRINUSE' : null) }, /^ok/],
    ['API port', {}, /^skip/, { port: 0 }],
    ['p2p port', { nodeAnswers: async () => true, dial: async (_, port) => (port === 4001 ? 'ECONNREFUSED' : null) }, /^fail The node runs, but 4001/],
    ['clock', { clock: { ...systemClock, nowMs: () => Date.parse('2019-01-01') } }, /^fail The clock says 2019-01-01, but this program is of 2026-11-20/],
    ['clock', { builtMs: null, clock: { ...systemClock, nowMs: () => Date.parse('2019-01-01') } }, /^fail .* but the network begins on 2026-11-20/],
    ['clock', { clockSynchronised: () => false }, /^warn It does not follow NTP/],
    ['clock', { clockSynchronised: () => null }, /^warn Nobody here/],
    ['limits', { openFiles: () => 1_024 }, /^warn .* 1024 files/],
    ['limits', { openFiles: () => null }, /^skip/],
    ['seeds', {}, /^skip None/],
    ['seed', { dial: async () => 'no answer' }, /^fail \/ip4\/192\.0\.2\.7\/tcp\/4001 does not: no answer\./, { seeds: [SEED] }],
    ['seed', { dial: async (host) => (host === '192.0.2.7' ? 'no answer' : null) }, /^warn .*192\.0\.2\.7.*; ok .*192\.0\.2\.8/, { seeds: [SEED, '/ip4/192.0.2.8/tcp/4001'] }],
    ['seed', { resolveDnsaddr: async () => 'ENOTFOUND' }, /^fail \/dnsaddr\/seeds\.example\.org does not: ENOTFOUND/, { seeds: ['/dnsaddr/seeds.example.org'] }],
    ['announced', {}, /^skip .*: to be tried while the node runs/, { announce: ['/ip4/203.0.113.9/tcp/4001'] }],
    ['announced', { nodeAnswers: async () => true, dial: async (host) => (host === '203.0.113.9' ? 'no answer' : null) }, /^warn .*does not answer from here/, { announce: ['/ip4/203.0.113.9/tcp/4001'] }],
  ]
  for (const [check, probes, expected, config] of cases) t.match(await finding(check, probes, config), expected)
})

t.test('the configuration and the genesis are judged, too', async (t) => {
  const problems = [{ cause: 'Unknown key "prot"', remedy: 'Did you mean port?' }, { cause: 'x', remedy: 'y' }]
  const all = await examine({ config: configWith({}), problems, paths: dataDir(join(root, 'none')) }, WELL)
  t.match(all.find(({ check }) => check === 'configuration'), { verdict: 'fail', text: 'Unknown key "prot". Did you mean port? 1 more: pulse-node config check' })
  t.match(all.find(({ check }) => check === 'genesis'), { verdict: 'fail', text: /Cannot read the genesis/ })
})

t.test('the command prints a table of 80 columns or JSON, and fails if anything fails', async (t) => {
  const args = ['doctor', '--data-dir', root]
  const ports = { PULSE_PORT: '0', PULSE_P2P_PORT: '0' }
  const well = await runCli(args, { env: ports })
  t.equal(well.code, EXIT_CODES.ok, well.err)
  t.match(well.out, /^check +finding\n/)
  for (const line of well.out.split('\n')) t.ok(line.length <= 80, line)

  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const taken = await runCli([...args, '--json'], { env: { ...ports, PULSE_PORT: String(port) } })
  t.equal(taken.code, EXIT_CODES.failed)
  const { ok, findings } = JSON.parse(taken.out) as { ok: boolean; findings: Finding[] }
  t.equal(ok, false)
  t.match(findings.find(({ check }) => check === 'API port'), { verdict: 'fail', text: /EADDRINUSE/ })
  t.match(taken.err, /1 of \d+ checks failed: API port/)

  chmodSync(paths.nodeKey, 0o644)
  const open = await runCli(args, { env: ports })
  chmodSync(paths.nodeKey, 0o600)
  t.equal(open.code, EXIT_CODES.failed)
  t.match(open.out.replace(/\s+/g, ' '), /Run: chmod 600/)
  t.match(readFileSync(paths.genesis, 'utf8'), /harbour/)
})
