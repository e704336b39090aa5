// `status`: what a running node is doing.

import type { Command } from 'commander'
import type { Status } from '../../api/backend.ts'
import { formatAmount } from '../amount.ts'
import type { Cli } from '../cli.ts'
import { action } from '../cli.ts'
import { clientOf } from '../client.ts'
import { addClientFlags } from '../flags.ts'
import { record, secondsText, timeText } from '../output.ts'

/** How catching up goes. */
function syncLines({ target, blocksPerS, heartbeatsPerS, etaS, bottleneck }: NonNullable<Status['sync']>): [string, string][] {
  return [
    ['catching up', `to height ${target}, ${etaS === null ? 'nothing has come yet' : `${secondsText(etaS)} to go`}`],
    ['at', `${blocksPerS} blocks/s, ${heartbeatsPerS} heartbeats/s, limited by ${bottleneck}`],
  ]
}

export function registerStatus(program: Command, cli: Cli): void {
  const command = program
    .command('status')
    .summary('show what it is doing')
    .description('Show what a running node is doing.')
    .addHelpText('after', '\nExamples:\n  $ pulse-node status\n  $ pulse-node status --json | jq .height')
  action(addClientFlags(command), cli, async (run) => {
    const client = await clientOf(run)
    const [node, status] = await Promise.all([client.node(), client.status()])
    run.print({ url: client.url, node, status }, () =>
      record([
        ['node', `${client.url}, version ${node.version}`],
        ['network', node.network + (node.development ? ' (development)' : '')],
        ['genesis', node.genesisHash],
        ['peer id', node.peerId],
        ...node.addresses.map((address, i) => [i === 0 ? 'reached at' : '', address.replace(/\/p2p\/[^/]+$/, '')] as const),
        ['ready', status.ready ? 'yes' : `no: ${status.reasons.join(' ')}`],
        ['height', status.height],
        ...(status.sync == null ? [] : syncLines(status.sync)),
        ['head', status.headId],
        ['head time', `${timeText(status.timestampMs)} UTC`],
        ['consensus', `height ${status.consensus.height}, round ${status.consensus.round}, ${status.consensus.step}`],
        ['lives', status.lives],
        ['per minute', `${status.heartbeatsPerMinute} heartbeats, ${status.blocksPerMinute} blocks`],
        ['waiting', `${status.mempool.heartbeats} heartbeats, ${status.mempool.transactions} transactions`],
        ['accounts', status.accounts],
        ['supply', formatAmount(BigInt(status.supply))],
        ['next reward', formatAmount(BigInt(status.reward))],
        ['peers', status.peers],
        ['validators', status.validators.length],
      ]),
    )
  })
}
