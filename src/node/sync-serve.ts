// Serves blocks to peers that catch up, out of the store, without decoding what they hold.

import { corruptChain } from '../chain/seal.ts'
import type { ChainStore } from '../chain/store.ts'
import type { KeyBin } from '../crypto/keys.ts'
import { encodeCertificate } from '../protocol/certificate.ts'
import { openStoredBody } from './body-codec.ts'
import { decodeStoredHeader, encodedHeaderOf } from './header-codec.ts'
import { ANSWER_BYTES, decodeRequest, encodeFrame } from './sync-frame.ts'

export interface BlockServer {
  /** The frames of an answer: none if we are not that far. Null refuses: the request is malformed. */
  serve(request: Uint8Array): Promise<Uint8Array[] | null>
}

export function createBlockServer(store: ChainStore, keyOf: (index: number) => KeyBin | undefined): BlockServer {
  async function readFrame(height: number): Promise<Uint8Array> {
    const [storedHeader, bodyBytes, certificate] = await Promise.all([store.header(height), store.body(height), store.certificate(height)])
    const stored = storedHeader === undefined ? null : decodeStoredHeader(storedHeader)
    if (storedHeader === undefined || stored === null || bodyBytes === undefined || certificate === undefined) throw corruptChain(`block ${height} cannot be read`)
    const body = openStoredBody(bodyBytes, stored.header.timestampMs)
    return encodeFrame(certificate, {
      header: encodedHeaderOf(storedHeader),
      parentCertificate: body.parentCertificate === null ? null : encodeCertificate(body.parentCertificate),
      heartbeats: body.heartbeats,
      record: (position) => body.record(position, keyOf),
      transactions: body.transactions,
    })
  }

  async function read(first: number, count: number): Promise<Uint8Array[]> {
    const last = Math.min(first + count - 1, store.head)
    const frames: Uint8Array[] = []
    let bytes = 0
    for (let height = first; height <= last && bytes < ANSWER_BYTES; height++) {
      const frame = await readFrame(height)
      bytes += frame.length
      frames.push(frame)
    }
    return frames
  }

  return {
    async serve(request) {
      const range = decodeRequest(request)
      return range === null ? null : read(range.first, range.count)
    },
  }
}
