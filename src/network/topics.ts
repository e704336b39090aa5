// The names of topics and protocols on the wire. Topics carry the network's genesis, so that two networks never mix.

import { toHex } from '../base/bytes.ts'

export const TOPICS = ['heartbeats', 'transfers', 'consensus', 'blocks'] as const
export type Topic = (typeof TOPICS)[number]

export const REQUEST_PROTOCOLS = ['round', 'blocks', 'heartbeats'] as const
export type RequestProtocol = (typeof REQUEST_PROTOCOLS)[number]

export const protocolName = (name: RequestProtocol | 'status' | 'peers'): string => `/pulse/${name}/1`

/** `/pulse/<first 8 hex digits of the genesis hash>/<topic>/1` */
export const topicName = (genesisHash: Uint8Array, topic: Topic): string => `/pulse/${toHex(genesisHash.subarray(0, 4))}/${topic}/1`
