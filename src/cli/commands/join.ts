// `join` and `leave`: the node of a data directory becomes a validator, or stops being one.

import type { Command } from 'commander'
import type { ValidatorsView } from '../../api/backend.ts'
import { bareHex } from '../../crypto/keys.ts'
import { Failure } from '../../ops/failure.ts'
import type { Cli } from '../cli.ts'
import { action, textOption } from '../cli.ts'
import { clientOf } from '../client.ts'
import { addWaitFlags, committedAt, EXPIRY_BLOCKS } from '../commit.ts'
import { addClientFlags, integerFlag } from '../flags.ts'
import { record } from '../output.ts'

const DEFAULT_FILE = 'join.json'
/** A day at 5 s: approvals come from people. */
const APPROVAL_BLOCKS = 17_280
const MAX_BLOCKS = 1_000_000
const MAX_BASE_LIVES = 100_000_000

const JOIN_DESCRIPTION =
  'Make the node of the data directory a validator, from the next epoch on. Its power is then that of the lives that beat through it. ' +
  'Base power needs more than two thirds of the voting power: with --base nothing is sent, but written to a file for the others to approve.'

const JOIN_EXAMPLES = `
Examples:
  $ pulse-node join
  $ pulse-node join --base 1 --out join.json
  $ pulse-node approve join.json      each of the others
  $ pulse-node submit join.json       then anybody`

export function registerJoin(program: Command, cli: Cli): void {
  const command = program
    .command('join')
    .summary('become a validator')
    .description(JOIN_DESCRIPTION)
    .option('--base <lives>', 'base power, in lives: needs approvals')
    .option('--out <file>', `where the join to be approved is written (default: ${DEFAULT_FILE})`)
    .option('--within <blocks>', `it may be committed within so many blocks (default: ${EXPIRY_BLOCKS}, or ${APPROVAL_BLOCKS} with --base)`)
    .addHelpText('after', JOIN_EXAMPLES)
  action(addClientFlags(addWaitFlags(command)), cli, async (run) => {
    const { encodeTransaction } = await import('../../protocol/transaction.ts')
    const { LIFE } = await import('../../protocol/validators.ts')
    const { makeJoin } = await import('../governance.ts')
    const { operatorOf, requireNetwork } = await import('../operator.ts')
    const { createTransactionFile } = await import('../transaction-file.ts')
    const lives = integerFlag(run.options, '--base', 1, MAX_BASE_LIVES) ?? 0
    const within = integerFlag(run.options, '--within', 1, MAX_BLOCKS) ?? (lives === 0 ? EXPIRY_BLOCKS : APPROVAL_BLOCKS)
    const { network, genesisHash, validator, node } = operatorOf(run)
    const client = await clientOf(run, 'keys')
    await requireNetwork(client, genesisHash, 'the data directory')
    const { height: head } = await client.status()
    const heights = { signedAt: head, expiryHeight: head + within }
    const transaction = makeJoin(genesisHash, { validator, node: node() }, lives * LIFE, heights)
    const key = bareHex(validator.publicKey)
    if (lives > 0) {
      const { validators, waiting } = await client.validators()
      if ([...validators, ...waiting].some((member) => member.key === key)) {
        throw new Failure('refused', `The validator ${key} has joined already`, 'For another base power it must leave first, and join again.')
      }
      const file = textOption(run.options, 'out') ?? DEFAULT_FILE
      createTransactionFile(file, { network, genesisHash, transaction })
      run.print({ file, key, base: lives * LIFE, expiryHeight: heights.expiryHeight }, () => {
        const facts = record([['file', file], ['validator', key], ['base', `${lives} ${lives === 1 ? 'life' : 'lives'}`], ['within', `${within} blocks, up to block ${heights.expiryHeight}`]])
        return `${facts}\nValidators with more than two thirds of the power must approve it:\npulse-node approve ${file}\nThen: pulse-node submit ${file}\n`
      })
      return
    }
    const id = await client.sendEncodedTransaction(encodeTransaction(transaction))
    const height = await committedAt(run, client, id)
    const from = height === null ? null : validatesFrom(await client.validators(), key)
    run.print({ id, key, height, validatesFrom: from }, () =>
      record([['join', id], ['validator', key], ['block', height ?? 'waiting'], ['validates', from === null ? 'from the next epoch on' : `from block ${from} on`]]) +
      '\nLet it run: a seat without base power is lost at the end of an epoch in which\nit has signed fewer than two thirds.\n',
    )
  })
}

export function registerLeave(program: Command, cli: Cli): void {
  const command = program
    .command('leave')
    .summary('stop being a validator')
    .description('Take the node of the data directory out of the validators, with the end of the epoch. Let it run until then.')
    .addHelpText('after', '\nExamples:\n  $ pulse-node leave')
  action(addClientFlags(addWaitFlags(command)), cli, async (run) => {
    const { encodeTransaction } = await import('../../protocol/transaction.ts')
    const { makeLeave } = await import('../governance.ts')
    const { operatorOf, requireNetwork } = await import('../operator.ts')
    const { genesisHash, validator } = operatorOf(run)
    const client = await clientOf(run, 'keys')
    await requireNetwork(client, genesisHash, 'the data directory')
    const { height: head } = await client.status()
    const transaction = makeLeave(genesisHash, validator, { signedAt: head, expiryHeight: head + EXPIRY_BLOCKS })
    const key = bareHex(validator.publicKey)
    const id = await client.sendEncodedTransaction(encodeTransaction(transaction))
    const height = await committedAt(run, client, id)
    const until = height === null ? null : validatesUntil(await client.validators(), key)
    run.print({ id, key, height, validatesUntil: until }, () =>
      record([
        ['leave', id],
        ['validator', key],
        ['block', height ?? 'waiting'],
        ['validates', `to ${until === null ? 'the end of the epoch' : `block ${until}`}; longer if it has more than a third of the power`],
      ]),
    )
  })
}

/** First height at which a member validates. */
const validatesFrom = ({ validators, epoch }: ValidatorsView, key: string): number => validators.find((each) => each.key === key)?.since ?? epoch.lastHeight + 1

/** Last height at which one that leaves validates, unless its power is too much to move in one epoch. */
const validatesUntil = ({ validators, epoch }: ValidatorsView, key: string): number =>
  validators.some((each) => each.key === key) ? epoch.lastHeight : epoch.firstHeight - 1
