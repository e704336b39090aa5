// `doctor`: looks for what keeps a node from working.

import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { CONFIG_FILE_ENV, readConfig } from '../../ops/config.ts'
import { Failure } from '../../ops/failure.ts'
import { envOf } from '../../ops/settings.ts'
import type { Cli, Run } from '../cli.ts'
import { action, textOption } from '../cli.ts'
import type { Patient } from '../doctor.ts'
import { addSettingFlags, settingFlags } from '../flags.ts'
import { rows } from '../output.ts'

const DESCRIPTION =
  'Look for what keeps a node from working: configuration, permissions, disk, lock, ports, clock, limits, seeds, announced address. ' +
  'Nothing is changed. Where the node is installed as a service, and nothing else is named, the service is looked at.'

export function registerDoctor(program: Command, cli: Cli): void {
  const command = program
    .command('doctor')
    .summary('look for what keeps a node from working')
    .description(DESCRIPTION)
    .addHelpText('after', '\nExamples:\n  $ pulse-node doctor\n  $ sudo -u pulse-node pulse-node doctor --json')
  action(addSettingFlags(command, ['dataDir']), cli, async (run) => {
    const { examine } = await import('../doctor.ts')
    const { systemProbes } = await import('../doctor-probes.ts')
    const { builtMs } = await import('../machine.ts')
    const findings = await examine(await patientOf(run), systemProbes(run.clock, builtMs()))
    run.print({ ok: findings.every(({ verdict }) => verdict !== 'fail'), findings }, () =>
      rows(['check', '', 'finding'], findings.map(({ check, verdict, text }) => [check, verdict, text]), true),
    )
    const failed = findings.filter(({ verdict }) => verdict === 'fail')
    if (failed.length > 0) {
      throw new Failure('failed', `${failed.length} of ${findings.length} checks failed: ${failed.map(({ check }) => check).join(', ')}`, 'See what each of them says.')
    }
  })
}

async function patientOf(run: Run): Promise<Patient> {
  const { SERVICE } = await import('../doctor.ts')
  const { dataDir } = await import('../../ops/datadir.ts')
  const flags = settingFlags(run.options)
  const file = textOption(run.options, 'config')
  const named = flags.dataDir ?? file ?? run.env[envOf('dataDir')] ?? run.env[CONFIG_FILE_ENV]
  const isService = named === undefined && existsSync(SERVICE.unit)
  const { config, problems } = isService
    ? readConfig({ flags: { dataDir: SERVICE.dataDir }, file: SERVICE.config, env: run.env })
    : readConfig({ flags, file, env: run.env })
  return { config, problems, paths: dataDir(config.dataDir) }
}
