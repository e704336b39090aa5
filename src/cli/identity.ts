// What a data directory says about its node, without its secrets.

import { binToHex, toHex } from '../base/bytes.ts'
import { bareHex, keyBinToText, keyToText, rawKey } from '../crypto/keys.ts'
import { peerIdOf } from '../crypto/peer-id.ts'
import type { Genesis } from '../protocol/genesis.ts'
import { genesisHash } from '../protocol/genesis.ts'
import type { NodeKeys } from './network.ts'
import { record } from './output.ts'

export interface PublicKeyFacts {
  /** `z…` */
  readonly key: string
  /** The bare Ed25519 key, as the genesis lists it. */
  readonly hex: string
}

export interface NodeFacts {
  readonly network: string
  readonly development: boolean
  readonly genesisHash: string
  readonly nodeKey: PublicKeyFacts
  /** Of libp2p, made from the node key. */
  readonly peerId: string
  readonly validatorKey: PublicKeyFacts
  /** True if the genesis lists the validator key. */
  readonly validator: boolean
  /** Keys that enrol lives; none in an open network. */
  readonly registrars: readonly string[]
}

export function describeNode({ genesis, node, validator }: NodeKeys & { genesis: Genesis }): NodeFacts {
  const nodeKey = publicKeyFacts(node.publicKey)
  const validatorKey = publicKeyFacts(validator.publicKey)
  return {
    network: genesis.network,
    development: genesis.params.development,
    genesisHash: toHex(genesisHash(genesis)),
    nodeKey,
    peerId: peerIdOfKeys({ node }),
    validatorKey,
    validator: genesis.validators.some(({ key }) => binToHex(key) === validatorKey.hex),
    registrars: genesis.registrars.map(keyBinToText),
  }
}

/** Of libp2p, made from the node key. */
export const peerIdOfKeys = ({ node }: Pick<NodeKeys, 'node'>): string => peerIdOf(rawKey(node.publicKey, 'ed25519'))

const publicKeyFacts = (publicKey: Uint8Array): PublicKeyFacts => ({ key: keyToText(publicKey), hex: bareHex(publicKey) })

export function nodeRecord(facts: NodeFacts & { dataDir: string }): string {
  return record([
    ['data', facts.dataDir],
    ['network', facts.network + (facts.development ? ' (development)' : '')],
    ['genesis', facts.genesisHash],
    ['node key', facts.nodeKey.key],
    ['', facts.nodeKey.hex],
    ['peer id', facts.peerId],
    ['validator key', facts.validatorKey.key],
    ['', facts.validatorKey.hex],
    ['validator', facts.validator ? 'yes' : 'not in the genesis: see pulse-node validators'],
    ...facts.registrars.map((key, i) => [i === 0 ? 'registrars' : '', key] as const),
  ])
}
