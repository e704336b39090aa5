// `approve <file>`: a validator signs what others propose. `submit <file>…`: sends what enough have approved.

import type { Command } from 'commander'
import { binToHex, equalBytes } from '../../base/bytes.ts'
import { bareHex } from '../../crypto/keys.ts'
import { Failure } from '../../ops/failure.ts'
import type { Cli } from '../cli.ts'
import { action } from '../cli.ts'
import { clientOf } from '../client.ts'
import { addWaitFlags, committedAt } from '../commit.ts'
import { addClientFlags } from '../flags.ts'
import { record } from '../output.ts'

const APPROVE_DESCRIPTION =
  'Approve what a file proposes, with the validator key of the data directory: shows what it is, signs it, and adds the approval to the file. ' +
  'Several operators may pass one file on, or approve copies of it: submit takes them all.'

export function registerApprove(program: Command, cli: Cli): void {
  const command = program
    .command('approve')
    .argument('<file>', 'file of join --base, or of propose-params')
    .summary('approve what is proposed')
    .description(APPROVE_DESCRIPTION)
    .option('--show', 'only show it: sign nothing')
    .addHelpText('after', '\nExamples:\n  $ pulse-node approve change.json --show\n  $ pulse-node approve change.json')
  action(addClientFlags(command), cli, async (run, path = '') => {
    const { approvalsOf, approve, withApprovals } = await import('../governance.ts')
    const { operatorOf, requireNetwork } = await import('../operator.ts')
    const { supportOf, supportText } = await import('../power-text.ts')
    const { describeProposal } = await import('../proposal-text.ts')
    const { readTransactionFile, replaceTransactionFile } = await import('../transaction-file.ts')
    const file = readTransactionFile(path)
    const { genesisHash, validator } = operatorOf(run)
    if (!equalBytes(file.genesisHash, genesisHash)) throw new Failure('wrong_network', `The file ${path} is of another network than the data directory`, 'Check --data-dir.')
    const client = await clientOf(run, 'keys')
    await requireNetwork(client, genesisHash, 'the data directory')
    const own = approve(file.transaction, genesisHash, validator)
    if (own === null) throw new Failure('config', `The file ${path} needs no approval`, `Send it with pulse-node submit ${path}`)
    const [validators, shown] = await Promise.all([client.validators(), describeProposal(client, file.transaction)])
    const key = bareHex(validator.publicKey)
    const signs = run.options['show'] !== true
    if (signs && !validators.validators.some((each) => each.key === key)) {
      throw new Failure('refused', `The key ${key} is no validator: its approval counts nothing`, 'Check --data-dir.')
    }
    const transaction = signs ? withApprovals(file.transaction, [own]) : file.transaction
    const approvals = (approvalsOf(transaction) ?? []).map((each) => binToHex(each.validator))
    const support = supportOf(validators, approvals)
    if (signs) replaceTransactionFile(path, { ...file, transaction })
    run.print({ file: path, id: binToHex(transaction.id), ...shown.facts, approvals, support, signed: signs }, () => {
      const end = signs ? `Signed with ${key}.\n` : 'Nothing was signed.\n'
      return `${shown.text}\n${record([['approved by', supportText(support, validators.validators.length)]])}\n${end}`
    })
  })
}

export function registerSubmit(program: Command, cli: Cli): void {
  const command = program
    .command('submit')
    .argument('<file...>', 'file that was approved, or the copies of it that several operators approved')
    .summary('send what was approved')
    .description('Send what validators with more than two thirds of the voting power have approved.')
    .addHelpText('after', '\nExamples:\n  $ pulse-node submit change.json\n  $ pulse-node submit from-anna.json from-ben.json')
  action(addClientFlags(addWaitFlags(command)), cli, async (run, typed) => {
    const { approvalsOf } = await import('../governance.ts')
    const { requireNetwork } = await import('../operator.ts')
    const { supportOf, supportText } = await import('../power-text.ts')
    const { readTransactionFiles } = await import('../transaction-file.ts')
    const { encodeTransaction } = await import('../../protocol/transaction.ts')
    // commander gives the list as one argument.
    const { transaction, genesisHash } = readTransactionFiles(typed as unknown as readonly string[])
    const client = await clientOf(run, 'keys')
    await requireNetwork(client, genesisHash, 'the file')
    const approvals = approvalsOf(transaction)?.map(({ validator }) => binToHex(validator)) ?? null
    const validators = await client.validators()
    const support = approvals === null ? null : supportOf(validators, approvals)
    if (support?.enough === false) {
      const cause = `It is approved by ${supportText(support, validators.validators.length)}`
      throw new Failure('refused', cause, 'Let others run pulse-node approve on it, and submit all their files.')
    }
    const id = await client.sendEncodedTransaction(encodeTransaction(transaction))
    const height = await committedAt(run, client, id)
    run.print({ id, approvals, support, height }, () =>
      record([
        ['transaction', id],
        ...(support === null ? [] : [['approved by', supportText(support, validators.validators.length)] as const]),
        ['block', height ?? 'waiting'],
      ]),
    )
  })
}
