// `keys [file]`: public keys of the node, or of any key file. Secret keys are never shown.

import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { action } from '../cli.ts'
import { addSettingFlags, configOf } from '../flags.ts'
import { record } from '../output.ts'

export function registerKeys(program: Command, cli: Cli): void {
  const command = program
    .command('keys')
    .argument('[file]', 'a key file, such as one of device new')
    .summary('show public keys')
    .description('Show the public keys of the node, or the one of a key file.')
    .addHelpText('after', '\nExamples:\n  $ pulse-node keys\n  $ pulse-node keys device.key --json')
  action(addSettingFlags(command, ['dataDir']), cli, async (run, file) => {
    const { readKeyFile } = await import('../../ops/keyfile.ts')
    if (file !== undefined) {
      const { keyToText } = await import('../../crypto/keys.ts')
      const { curve, publicKey } = readKeyFile(file)
      const facts = { file, curve, key: keyToText(publicKey) }
      run.print(facts, () => record([['file', facts.file], ['curve', facts.curve], ['key', facts.key]]))
      return
    }
    const { dataDir } = await import('../../ops/datadir.ts')
    const { readGenesis } = await import('../../ops/genesis-file.ts')
    const { describeNode, nodeRecord } = await import('../identity.ts')
    const paths = dataDir(configOf(run).config.dataDir)
    const genesis = readGenesis(paths.genesis)
    const node = readKeyFile(paths.nodeKey, 'ed25519')
    const validator = readKeyFile(paths.validatorKey, 'ed25519')
    const facts = { dataDir: paths.root, ...describeNode({ genesis, node, validator }) }
    run.print(facts, () => nodeRecord(facts))
  })
}
