// `compare`: do several nodes have the same chain? Reads their databases, offline.

import type { Command } from 'commander'
import { EXIT_CODES } from '../../ops/failure.ts'
import type { Comparison, Difference } from '../../node/compare-chains.ts'
import type { Cli } from '../cli.ts'
import { action } from '../cli.ts'
import { progressBar, record, rows } from '../output.ts'

export function registerCompare(program: Command, cli: Cli): void {
  const command = program
    .command('compare')
    .summary('compare the chains of several nodes, offline')
    .description(
      'Compare block ids and state roots of several nodes at every common height, and their accounts at the head. ' +
        'The nodes must not be running. Ends with code 20 if they differ.',
    )
    .addHelpText('after', '\nExamples:\n  $ pulse-node compare node0 node1 node2 node3\n  $ pulse-node compare /var/lib/pulse backup --json')
  action(command.argument('<data-dir...>', 'data directories; two or more'), cli, async (run, dataDirs) => {
    const { compareChains } = await import('../../node/compare-chains.ts')
    const bar = progressBar(run, 'Comparing', 'blocks')
    const result = await compareChains(dataDirs as unknown as readonly string[], bar.update).finally(() => bar.stop())
    const same = result.differences.length === 0 && result.otherAccounts.length === 0
    run.print({ same, ...result }, () => text(result, same))
    if (!same) run.setExitCode(EXIT_CODES.failed)
  })
}

function text({ nodes, commonHeight, differences, otherAccounts }: Comparison, same: boolean): string {
  const table = rows(['data directory', 'height', 'head', 'accounts root'], nodes.map(({ dataDir, height, headId, accountsRoot }) => [dataDir, height, (headId ?? 'none').slice(0, 16), accountsRoot.slice(0, 16)]))
  const parts = [table, ...differences.map(differenceText)]
  if (otherAccounts.length > 0) parts.push(`Other accounts at the same head: ${otherAccounts.join(', ')}\n`)
  parts.push(same ? `The same block and the same state at every height up to ${commonHeight}.\n` : 'The chains differ.\n')
  return parts.join('\n')
}

function differenceText({ height, dataDir, other, blockId, stateRoot }: Difference): string {
  return record([
    ['differs at', `height ${height}`],
    ['one', dataDir],
    ['its block', blockId[0]],
    ['its state', stateRoot[0]],
    ['other', other],
    ['its block', blockId[1]],
    ['its state', stateRoot[0] === stateRoot[1] ? 'the same' : stateRoot[1]],
  ])
}
