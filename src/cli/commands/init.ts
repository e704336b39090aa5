// `init`: makes a data directory with keys and a genesis.

import type { Command } from 'commander'
import { Option } from 'commander'
import type { Cli } from '../cli.ts'
import { action, textOption } from '../cli.ts'
import { addSettingFlags, configOf } from '../flags.ts'
import { addGenesisFlags, GENESIS_FLAGS, genesisFlags } from '../genesis-flags.ts'

const DESCRIPTION =
  'Make a data directory with a node key, a validator key and the genesis of a network of this one node. ' +
  'Nothing is ever overwritten.'

const EXAMPLES = `
Examples:
  $ pulse-node init
  $ pulse-node init --data-dir /var/lib/pulse --network harbour --production
  $ pulse-node init --registrar z6MkvWwuKcdnqpfPGH1eN88vdkqVHQs5Rbqtf5Vc6xuoxHDi
  $ pulse-node init --genesis genesis.json      join an existing network`

export function registerInit(program: Command, cli: Cli): void {
  const command = addGenesisFlags(program.command('init'))
    .summary('make a data directory with keys and a genesis')
    .description(DESCRIPTION)
    .addOption(new Option('--genesis <file>', 'join the network of this genesis').conflicts(GENESIS_FLAGS))
    .addHelpText('after', EXAMPLES)
  action(addSettingFlags(command, ['dataDir']), cli, async (run) => {
    const { options } = run
    const { initialise } = await import('../network.ts')
    const { readGenesis } = await import('../../ops/genesis-file.ts')
    const { describeNode, nodeRecord } = await import('../identity.ts')
    const file = textOption(options, 'genesis')
    const { config, origins } = configOf(run)
    const made = initialise(config.dataDir, file !== undefined ? readGenesis(file) : await genesisFlags(run))
    const facts = { dataDir: made.paths.root, ...describeNode(made) }
    const where = origins.dataDir.layer === 'flag' ? ` --data-dir ${config.dataDir}` : ''
    const seed = file === undefined ? '' : ' --seed <multiaddr of a node of that network>'
    run.print(facts, () => nodeRecord(facts) + `\nKeep a copy of node.key and validator.key. Start with:\n  pulse-node start${where}${seed}\n`)
  })
}
