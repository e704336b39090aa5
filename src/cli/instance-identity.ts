// Identity of an instance: its keys are made on it, and never leave it. Apart from the genesis, because the genesis of a new
// network is made from the keys of its instances.

import { existsSync } from 'node:fs'
import { toHex } from '../base/bytes.ts'
import { bareHex } from '../crypto/keys.ts'
import type { DataDir } from '../ops/datadir.ts'
import { Failure } from '../ops/failure.ts'
import { createFile, storageFailure } from '../ops/fsync.ts'
import { readGenesis } from '../ops/genesis-file.ts'
import { readKeyFile, writeKeyFile } from '../ops/keyfile.ts'
import { createSigner } from '../ops/signer.ts'
import type { Genesis } from '../protocol/genesis.ts'
import { genesisHash, genesisToJson } from '../protocol/genesis.ts'
import type { NodeKeys } from './network.ts'
import { GENESIS_MODE, newNodeKeys } from './network.ts'

export interface Identity {
  readonly keys: NodeKeys
  /** True if a key was made just now. */
  readonly made: boolean
}

/** As `pulse-node genesis --validator` takes it. */
export const validatorText = ({ node, validator }: NodeKeys): string => [validator, node].map(({ publicKey }) => bareHex(publicKey)).join(':')

/**
 * Reads the keys, or makes what an interrupted first boot has not made. Once there is a genesis nothing is made any more: a key
 * that is lost then is a loss, and an empty last-signed record a danger.
 * @returns null if the validator key is kept elsewhere (as a credential of the service)
 */
export function ensureIdentity(paths: DataDir): Identity | null {
  const { nodeKey, validatorKey, lastSigned, genesis, db, wal } = paths
  const chain = [genesis, db, wal].find((path) => existsSync(path))
  const missing = [nodeKey, validatorKey, lastSigned].filter((path) => !existsSync(path))
  if (chain !== undefined) {
    if (missing.length === 0) return { keys: readKeys(paths), made: false }
    if (missing.length === 1 && missing[0] === validatorKey) return null
    throw new Failure('signer', `There is ${chain}, but no ${missing[0]}`, 'Restore it: an identity is not made again beside a chain.')
  }
  if (existsSync(lastSigned) && !existsSync(validatorKey)) {
    throw new Failure('signer', `There is ${lastSigned}, but no ${validatorKey}`, 'Restore the key, or empty the data directory for a new identity.')
  }
  const fresh = newNodeKeys()
  if (!existsSync(nodeKey)) writeKeyFile(nodeKey, fresh.node)
  if (!existsSync(validatorKey)) writeKeyFile(validatorKey, fresh.validator)
  const keys = readKeys(paths)
  if (!existsSync(lastSigned)) createSigner({ keys: keys.validator, path: lastSigned, initialise: true })
  return { keys, made: missing.length > 0 }
}

const readKeys = ({ nodeKey, validatorKey }: DataDir): NodeKeys => ({
  node: readKeyFile(nodeKey, 'ed25519'),
  validator: readKeyFile(validatorKey, 'ed25519'),
})

/** The last step of a first boot: with a genesis the data directory is complete. @throws Failure `wrong_network` if there is another one */
export function placeGenesis(paths: DataDir, genesis: Genesis, where: string): void {
  if (existsSync(paths.genesis)) {
    const own = readGenesis(paths.genesis)
    if (hashText(own) === hashText(genesis)) return
    throw new Failure(
      'wrong_network',
      `${paths.root} holds the network ${named(own)}, but ${where} is of the network ${named(genesis)}`,
      'Attach the volume that belongs to this network, or correct the user-data.',
    )
  }
  const data = [paths.db, paths.wal].find((path) => existsSync(path))
  if (data !== undefined) throw new Failure('genesis', `There is ${data}, but no ${paths.genesis}`, 'Restore the genesis of that chain.')
  try {
    createFile(paths.genesis, new TextEncoder().encode(genesisToJson(genesis)), GENESIS_MODE)
  } catch (error) {
    throw storageFailure(`Cannot write ${paths.genesis}`, error)
  }
}

const hashText = (genesis: Genesis): string => toHex(genesisHash(genesis))
const named = (genesis: Genesis): string => `${genesis.network} (${hashText(genesis).slice(0, 12)}…)`
