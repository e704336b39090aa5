// `enrol <key>…`: a registrar says that these device keys are lives. `keygen`: makes a key for that, or for anything else.

import type { Command } from 'commander'
import { Option } from 'commander'
import { fromHex } from '../../base/bytes.ts'
import type { Curve, KeyBin } from '../../crypto/keys.ts'
import { keyBinFromText, keyToText } from '../../crypto/keys.ts'
import { Failure } from '../../ops/failure.ts'
import { MAX_ENROLMENT_DEVICES } from '../../protocol/limits.ts'
import type { Cli } from '../cli.ts'
import { action, textOption } from '../cli.ts'
import { clientOf } from '../client.ts'
import { addWaitFlags, committedAt, EXPIRY_BLOCKS } from '../commit.ts'
import { addClientFlags } from '../flags.ts'
import { record } from '../output.ts'

const EXAMPLES = `
Examples:
  $ pulse-node enrol zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv \\
      --registrar-key registrar.key`

export function registerEnrol(program: Command, cli: Cli): void {
  const command = program
    .command('enrol')
    .argument('<key...>', `keys of devices (z…), each of one life; at most ${MAX_ENROLMENT_DEVICES}`)
    .summary('enrol lives, as a registrar')
    .description('Enrol device keys as lives, with the key of a registrar of the network.')
    .requiredOption('--registrar-key <file>', 'key file of the registrar')
    .addHelpText('after', EXAMPLES)
  action(addClientFlags(addWaitFlags(command)), cli, async (run, typed) => {
    const { readKeyFile } = await import('../../ops/keyfile.ts')
    const { encodeTransaction } = await import('../../protocol/transaction.ts')
    const { makeEnrolment } = await import('../governance.ts')
    // commander gives the list as one argument.
    const texts = typed as unknown as readonly string[]
    const devices = texts.map(deviceKey)
    if (devices.length > MAX_ENROLMENT_DEVICES) {
      throw new Failure('usage', `There are ${devices.length} keys`, `Give at most ${MAX_ENROLMENT_DEVICES} at a time.`)
    }
    const registrar = readKeyFile(textOption(run.options, 'registrarKey')!)
    const client = await clientOf(run)
    const [node, { height: head }] = await Promise.all([client.node(), client.status()])
    const transaction = makeEnrolment(fromHex(node.genesisHash)!, registrar, devices, head + EXPIRY_BLOCKS)
    const id = await client.sendEncodedTransaction(encodeTransaction(transaction))
    const height = await committedAt(run, client, id)
    const facts = { id, registrar: keyToText(registrar.publicKey), devices: [...new Set(texts)], height }
    run.print(facts, () =>
      record([
        ['enrolment', id],
        ['registrar', facts.registrar],
        ...facts.devices.map((key, i) => [i === 0 ? 'lives' : '', key] as const),
        ['block', height ?? 'waiting'],
      ]),
    )
  })
}

function deviceKey(text: string): KeyBin {
  const key = keyBinFromText(text)
  if (key === null) throw new Failure('usage', `"${text}" is no public key`, 'A key starts with z: see pulse-node keys FILE.')
  return key
}

export function registerKeygen(program: Command, cli: Cli): void {
  const command = program
    .command('keygen')
    .argument('<file>', 'key file to make')
    .summary('make a key, of a registrar for example')
    .description('Make a key file. An existing file is never overwritten. Nodes get their keys from init, devices from device new.')
    .addOption(new Option('--curve <curve>', 'curve of the key').choices(['ed25519', 'p256', 'secp256k1']).default('ed25519'))
    .addHelpText('after', '\nExamples:\n  $ pulse-node keygen registrar.key')
  action(command, cli, async (run, file = '') => {
    const { generateKeyPair } = await import('../../crypto/sign.ts')
    const { writeKeyFile } = await import('../../ops/keyfile.ts')
    const keys = generateKeyPair(run.options['curve'] as Curve)
    writeKeyFile(file, keys)
    const facts = { file, curve: keys.curve, key: keyToText(keys.publicKey) }
    run.print(facts, () => record([['file', file], ['curve', facts.curve], ['key', facts.key]]))
  })
}
