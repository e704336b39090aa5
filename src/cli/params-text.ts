// Parameters as people read and write them.

import type { ParamsView } from '../api/backend.ts'
import { Failure } from '../ops/failure.ts'
import { paramsFromJson } from '../protocol/genesis.ts'
import type { Params } from '../protocol/params.ts'
import { checkParams } from '../protocol/params.ts'
import { rows } from './output.ts'

export type ParamsJson = ParamsView['params']

export interface ParamDifference {
  readonly name: string
  readonly before: ParamsJson[string]
  readonly after: ParamsJson[string]
}

/** What differs, in the order of `before`. */
export const differences = (before: ParamsJson, after: ParamsJson): ParamDifference[] =>
  Object.keys(before)
    .filter((name) => before[name] !== after[name])
    .map((name) => ({ name, before: before[name]!, after: after[name]! }))

export const differenceTable = (changes: readonly ParamDifference[]): string =>
  rows(['parameter', 'now', 'then'], changes.map(({ name, before, after }) => [name, String(before), String(after)]))

/**
 * The parameters with the members of a file changed.
 * @param text JSON object with the members that change, as the genesis file writes them
 * @throws Failure('config') if it is none, or if the parameters would be wrong
 */
export function changedParams(current: ParamsJson, text: string, path: string): Params {
  let changes: unknown
  try {
    changes = JSON.parse(text)
  } catch {
    throw wrong(path, 'is not JSON')
  }
  if (typeof changes !== 'object' || changes === null || Array.isArray(changes)) throw wrong(path, 'is not a JSON object')
  const problems: string[] = []
  const params = paramsFromJson({ ...current, ...changes }, problems)
  const [problem] = problems.length > 0 ? problems : checkParams(params).map((text) => `params: ${text}`)
  if (problem !== undefined) throw wrong(path, `would make wrong parameters: ${problem}`)
  return params
}

const wrong = (path: string, why: string): Failure =>
  new Failure('config', `The file ${path} ${why}`, 'It must be like {"blockIntervalMs": 2000}: see pulse-node params --json.')
