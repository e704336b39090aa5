// The flags that shape a genesis: of a network of this node (`init`), or of several (`genesis`).

import type { Command } from 'commander'
import { Option } from 'commander'
import type { Cli, Options } from './cli.ts'
import { textOption } from './cli.ts'
import { integerFlag, registrarFlags, registrarOption } from './flags.ts'
import type { SoloOptions } from './network.ts'

export const DEVELOPMENT_NETWORK = 'pulse-dev'
const PRODUCTION_NETWORK = 'pulse'

/** Their names: what the genesis of an existing network has decided. */
export const GENESIS_FLAGS = ['network', 'threshold', 'interval', 'development', 'production', 'registrar']

export function addGenesisFlags(command: Command): Command {
  return command
    .option('--network <name>', `name of the network (default: ${DEVELOPMENT_NETWORK}, or ${PRODUCTION_NETWORK} with --production)`)
    .option('--threshold <n>', 'distinct lives that a rewarded block needs (default: 1)')
    .option('--interval <ms>', 'time between blocks (default: 1000, or 5000 with --production)')
    .addOption(new Option('--development', 'development network: simulated hearts are allowed (default)').conflicts('production'))
    .option('--production', 'no development network')
    .addOption(registrarOption())
}

/** @throws Failure('config') */
export async function genesisFlags({ options, clock }: Pick<Cli, 'clock'> & { options: Options }): Promise<SoloOptions> {
  const development = options['production'] !== true
  return {
    network: textOption(options, 'network') ?? (development ? DEVELOPMENT_NETWORK : PRODUCTION_NETWORK),
    development,
    threshold: integerFlag(options, '--threshold', 1, 32_768),
    intervalMs: integerFlag(options, '--interval', 100, 3_600_000),
    registrars: await registrarFlags(options),
    nowMs: clock.nowMs(),
  }
}
