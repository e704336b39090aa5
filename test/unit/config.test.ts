import t from 'tap'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ConfigSources } from '../../src/ops/config.ts'
import { loadConfig, readConfig } from '../../src/ops/config.ts'
import { Failure } from '../../src/ops/failure.ts'
import type { Config, SettingName } from '../../src/ops/settings.ts'
import { configWith, envOf, flagOf, SETTING_NAMES, settingOf } from '../../src/ops/settings.ts'

const PEER = '12D3KooWCBy5vXLXFRPYYpmLNBPJQhtoyYRG8wdPbwnFRGPJZ9sQ'

/** For each setting a value for the file, one for the environment, one for the flag; none is the default. */
const SAMPLES: { [Name in SettingName]: readonly [file: Config[Name], env: Config[Name], flag: Config[Name]] } = {
  dataDir: ['/a', '/b', '/c'],
  simulate: [1, 2, 4],
  verifyThreads: [61, 62, 63],
  verify: ['certificates', 'certificates', 'certificates'],
  shutdownTimeoutMs: [100, 200, 300],
  host: ['127.0.0.1', '::1', 'localhost'],
  port: [1, 2, 0],
  p2pPort: [5, 6, 7],
  seeds: [['/ip4/10.0.0.1/tcp/4001'], ['/dns4/seed.example.org/tcp/4001', `/ip6/::1/tcp/1/p2p/${PEER}`], ['/dnsaddr/example.org']],
  announce: [['/ip4/192.0.2.1/tcp/4001'], ['/ip4/192.0.2.2/tcp/4001'], ['/dns4/node.example.org/tcp/4001']],
  trustedProxies: [['10.0.0.0/8'], ['127.0.0.1', '::1'], ['2001:db8::/32', 'loopback']],
  logLevel: ['debug', 'warn', 'silent'],
  logFormat: ['json', 'pretty', 'json'],
  mempoolHeartbeats: [11, 12, 13],
  mempoolTransactions: [14, 15, 16],
  mempoolBytes: [2 ** 20, 2 ** 21, 2 ** 22],
  readsPerSecond: [17, 18, 19],
  writesPerSecond: [20, 21, 22],
  heartbeatsPerDevicePerSecond: [3, 4, 5],
  wsClients: [23, 24, 0],
  walKeepSegments: [26, 27, 28],
}

/** There are not enough values for samples that differ. */
const TWO_VALUED: readonly SettingName[] = ['verify']

const text = (value: unknown): string => (Array.isArray(value) ? value.join(',') : String(value))

t.test('every setting has samples that differ from its default and from each other', async (t) => {
  t.same(Object.keys(SAMPLES), SETTING_NAMES)
  for (const name of SETTING_NAMES) {
    const [file, env, flag] = SAMPLES[name]
    for (const value of [file, env, flag]) t.not(text(value), text(settingOf(name).default), name)
    if (TWO_VALUED.includes(name)) continue
    t.not(text(file), text(env), name)
    t.not(text(env), text(flag), name)
  }
})

t.test('for every setting a flag beats the environment, which beats the file, which beats the default', async (t) => {
  for (const name of SETTING_NAMES) {
    const [fileValue, envValue, flagValue] = SAMPLES[name]
    const path = join(t.testdir(), 'settings.json')
    writeFileSync(path, JSON.stringify({ [name]: fileValue }))
    const file = { file: path }
    const env = { env: { [envOf(name)]: text(envValue) } }
    const flags = { flags: { [name]: text(flagValue) } }
    const layers: [string, ConfigSources, unknown, string][] = [
      ['default', { env: { PULSE_DATA_DIR: t.testdirName } }, settingOf(name).default, 'default'],
      ['file', file, fileValue, `file ${path}`],
      ['env', { ...file, ...env }, envValue, `environment ${envOf(name)}`],
      ['flag', { ...file, ...env, ...flags }, flagValue, `flag ${flagOf(name)}`],
    ]
    for (const [layer, sources, value, origin] of layers) {
      if (layer === 'default' && name === 'dataDir') continue
      const { config, origins, problems } = readConfig(sources)
      t.same(problems, [], `${name} by ${layer}`)
      t.same(config[name], value, `${name} by ${layer}`)
      t.same(origins[name], { layer, text: origin }, `origin of ${name} by ${layer}`)
    }
  }
})

t.test('flags and variables are named after the setting', async (t) => {
  t.equal(flagOf('p2pPort'), '--p2p-port')
  t.equal(envOf('p2pPort'), 'PULSE_P2P_PORT')
  t.equal(flagOf('seeds'), '--seed')
  t.equal(envOf('seeds'), 'PULSE_SEEDS')
  t.equal(envOf('heartbeatsPerDevicePerSecond'), 'PULSE_HEARTBEATS_PER_DEVICE_PER_SECOND')
})

t.test('integers are taken at both ends of their range and refused one past them, from text and from the file', async (t) => {
  const dir = t.testdir()
  let tried = 0
  for (const name of SETTING_NAMES) {
    const range = /^an integer from (\d+) to (\d+)$/.exec(settingOf(name).type.mustBe)
    if (range === null) continue
    tried++
    const [low, high] = [Number(range[1]), Number(range[2])]
    for (const [value, allowed] of [[low - 1, false], [low, true], [high, true], [high + 1, false]] as const) {
      const byFlag = readConfig({ flags: { dataDir: dir, [name]: String(value) } })
      const path = join(dir, 'one.json')
      writeFileSync(path, JSON.stringify({ [name]: value }))
      const byFile = readConfig({ file: path })
      for (const { config, problems } of [byFlag, byFile]) {
        t.equal(problems.length, allowed ? 0 : 1, `${name} ${value}`)
        t.equal(config[name], allowed ? value : settingOf(name).default, `${name} ${value}`)
      }
    }
  }
  t.ok(tried >= 12)
})

t.test('a wrong value is refused with its key, its origin and what it must be', async (t) => {
  const cases: [SettingName, string][] = [
    ['port', '80a'],
    ['port', ''],
    ['port', '-1'],
    ['port', '1e3'],
    ['port', '8080.0'],
    ['port', ' 80'],
    ['dataDir', ''],
    ['dataDir', 'a\u0007b'],
    ['host', 'not a host'],
    ['host', '999.1.1.1'],
    ['host', '-a.example'],
    ['logLevel', 'loud'],
    ['logLevel', 'INFO'],
    ['logFormat', 'xml'],
    ['seeds', 'seed.example.org:4001'],
    ['seeds', '/ip4/300.0.0.1/tcp/4001'],
    ['seeds', '/ip0/garbage/tcp/4001'],
    ['seeds', '/ip6/10.0.0.1/tcp/4001'],
    ['seeds', '/dns4/-a.example/tcp/4001'],
    ['seeds', '/ip4/10.0.0.1/udp/4001'],
    ['seeds', '/ip4/10.0.0.1/tcp/0'],
    ['seeds', '/ip4/10.0.0.1/tcp/65536'],
    ['seeds', '/ip4/10.0.0.1/tcp/4001/p2p'],
    ['seeds', '/ip4/10.0.0.1/tcp/4001/p2p/short'],
    ['seeds', '/ip4/10.0.0.1/tcp/4001/ws'],
    ['seeds', '/ip4/10.0.0.1/tcp/4001,'],
    ['seeds', Array.from({ length: 65 }, (_, i) => `/ip4/10.0.0.${i}/tcp/4001`).join(',')],
    ['trustedProxies', '10.0.0.0/33'],
    ['trustedProxies', '::1/129'],
    ['trustedProxies', 'proxy.example.org'],
  ]
  for (const [name, value] of cases) {
    const { problems } = readConfig({ env: { PULSE_DATA_DIR: t.testdirName, [envOf(name)]: value } })
    t.equal(problems.length, 1, `${name}=${value}`)
    t.match(problems[0]!.cause, `${name} is `)
    t.match(problems[0]!.cause, `(environment ${envOf(name)})`)
    t.equal(problems[0]!.remedy, `It must be ${settingOf(name).type.mustBe}.`)
  }
})

t.test('64 seeds are taken, and repeated ones count once', async (t) => {
  const seeds = Array.from({ length: 64 }, (_, i) => `/ip4/10.0.0.${i}/tcp/4001`)
  t.same(readConfig({ flags: { seeds: seeds.join(',') } }).config.seeds, seeds)
  t.same(readConfig({ flags: { seeds: `${seeds[0]}, ${seeds[0]}` } }).config.seeds, [seeds[0]])
})

t.test('the file must have the right JSON types', async (t) => {
  const dir = t.testdir()
  const cases: [SettingName, unknown][] = [
    ['port', '8080'],
    ['port', 80.5],
    ['port', null],
    ['port', true],
    ['host', 1],
    ['seeds', '/ip4/10.0.0.1/tcp/4001'],
    ['seeds', [1]],
    ['seeds', { 0: '/ip4/10.0.0.1/tcp/4001' }],
    ['logLevel', ['info']],
  ]
  for (const [name, value] of cases) {
    writeFileSync(join(dir, 'config.json'), JSON.stringify({ [name]: value }))
    const { problems } = readConfig({ flags: { dataDir: dir } })
    t.equal(problems.length, 1, `${name}: ${JSON.stringify(value)}`)
    t.match(problems[0]!.cause, `${name} is ${JSON.stringify(value)} (file ${join(dir, 'config.json')})`)
  }
})

t.test('an unknown key of the file is refused, with the name that was probably meant', async (t) => {
  const dir = t.testdir()
  for (const [key, meant] of [['prot', 'port'], ['p2p_port', 'p2pPort'], ['data-dir', 'dataDir'], ['__proto__', null], ['constructor', null], ['colour', null]] as const) {
    writeFileSync(join(dir, 'config.json'), `{"${key}": 1}`)
    const { problems } = readConfig({ flags: { dataDir: dir } })
    t.equal(problems.length, 1, key)
    t.match(problems[0]!.cause, `Unknown key "${key}"`)
    t.match(problems[0]!.remedy, meant === null ? 'config show' : `Did you mean ${meant}?`)
  }
})

t.test('an unknown PULSE_ variable is refused; other variables do not matter', async (t) => {
  const { problems } = readConfig({ env: { PULSE_P2P_PROT: '1', P2P_PORT: 'x', pulse_port: 'x', HOME: '/' } })
  t.same(problems, [{ cause: 'Unknown variable PULSE_P2P_PROT (environment)', remedy: 'Did you mean PULSE_P2P_PORT?' }])
})

t.test('what the operator typed cannot steer the terminal, and is cut', async (t) => {
  const dir = t.testdir({ 'config.json': JSON.stringify({ ['\u001b[2Jevil']: 1, ['x'.repeat(500)]: 1 }) })
  for (const { cause } of readConfig({ flags: { dataDir: dir } }).problems) {
    t.notMatch(cause, /\p{Cc}/u)
    t.ok(cause.length < 200 + dir.length)
  }
})

t.test('without a file in the data directory the defaults hold', async (t) => {
  const { config, file, problems } = readConfig({ flags: { dataDir: t.testdir() } })
  t.equal(file, null)
  t.same(problems, [])
  t.same(config, configWith({ dataDir: t.testdirName }))
})

t.test('a file that is named must be there and be a JSON object', async (t) => {
  const dir = t.testdir({ broken: '{', list: '[]', number: '1', null: 'null' })
  const causeOf = (name: string): string => readConfig({ file: join(dir, name) }).problems[0]?.cause ?? 'none'
  t.match(causeOf('absent'), 'cannot be read (ENOENT)')
  t.match(causeOf('broken'), 'is not JSON')
  for (const name of ['list', 'number', 'null']) t.match(causeOf(name), 'holds no JSON object')
  t.match(readConfig({ env: { PULSE_CONFIG: join(dir, 'absent') } }).problems[0]?.cause, 'cannot be read')
})

t.test('config.json that is there but cannot be read is no reason for the defaults', async (t) => {
  const dir = t.testdir()
  mkdirSync(join(dir, 'config.json'))
  t.match(readConfig({ flags: { dataDir: dir } }).problems[0]?.cause, 'cannot be read (EISDIR)')
})

t.test('the data directory may be named by a named file, but not by the file that is found through it', async (t) => {
  const dir = t.testdir({ 'config.json': '{"dataDir": "/elsewhere"}' })
  t.equal(readConfig({ file: join(dir, 'config.json') }).config.dataDir, '/elsewhere')
  const { problems, config } = readConfig({ flags: { dataDir: dir } })
  t.match(problems[0]?.cause, 'found through the data directory')
  t.equal(config.dataDir, dir)
})

t.test('the two ports must differ, unless any port will do', async (t) => {
  t.match(readConfig({ flags: { port: '4001' } }).problems[0], { cause: 'port and p2pPort are both 4001', remedy: 'Change one of them (flag --port, default).' })
  t.same(readConfig({ flags: { port: '0', p2pPort: '0' } }).problems, [])
})

t.test('loadConfig throws the first problem as a failure, and counts the others', async (t) => {
  const env = { PULSE_PORT: 'x' }
  t.throws(() => loadConfig({ env }), new Failure('config', 'port is "x" (environment PULSE_PORT)', 'It must be an integer from 0 to 65535.'))
  try {
    loadConfig({ env: { ...env, PULSE_HOST: '', PULSE_NOPE: '' } })
    t.fail('must throw')
  } catch (error) {
    t.ok(error instanceof Failure)
    t.equal((error as Failure).exitCode, 3)
    t.match((error as Failure).remedy, 'There are 2 more problems: see pulse-node config check.')
  }
})
