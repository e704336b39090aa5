// The block header. Its hash tree root is the block's id.

import type { Bin } from '../base/bytes.ts'
import { fromBin, toBin } from '../base/bytes.ts'
import type { Result } from '../base/result.ts'
import { ok } from '../base/result.ts'
import { bigUint64, bytes32, ContainerType, decodeSsz, uint32, uint64 } from './ssz.ts'

export const HEADER_VERSION = 1

export interface Header {
  readonly version: number
  /** 1 for the first block. */
  readonly height: number
  /** Id of the parent; the genesis hash at height 1. */
  readonly parentId: Bin
  /** Unix time, ms: the proposer's clock, at least one block interval after the parent. */
  readonly timestampMs: number
  /** Validator key of the first proposer of this block (a re-proposal does not change it). */
  readonly proposer: Bin
  readonly bodyRoot: Bin
  /** State after this block. */
  readonly stateRoot: Bin
  readonly validatorsRoot: Bin
  readonly nextValidatorsRoot: Bin
  readonly paramsRoot: Bin
  /** Root of the parent's certificate, which the body carries; zero at height 1. */
  readonly parentCertificateRoot: Bin
  /** Distinct lives with a heartbeat in this block. */
  readonly lives: number
  /** Sum of their weights, ppm. */
  readonly weightPpm: number
  /** Sum of `weightPpm` over the whole chain: the network's security figure. */
  readonly cumulativeLifePpm: bigint
}

export const HeaderSsz = new ContainerType({
  version: uint32,
  height: uint64,
  parentId: bytes32,
  timestampMs: uint64,
  proposer: bytes32,
  bodyRoot: bytes32,
  stateRoot: bytes32,
  validatorsRoot: bytes32,
  nextValidatorsRoot: bytes32,
  paramsRoot: bytes32,
  parentCertificateRoot: bytes32,
  lives: uint32,
  weightPpm: uint64,
  cumulativeLifePpm: bigUint64,
})

export const HEADER_SIZE = HeaderSsz.fixedSize!

const HASH_FIELDS = [
  'parentId', 'proposer', 'bodyRoot', 'stateRoot', 'validatorsRoot', 'nextValidatorsRoot', 'paramsRoot', 'parentCertificateRoot',
] as const

type HeaderValue = Omit<Header, (typeof HASH_FIELDS)[number]> & Record<(typeof HASH_FIELDS)[number], Uint8Array>

export function headerToSsz(header: Header): HeaderValue {
  const value: Record<string, unknown> = { ...header }
  for (const field of HASH_FIELDS) value[field] = fromBin(header[field])
  return value as unknown as HeaderValue
}

export function headerFromSsz(value: HeaderValue): Header {
  const header: Record<string, unknown> = { ...value }
  for (const field of HASH_FIELDS) header[field] = toBin(value[field])
  return header as unknown as Header
}

export const encodeHeader = (header: Header): Uint8Array => HeaderSsz.serialize(headerToSsz(header))

export function decodeHeader(bytes: Uint8Array): Result<Header, 'malformed'> {
  const decoded = decodeSsz(HeaderSsz, bytes)
  return decoded.ok ? ok(headerFromSsz(decoded.value)) : decoded
}

/** The block id: hash tree root of the header. */
export const headerId = (header: Header): Bin => toBin(HeaderSsz.hashTreeRoot(headerToSsz(header)))
