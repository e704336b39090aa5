// `config show` and `config check`.

import type { Command } from 'commander'
import { readConfig } from '../../ops/config.ts'
import { Failure } from '../../ops/failure.ts'
import { SETTING_NAMES } from '../../ops/settings.ts'
import type { Cli } from '../cli.ts'
import { action, textOption } from '../cli.ts'
import { addSettingFlags, configOf, settingFlags } from '../flags.ts'
import { record, rows } from '../output.ts'

export function registerConfig(program: Command, cli: Cli): void {
  const config = program.command('config').summary('show or check the configuration')
  config.description('Show or check the configuration.').helpCommand(false)

  const show = config
    .command('show')
    .description('Show the value of every setting: flag, else environment PULSE_*, else file, else default.')
    .option('--origin', 'show where each value comes from')
    .addHelpText('after', '\nExamples:\n  $ pulse-node config show --origin\n  $ PULSE_PORT=9000 pulse-node config show --json')
  action(addSettingFlags(show), cli, (run) => {
    const { config, origins, file } = configOf(run)
    const withOrigin = run.options['origin'] === true
    const result = withOrigin
      ? { file, settings: Object.fromEntries(SETTING_NAMES.map((name) => [name, { value: config[name], origin: origins[name] }])) }
      : { file, settings: config }
    run.print(result, () => {
      const values = SETTING_NAMES.map((name) => [name, valueText(config[name])] as const)
      if (!withOrigin) return record(values)
      return rows(['setting', 'value', 'origin'], values.map(([name, value]) => [name, value, origins[name].text]))
    })
  })

  const check = config
    .command('check')
    .description('Check all layers of the configuration, and list everything that is wrong.')
    .addHelpText('after', '\nExamples:\n  $ pulse-node config check --config /etc/pulse/config.json')
  action(addSettingFlags(check), cli, (run) => {
    const { problems, file } = readConfig({ flags: settingFlags(run.options), file: textOption(run.options, 'config'), env: run.env })
    run.print({ ok: problems.length === 0, file, problems }, () => {
      const read = file === null ? 'No configuration file.' : `Read ${file}.`
      return [read, ...problems.map(({ cause, remedy }) => `${cause}. ${remedy}`), ''].join('\n')
    })
    if (problems.length > 0) {
      throw new Failure(
        'config',
        `The configuration has ${problems.length} problem${problems.length === 1 ? '' : 's'}`,
        'Correct what is listed.',
      )
    }
    if (!run.json) run.out('The configuration is in order.\n')
  })
}

const valueText = (value: unknown): string => (Array.isArray(value) ? value.join(', ') || '(none)' : String(value))
