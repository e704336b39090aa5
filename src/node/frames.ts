// Kinds of consensus messages, on gossip and in answers: the first byte of each.

import { concat } from '../base/bytes.ts'

export const FRAME = { vote: 1, proposal: 2, quorum: 3, announcement: 4 } as const

export const framed = (kind: number, payload: Uint8Array): Uint8Array => concat(Uint8Array.of(kind), payload)
