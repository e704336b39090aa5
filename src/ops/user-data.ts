// User-data of an instance: a JSON object with the members of a configuration file, and one more, `instance`, for what only an
// image needs to be told.
//
//   { "seeds": ["/ip4/…"], "logLevel": "info",
//     "instance": {
//       "genesis":    SOURCE                                         the network to join
//       "network":    { "name": "harbour", "development": false, "threshold": 1, "intervalMs": 5000 }   or a new one of this node
//       "settings":   [SOURCE, …]                                    more settings; those above beat them, a later one an earlier
//       "dataVolume": "auto" or "/dev/…"                             the disk for the data directory
//       "announce":   "public" (default), "private" or "none"        which of its addresses other nodes are told, on EC2
//     } }
//
//   SOURCE   {"inline": {…}}, {"path": "/…"}, {"url": "https://…", "sha256": "…"},
//            {"ssm": "/parameter"}, {"secret": "entry"}, {"tag": "of the instance"}

import { gunzipSync } from 'node:zlib'
import type { Result } from '../base/result.ts'
import { err, ok } from '../base/result.ts'
import type { ConfigProblem } from './config.ts'
import { checkMembers, nearest, printable } from './config.ts'

export type Source =
  | { readonly kind: 'inline'; readonly value: Readonly<Record<string, unknown>> }
  | { readonly kind: 'url'; readonly name: string; readonly sha256: string }
  | { readonly kind: 'path' | 'ssm' | 'secret' | 'tag'; readonly name: string }

export interface NewNetwork {
  readonly name: string
  readonly development: boolean
  readonly threshold: number | undefined
  readonly intervalMs: number | undefined
}

export type Announce = 'public' | 'private' | 'none'

export interface UserData {
  readonly settings: Readonly<Record<string, unknown>>
  readonly settingsFrom: readonly Source[]
  readonly genesis: Source | null
  readonly network: NewNetwork | null
  /** `auto`, a path, or null for none. */
  readonly dataVolume: string | null
  readonly announce: Announce
}

const MAX_TEXT_BYTES = 1024 * 1024
const MAX_SOURCES = 8

/**
 * The text of user-data, which may be compressed by gzip.
 * @returns null if there is none, or if it is for cloud-init
 */
export function userDataText(bytes: Uint8Array): Result<string | null, ConfigProblem> {
  let plain = bytes
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      plain = gunzipSync(bytes, { maxOutputLength: MAX_TEXT_BYTES })
    } catch {
      return err({ cause: 'The user-data cannot be unpacked by gzip', remedy: 'Compress it again, or give it as it is.' })
    }
  }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(plain)
  } catch {
    return err({ cause: 'The user-data is not text', remedy: 'Give a JSON object, in UTF-8.' })
  }
  if (text.trim() === '' || /^(#|Content-Type:|MIME-Version:)/i.test(text)) return ok(null)
  return ok(text)
}

/** The error lists everything that is wrong. @param where as in `user-data` */
export function parseUserData(text: string, where: string): Result<UserData, readonly ConfigProblem[]> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    return err([{ cause: `The ${where} is not JSON: ${printable((error as Error).message)}`, remedy: 'Correct it.' }])
  }
  const read = new Reader(where)
  const all = read.object(json, '')
  if (all === null) return err(read.problems)
  const { instance: instanceJson, ...settings } = all
  read.problems.push(...checkMembers(settings, where))
  if (Object.hasOwn(settings, 'dataDir')) {
    read.problems.push({ cause: `dataDir is set in the ${where}`, remedy: 'Leave it out: the image has one place for data. See dataVolume.' })
  }
  const instance = read.object(instanceJson ?? {}, 'instance') ?? {}
  read.onlyKnown(instance, 'instance', ['genesis', 'network', 'settings', 'dataVolume', 'announce'])
  const { genesis, network, settings: sources = [], dataVolume, announce } = instance
  if (!Array.isArray(sources) || sources.length > MAX_SOURCES) read.wrong('instance.settings', sources, `a list of at most ${MAX_SOURCES} sources`)
  if (genesis !== undefined && network !== undefined) {
    read.problems.push({ cause: `instance has both genesis and network (${where})`, remedy: 'Join a network by genesis, or make one by network.' })
  }
  const data: UserData = {
    settings,
    settingsFrom: (Array.isArray(sources) ? sources : []).flatMap((source, i) => read.source(source, `instance.settings[${i}]`) ?? []),
    genesis: genesis === undefined ? null : read.source(genesis, 'instance.genesis'),
    network: network === undefined ? null : read.network(network),
    dataVolume: dataVolume === undefined ? null : read.text(dataVolume, 'instance.dataVolume', /^(auto|\/dev\/[\w./:+-]{1,200})$/, '"auto" or a path below /dev'),
    announce: announce === undefined ? 'public' : (read.text(announce, 'instance.announce', /^(public|private|none)$/, 'public, private or none') as Announce),
  }
  return read.problems.length > 0 ? err(read.problems) : ok(data)
}

/** What a source may be named, by its kind. */
const NAMES: Readonly<Record<Exclude<Source['kind'], 'inline'>, RegExp>> = {
  path: /^\/[^\p{Cc}]{1,4000}$/u,
  url: /^https?:\/\/[\x21-\x7e]{1,2000}$/,
  ssm: /^[\w.:/-]{1,1011}$/,
  secret: /^[\w/+=.@:-]{1,2048}$/,
  tag: /^[\w+=.@:-]{1,128}$/,
}
const KINDS = Object.keys(NAMES) as (keyof typeof NAMES)[]

/** Collects what is wrong. */
class Reader {
  readonly problems: ConfigProblem[] = []
  readonly #where: string

  constructor(where: string) {
    this.#where = where
  }

  wrong(name: string, value: unknown, mustBe: string): null {
    this.problems.push({ cause: `${name} is ${value === undefined ? 'missing' : printable(JSON.stringify(value))} (${this.#where})`, remedy: `It must be ${mustBe}.` })
    return null
  }

  object(value: unknown, name: string): Record<string, unknown> | null {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
    if (name !== '') return this.wrong(name, value, 'a JSON object')
    this.problems.push({ cause: `The ${this.#where} holds no JSON object`, remedy: 'Write it as {"seeds": ["…"], "instance": {…}}.' })
    return null
  }

  text(value: unknown, name: string, allowed: RegExp, mustBe: string): string | null {
    return typeof value === 'string' && allowed.test(value) ? value : this.wrong(name, value, mustBe)
  }

  onlyKnown(value: Record<string, unknown>, name: string, known: readonly string[]): void {
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue
      const meant = nearest(key, known)
      const remedy = meant === null ? `It may have: ${known.join(', ')}.` : `Did you mean ${meant}?`
      this.problems.push({ cause: `Unknown key "${printable(key)}" in ${name} (${this.#where})`, remedy })
    }
  }

  source(value: unknown, name: string): Source | null {
    const members = this.object(value, name)
    if (members === null) return null
    const { sha256, ...named } = members
    const [kind, ...more] = Object.keys(named)
    const mustBe = `one of {"inline": {…}}, {"url": "https://…", "sha256": "…"}, ${KINDS.filter((one) => one !== 'url').map((one) => `{"${one}": "…"}`).join(', ')}`
    if (kind === undefined || more.length > 0 || (kind === 'url') !== (sha256 !== undefined)) return this.wrong(name, value, mustBe)
    if (kind === 'inline') {
      const inline = this.object(named['inline'], `${name}.inline`)
      return inline === null ? null : { kind, value: inline }
    }
    const known = KINDS.find((one) => one === kind)
    if (known === undefined) return this.wrong(name, value, mustBe)
    const text = this.text(named[known], `${name}.${known}`, NAMES[known], `a ${known === 'ssm' ? 'name of a parameter' : known}`)
    if (text === null || known !== 'url') return text === null || known === 'url' ? null : { kind: known, name: text }
    const digest = this.text(sha256, `${name}.sha256`, /^[0-9a-f]{64}$/i, '64 hex digits')
    return digest === null ? null : { kind: known, name: text, sha256: digest.toLowerCase() }
  }

  network(value: unknown): NewNetwork | null {
    const members = this.object(value, 'instance.network')
    if (members === null) return null
    this.onlyKnown(members, 'instance.network', ['name', 'development', 'threshold', 'intervalMs'])
    const { name, development = false, threshold, intervalMs } = members
    if (typeof development !== 'boolean') this.wrong('instance.network.development', development, 'true or false')
    const integer = (number: unknown, what: string, low: number, high: number): number | undefined => {
      if (number === undefined) return undefined
      if (typeof number === 'number' && Number.isInteger(number) && number >= low && number <= high) return number
      this.wrong(`instance.network.${what}`, number, `an integer from ${low} to ${high}`)
      return undefined
    }
    return {
      name: this.text(name, 'instance.network.name', /^[a-z0-9][a-z0-9-]{0,31}$/, '1 to 32 characters of a-z, 0-9 and hyphen') ?? '',
      development: development === true,
      threshold: integer(threshold, 'threshold', 1, 32_768),
      intervalMs: integer(intervalMs, 'intervalMs', 100, 3_600_000),
    }
  }
}
