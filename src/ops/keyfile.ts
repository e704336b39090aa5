// Key files: {"curve","publicKey","secretKey"} as JSON, mode 0600. Node, validator and device keys share the format.
// No error of this file carries content of the file: a JSON parser's message quotes its input, so it isn't passed on.

import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { equalBytes, fromHex, toHex } from '../base/bytes.ts'
import type { Curve } from '../crypto/keys.ts'
import { keyFromText, keyToText } from '../crypto/keys.ts'
import type { KeyPair } from '../crypto/sign.ts'
import { SECRET_KEY_SIZE, keyPairFromSecret } from '../crypto/sign.ts'
import { Failure } from './failure.ts'
import { createFile, storageFailure } from './fsync.ts'

export const KEY_FILE_MODE = 0o600
const MAX_KEY_FILE_BYTES = 4_096
const CURVES: readonly Curve[] = ['ed25519', 'secp256k1', 'p256']

/**
 * Creates the file; an existing one is never overwritten.
 * @throws Failure `config` if it exists, `storage` if it cannot be written
 */
export function writeKeyFile(path: string, keys: KeyPair): void {
  const content = { curve: keys.curve, publicKey: keyToText(keys.publicKey), secretKey: toHex(keys.secretKey) }
  try {
    createFile(path, new TextEncoder().encode(JSON.stringify(content, null, 2) + '\n'), KEY_FILE_MODE)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new Failure('config', `The key file ${path} exists already`, 'Keep it, or choose another path: keys are never overwritten.')
    }
    throw storageFailure(`Cannot write the key file ${path}`, error)
  }
}

/** Mode bits that a key file must not have. */
const PRIVATE_MODE_MASK = 0o077

/**
 * @param curve the only curve that is accepted here; any if left out
 * @param modeMask mode bits that the file must not have
 * @throws Failure `config` if the file is missing, readable by others or no key file, `storage` if it cannot be read
 */
export function readKeyFile(path: string, curve?: Curve, modeMask: number = PRIVATE_MODE_MASK): KeyPair {
  const keys = parse(path, readPrivately(path, modeMask))
  if (curve !== undefined && keys.curve !== curve) {
    throw new Failure('config', `The key in ${path} is on the curve ${keys.curve}, not ${curve}`, 'Choose the key file that belongs here.')
  }
  return keys
}

function readPrivately(path: string, modeMask: number): string {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    const stats = fstatSync(file)
    if (!stats.isFile()) throw broken(path, 'is not a regular file')
    if ((stats.mode & modeMask) !== 0) {
      throw new Failure('config', `The key file ${path} can be read or changed by other users`, `Run: chmod 600 ${path}`)
    }
    if (stats.size > MAX_KEY_FILE_BYTES) throw broken(path, `has more than ${MAX_KEY_FILE_BYTES} bytes`)
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new Failure('config', `There is no key file ${path}`, 'Check the path, restore the file from your backup, or make a key.')
    }
    throw storageFailure(`Cannot read the key file ${path}`, error)
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

function parse(path: string, text: string): KeyPair {
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch {
    throw broken(path, 'is not JSON')
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) throw broken(path, 'is not a JSON object')
  const fields = content as Partial<Record<string, unknown>>
  const curve = CURVES.find((name) => name === fields['curve'])
  if (curve === undefined) throw broken(path, `must have a "curve" of ${CURVES.join(', ')}`)
  const publicKey = typeof fields['publicKey'] === 'string' ? keyFromText(fields['publicKey']) : null
  if (publicKey === null) throw broken(path, 'must have a "publicKey" as text that starts with z')
  const secretKey = typeof fields['secretKey'] === 'string' ? fromHex(fields['secretKey']) : null
  if (secretKey === null || secretKey.length !== SECRET_KEY_SIZE) throw broken(path, 'must have a "secretKey" of 64 hex digits')
  let keys: KeyPair
  try {
    keys = keyPairFromSecret(curve, secretKey)
  } catch {
    throw broken(path, `holds a "secretKey" that is none of ${curve}`)
  }
  if (!equalBytes(keys.publicKey, publicKey)) throw broken(path, 'holds a "publicKey" that does not belong to its "secretKey"')
  return keys
}

function broken(path: string, why: string): Failure {
  return new Failure('config', `The key file ${path} ${why}`, 'Restore it from your backup.')
}
