// `validators`: who validates in this epoch, with which power, and who is to come. `params`: by which parameters.

import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { action } from '../cli.ts'
import { clientOf } from '../client.ts'
import { addClientFlags } from '../flags.ts'

export function registerValidators(program: Command, cli: Cli): void {
  const command = program
    .command('validators')
    .summary('show who validates, and with which power')
    .description('Show the validators of this epoch: their power in lives, the lives that beat through them, what they signed.')
    .addHelpText('after', '\nExamples:\n  $ pulse-node validators\n  $ pulse-node validators --json | jq .validators')
  action(addClientFlags(command), cli, async (run) => {
    const { validatorsText } = await import('../validators-text.ts')
    const client = await clientOf(run)
    const view = await client.validators()
    run.print(view, () => validatorsText(view))
  })
}

export function registerParams(program: Command, cli: Cli): void {
  const command = program
    .command('params')
    .summary('show the consensus parameters')
    .description('Show the consensus parameters of now, and a change of them that waits for its epoch.')
    .addHelpText('after', '\nExamples:\n  $ pulse-node params\n  $ pulse-node params --json | jq .params')
  action(addClientFlags(command), cli, async (run) => {
    const { paramsText } = await import('../validators-text.ts')
    const client = await clientOf(run)
    const view = await client.params()
    run.print(view, () => paramsText(view))
  })
}
