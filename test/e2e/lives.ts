// Lives for tests: keys and signatures by node:crypto, so that a test signs hundreds of heartbeats without being the load.

import { generateKeyPairSync, sign as nodeSign } from 'node:crypto'
import { concat, toHex } from '../../src/base/bytes.ts'
import { sha256 } from '../../src/crypto/hash.ts'
import { keyToText, tagKey } from '../../src/crypto/keys.ts'
import { encodeHeartbeatFields, heartbeatMessage } from '../../src/protocol/heartbeat.ts'
import type { HeartbeatFields } from '../../src/protocol/heartbeat.ts'
import { read } from './harness.ts'

export interface Life {
  /** Tagged, 35 bytes. */
  readonly key: Uint8Array
  readonly keyText: string
  /** 64 bytes; low S on P-256. */
  sign(message: Uint8Array): Uint8Array
  /** Of the last heartbeat that `nextBeat` made. */
  lastS: number
}

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** The other of the two signatures (r, s) and (r, n − s). */
export function mirrored(signature: Uint8Array): Uint8Array {
  const s = P256_ORDER - BigInt('0x' + toHex(signature.subarray(32)))
  return concat(signature.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex'))
}

const isHighS = (signature: Uint8Array): boolean => 2n * BigInt('0x' + toHex(signature.subarray(32))) > P256_ORDER

export function newLife(curve: 'p256' | 'ed25519' = 'ed25519'): Life {
  if (curve === 'ed25519') {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const key = tagKey('ed25519', Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url'))
    return { key, keyText: keyToText(key), sign: (message) => new Uint8Array(nodeSign(null, message, privateKey)), lastS: 0 }
  }
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x, y } = publicKey.export({ format: 'jwk' })
  const isOdd = Buffer.from(y!, 'base64url').at(-1)! & 1
  const key = tagKey('p256', concat(Uint8Array.of(2 + isOdd), Buffer.from(x!, 'base64url')))
  return {
    key,
    keyText: keyToText(key),
    sign(message) {
      const signature = new Uint8Array(nodeSign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' }))
      return isHighS(signature) ? mirrored(signature) : signature
    },
    lastS: 0,
  }
}

export interface NetworkFacts {
  readonly genesisHash: Uint8Array
  readonly witness: Uint8Array
}

export async function networkOf(url: string): Promise<NetworkFacts> {
  const { genesisHash, witness } = await read(`${url}/v2/node`)
  return { genesisHash: Buffer.from(genesisHash, 'hex'), witness: Buffer.from(witness, 'hex') }
}

export interface Beat {
  /** The 181 signed bytes. */
  readonly message: Uint8Array
  readonly signature: Uint8Array
  /** hex */
  readonly id: string
  /** message ‖ signature, as a batch takes it */
  readonly row: Uint8Array
}

export const nowS = (): number => Math.floor(Date.now() / 1_000)

/** A heartbeat of this moment; every field may be set to something else. The signature fits what is sent. */
export function makeBeat({ genesisHash, witness }: NetworkFacts, life: Life, fields: Partial<HeartbeatFields> = {}): Beat {
  const timestampS = fields.timestampS ?? nowS()
  const stamp = { timestampS, sequence: timestampS }
  const ordinary = { deviceKey: life.key, ...stamp, witness, rateLevel: 3, motionLevel: 1, evidence: new Uint8Array(32) }
  const message = heartbeatMessage(genesisHash, encodeHeartbeatFields({ ...ordinary, ...fields }))
  return beatOf(message, life.sign(message))
}

export function beatOf(message: Uint8Array, signature: Uint8Array): Beat {
  return { message, signature, id: toHex(sha256(message)), row: concat(message, signature) }
}

/** The next heartbeat of a life, or null while its last one is of this very second. */
export function nextBeat(network: NetworkFacts, life: Life): Beat | null {
  const timestampS = nowS()
  if (timestampS <= life.lastS) return null
  life.lastS = timestampS
  return makeBeat(network, life, { timestampS })
}
