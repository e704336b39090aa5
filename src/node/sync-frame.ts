// What `/pulse/blocks/1` carries.
//
//   request: first height uint64 ‖ count uint8      frame of an answer: certificate length uint32 ‖ certificate ‖ block (SSZ)

import type { Bin } from '../base/bytes.ts'
import { concatAll, readUint32, readUint64, writeUint32, writeUint64 } from '../base/bytes.ts'
import type { Certificate } from '../protocol/certificate.ts'
import { decodeCertificate } from '../protocol/certificate.ts'
import type { Header } from '../protocol/header.ts'
import { decodeHeader, HEADER_SIZE, headerId } from '../protocol/header.ts'
import { HEARTBEAT_RECORD_SIZE } from '../protocol/heartbeat.ts'
import { MAX_BLOCK_BYTES } from '../protocol/limits.ts'

/** An answer ends with the block that brings it to this, bytes: it always holds one. */
export const ANSWER_BYTES = 2 * 1024 * 1024
/** A certificate of 128 validators has about 8 kB. */
const MAX_FRAME_BYTES = MAX_BLOCK_BYTES + 16 * 1024
/** With what the network adds to each frame. */
export const MAX_ANSWER_BYTES = ANSWER_BYTES + MAX_FRAME_BYTES + 256 * 16
export const MAX_REQUESTED_BLOCKS = 255

const REQUEST_SIZE = 9

export function encodeRequest(first: number, count: number): Uint8Array {
  const request = new Uint8Array(REQUEST_SIZE)
  writeUint64(request, 0, first)
  request[8] = count
  return request
}

/** Null if it is malformed. */
export function decodeRequest(request: Uint8Array): { first: number; count: number } | null {
  if (request.length !== REQUEST_SIZE) return null
  const first = readUint64(request, 0)
  return first < 1 || request[8] === 0 ? null : { first, count: request[8]! }
}

/** A frame, opened as far as costs nothing: nothing in it is verified but that its parts name each other. */
export interface OpenedFrame {
  readonly certificate: Certificate
  readonly header: Header
  readonly id: Bin
  /** The whole block, encoded. */
  readonly block: Uint8Array
}

/** Null unless certificate and header are readable, and the certificate is for this header. */
export function openFrame(frame: Uint8Array): OpenedFrame | null {
  const size = frame.length < 4 ? -1 : readUint32(frame, 0)
  if (size < 0 || frame.length > MAX_FRAME_BYTES || size + HEADER_SIZE > frame.length - 4) return null
  const certificate = decodeCertificate(frame.subarray(4, 4 + size))
  const block = frame.subarray(4 + size)
  const header = decodeHeader(block.subarray(0, HEADER_SIZE))
  if (!certificate.ok || !header.ok) return null
  const id = headerId(header.value)
  const fits = certificate.value.height === header.value.height && certificate.value.blockId === id
  return fits ? { certificate: certificate.value, header: header.value, id, block } : null
}

/** Parts of a block as they are stored; each is encoded already. */
export interface BlockParts {
  readonly header: Uint8Array
  /** Null at height 1. */
  readonly parentCertificate: Uint8Array | null
  /** Writes heartbeat `position` into its 181 bytes. */
  readonly heartbeats: number
  readonly record: (position: number) => Uint8Array
  readonly transactions: readonly Uint8Array[]
}

/** The frame of a block. It equals what `encodeBlock` makes of the decoded block, without decoding it. */
export function encodeFrame(certificate: Uint8Array, { header, parentCertificate, heartbeats, record, transactions }: BlockParts): Uint8Array {
  // SSZ: the header in place, then the offsets of three lists; a list of variable items begins with their offsets.
  const parent = parentCertificate === null ? [] : [offsets(4, [parentCertificate]), parentCertificate]
  const parentSize = parent.reduce((sum, { length }) => sum + length, 0)
  const parentAt = header.length + 12
  const heartbeatsAt = parentAt + parentSize
  const lists = new Uint8Array(12)
  writeUint32(lists, 0, parentAt)
  writeUint32(lists, 4, heartbeatsAt)
  writeUint32(lists, 8, heartbeatsAt + heartbeats * HEARTBEAT_RECORD_SIZE)
  const records = new Uint8Array(heartbeats * HEARTBEAT_RECORD_SIZE)
  for (let i = 0; i < heartbeats; i++) records.set(record(i), i * HEARTBEAT_RECORD_SIZE)
  const length = new Uint8Array(4)
  writeUint32(length, 0, certificate.length)
  return concatAll([length, certificate, header, lists, ...parent, records, offsets(4 * transactions.length, transactions), ...transactions])
}

function offsets(first: number, items: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(4 * items.length)
  let at = first
  items.forEach((item, i) => {
    writeUint32(bytes, 4 * i, at)
    at += item.length
  })
  return bytes
}
