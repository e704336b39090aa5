// Credentials of systemd (LoadCredential=): files in a directory of their own that only this service can read.
// A validator key that is given so beats the one in the data directory.

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { KeyPair } from '../crypto/sign.ts'
import type { DataDir } from './datadir.ts'
import { readKeyFile } from './keyfile.ts'

export const CREDENTIALS_ENV = 'CREDENTIALS_DIRECTORY'
export const VALIDATOR_KEY_CREDENTIAL = 'validator.key'

/** The data directory's paths, with the validator key where the environment says it is. */
export function withCredentials(paths: DataDir, env: Readonly<Record<string, string | undefined>>): DataDir {
  const directory = env[CREDENTIALS_ENV]
  if (directory === undefined || directory === '') return paths
  const validatorKey = join(directory, VALIDATOR_KEY_CREDENTIAL)
  return existsSync(validatorKey) ? { ...paths, validatorKey } : paths
}

/**
 * systemd gives a service its credentials by an access list; the mode's group bits then show that list's mask and let in
 * no group. Others must have nothing even so, and nobody may write.
 */
const CREDENTIAL_MODE_MASK = 0o037

/** @throws Failure as `readKeyFile` does */
export function readValidatorKey({ root, validatorKey }: DataDir): KeyPair {
  return dirname(validatorKey) === root ? readKeyFile(validatorKey, 'ed25519') : readKeyFile(validatorKey, 'ed25519', CREDENTIAL_MODE_MASK)
}
