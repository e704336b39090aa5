// `first-boot`: makes an instance out of an image. For the unit of that name; needs root.

import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { action } from '../cli.ts'
import { record } from '../output.ts'

const DESCRIPTION =
  'Make an instance out of an image: read its user-data, adopt the data volume, make the identity, place the genesis and write ' +
  'the configuration. Runs at every boot of an image, before the node; nothing is made twice or overwritten, but for the configuration.'

const PATHS = { userData: '/etc/pulse-node/user-data.json', config: '/etc/pulse-node/config.json', dataDir: '/var/lib/pulse-node' }
const OWNER = 'pulse-node'

export function registerFirstBoot(program: Command, cli: Cli): void {
  const command = program
    .command('first-boot')
    .summary('make an instance out of an image')
    .description(DESCRIPTION)
    .addHelpText('after', '\nExamples:\n  $ systemctl restart pulse-node-first-boot && systemctl start pulse-node')
  action(command, cli, async (run) => {
    const { firstBoot } = await import('../first-boot.ts')
    const { thisMachine } = await import('../machine.ts')
    const say = (line: string): void => {
      if (!run.json) run.out(`pulse-node: ${line}\n`)
    }
    const made = await firstBoot(PATHS, thisMachine(run, OWNER), say)
    run.print(made, () =>
      record([
        ['network', made.network],
        ['data', made.dataDir + (made.volume === null ? '' : ` on ${made.volume.device}`)],
        ['config', made.config],
        ['announce', made.announce.length === 0 ? 'the addresses that it listens on' : made.announce.join(', ')],
      ]),
    )
  })
}
