import t from 'tap'
import { join } from 'node:path'
import { recordLine, rows, toJson, toJsonLine, WIDTH } from '../../src/cli/output.ts'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import { SETTING_NAMES } from '../../src/ops/settings.ts'
import { runCli } from './cli-support.ts'

t.test('config show --origin tells where each value comes from, within 80 columns', async (t) => {
  const dir = t.testdir({ 'config.json': '{"host": "127.0.0.1"}' })
  const seeds = Array.from({ length: 5 }, (_, i) => `/dns4/seed-${i}.example.org/tcp/4001`)
  const args = ['config', 'show', '--origin', '--data-dir', dir, '--seed', seeds[0]!, '--seed', seeds[1]!, '--peers', seeds.slice(2).join(',')]
  const env = { PULSE_PORT: '9000', HOME: '/' }
  const { code, out, err } = await runCli(args, { env })
  t.equal(code, EXIT_CODES.ok, err)
  for (const line of out.split('\n')) t.ok(line.length <= 80, line)
  t.match(out, /^port +9000 +environment PULSE_PORT$/m)
  t.match(out, /^p2pPort +4001 +default$/m)
  const { file, settings } = JSON.parse((await runCli([...args, '--json'], { env })).out)
  t.equal(file, join(dir, 'config.json'))
  t.same(Object.keys(settings), SETTING_NAMES)
  t.same(settings.host, { value: '127.0.0.1', origin: { layer: 'file', text: `file ${file}` } })
  t.same(settings.seeds, { value: seeds, origin: { layer: 'flag', text: 'flag --seed' } })
  t.same(settings.dataDir.origin, { layer: 'flag', text: 'flag --data-dir' })
})

t.test('config show --json without origins is a configuration file', async (t) => {
  const { out } = await runCli(['config', 'show', '--json', '--port', '9000', '--data-dir', t.testdir()])
  t.match(JSON.parse(out), { file: null, settings: { port: 9000, logLevel: 'info', seeds: [] } })
})

t.test('--simulate alone means three hearts; with a number that many', async (t) => {
  const simulate = async (...args: string[]): Promise<unknown> => JSON.parse((await runCli(['config', 'show', '--json', '--data-dir', t.testdirName, ...args])).out).settings.simulate
  t.equal(await simulate(), 0)
  t.equal(await simulate('--simulate'), 3)
  t.equal(await simulate('--simulate', '7'), 7)
  t.equal(await simulate('--simulate', '--port', '1'), 3)
})

t.test('config check lists every problem and fails with exit code 3', async (t) => {
  const dir = t.testdir({ 'config.json': '{"port": "x", "colour": 1}' })
  const { code, out, err } = await runCli(['config', 'check', '--data-dir', dir], { env: { PULSE_NOPE: '1' } })
  t.equal(code, EXIT_CODES.config)
  for (const problem of [/port is "x" \(file /, /Unknown key "colour"/, /Unknown variable PULSE_NOPE/]) t.match(out, problem)
  t.match(err, /^pulse-node: The configuration has 3 problems\. /)
  const json = await runCli(['config', 'check', '--data-dir', dir, '--json'])
  t.match(JSON.parse(json.out), { ok: false, problems: [{ cause: /port/ }, { cause: /colour/ }] })
  t.match(JSON.parse(json.err), { error: { code: 'config' } })
})

t.test('config check says what it read when all is well', async (t) => {
  const dir = t.testdir({ 'config.json': '{"port": 9000}' })
  t.same(await runCli(['config', 'check', '--data-dir', dir]), { code: 0, out: `Read ${join(dir, 'config.json')}.\nThe configuration is in order.\n`, err: '' })
  t.same(JSON.parse((await runCli(['config', 'check', '--data-dir', dir, '--json'])).out).ok, true)
})

t.test('tables break what is too wide, and lose nothing', async (t) => {
  const long = 'x'.repeat(150)
  const table = rows(['name', 'value', 'n'], [['short', long, 1], ['a'.repeat(60), 'y', 22]])
  for (const line of table.split('\n')) t.ok(line.length <= WIDTH, line)
  t.equal(table.match(/x/g)!.length, 150)
  t.match(table, / 1$/m)
})

t.test('amounts keep all digits in JSON, and records of a stream are one line each', async (t) => {
  t.equal(toJson({ supply: 2n ** 64n - 1n }), '{\n  "supply": "18446744073709551615"\n}\n')
  t.equal(toJsonLine({ a: [1, { b: 'two\nlines' }] }), '{"a":[1,{"b":"two\\nlines"}]}\n')
  t.equal(recordLine({ height: 3, kind: 'vote', id: 'ab'.repeat(32), odd: '\u001b[2J' }), `height=3 kind=vote id=${'ab'.repeat(11)}a… odd= [2J\n`)
})
