// SHA-256 and the domain tags. Runs in browsers too (the device SDK uses it).

import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { assert } from '../base/assert.ts'

export const HASH_SIZE = 32

export const sha256 = (bytes: Uint8Array): Uint8Array => nobleSha256(bytes)

/** Everything that is signed starts with one of these, so that a signature made for one purpose fits no other. */
export type Domain =
  | 'pulse/heartbeat/1'
  | 'pulse/transfer/1'
  | 'pulse/bundle/1'
  | 'pulse/vote/1'
  | 'pulse/proposal/1'
  | 'pulse/enrolment/1'
  | 'pulse/join/1'
  | 'pulse/leave/1'
  | 'pulse/parameters/1'

export const DOMAIN_SIZE = 32

const tags = new Map<Domain, Uint8Array>()

/** The domain's name in ASCII, padded with zero bytes to 32. */
export function domainTag(domain: Domain): Uint8Array {
  let tag = tags.get(domain)
  if (tag === undefined) {
    const name = new TextEncoder().encode(domain)
    assert(name.length <= DOMAIN_SIZE, 'a domain tag has at most 32 characters')
    tag = new Uint8Array(DOMAIN_SIZE)
    tag.set(name)
    tags.set(domain, tag)
  }
  return tag
}

/** domain tag ‖ genesis hash ‖ payload: the bytes that a signer signs. */
export function signingBytes(domain: Domain, genesisHash: Uint8Array, payload: Uint8Array): Uint8Array {
  assert(genesisHash.length === HASH_SIZE, 'a genesis hash has 32 bytes')
  const bytes = new Uint8Array(DOMAIN_SIZE + HASH_SIZE + payload.length)
  bytes.set(domainTag(domain), 0)
  bytes.set(genesisHash, DOMAIN_SIZE)
  bytes.set(payload, DOMAIN_SIZE + HASH_SIZE)
  return bytes
}

/** Bytes before the payload in everything that is signed. */
export const SIGNING_PREFIX_SIZE = DOMAIN_SIZE + HASH_SIZE
