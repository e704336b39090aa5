// Flags that several commands share. Those of settings derive from the table in ops/settings.ts.

import type { Command } from 'commander'
import { Option } from 'commander'
import type { KeyBin } from '../crypto/keys.ts'
import type { LoadedConfig } from '../ops/config.ts'
import { loadConfig } from '../ops/config.ts'
import { Failure } from '../ops/failure.ts'
import { integer } from '../ops/setting.ts'
import type { SettingName } from '../ops/settings.ts'
import { flagOf, SETTING_NAMES, settingOf } from '../ops/settings.ts'
import type { Cli, Options } from './cli.ts'
import { textOption } from './cli.ts'

/** Values stay text here: the configuration checks them, and says which flag was wrong. */
export function addSettingFlags(command: Command, names: readonly SettingName[] = SETTING_NAMES): Command {
  for (const name of names) {
    const setting = settingOf(name)
    const value = setting.bare === undefined ? `<${setting.type.placeholder}>` : `[${setting.type.placeholder}]`
    const option = new Option(`${flagOf(name)} ${value}`, `${setting.description}${defaultText(name)}`).helpGroup(`${setting.group}:`)
    if (name === 'seeds' || name === 'trustedProxies') option.argParser(join)
    command.addOption(option)
    if (name === 'seeds') {
      command.addOption(new Option('--peers <list>', 'the same as --seed, separated by commas').helpGroup('Network:').argParser(join))
    }
  }
  command.addOption(new Option('--config <file>', 'configuration file (default: config.json in the data directory)').helpGroup('Node:'))
  return command
}

const join = (value: string, previous: string | undefined): string => (previous === undefined ? value : `${previous},${value}`)

function defaultText(name: SettingName): string {
  const { default: value, bare } = settingOf(name)
  if (bare !== undefined) return ` (alone: ${bare})`
  return value === 0 || (Array.isArray(value) && value.length === 0) ? '' : ` (default: ${String(value)})`
}

/** The flags of settings among the options. */
export function settingFlags(options: Options): Partial<Record<SettingName, string>> {
  const flags: Partial<Record<SettingName, string>> = {}
  for (const name of SETTING_NAMES) {
    const typed = options[new Option(flagOf(name)).attributeName()]
    const value = typed === true ? settingOf(name).bare : typed
    if (typeof value === 'string') flags[name] = value
  }
  const peers = textOption(options, 'peers')
  if (peers !== undefined) flags.seeds = flags.seeds === undefined ? peers : `${flags.seeds},${peers}`
  return flags
}

/** @throws Failure('config') */
export function configOf({ env, options }: Pick<Cli, 'env'> & { options: Options }): LoadedConfig {
  return loadConfig({ flags: settingFlags(options), file: textOption(options, 'config'), env })
}

/** For commands that talk to a running node. */
export function addClientFlags(command: Command): Command {
  command.addOption(new Option('--url <url>', 'API of the node (default: the one of the data directory, on this machine)'))
  return addSettingFlags(command, ['dataDir'])
}

/** For commands that make a genesis. */
export function registrarOption(): Option {
  return new Option('--registrar <key>', 'key (z…) that enrols lives: only those it enrols count; repeat it (default: any key is a life)').argParser(join)
}

/** Tagged keys of the `--registrar` flags. @throws Failure('config') */
export async function registrarFlags(options: Options): Promise<KeyBin[]> {
  const { keyBinFromText } = await import('../crypto/keys.ts')
  return (textOption(options, 'registrar')?.split(',') ?? []).map((text) => {
    const key = keyBinFromText(text)
    if (key === null) throw new Failure('config', `--registrar is "${text}"`, 'It must be a public key: see pulse-node keygen and pulse-node keys FILE.')
    return key
  })
}

/** A whole number given by a flag that is no setting. @throws Failure('config') */
export function integerFlag(options: Options, flag: string, low: number, high: number): number | undefined {
  const text = textOption(options, new Option(flag).attributeName())
  if (text === undefined) return undefined
  const type = integer(low, high)
  const value = type.fromText(text)
  if (value === undefined) throw new Failure('config', `${flag} is "${text}"`, `It must be ${type.mustBe}.`)
  return value
}
