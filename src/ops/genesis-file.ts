// The genesis file of a data directory, or of whoever made the network.

import { readFileSync } from 'node:fs'
import type { Genesis } from '../protocol/genesis.ts'
import { genesisFromJson } from '../protocol/genesis.ts'
import { Failure } from './failure.ts'

/** @throws Failure('genesis') if the file is missing or wrong */
export function readGenesis(path: string): Genesis {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new Failure(
      'genesis',
      `Cannot read the genesis ${path} (${(error as NodeJS.ErrnoException).code})`,
      'Check the path, or make a network with pulse-node init.',
      { cause: error },
    )
  }
  return parseGenesis(text, path)
}

/** @param where it comes from @throws Failure('genesis') */
export function parseGenesis(text: string, where: string): Genesis {
  const read = genesisFromJson(text)
  if (read.ok) return read.value
  const [first, ...more] = read.error
  const rest = more.length === 0 ? '' : ` and ${more.length} more`
  throw new Failure('genesis', `The genesis ${where} is wrong: ${first}${rest}`, 'Get the file of the network again.')
}
