// `verify`: checks the whole chain of a stopped node, offline.

import type { Command } from 'commander'
import { formatAmount } from '../amount.ts'
import type { Cli } from '../cli.ts'
import { action } from '../cli.ts'
import { addSettingFlags, configOf } from '../flags.ts'
import { progressBar, record } from '../output.ts'

export function registerVerify(program: Command, cli: Cli): void {
  const command = program
    .command('verify')
    .summary('check the whole chain, offline')
    .description('Check every block, signature, certificate and balance of the chain in the data directory. The node must not be running.')
    .addHelpText('after', '\nExamples:\n  $ pulse-node verify\n  $ pulse-node verify --data-dir /var/lib/pulse --verify-threads 4 --json')
  action(addSettingFlags(command, ['dataDir', 'verifyThreads']), cli, async (run) => {
    const { dataDir, verifyThreads } = configOf(run).config
    const { verifyChain } = await import('../../node/verify-chain.ts')
    const bar = progressBar(run, 'Verifying', 'blocks')
    const result = await verifyChain({ dataDir, threads: verifyThreads, onProgress: bar.update }).finally(() => bar.stop())
    run.print({ ok: true, ...result }, () =>
      record([
        ['result', 'the chain is right'],
        ['height', result.height],
        ['head', result.headId],
        ['state root', result.stateRoot],
        ['heartbeats', result.heartbeats],
        ['transactions', result.transactions],
        ['supply', formatAmount(result.supply)],
        ['time', `${result.seconds.toFixed(1)} s`],
      ]),
    )
  })
}
