// What an operator's commands start from: keys and network of a data directory, and the node that they speak to.

import { toHex } from '../base/bytes.ts'
import type { KeyPair } from '../crypto/sign.ts'
import { readValidatorKey, withCredentials } from '../ops/credentials.ts'
import { dataDir } from '../ops/datadir.ts'
import { Failure } from '../ops/failure.ts'
import { readGenesis } from '../ops/genesis-file.ts'
import { readKeyFile } from '../ops/keyfile.ts'
import { genesisHash } from '../protocol/genesis.ts'
import type { Run } from './cli.ts'
import type { NodeClient } from './client.ts'
import { configOf } from './flags.ts'

export interface Operator {
  readonly network: string
  readonly genesisHash: Uint8Array
  readonly validator: KeyPair
  /** Read when it is asked for: who approves needs none. */
  readonly node: () => KeyPair
}

/** @throws Failure `config`, `genesis`, `storage` */
export function operatorOf(run: Run): Operator {
  const paths = withCredentials(dataDir(configOf(run).config.dataDir), run.env)
  const genesis = readGenesis(paths.genesis)
  return {
    network: genesis.network,
    genesisHash: genesisHash(genesis),
    validator: readValidatorKey(paths),
    node: () => readKeyFile(paths.nodeKey, 'ed25519'),
  }
}

/** @throws Failure('wrong_network') if the node is of another network than what was signed, or is to be signed */
export async function requireNetwork(client: NodeClient, expected: Uint8Array, what: string): Promise<void> {
  const node = await client.node()
  if (node.genesisHash === toHex(expected)) return
  throw new Failure('wrong_network', `The node at ${client.url} is of another network than ${what}`, 'Check --url and --data-dir.')
}
