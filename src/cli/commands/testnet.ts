// `testnet`: a network of several nodes on this machine, with hearts that beat at each, as a live table.

import type { Command } from 'commander'
import { Failure } from '../../ops/failure.ts'
import type { Cli } from '../cli.ts'
import { action, textOption } from '../cli.ts'
import { integerFlag } from '../flags.ts'

const DESCRIPTION =
  'Make a development network of several nodes on this machine, or go on with one that is there, and run it: ' +
  'each node is a process of its own, simulated hearts beat at each, a table shows what they do. Ctrl-C stops them all.'

const EXAMPLES = `
Examples:
  $ pulse-node testnet
  $ pulse-node testnet --nodes 4 --powers 40,30,20,10 --dir ./unequal
  $ pulse-node testnet --interval 500 --hearts 10 --seconds 60 --json`

const DEFAULT_HEARTS = 3
/** More than the whole network may have is refused with the genesis. */
const MAX_POWER_DIGITS = 9

export function registerTestnet(program: Command, cli: Cli): void {
  const command = program
    .command('testnet')
    .summary('run several nodes on this machine')
    .description(DESCRIPTION)
    .option('--nodes <n>', 'number of nodes (default: 4)')
    .option('--dir <path>', 'where they are (default: ./pulse-testnet)')
    .option('--base-port <port>', 'API of node0; each further node has the next port (default: 8080)')
    .option('--base-p2p-port <port>', 'port for other nodes, likewise (default: 4001)')
    .option('--powers <list>', 'voting power of each node, in lives (default: 1 each)')
    .option('--interval <ms>', 'time between blocks (default: 1000)')
    .option('--hearts <n>', `simulated hearts of each node, which the genesis enrols (default: ${DEFAULT_HEARTS})`)
    .option('--open', 'enrol none: any key is a life, and lives give no power')
    .option('--seconds <n>', 'stop after so long')
    .addHelpText('after', EXAMPLES)
  action(command, cli, async (run) => {
    const { isNewTestnet, MAX_NODES, prepareTestnet, TESTNET_DEFAULTS } = await import('../testnet.ts')
    const { runTestnet } = await import('../testnet-live.ts')
    const { stopSignal } = await import('../hearts.ts')
    const { options } = run
    const hearts = integerFlag(options, '--hearts', 0, 1_000)
    const dir = textOption(options, 'dir') ?? TESTNET_DEFAULTS.dir
    const fresh = isNewTestnet(dir)
    const open = options['open'] === true
    // From here on a Ctrl-C waits until the directories are whole.
    const stop = stopSignal(run, integerFlag(options, '--seconds', 1, 1_000_000))
    try {
      const testnet = prepareTestnet({
        dir,
        nodes: integerFlag(options, '--nodes', 1, MAX_NODES),
        powers: powersFlag(textOption(options, 'powers')),
        intervalMs: integerFlag(options, '--interval', 100, 3_600_000),
        hearts: open ? undefined : (hearts ?? (fresh ? DEFAULT_HEARTS : undefined)),
        basePort: integerFlag(options, '--base-port', 1, 65_535),
        baseP2pPort: integerFlag(options, '--base-p2p-port', 1, 65_535),
        nowMs: run.clock.nowMs(),
      })
      if (open && testnet.hearts !== null) {
        throw new Failure('genesis', `--open is given, but the network in ${dir} counts enrolled lives`, 'Leave the flag out, or make a new network with another --dir.')
      }
      await runTestnet(run, testnet, { hearts: hearts ?? testnet.hearts?.[0]?.length ?? DEFAULT_HEARTS, signal: stop.signal })
    } finally {
      stop.close()
    }
  })
}

/** @throws Failure('config') */
function powersFlag(text: string | undefined): number[] | undefined {
  if (text === undefined) return undefined
  const parts = text.split(',')
  if (parts.every((part) => /^[1-9][0-9]*$/.test(part) && part.length <= MAX_POWER_DIGITS)) return parts.map(Number)
  throw new Failure('config', `--powers is "${text}"`, 'It must be whole numbers above 0, one for each node: 40,30,20,10')
}
