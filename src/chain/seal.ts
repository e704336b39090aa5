// A checksum of our own behind every value: 4 bytes, CRC-32 over key and value, little-endian.
//
// LevelDB has checksums too, but classic-level neither sets `paranoid_checks` nor `verify_checksums`: a flipped byte in a
// table is handed out as data. What the header commits to would be noticed by `verify` or at the next start (state root),
// but not by a read for a peer or a client, and the indexes are committed to by nothing. The key is covered, so that
// a value under a damaged key doesn't pass as another record.

import { crc32 } from 'node:zlib'
import { readUint32, writeUint32 } from '../base/bytes.ts'
import { Failure } from '../ops/failure.ts'

export const SEAL_SIZE = 4

/** value ‖ checksum */
export function seal(key: Uint8Array, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(value.length + SEAL_SIZE)
  bytes.set(value)
  writeUint32(bytes, value.length, crc32(value, crc32(key)))
  return bytes
}

/**
 * @returns the value, a view into `sealed`
 * @throws Failure `corrupt`
 */
export function unseal(key: Uint8Array, sealed: Uint8Array): Uint8Array {
  const size = sealed.length - SEAL_SIZE
  // LevelDB hands out Buffers, whose `slice` shares memory; a plain view behaves as everywhere else.
  const value = new Uint8Array(sealed.buffer, sealed.byteOffset, Math.max(size, 0))
  if (size < 0 || readUint32(sealed, size) !== crc32(value, crc32(key))) {
    throw corruptChain(`a record of bucket ${key[0]} has a wrong checksum`)
  }
  return value
}

export function corruptChain(why: string, options?: ErrorOptions): Failure {
  return new Failure(
    'corrupt',
    `The chain database is damaged: ${why}`,
    'Check the disk, then restore a backup, or move db/ away and sync the chain again; keep the keys and last-signed.json.',
    options,
  )
}
