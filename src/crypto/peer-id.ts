// Peer ids: how libp2p calls a node. The text of an Ed25519 node key, and back.
//
//   00 24         identity multihash of 36 bytes: the key is short enough to be its own hash
//   08 01         a public key, as protobuf: its type is Ed25519
//   12 20 key     and its 32 bytes
//
// in base58btc: `12D3KooW…`, 52 characters.

import { base58 } from '@scure/base'
import { concat, equalBytes } from '../base/bytes.ts'

const HEAD = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)
const KEY_SIZE = 32
const TEXT_LENGTH = 52

/** @param nodeKey Ed25519, 32 bytes */
export function peerIdOf(nodeKey: Uint8Array): string {
  if (nodeKey.length !== KEY_SIZE) throw new RangeError(`an Ed25519 key has ${KEY_SIZE} bytes, not ${nodeKey.length}`)
  return base58.encode(concat(HEAD, nodeKey))
}

/** The node key of 32 bytes, or null if the text is no peer id of an Ed25519 key. Does not check that it is a point of the curve. */
export function nodeKeyOfPeer(text: string): Uint8Array | null {
  if (text.length !== TEXT_LENGTH) return null
  let bytes: Uint8Array
  try {
    bytes = base58.decode(text)
  } catch {
    return null
  }
  const fits = bytes.length === HEAD.length + KEY_SIZE && equalBytes(bytes.subarray(0, HEAD.length), HEAD)
  return fits ? bytes.slice(HEAD.length) : null
}
