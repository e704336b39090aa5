// `genesis` makes the genesis of several validators from their public keys.

import t from 'tap'
import { join } from 'node:path'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import { genesisFromJson } from '../../src/protocol/genesis.ts'
import { runCli } from './cli-support.ts'

const key = (digit: string): string => digit.repeat(64)

t.test('validators are sorted, with their powers; what is printed is the file', async (t) => {
  const { code, out, err } = await runCli(['genesis', '--network', 'harbour', '--production', '--interval', '4000', '--validator', `${key('b')}:${key('2')}:3`, '--validator', `${key('a')}:${key('1')}`])
  t.equal(code, EXIT_CODES.ok, err)
  const read = genesisFromJson(out)
  t.match(read, { ok: true, value: { network: 'harbour', params: { development: false, blockIntervalMs: 4_000 } } })
  const { validators } = JSON.parse(out) as { validators: unknown }
  t.same(validators, [
    { key: key('a'), nodeKey: key('1'), power: 1_000_000 },
    { key: key('b'), nodeKey: key('2'), power: 3_000_000 },
  ])
})

t.test('keys of init make a genesis that init takes', async (t) => {
  const dir = t.testdir()
  const { out } = await runCli(['init', '--data-dir', join(dir, 'a'), '--json'])
  const { nodeKey, validatorKey } = JSON.parse(out) as Record<'nodeKey' | 'validatorKey', { hex: string }>
  const made = await runCli(['genesis', '--json', '--validator', `${validatorKey.hex}:${nodeKey.hex}`])
  t.match(JSON.parse(made.out), { genesisHash: /^[0-9a-f]{64}$/, genesis: { network: 'pulse-dev' } })
})

t.test('what is no key, twice the same, or nobody at all is refused', async (t) => {
  const wrong = [[], ['--validator', 'zz'], ['--validator', key('a')], ['--validator', `${key('a')}:${key('1')}:0`], ['--validator', `${key('a')}:${key('1')}:1:1`], ['--validator', `${key('a')}:${key('1')}`, '--validator', `${key('b')}:${key('1')}`]]
  for (const args of wrong) {
    const { code, out, err } = await runCli(['genesis', ...args])
    t.ok(code === EXIT_CODES.config || code === EXIT_CODES.genesis, err)
    t.equal(out, '')
  }
})
