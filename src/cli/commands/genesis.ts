// `genesis`: the genesis of a network of several validators, from their public keys.

import type { Command } from 'commander'
import { Option } from 'commander'
import { fromHex, toBin, toHex } from '../../base/bytes.ts'
import { Failure } from '../../ops/failure.ts'
import type { GenesisValidator } from '../../protocol/genesis.ts'
import { LIFE } from '../../protocol/validators.ts'
import type { Cli } from '../cli.ts'
import { action, textOption } from '../cli.ts'
import { addGenesisFlags, genesisFlags } from '../genesis-flags.ts'
import { networkGenesis } from '../network.ts'

const DESCRIPTION =
  'Make the genesis of a network of several validators from their public keys, and print it. ' +
  'Each node then joins with init --genesis, or an instance by its user-data.'

const EXAMPLES = `
Examples:
  $ pulse-node keys                  on each node: its keys, in hex
  $ pulse-node genesis --network harbour --production \\
      --validator 5f0c…:91ab… --validator 77d1…:02fe…:2 > genesis.json
  $ sha256sum genesis.json           for instance.genesis in the user-data`

const MAX_POWER = 1_000_000

export function registerGenesis(program: Command, cli: Cli): void {
  const command = program
    .command('genesis')
    .summary('make the genesis of several validators')
    .description(DESCRIPTION)
    .addOption(
      new Option('--validator <keys>', 'validator key and node key, hex, and power in lives (default 1): KEY:KEY[:POWER]; repeat it')
        .argParser((value: string, before: string | undefined) => (before === undefined ? value : `${before},${value}`)),
    )
  action(addGenesisFlags(command).addHelpText('after', EXAMPLES), cli, async (run) => {
    const { options } = run
    const { genesisHash, genesisToJson } = await import('../../protocol/genesis.ts')
    const genesis = networkGenesis(
      await genesisFlags(run),
      (textOption(options, 'validator') ?? '').split(',').filter((text) => text !== '').map(validatorOf),
    )
    const text = genesisToJson(genesis)
    run.print({ genesisHash: toHex(genesisHash(genesis)), genesis: JSON.parse(text) as unknown }, () => text)
  })
}

function validatorOf(text: string): GenesisValidator {
  const [key = '', nodeKey = '', power = '1', ...more] = text.split(':')
  const [keyBytes, nodeKeyBytes] = [fromHex(key), fromHex(nodeKey)]
  if (keyBytes?.length !== 32 || nodeKeyBytes?.length !== 32 || more.length > 0 || !/^[1-9][0-9]{0,6}$/.test(power) || Number(power) > MAX_POWER) {
    throw new Failure('config', `--validator is "${text.slice(0, 40)}…"`, 'It must be two keys of 64 hex digits, and a whole number: KEY:KEY[:POWER].')
  }
  return { key: toBin(keyBytes), nodeKey: toBin(nodeKeyBytes), power: Number(power) * LIFE }
}
