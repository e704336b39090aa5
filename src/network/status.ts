// The bytes of the handshake: who we are, which network, how far. Pure.
//
//   1 version of this message (1) · 32 genesis hash · 8 height · 32 head id · 1+n network · 1+n software version

import { concat, readUint64, writeUint64 } from '../base/bytes.ts'

export interface Status {
  readonly genesisHash: Uint8Array
  readonly height: number
  readonly headId: Uint8Array
  readonly network: string
  readonly version: string
}

const FORMAT = 1
const FIXED_BYTES = 1 + 32 + 8 + 32
const MAX_TEXT_BYTES = 64
export const MAX_STATUS_BYTES = FIXED_BYTES + 2 * (1 + MAX_TEXT_BYTES)
/** A later version may have more to say. */
export const MAX_STATUS_READ_BYTES = 1_024
/** Printable ASCII: it ends in logs and terminals. */
const PRINTABLE = /^[\x20-\x7e]*$/

const text = (value: string): Uint8Array => {
  const bytes = new TextEncoder().encode(value.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_TEXT_BYTES))
  return concat(Uint8Array.of(bytes.length), bytes)
}

export function encodeStatus({ genesisHash, height, headId, network, version }: Status): Uint8Array {
  const fixed = new Uint8Array(FIXED_BYTES)
  fixed[0] = FORMAT
  fixed.set(genesisHash, 1)
  writeUint64(fixed, 33, height)
  fixed.set(headId, 41)
  return concat(fixed, text(network), text(version))
}

/** Null for anything but a status. Bytes behind it are left to later versions. */
export function decodeStatus(bytes: Uint8Array): Status | null {
  if (bytes.length < FIXED_BYTES || bytes[0] !== FORMAT) return null
  const height = readUint64(bytes, 33)
  const network = readText(bytes, FIXED_BYTES)
  if (height < 0 || network === null) return null
  const version = readText(bytes, network.end)
  if (version === null) return null
  return { genesisHash: bytes.slice(1, 33), height, headId: bytes.slice(41, 73), network: network.value, version: version.value }
}

function readText(bytes: Uint8Array, offset: number): { value: string; end: number } | null {
  const length = bytes[offset]
  if (length === undefined || length > MAX_TEXT_BYTES || offset + 1 + length > bytes.length) return null
  const value = String.fromCharCode(...bytes.subarray(offset + 1, offset + 1 + length))
  return PRINTABLE.test(value) ? { value, end: offset + 1 + length } : null
}
