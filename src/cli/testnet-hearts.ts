// The simulated hearts of a testnet. Its genesis enrols them, so their keys are kept: hearts.json holds the secrets of
// each node's, and registrar.key can enrol more lives.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromHex, toHex } from '../base/bytes.ts'
import type { KeyPair } from '../crypto/sign.ts'
import { generateKeyPair, keyPairFromSecret } from '../crypto/sign.ts'
import { DEFAULT_CURVE } from '../device/identity.ts'
import { Failure } from '../ops/failure.ts'
import { createFile, storageFailure } from '../ops/fsync.ts'
import { KEY_FILE_MODE } from '../ops/keyfile.ts'

/** Of each node, its devices. */
export type Hearts = readonly (readonly KeyPair[])[]

export const heartsFile = (dir: string): string => join(dir, 'hearts.json')
export const registrarFile = (dir: string): string => join(dir, 'registrar.key')

export const newHearts = (nodes: number, each: number): Hearts =>
  Array.from({ length: nodes }, () => Array.from({ length: each }, () => generateKeyPair(DEFAULT_CURVE)))

/** @throws Failure `storage` */
export function writeHearts(dir: string, hearts: Hearts): void {
  const secrets = hearts.map((devices) => devices.map(({ secretKey }) => toHex(secretKey)))
  try {
    createFile(heartsFile(dir), new TextEncoder().encode(JSON.stringify(secrets, null, 2) + '\n'), KEY_FILE_MODE)
  } catch (error) {
    throw storageFailure(`Cannot write ${heartsFile(dir)}`, error)
  }
}

/** @throws Failure `genesis` if they cannot be read: the network counts these lives, and no others */
export function readHearts(dir: string, nodes: number): Hearts {
  try {
    const secrets = JSON.parse(readFileSync(heartsFile(dir), 'utf8')) as string[][]
    const hearts = secrets.map((devices) => devices.map((secret) => keyPairFromSecret(DEFAULT_CURVE, fromHex(secret)!)))
    if (hearts.length === nodes) return hearts
  } catch {
    // No content of the file is shown.
  }
  throw new Failure('genesis', `The hearts of this testnet cannot be read from ${heartsFile(dir)}`, 'Make a new network with another --dir.')
}
