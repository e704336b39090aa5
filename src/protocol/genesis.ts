// The genesis: what a network starts from. Its hash names the network in everything that is signed.

import type { Bin } from '../base/bytes.ts'
import { fromBin, fromHex, toBin, toHex } from '../base/bytes.ts'
import type { Result } from '../base/result.ts'
import { err, ok } from '../base/result.ts'
import type { KeyBin } from '../crypto/keys.ts'
import { keyBinFromText, keyBinToText } from '../crypto/keys.ts'
import { MAX_GENESIS_ACCOUNTS, MAX_NETWORK_NAME_BYTES, MAX_REGISTRARS, MAX_TOTAL_BASE, MAX_VALIDATORS } from './limits.ts'
import type { Params } from './params.ts'
import { checkParams, DEFAULT_PARAMS, ParamsSsz } from './params.ts'
import { ByteListType, bytes32, bytes35, ContainerType, ListCompositeType, uint32, uint64 } from './ssz.ts'
import { LIFE } from './validators.ts'

export const GENESIS_VERSION = 1

export interface GenesisValidator {
  /** Ed25519, 32 bytes. */
  readonly key: Bin
  readonly nodeKey: Bin
  /** Base power; one life = 1 000 000. */
  readonly power: number
}

export interface Genesis {
  readonly version: number
  /** 1…32 characters of a-z, 0-9 and hyphen. */
  readonly network: string
  /** Unix time, ms. The first block's timestamp is at least one interval later. */
  readonly timeMs: number
  readonly params: Params
  /** Sorted by key. */
  readonly validators: readonly GenesisValidator[]
  /** Keys whose signatures enrol lives; sorted. */
  readonly registrars: readonly KeyBin[]
  /** Lives that are enrolled from the start; sorted. */
  readonly enrolled: readonly KeyBin[]
}

const GenesisSsz = new ContainerType({
  version: uint32,
  network: new ByteListType(MAX_NETWORK_NAME_BYTES),
  timeMs: uint64,
  params: ParamsSsz,
  validators: new ListCompositeType(new ContainerType({ key: bytes32, nodeKey: bytes32, power: uint64 }), MAX_VALIDATORS),
  registrars: new ListCompositeType(bytes35, MAX_REGISTRARS),
  enrolled: new ListCompositeType(bytes35, MAX_GENESIS_ACCOUNTS),
})

/** Hash tree root of the genesis: names the network, and is the parent id of block 1. */
export function genesisHash(genesis: Genesis): Uint8Array {
  return GenesisSsz.hashTreeRoot({
    ...genesis,
    network: new TextEncoder().encode(genesis.network),
    validators: genesis.validators.map(({ key, nodeKey, power }) => ({ key: fromBin(key), nodeKey: fromBin(nodeKey), power })),
    registrars: genesis.registrars.map(fromBin),
    enrolled: genesis.enrolled.map(fromBin),
  })
}

/** What is wrong with the genesis, one sentence each; empty if nothing is. */
export function checkGenesis(genesis: Genesis): string[] {
  const problems = checkParams(genesis.params).map((problem) => `params: ${problem}`)
  const { validators, registrars, enrolled } = genesis
  if (genesis.version !== GENESIS_VERSION) problems.push(`version must be ${GENESIS_VERSION}`)
  if (!/^[a-z0-9][a-z0-9-]{0,31}$/.test(genesis.network)) problems.push('network must be 1 to 32 characters of a-z, 0-9 and hyphen')
  if (!Number.isSafeInteger(genesis.timeMs) || genesis.timeMs <= 0) problems.push('timeMs must be a Unix time in milliseconds')
  if (validators.length < 1 || validators.length > MAX_VALIDATORS) problems.push(`validators must have 1 to ${MAX_VALIDATORS} entries`)
  if (registrars.length > MAX_REGISTRARS) problems.push(`registrars must have at most ${MAX_REGISTRARS} entries`)
  if (enrolled.length > MAX_GENESIS_ACCOUNTS) problems.push(`enrolled must have at most ${MAX_GENESIS_ACCOUNTS} entries`)
  if (!ascending(validators.map(({ key }) => key))) problems.push('validators must be sorted by key, without repetition')
  if (new Set(validators.map(({ nodeKey }) => nodeKey)).size !== validators.length) problems.push('every validator needs a node key of its own')
  if (!ascending(registrars)) problems.push('registrars must be sorted, without repetition')
  if (!ascending(enrolled)) problems.push('enrolled must be sorted, without repetition')
  let total = 0
  for (const { power } of validators) {
    if (!Number.isSafeInteger(power) || power < 1) problems.push('a power must be a positive integer')
    total += power
  }
  if (!(total <= MAX_TOTAL_BASE)) problems.push('the total power must be at most 2^48')
  // Whoever joins without base power has a power of 1: all of them together must stay far from a third.
  if (!(total >= LIFE)) problems.push(`the total power must be at least ${LIFE}: one life`)
  return problems
}

const ascending = (keys: readonly string[]): boolean => keys.every((key, i) => i === 0 || keys[i - 1]! < key)

/** The genesis file: JSON; keys in hex or as text, amounts as decimal strings of base units. */
export function genesisToJson(genesis: Genesis): string {
  const { params, validators, registrars, enrolled, ...rest } = genesis
  const file = {
    ...rest,
    params: Object.fromEntries(Object.entries(params).map(([name, value]) => [name, typeof value === 'bigint' ? value.toString() : value])),
    validators: validators.map(({ key, nodeKey, power }) => ({ key: toHex(fromBin(key)), nodeKey: toHex(fromBin(nodeKey)), power })),
    registrars: registrars.map(keyBinToText),
    enrolled: enrolled.map(keyBinToText),
  }
  return JSON.stringify(file, null, 2) + '\n'
}

/** Strict: every member must be there and no other, of the right type and in range. The error lists what is wrong. */
export function genesisFromJson(text: string): Result<Genesis, string[]> {
  let file: unknown
  try {
    file = JSON.parse(text)
  } catch (error) {
    return err([`not JSON: ${(error as Error).message}`])
  }
  const problems: string[] = []
  const members = objectWith(file, ['version', 'network', 'timeMs', 'params', 'validators', 'registrars', 'enrolled'], 'genesis', problems)
  if (members === null) return err(problems)
  const params = paramsFromJson(members['params'], problems)
  const validators = listOf(members['validators'], 'validators', problems, (entry, where) => validatorFromJson(entry, where, problems))
  const keys = (name: string): KeyBin[] => listOf(members[name], name, problems, (entry, where) => keyFromJson(entry, where, problems))
  const genesis: Genesis = {
    version: numberFromJson(members['version'], 'version', problems),
    network: textFromJson(members['network'], 'network', problems),
    timeMs: numberFromJson(members['timeMs'], 'timeMs', problems),
    params,
    validators,
    registrars: keys('registrars'),
    enrolled: keys('enrolled'),
  }
  if (problems.length > 0) return err(problems)
  const wrong = checkGenesis(genesis)
  return wrong.length > 0 ? err(wrong) : ok(genesis)
}

function objectWith(value: unknown, names: readonly string[], where: string, problems: string[]): Record<string, unknown> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    problems.push(`${where} must be an object`)
    return null
  }
  for (const name of names) if (!Object.hasOwn(value, name)) problems.push(`${where}.${name} is missing`)
  for (const name of Object.keys(value)) if (!names.includes(name)) problems.push(`${where}.${name} is unknown`)
  return value as Record<string, unknown>
}

/** Strict, as `genesisFromJson`; what is wrong is appended to `problems`. */
export function paramsFromJson(value: unknown, problems: string[]): Params {
  const members = objectWith(value, Object.keys(DEFAULT_PARAMS), 'params', problems)
  if (members === null) return DEFAULT_PARAMS
  const params: Record<string, unknown> = {}
  for (const [name, example] of Object.entries(DEFAULT_PARAMS)) {
    const member = members[name]
    if (typeof example === 'bigint') {
      if (typeof member === 'string' && /^(0|[1-9][0-9]{0,18})$/.test(member)) params[name] = BigInt(member)
      else problems.push(`params.${name} must be a string of decimal digits`)
    } else if (typeof member === typeof example) params[name] = member
    else problems.push(`params.${name} must be a ${typeof example}`)
  }
  return params as unknown as Params
}

function listOf<T>(value: unknown, where: string, problems: string[], read: (entry: unknown, where: string) => T | null): T[] {
  if (!Array.isArray(value)) {
    problems.push(`${where} must be a list`)
    return []
  }
  return value.map((entry, i) => read(entry, `${where}[${i}]`)).filter((entry) => entry !== null)
}

function validatorFromJson(value: unknown, where: string, problems: string[]): GenesisValidator | null {
  const members = objectWith(value, ['key', 'nodeKey', 'power'], where, problems)
  if (members === null) return null
  const keys = ['key', 'nodeKey'].map((name) => {
    const bytes = typeof members[name] === 'string' ? fromHex(members[name]) : null
    if (bytes?.length === 32) return toBin(bytes)
    problems.push(`${where}.${name} must be 64 hex digits`)
    return ''
  })
  return { key: keys[0]!, nodeKey: keys[1]!, power: numberFromJson(members['power'], `${where}.power`, problems) }
}

function keyFromJson(value: unknown, where: string, problems: string[]): KeyBin | null {
  const key = typeof value === 'string' ? keyBinFromText(value) : null
  if (key === null) problems.push(`${where} must be a tagged key (z…)`)
  return key
}

function numberFromJson(value: unknown, where: string, problems: string[]): number {
  if (typeof value === 'number') return value
  problems.push(`${where} must be a number`)
  return 0
}

function textFromJson(value: unknown, where: string, problems: string[]): string {
  if (typeof value === 'string') return value
  problems.push(`${where} must be a text`)
  return ''
}
