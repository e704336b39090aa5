// `account [key]`: balance, nonce and life of an account.

import type { Command } from 'commander'
import { keyFromText } from '../../crypto/keys.ts'
import { Failure } from '../../ops/failure.ts'
import { formatAmount } from '../amount.ts'
import type { Cli } from '../cli.ts'
import { action } from '../cli.ts'
import { clientOf } from '../client.ts'
import { addClientFlags } from '../flags.ts'
import { record, timeText } from '../output.ts'
import { DEFAULT_KEY_FILE, identityOf } from './device.ts'

export function registerAccount(program: Command, cli: Cli): void {
  const command = program
    .command('account')
    .argument('[key]', 'public key (z…); by default that of --key')
    .option('--key <file>', `key file of a device (default: ${DEFAULT_KEY_FILE})`)
    .summary('show the account of a key')
    .description('Show the account of a key.')
    .addHelpText('after', '\nExamples:\n  $ pulse-node account --key phone.key\n  $ pulse-node account zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv')
  action(addClientFlags(command), cli, async (run, named) => {
    const key = named ?? (await identityOf(run)).keyText
    if (keyFromText(key) === null) throw new Failure('usage', `"${key}" is no public key`, 'A key starts with z: see pulse-node keys FILE.')
    const client = await clientOf(run)
    const account = await client.account(key)
    if (account === null) {
      throw new Failure(
        'refused',
        'This key has no account yet',
        'An account opens with its first committed heartbeat or incoming transfer.',
      )
    }
    run.print(account, () => {
      const { lastHeartbeat: last } = account
      return record([
        ['key', account.key],
        ['balance', formatAmount(BigInt(account.balance))],
        ['available', formatAmount(BigInt(account.available))],
        ['earned', formatAmount(BigInt(account.earned))],
        ['blocks', account.blocks],
        ['next nonce', account.nextNonce],
        ['alive', account.alive ? 'yes' : 'no'],
        ['last heartbeat', last === null ? 'never' : `${timeText(last.timestampS * 1_000)} UTC, block ${last.height}`],
        ['streak', `${Math.floor(account.streakMs / 1_000)} s`],
      ])
    })
  })
}
