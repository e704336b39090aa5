// `send <recipient> <amount>`: signs a transfer, posts it, and waits until it is committed.

import type { Command } from 'commander'
import { fromHex } from '../../base/bytes.ts'
import { keyFromText } from '../../crypto/keys.ts'
import { Failure } from '../../ops/failure.ts'
import { MAX_MEMO_BYTES } from '../../protocol/limits.ts'
import { formatAmount, parseAmount } from '../amount.ts'
import type { Cli } from '../cli.ts'
import { action, textOption } from '../cli.ts'
import { clientOf } from '../client.ts'
import { addWaitFlags, committedAt, EXPIRY_BLOCKS } from '../commit.ts'
import { addClientFlags } from '../flags.ts'
import { record } from '../output.ts'
import { DEFAULT_KEY_FILE } from './device.ts'

const EXAMPLES = `
Examples:
  $ pulse-node send zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv 12.5
  $ pulse-node send self 1 --memo hello --key phone.key`

export function registerSend(program: Command, cli: Cli): void {
  const command = program
    .command('send')
    .argument('<recipient>', 'public key (z…), or "self"')
    .argument('<amount>', 'PULSE, such as 12.5; at most eight decimals')
    .summary('send PULSE')
    .description('Send PULSE, and wait until the transfer is committed.')
    .option('--key <file>', `key file of the sender (default: ${DEFAULT_KEY_FILE})`)
    .option('--memo <text>', `at most ${MAX_MEMO_BYTES} bytes; public for ever`)
    .addHelpText('after', EXAMPLES)
  action(addClientFlags(addWaitFlags(command)), cli, async (run, recipientText = '', amountText = '') => {
    const { readKeyFile } = await import('../../ops/keyfile.ts')
    const { keyToText } = await import('../../crypto/keys.ts')
    const { makeTransfer } = await import('../../device/transfer.ts')
    const amount = parseAmount(amountText)
    if (amount === null) {
      throw new Failure('usage', `"${amountText}" is no amount`, 'Give PULSE as 12 or 12.5, above zero, with at most eight decimals.')
    }
    if (recipientText !== 'self' && keyFromText(recipientText) === null) {
      throw new Failure('usage', `"${recipientText}" is no public key`, 'A key starts with z: see pulse-node keys FILE.')
    }
    const memo = textOption(run.options, 'memo') ?? ''
    if (Buffer.byteLength(memo) > MAX_MEMO_BYTES) {
      throw new Failure('usage', 'The memo is too long', `At most ${MAX_MEMO_BYTES} bytes of UTF-8 are allowed.`)
    }
    const keys = readKeyFile(textOption(run.options, 'key') ?? DEFAULT_KEY_FILE)
    const sender = keyToText(keys.publicKey)
    const recipient = recipientText === 'self' ? sender : recipientText
    const client = await clientOf(run)
    const [node, status, account] = await Promise.all([client.node(), client.status(), client.account(sender)])
    if (account === null) {
      throw new Failure(
        'refused',
        `The sender ${sender} has no account yet`,
        'It opens with the first committed heartbeat or incoming transfer.',
      )
    }
    const transfer = makeTransfer({
      genesisHash: fromHex(node.genesisHash)!,
      keys,
      recipient,
      amount,
      nonce: account.nextNonce,
      expiryHeight: status.height + EXPIRY_BLOCKS,
      memo,
    })
    await client.sendTransaction(transfer.message, transfer.signature)
    const height = await committedAt(run, client, transfer.id)
    run.print({ id: transfer.id, sender, recipient, amount, nonce: account.nextNonce, height }, () =>
      record([
        ['transfer', transfer.id],
        ['sender', sender],
        ['recipient', recipient],
        ['amount', formatAmount(amount)],
        ['block', height ?? 'waiting'],
      ]),
    )
  })
}
