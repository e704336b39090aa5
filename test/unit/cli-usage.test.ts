import t from 'tap'
import type { Command } from 'commander'
import { readFileSync } from 'node:fs'
import type { Cli } from '../../src/cli/cli.ts'
import { createProgram } from '../../src/cli/program.ts'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import { envOf, flagOf, SETTING_NAMES } from '../../src/ops/settings.ts'
import { runCli } from './cli-support.ts'

const paths = (command: Command, path: readonly string[] = []): (readonly string[])[] => [path, ...command.commands.flatMap((one) => paths(one, [...path, one.name()]))]
const ALL = paths(createProgram({} as Cli))

t.test('every command is there', async (t) => {
  const expected = ['init', 'start', 'keys', 'config show', 'config check', 'status', 'block', 'account', 'send', 'device new', 'device beat', 'device simulate', 'device replay', 'verify', 'dump-wal', 'smoke']
  const names = ALL.map((path) => path.join(' '))
  for (const name of expected) t.ok(names.includes(name), name)
})

t.test('every help fits 80 columns, exits with 0, and has examples', async (t) => {
  for (const path of ALL) {
    const { code, out, err } = await runCli([...path, '--help'])
    const name = path.join(' ')
    t.equal(code, EXIT_CODES.ok, name)
    t.equal(err, '', name)
    for (const line of out.split('\n')) t.ok(line.length <= 80, `${name}: ${line}`)
    if (!['config', 'device'].includes(name)) t.match(out, `Examples:\n  $ `, name)
    t.match(out, '--json', name)
  }
})

t.test('examples name only commands and flags that exist', async (t) => {
  for (const path of ALL) {
    const { out } = await runCli([...path, '--help'])
    for (const [, line = ''] of out.matchAll(/\$ (?:PULSE_\w+=\S+ )?pulse-node ([^|\n]*)/g)) {
      const words = line.split(/ {2,}/)[0]!.trim().split(' ')
      const args = words.filter((word) => !word.startsWith('-'))
      const command = ALL.filter((one) => one.length > 0 && one.every((name, i) => args[i] === name)).at(-1)
      if (command === undefined) {
        t.fail(`no command for: ${line}`)
        continue
      }
      const { out: help } = await runCli([...command, '--help'])
      for (const flag of words.filter((word) => word.startsWith('--'))) t.match(help, new RegExp(`${flag}\\b`), `${flag} of ${line}`)
    }
  }
})

t.test('start has a flag for every setting', async (t) => {
  const { out } = await runCli(['start', '--help'])
  for (const name of SETTING_NAMES) t.match(out, new RegExp(`${flagOf(name)}\\b`), name)
  for (const flag of ['--peers', '--threshold', '--interval', '--config']) t.match(out, flag)
})

t.test('the help of the program lists all exit codes', async (t) => {
  const { out } = await runCli(['--help'])
  for (const [name, code] of Object.entries(EXIT_CODES)) t.match(out, new RegExp(`\\b${code} ${name}\\b`))
})

t.test('--version prints the version of the package', async (t) => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  for (const flag of ['--version', '-V']) t.same(await runCli([flag]), { code: 0, out: `${version}\n`, err: '' })
})

t.test('a wrong command line is one line on standard error and exit code 2', async (t) => {
  const cases: [string[], RegExp][] = [
    [['foo'], /^pulse-node: Unknown command 'foo'\. See pulse-node --help\. \(usage\)\n$/],
    [['stat'], /Did you mean status\?|Did you mean start\?/],
    [['start', '--prot', '1'], /^pulse-node: Unknown option '--prot'\. Did you mean --port\? \(usage\)\n$/],
    [['start', '--unknown'], /Unknown option '--unknown'\. See pulse-node start --help\./],
    [['status', '--port', '1'], /Unknown option '--port'/],
    [['start', 'now'], /Too many arguments/],
    [['start', '--port'], /argument missing/],
    [['device', 'replay'], /Missing required argument 'recording'\. See pulse-node device replay --help\./],
    [['device', 'new', '--curve', 'p384'], /Allowed choices are p256, ed25519, secp256k1/],
    [['init', '--development', '--production'], /cannot be used with/],
    [['init', '--genesis', 'g.json', '--network', 'n'], /cannot be used with/],
    [['send', 'self', '-1'], /"-1" is no amount/],
    [['send', 'self', '1e3'], /"1e3" is no amount/],
    [['send', 'self', '0.123456789'], /at most eight decimals/],
    [['send', 'nobody', '1'], /"nobody" is no public key/],
    [['send', 'self', '1', '--memo', 'é'.repeat(65)], /At most 128 bytes/],
    [['account', 'abc'], /"abc" is no public key/],
    [['block', '-1'], /"-1" names no block/],
    [['block', '0x1'], /"0x1" names no block/],
    [['block', '../accounts'], /names no block/],
    [['dump-wal', 'x'], /"x" is no height/],
    [['device', 'simulate', '0'], /"0" is no number of devices/],
  ]
  for (const [args, pattern] of cases) {
    const { code, out, err } = await runCli(args)
    t.equal(code, EXIT_CODES.usage, args.join(' '))
    t.equal(out, '')
    t.match(err, pattern, args.join(' '))
    t.equal(err.trimEnd().split('\n').length, 1, 'one line')
  }
})

t.test('a missing command prints help on standard error, exit code 2', async (t) => {
  for (const args of [[], ['device'], ['config']]) {
    const { code, out, err } = await runCli(args)
    t.equal(code, EXIT_CODES.usage)
    t.equal(out, '')
    t.match(err, /^Usage: pulse-node/)
  }
})

t.test('with --json, before or behind the command, errors are JSON', async (t) => {
  for (const args of [['--json', 'keys', '--nope'], ['keys', '--nope', '--json']]) {
    const { code, err } = await runCli(args)
    t.equal(code, EXIT_CODES.usage)
    t.same(JSON.parse(err), { error: { code: 'usage', exitCode: 2, message: "Unknown option '--nope'", remedy: 'See pulse-node keys --help.' } })
  }
})

t.test('a broken configuration is refused by name and origin, exit code 3', async (t) => {
  const dataDir = t.testdir()
  const cases: [string[], Record<string, string>, RegExp][] = [
    [['start', '--port', 'x'], {}, /port is "x" \(flag --port\)\. It must be an integer/],
    [['start'], { PULSE_PORT: 'x' }, /port is "x" \(environment PULSE_PORT\)/],
    [['start'], { PULSE_PROT: '1' }, /Unknown variable PULSE_PROT \(environment\)\. Did you mean PULSE_PORT\?/],
    [['start', '--seed', 'seed.example.org'], {}, /seeds is "seed\.example\.org" \(flag --seed\)/],
    [['start', '--simulate', 'many'], {}, /simulate is "many"/],
    [['start', '--threshold', '0'], {}, /--threshold is "0"\. It must be an integer from 1/],
    [['start', '--interval', '1.5'], {}, /--interval is "1\.5"/],
    [['start', '--config', '/nonexistent/config.json'], {}, /cannot be read \(ENOENT\)/],
    [['status', '--url', 'ftp://node'], {}, /--url is "ftp:\/\/node"/],
    [['config', 'show'], { PULSE_HOST: '' }, /host is ""/],
    [['keys', 'absent.key'], {}, /no key file absent\.key/],
  ]
  for (const [args, env, pattern] of cases) {
    const { code, out, err } = await runCli(args, { env: { PULSE_DATA_DIR: dataDir, ...env } })
    t.equal(code, EXIT_CODES.config, args.join(' '))
    t.equal(out, '')
    t.match(err, pattern)
    t.match(err, /^pulse-node: .* \(config\)\n$/)
  }
})

t.test('variables are named in upper case with the prefix', async (t) => {
  for (const name of SETTING_NAMES) t.match(envOf(name), /^PULSE(_[A-Z0-9]+)+$/)
})
