// `init`: makes a data directory with keys and a genesis.

import type { Command } from 'commander'
import { Option } from 'commander'
import type { Cli } from '../cli.ts'
import { action, textOption } from '../cli.ts'
import { addSettingFlags, configOf, integerFlag, registrarFlags, registrarOption } from '../flags.ts'

export const DEVELOPMENT_NETWORK = 'pulse-dev'
export const PRODUCTION_NETWORK = 'pulse'

const DESCRIPTION =
  'Make a data directory with a node key, a validator key and the genesis of a network of this one node. ' +
  'Nothing is ever overwritten.'

/** What the genesis of an existing network has decided. */
const DECIDED = ['network', 'threshold', 'interval', 'development', 'production', 'registrar']

const EXAMPLES = `
Examples:
  $ pulse-node init
  $ pulse-node init --data-dir /var/lib/pulse --network harbour --production
  $ pulse-node init --registrar z6MkvWwuKcdnqpfPGH1eN88vdkqVHQs5Rbqtf5Vc6xuoxHDi
  $ pulse-node init --genesis genesis.json      join an existing network`

export function registerInit(program: Command, cli: Cli): void {
  const command = program
    .command('init')
    .summary('make a data directory with keys and a genesis')
    .description(DESCRIPTION)
    .option('--network <name>', `name of the network (default: ${DEVELOPMENT_NETWORK}, or ${PRODUCTION_NETWORK} with --production)`)
    .option('--threshold <n>', 'distinct lives that a rewarded block needs (default: 1)')
    .option('--interval <ms>', 'time between blocks (default: 1000, or 5000 with --production)')
    .addOption(new Option('--development', 'development network: simulated hearts are allowed (default)').conflicts('production'))
    .option('--production', 'no development network')
    .addOption(registrarOption())
    .addOption(new Option('--genesis <file>', 'join the network of this genesis').conflicts(DECIDED))
    .addHelpText('after', EXAMPLES)
  action(addSettingFlags(command, ['dataDir']), cli, async (run) => {
    const { options } = run
    const { initialise, readGenesis } = await import('../network.ts')
    const { describeNode, nodeRecord } = await import('../identity.ts')
    const file = textOption(options, 'genesis')
    const development = options['production'] !== true
    const made = initialise(
      configOf(run).config.dataDir,
      file !== undefined
        ? readGenesis(file)
        : {
            network: textOption(options, 'network') ?? (development ? DEVELOPMENT_NETWORK : PRODUCTION_NETWORK),
            development,
            threshold: integerFlag(options, '--threshold', 1, 32_768),
            intervalMs: integerFlag(options, '--interval', 100, 3_600_000),
            registrars: await registrarFlags(options),
            nowMs: run.clock.nowMs(),
          },
    )
    const facts = { dataDir: made.paths.root, ...describeNode(made) }
    run.print(facts, () => nodeRecord(facts) + '\nKeep a copy of node.key and validator.key. Start with: pulse-node start\n')
  })
}
