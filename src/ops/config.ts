// Layered configuration: flag > environment PULSE_* > file > default. Each value remembers where it came from.
//
// The file is `--config FILE`, else PULSE_CONFIG, else <data directory>/config.json if there is one. Whatever is not in
// the table of settings.ts is refused: a misspelt limit that is silently ignored is found out on the worst day.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Failure } from './failure.ts'
import type { Config, SettingName } from './settings.ts'
import { envOf, flagOf, SETTING_NAMES, settingOf } from './settings.ts'

/** Names the file, as `--config` does; the one variable that is no setting. */
export const CONFIG_FILE_ENV = 'PULSE_CONFIG'
export const CONFIG_FILE_NAME = 'config.json'

export interface ConfigSources {
  /** Values of flags as typed; lists joined by commas. */
  readonly flags?: Readonly<Partial<Record<SettingName, string>>>
  /** `--config` */
  readonly file?: string | undefined
  readonly env?: Readonly<Record<string, string | undefined>>
}

export interface Origin {
  readonly layer: 'flag' | 'env' | 'file' | 'default'
  /** `flag --port`, `environment PULSE_PORT`, `file pulse-data/config.json` or `default` */
  readonly text: string
}

export interface LoadedConfig {
  readonly config: Config
  readonly origins: Readonly<Record<SettingName, Origin>>
  /** The file that was read, or null. */
  readonly file: string | null
}

export interface ConfigProblem {
  readonly cause: string
  readonly remedy: string
}

/** @throws Failure('config') for the first problem */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const { problems, ...loaded } = readConfig(sources)
  const [first, ...more] = problems
  if (first === undefined) return loaded
  const rest = more.length === 0 ? '' : ` There are ${more.length} more problems: see pulse-node config check.`
  throw new Failure('config', first.cause, first.remedy + rest)
}

/** Reads all layers and lists everything that is wrong. With problems, the values concerned are the defaults. */
export function readConfig({ flags = {}, file, env = {} }: ConfigSources): LoadedConfig & { problems: ConfigProblem[] } {
  const problems: ConfigProblem[] = []
  const values: Record<string, unknown> = {}
  const origins: Partial<Record<SettingName, Origin>> = {}
  for (const name of SETTING_NAMES) {
    values[name] = settingOf(name).default
    origins[name] = { layer: 'default', text: 'default' }
  }

  function take(name: SettingName, origin: Origin, shown: unknown, value: unknown): void {
    if (value === undefined) problems.push(wrongValue(name, origin, shown))
    else {
      values[name] = value
      origins[name] = origin
    }
  }

  // The data directory decides where the default file is, so the upper layers are asked for it first.
  const named = file ?? env[CONFIG_FILE_ENV]
  const dataDir = flags.dataDir ?? env[envOf('dataDir')] ?? String(settingOf('dataDir').default)
  const path = named ?? join(dataDir, CONFIG_FILE_NAME)
  const members = readFile(path, named !== undefined, problems)
  for (const [key, value] of Object.entries(members ?? {})) {
    const name = SETTING_NAMES.find((known) => known === key)
    if (name === undefined) problems.push(unknownKey(key, `file ${path}`))
    else if (name === 'dataDir' && named === undefined) problems.push(cannotNameItself(path))
    else take(name, { layer: 'file', text: `file ${path}` }, value, settingOf(name).type.fromJson(value))
  }
  const variables = new Map(SETTING_NAMES.map((name) => [envOf(name), name]))
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith('PULSE_') || variable === CONFIG_FILE_ENV || value === undefined) continue
    const name = variables.get(variable)
    if (name === undefined) {
      const meant = nearest(variable, [...variables.keys(), CONFIG_FILE_ENV])
      problems.push(unknown(`variable ${printable(variable)}`, 'environment', meant))
    } else take(name, { layer: 'env', text: `environment ${variable}` }, value, settingOf(name).type.fromText(value))
  }
  for (const name of SETTING_NAMES) {
    const value = flags[name]
    if (value !== undefined) take(name, { layer: 'flag', text: `flag ${flagOf(name)}` }, value, settingOf(name).type.fromText(value))
  }
  const config = values as unknown as Config
  if (config.port === config.p2pPort && config.port !== 0) {
    problems.push({
      cause: `port and p2pPort are both ${config.port}`,
      remedy: `Change one of them (${origins.port!.text}, ${origins.p2pPort!.text}).`,
    })
  }
  return { config, origins: origins as Record<SettingName, Origin>, file: members === null ? null : path, problems }
}

/** What is wrong with members that are to become a configuration file. @param where they come from, as `user-data` */
export function checkMembers(members: Readonly<Record<string, unknown>>, where: string): ConfigProblem[] {
  return Object.entries(members).flatMap(([key, value]) => {
    const name = SETTING_NAMES.find((known) => known === key)
    if (name === undefined) return [unknownKey(key, where)]
    return settingOf(name).type.fromJson(value) === undefined ? [wrongValue(name, { layer: 'file', text: where }, value)] : []
  })
}

function readFile(path: string, required: boolean, problems: ConfigProblem[]): Record<string, unknown> | null {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (required || (code !== 'ENOENT' && code !== 'ENOTDIR')) {
      problems.push({ cause: `The configuration file ${path} cannot be read (${code})`, remedy: 'Check the path and its permissions.' })
    }
    return null
  }
  let file: unknown
  try {
    file = JSON.parse(text)
  } catch (error) {
    const why = printable((error as Error).message)
    problems.push({ cause: `The configuration file ${path} is not JSON: ${why}`, remedy: 'Correct or remove it.' })
    return null
  }
  if (typeof file === 'object' && file !== null && !Array.isArray(file)) return file as Record<string, unknown>
  problems.push({ cause: `The configuration file ${path} holds no JSON object`, remedy: 'Write it as {"port": 8080, …}.' })
  return null
}

function wrongValue(name: SettingName, origin: Origin, shown: unknown): ConfigProblem {
  const value = printable(JSON.stringify(shown))
  return { cause: `${name} is ${value} (${origin.text})`, remedy: `It must be ${settingOf(name).type.mustBe}.` }
}

const unknownKey = (key: string, where: string): ConfigProblem => unknown(`key "${printable(key)}"`, where, nearest(key, SETTING_NAMES))

function unknown(what: string, where: string, suggestion: string | null): ConfigProblem {
  const remedy = suggestion === null ? 'See pulse-node config show for the names.' : `Did you mean ${suggestion}?`
  return { cause: `Unknown ${what} (${where})`, remedy }
}

function cannotNameItself(path: string): ConfigProblem {
  return {
    cause: `dataDir is set in ${path}, which is found through the data directory`,
    remedy: 'Give it by --data-dir, PULSE_DATA_DIR or a --config file.',
  }
}

/** Short, and without control characters. */
export function printable(text: string): string {
  const plain = text.replace(/\p{Cc}+/gu, ' ')
  return plain.length <= 60 ? plain : plain.slice(0, 57) + '…'
}

/** The known name that is spelt most alike, or null if none is. */
export function nearest(name: string, known: readonly string[]): string | null {
  const plain = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '')
  let best: string | null = null
  let least = 3
  for (const candidate of known) {
    const distance = editDistance(plain(name), plain(candidate))
    if (distance < least) [best, least] = [candidate, distance]
  }
  return best
}

/** Insertions, deletions and replacements that turn one into the other (Levenshtein). */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}
