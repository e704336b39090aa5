// The genesis file: strict, canonical in what it means, and every member of it part of the network's name.

import fc from 'fast-check'
import t from 'tap'
import { toHex } from '../../src/base/bytes.ts'
import type { Genesis } from '../../src/protocol/genesis.ts'
import { checkGenesis, genesisFromJson, genesisHash, genesisToJson } from '../../src/protocol/genesis.ts'
import type { Params } from '../../src/protocol/params.ts'
import { checkParams, DEFAULT_PARAMS, DEVELOPMENT_PARAMS } from '../../src/protocol/params.ts'
import { REASONS } from '../../src/protocol/reason.ts'
import * as arbitrary from '../fuzz/arbitraries.ts'
import { holds } from '../fuzz/holds.ts'

type Json = Record<string, unknown>

const key = (byte: number): string => String.fromCharCode(byte).repeat(32)
const GENESIS: Genesis = {
  version: 1,
  network: 'pulse-test',
  timeMs: 1_700_000_000_000,
  params: DEVELOPMENT_PARAMS,
  validators: [{ key: key(1), nodeKey: key(2), power: 1_000_000 }, { key: key(3), nodeKey: key(4), power: 2_000_000 }],
  registrars: fc.sample(arbitrary.taggedKey, { numRuns: 2, seed: 1 }).map((bytes) => String.fromCharCode(...bytes)).sort(),
  enrolled: fc.sample(arbitrary.taggedKey, { numRuns: 3, seed: 2 }).map((bytes) => String.fromCharCode(...bytes)).sort(),
}
const json = (): Json => JSON.parse(genesisToJson(GENESIS)) as Json
const problemsOf = (file: unknown): string[] => {
  const result = genesisFromJson(JSON.stringify(file))
  return result.ok ? [] : result.error
}

t.test('a genesis survives its file', async (t) => {
  holds(
    t,
    'value, text and hash',
    fc.property(arbitrary.genesis, (genesis) => {
      const text = genesisToJson(genesis)
      const read = genesisFromJson(text)
      return read.ok && genesisToJson(read.value) === text && toHex(genesisHash(read.value)) === toHex(genesisHash(genesis))
    }),
  )
  t.strictSame(checkGenesis(GENESIS), [])
  t.strictSame(genesisFromJson(genesisToJson(GENESIS)), { ok: true, value: GENESIS })
  t.strictSame(genesisFromJson(JSON.stringify(json())), { ok: true, value: GENESIS }, 'white space does not matter')
})

t.test('every member is part of the hash', async (t) => {
  const [first, second] = GENESIS.validators
  const changes: Partial<Genesis>[] = [
    { version: 2 }, { network: 'pulse-tesu' }, { timeMs: GENESIS.timeMs + 1 }, { registrars: GENESIS.registrars.slice(1) }, { enrolled: GENESIS.enrolled.slice(1) },
    { registrars: GENESIS.enrolled, enrolled: GENESIS.registrars }, { validators: [first!] }, { validators: [{ ...first!, key: key(0) }, second!] },
    { validators: [{ ...first!, nodeKey: key(0) }, second!] }, { validators: [{ ...first!, power: 1 }, second!] },
    ...Object.entries(GENESIS.params).map(([name, value]: [string, number | bigint | boolean]) => {
      const changed = typeof value === 'boolean' ? !value : typeof value === 'bigint' ? value + 1n : value + 1
      return { params: { ...GENESIS.params, [name]: changed } }
    }),
  ]
  const hashes = new Set([GENESIS, ...changes.map((change) => ({ ...GENESIS, ...change }))].map((genesis) => toHex(genesisHash(genesis))))
  t.equal(hashes.size, changes.length + 1)
})

const WRONG_TYPES: readonly unknown[] = [null, true, false, 1.5, -1, '', '1', [], [1], {}, { a: 1 }, 1e300]

t.test('members that are missing, unknown or of the wrong type are named', async (t) => {
  const file = json()
  for (const name of Object.keys(file)) {
    const { [name]: _, ...rest } = file
    t.match(problemsOf(rest), [new RegExp(`${name} is missing`)], name)
  }
  t.strictSame(problemsOf({ ...file, extra: 1 }), ['genesis.extra is unknown'])
  t.match(problemsOf({ ...file, params: { ...(file['params'] as Json), extra: 1 } }), ['params.extra is unknown'])
  for (const value of [null, 1, 'x', [], true]) t.match(problemsOf(value), ['genesis must be an object'])

  for (const [name, original] of Object.entries(file)) {
    for (const value of WRONG_TYPES) {
      if (JSON.stringify(value) === JSON.stringify(original) || (Array.isArray(original) && name !== 'validators' && Array.isArray(value) && value.length === 0)) continue
      t.ok(problemsOf({ ...file, [name]: value }).length > 0 || (name === 'network' && value === '1'), `${name}: ${JSON.stringify(value)}`)
    }
  }
  for (const [name, original] of Object.entries(file['params'] as Json)) {
    t.match(problemsOf({ ...file, params: { ...(file['params'] as Json), [name]: undefined } }), [new RegExp(`params.${name} is missing`)])
    for (const value of WRONG_TYPES) {
      const allowed = typeof value === typeof original && (typeof value === 'boolean' || (typeof value === 'string' && value === '1'))
      if (!allowed) t.ok(problemsOf({ ...file, params: { ...(file['params'] as Json), [name]: value } }).length > 0, `params.${name}: ${JSON.stringify(value)}`)
    }
  }
  const [validator, other] = file['validators'] as Json[]
  for (const name of Object.keys(validator!)) {
    for (const value of [...WRONG_TYPES, '0'.repeat(63), 'g'.repeat(64), '0x' + '0'.repeat(62)]) {
      if (value === 1.5 && name !== 'power') continue
      t.ok(problemsOf({ ...file, validators: [{ ...validator!, [name]: value }, other] }).length > 0, `validators[0].${name}: ${JSON.stringify(value)}`)
    }
  }
  for (const name of ['registrars', 'enrolled']) {
    const [first] = file[name] as string[]
    for (const value of [...WRONG_TYPES, first!.slice(0, -1), `${first}1`, ` ${first}`, first!.slice(1)]) t.match(problemsOf({ ...file, [name]: [value] }), [new RegExp(`${name}\\[0\\] must be a tagged key`)])
  }
})

t.test('amounts are canonical decimal strings', async (t) => {
  const file = json()
  const withFloor = (rewardFloor: unknown): string[] => problemsOf({ ...file, params: { ...(file['params'] as Json), rewardFloor } })
  for (const good of ['0', '1', '10000000000']) t.strictSame(withFloor(good), [], good)
  for (const bad of ['', '00', '01', '+1', '-1', '1.0', '1e3', ' 1', '0x1', '1n', '٣', '99999999999999999999', 1]) t.ok(withFloor(bad).length > 0, JSON.stringify(bad))
})

t.test('what contradicts itself is refused', async (t) => {
  const [first, second] = GENESIS.validators
  const wrong: [Partial<Genesis>, string][] = [
    [{ version: 2 }, 'version must be 1'],
    [{ network: '' }, 'network'], [{ network: 'Pulse' }, 'network'], [{ network: '-pulse' }, 'network'], [{ network: 'pulse\n' }, 'network'], [{ network: 'pülse' }, 'network'],
    [{ timeMs: 0 }, 'timeMs'], [{ timeMs: 1.5 }, 'timeMs'], [{ timeMs: 2 ** 53 }, 'timeMs'],
    [{ validators: [] }, 'validators must have 1'],
    [{ validators: [second!, first!] }, 'sorted by key'], [{ validators: [first!, { ...second!, key: first!.key }] }, 'sorted by key'],
    [{ validators: [first!, { ...second!, nodeKey: first!.nodeKey }] }, 'node key of its own'],
    [{ validators: [{ ...first!, power: 0 }] }, 'power must be a positive'], [{ validators: [{ ...first!, power: 1.5 }] }, 'power must be a positive'],
    [{ validators: [{ ...first!, power: 999_999 }] }, 'at least 1000000: one life'], [{ validators: [{ ...first!, power: 2 ** 48 + 1 }] }, 'at most 2^48'],
    [{ registrars: [...GENESIS.registrars].reverse() }, 'registrars must be sorted'], [{ enrolled: [GENESIS.enrolled[0]!, GENESIS.enrolled[0]!] }, 'enrolled must be sorted'],
    [{ params: { ...DEFAULT_PARAMS, threshold: 0 } }, 'params: threshold'],
  ]
  for (const [change, message] of wrong) {
    const problems = checkGenesis({ ...GENESIS, ...change })
    t.ok(problems.length > 0 && problems.some((problem) => problem.includes(message)), message, { problems })
  }
})

t.test('parameters have ranges, and must fit together', async (t) => {
  t.strictSame(checkParams(DEFAULT_PARAMS), [])
  t.strictSame(checkParams(DEVELOPMENT_PARAMS), [])
  t.strictSame(checkParams({ ...DEFAULT_PARAMS, threshold: 362, maxBodyBytes: 65_536 }), [])
  for (const [name, value] of Object.entries(DEFAULT_PARAMS)) {
    if (typeof value === 'boolean') continue
    for (const bad of typeof value === 'bigint' ? [-1n, 10n ** 18n] : [-1, 1.5, NaN, Infinity, 2 ** 53]) {
      const problems = checkParams({ ...DEFAULT_PARAMS, [name]: bad })
      t.ok(problems.some((problem) => problem.includes(name)), `${name} = ${bad}`, { problems })
    }
  }
  const wrong: [Partial<Params>, string][] = [
    [{ alphaPpm: 400_001 }, 'alphaPpm + betaPpm + gammaPpm'], [{ rewardFloor: DEFAULT_PARAMS.rewardInitial + 1n }, 'rewardFloor must not exceed'],
    [{ lifeMinIntervalMs: 1_500 }, 'whole seconds'], [{ threshold: 10, maxHeartbeats: 9 }, 'threshold must not exceed'],
    [{ threshold: 363, maxBodyBytes: 65_536 }, 'threshold heartbeats must fit'],
  ]
  for (const [change, message] of wrong) t.match(checkParams({ ...DEFAULT_PARAMS, ...change }), [new RegExp(message.replaceAll('+', '\\+'))], message)
})

t.test('no text makes the reader throw', async (t) => {
  const settled = (text: string): boolean => {
    const result = genesisFromJson(text)
    return result.ok ? checkGenesis(result.value).length === 0 : result.error.length > 0 && result.error.every((problem) => problem.length > 0)
  }
  holds(t, 'any text', fc.property(fc.string({ unit: 'binary' }), settled))
  holds(t, 'any JSON', fc.property(fc.json(), settled))
  const names = [...Object.keys(json()), '__proto__', 'constructor', 'extra']
  holds(t, 'any value in any member', fc.property(fc.constantFrom(...names), fc.jsonValue(), (name, value) => settled(JSON.stringify(json()).replace('{', `{${JSON.stringify(name)}:${JSON.stringify(value)},`))))
  holds(t, 'any value of any member', fc.property(fc.constantFrom(...names), fc.jsonValue(), (name, value) => settled(JSON.stringify({ ...json(), [name]: value }))))
  holds(t, 'any value of any parameter', fc.property(fc.constantFrom(...Object.keys(DEFAULT_PARAMS)), fc.jsonValue(), (name, value) => settled(JSON.stringify({ ...json(), params: { ...(json()['params'] as Json), [name]: value } }))))
  t.match(problemsOf(JSON.parse(JSON.stringify(json()).replace('{', '{"__proto__":1,'))), ['genesis.__proto__ is unknown'])
})

t.test('every reason has a verdict, a status and a sentence', async (t) => {
  for (const [code, { verdict, status, text }] of Object.entries(REASONS)) {
    t.match(code, /^[a-z]+(_[a-z]+)*$/)
    t.ok(verdict === 'ignore' || verdict === 'reject')
    t.ok(status >= 400 && status <= 503 && status !== 500, `${code}: ${status}`)
    t.match(text, /^[A-Z].*\.$/)
  }
})
