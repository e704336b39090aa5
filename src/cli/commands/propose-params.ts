// `propose-params <file>`: a change of the parameters, for the validators to approve.

import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { fromHex, toBin } from '../../base/bytes.ts'
import { Failure } from '../../ops/failure.ts'
import type { Cli } from '../cli.ts'
import { action, textOption } from '../cli.ts'
import { clientOf } from '../client.ts'
import { addClientFlags, integerFlag } from '../flags.ts'
import { record } from '../output.ts'

const DEFAULT_FILE = 'change.json'
/** An hour at 5 s: approvals come from people. */
const DEFAULT_AFTER_BLOCKS = 720
const MAX_AFTER_BLOCKS = 1_000_000

const DESCRIPTION =
  'Write a change of the consensus parameters to a file, for validators with more than two thirds of the voting power to approve. ' +
  'It must be committed before the height that --after names, and takes effect with the first epoch that begins there or later.'

const EXAMPLES = `
Examples:
  $ echo '{"blockIntervalMs": 2000}' > faster.json
  $ pulse-node propose-params faster.json --out change.json
  $ pulse-node approve change.json      each of the validators
  $ pulse-node submit change.json       then anybody`

export function registerProposeParams(program: Command, cli: Cli): void {
  const command = program
    .command('propose-params')
    .argument('<file>', 'JSON object with the parameters that change, as pulse-node params --json shows them')
    .summary('propose a change of the parameters')
    .description(DESCRIPTION)
    .option('--after <blocks>', `it takes effect so many blocks from now or later (default: ${DEFAULT_AFTER_BLOCKS})`)
    .option('--out <file>', `where the change to be approved is written (default: ${DEFAULT_FILE})`)
    .addHelpText('after', EXAMPLES)
  action(addClientFlags(command), cli, async (run, path = '') => {
    const { makeParametersChange } = await import('../governance.ts')
    const { changedParams, differences, differenceTable } = await import('../params-text.ts')
    const { createTransactionFile } = await import('../transaction-file.ts')
    const { paramsJson } = await import('../../node/transaction-view.ts')
    const after = integerFlag(run.options, '--after', 2, MAX_AFTER_BLOCKS) ?? DEFAULT_AFTER_BLOCKS
    const client = await clientOf(run)
    const [node, current] = await Promise.all([client.node(), client.params()])
    if (current.change !== null) {
      throw new Failure('refused', 'Another change of the parameters waits for its activation', `Wait for block ${current.change.effectiveHeight}.`)
    }
    const params = changedParams(current.params, readText(path), path)
    const changes = differences(current.params, paramsJson(params))
    if (changes.length === 0) throw new Failure('config', `The file ${path} changes nothing`, 'See pulse-node params.')
    const genesisHash = fromHex(node.genesisHash)!
    const activationHeight = current.height + after
    const heights = { paramsSince: current.paramsSince, activationHeight, expiryHeight: activationHeight - 1 }
    const transaction = makeParametersChange(genesisHash, { paramsRoot: toBin(fromHex(current.paramsRoot)!), ...heights, params })
    const file = textOption(run.options, 'out') ?? DEFAULT_FILE
    createTransactionFile(file, { network: node.network, genesisHash, transaction })
    run.print({ file, changes, activationHeight, expiryHeight: heights.expiryHeight }, () => {
      const facts = record([['file', file], ['commit', `up to block ${heights.expiryHeight}`], ['effect', `with the first epoch from block ${activationHeight} on`]])
      return `${facts}\n${differenceTable(changes)}\nValidators with more than two thirds of the power must approve it:\npulse-node approve ${file}\nThen: pulse-node submit ${file}\n`
    })
  })
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Failure('config', `Cannot read ${path} (${(error as NodeJS.ErrnoException).code})`, 'Check the path.', { cause: error })
  }
}
