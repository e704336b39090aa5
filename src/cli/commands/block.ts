// `block [ref]`: a committed block, by height, by id, or the last one.

import type { Command } from 'commander'
import { Failure } from '../../ops/failure.ts'
import { formatAmount } from '../amount.ts'
import type { Cli } from '../cli.ts'
import { action } from '../cli.ts'
import { clientOf } from '../client.ts'
import { addClientFlags } from '../flags.ts'
import { record, timeText } from '../output.ts'

export function registerBlock(program: Command, cli: Cli): void {
  const command = program
    .command('block')
    .argument('[ref]', 'height, id (64 hex digits) or "latest"', 'latest')
    .summary('show a committed block')
    .description('Show a committed block.')
    .addHelpText('after', '\nExamples:\n  $ pulse-node block\n  $ pulse-node block 42 --json')
  action(addClientFlags(command), cli, async (run, ref = 'latest') => {
    if (!/^(latest|[0-9]{1,15}|[0-9a-f]{64})$/.test(ref)) {
      throw new Failure('usage', `"${ref}" names no block`, 'Give a height, an id of 64 hex digits, or latest.')
    }
    const client = await clientOf(run)
    const block = await client.block(ref)
    if (block === null) throw new Failure('refused', `There is no block ${ref}`, 'See pulse-node status for the height.')
    run.print(block, () => {
      const { certificate: signed } = block
      return record([
        ['height', block.height],
        ['id', block.id],
        ['parent', block.parentId],
        ['time', `${timeText(block.timestampMs)} UTC`],
        ['proposer', block.proposer],
        ['lives', block.lives],
        ['weight', ratio(block.weightPpm)],
        ['heartbeats', block.heartbeats],
        ['transactions', block.transactions],
        ['reward', formatAmount(BigInt(block.reward))],
        ['size', `${block.sizeBytes} bytes`],
        ['state root', block.stateRoot],
        ['body root', block.bodyRoot],
        ['round', signed === null ? 'not known' : signed.round],
        ['signatures', signed === null ? 'none' : `${signed.signatures}, power ${signed.power} of ${signed.totalPower}`],
      ])
    })
  })
}

/** Parts per million as a decimal, exactly. */
const ratio = (ppm: number): string => `${Math.floor(ppm / 1_000_000)}.${String(ppm % 1_000_000).padStart(6, '0')}`
