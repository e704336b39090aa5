// Makes what a data directory starts from: keys, genesis, last-signed record.

import { existsSync, readdirSync } from 'node:fs'
import { compareBin } from '../base/bytes.ts'
import type { KeyPair } from '../crypto/sign.ts'
import { generateKeyPair } from '../crypto/sign.ts'
import type { KeyBin } from '../crypto/keys.ts'
import { bareBin } from '../crypto/keys.ts'
import type { DataDir } from '../ops/datadir.ts'
import { createDataDir, dataDir } from '../ops/datadir.ts'
import { Failure } from '../ops/failure.ts'
import { createFile, storageFailure } from '../ops/fsync.ts'
import { writeKeyFile } from '../ops/keyfile.ts'
import { createSigner } from '../ops/signer.ts'
import type { Genesis, GenesisValidator } from '../protocol/genesis.ts'
import { checkGenesis, GENESIS_VERSION, genesisToJson } from '../protocol/genesis.ts'
import type { Params } from '../protocol/params.ts'
import { DEFAULT_PARAMS, DEVELOPMENT_PARAMS } from '../protocol/params.ts'
import { LIFE } from '../protocol/validators.ts'

export const GENESIS_MODE = 0o644

export interface SoloOptions {
  /** 1…32 characters of a-z, 0-9 and hyphen. */
  readonly network: string
  readonly development: boolean
  readonly threshold?: number | undefined
  readonly intervalMs?: number | undefined
  /** With registrars only enrolled lives count; without, any key is a life. */
  readonly registrars?: readonly KeyBin[] | undefined
  /** Lives from the start, in any order. */
  readonly enrolled?: readonly KeyBin[] | undefined
  /** Other than in production, for networks in which one wants to see power move. */
  readonly epochs?: Pick<Params, 'epochBlocks' | 'lifeWindowEpochs'> | undefined
  readonly nowMs: number
}

export interface NodeKeys {
  readonly node: KeyPair
  readonly validator: KeyPair
}

export interface Initialised extends NodeKeys {
  readonly paths: DataDir
  readonly genesis: Genesis
}

/**
 * Fills a data directory: node.key, validator.key, the last-signed record, and genesis.json as the last one, so that a
 * directory with a genesis is complete. Nothing is ever overwritten.
 * @param genesis the network to join, or the makings of a network of this one node
 * @param keys of the node
 * @throws Failure `genesis` if something is there already or the makings are wrong, `storage`
 */
export function initialise(path: string, genesis: Genesis | SoloOptions, keys: NodeKeys = newNodeKeys()): Initialised {
  refuseExisting(dataDir(path))
  const start = 'params' in genesis ? genesis : soloGenesis(genesis, keys)
  const paths = createDataDir(path)
  writeKeyFile(paths.nodeKey, keys.node)
  writeKeyFile(paths.validatorKey, keys.validator)
  createSigner({ keys: keys.validator, path: paths.lastSigned, initialise: true })
  try {
    createFile(paths.genesis, new TextEncoder().encode(genesisToJson(start)), GENESIS_MODE)
  } catch (error) {
    throw storageFailure(`Cannot write ${paths.genesis}`, error)
  }
  return { paths, genesis: start, ...keys }
}

export const newNodeKeys = (): NodeKeys => ({ node: generateKeyPair('ed25519'), validator: generateKeyPair('ed25519') })

function refuseExisting(paths: DataDir): void {
  const found = [paths.genesis, paths.nodeKey, paths.validatorKey, paths.lastSigned, paths.db, paths.wal].find((path) => existsSync(path))
  if (found === undefined) return
  const instead = found === paths.genesis ? 'start the node that is there' : 'if an init was cut short here, remove what it left'
  throw new Failure('genesis', `There is already ${found}`, `Nothing was changed. Choose another --data-dir, or ${instead}.`)
}

function soloGenesis(options: SoloOptions, { node, validator }: NodeKeys): Genesis {
  // It weighs as much as the life that it may get.
  return networkGenesis(options, [{ key: bareBin(validator.publicKey), nodeKey: bareBin(node.publicKey), power: LIFE }])
}

/** @param validators in any order @throws Failure('genesis') if the genesis would be wrong */
export function networkGenesis({ network, development, threshold, intervalMs, registrars = [], enrolled = [], epochs, nowMs }: SoloOptions, validators: readonly GenesisValidator[]): Genesis {
  const base = development ? DEVELOPMENT_PARAMS : DEFAULT_PARAMS
  const genesis: Genesis = {
    version: GENESIS_VERSION,
    network,
    timeMs: nowMs,
    params: { ...base, ...epochs, threshold: threshold ?? base.threshold, blockIntervalMs: intervalMs ?? base.blockIntervalMs, enrolled: registrars.length > 0 },
    validators: validators.toSorted((a, b) => compareBin(a.key, b.key)),
    registrars: [...new Set(registrars)].sort(compareBin),
    enrolled: [...enrolled].sort(compareBin),
  }
  const [problem] = checkGenesis(genesis)
  if (problem !== undefined) throw new Failure('genesis', `The genesis would be wrong: ${problem}`, 'Change the flag.')
  return genesis
}

/** Names that a fresh directory may hold: configuration laid down beforehand, and what a new file system brings. */
const HARMLESS = new Set(['config.json', 'lost+found'])

/** True if there is no such directory, or nothing of a node in it. */
export function isFresh(path: string): boolean {
  try {
    return readdirSync(path).every((name) => HARMLESS.has(name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
    throw storageFailure(`Cannot read the data directory ${path}`, error)
  }
}
