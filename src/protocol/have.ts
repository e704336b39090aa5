// What a node has of the height that is being decided: peers compare it with their own and send what is missing.
// Gossip loses messages and never repeats one; this heals it.

import type { Result } from '../base/result.ts'
import { err, ok } from '../base/result.ts'
import { MAX_ROUND, MAX_ROUNDS_SHOWN, MAX_VALIDATORS } from './limits.ts'
import { BitArray, BitListType, BooleanType, ContainerType, decodeSsz, ListCompositeType, uint32, uint64 } from './ssz.ts'

/** Of one round. */
export interface RoundHave {
  readonly round: number
  /** Indices of the validators whose vote is held, ascending. */
  readonly prevotes: readonly number[]
  readonly precommits: readonly number[]
  /** A block has a quorum of prevotes, of precommits. */
  readonly prevoteQuorum: boolean
  readonly precommitQuorum: boolean
  /** The proposal of the round, with its block. */
  readonly proposal: boolean
}

export interface Have {
  readonly height: number
  /** Ascending by round. */
  readonly rounds: readonly RoundHave[]
}

const boolean = new BooleanType()
const bits = new BitListType(MAX_VALIDATORS)
const HaveSsz = new ContainerType({
  height: uint64,
  rounds: new ListCompositeType(
    new ContainerType({ round: uint32, prevotes: bits, precommits: bits, prevoteQuorum: boolean, precommitQuorum: boolean, proposal: boolean }),
    MAX_ROUNDS_SHOWN,
  ),
})

function toBits(indices: readonly number[]): BitArray {
  const array = BitArray.fromBitLen(MAX_VALIDATORS)
  for (const index of indices) array.set(index, true)
  return array
}

export function encodeHave({ height, rounds }: Have): Uint8Array {
  return HaveSsz.serialize({ height, rounds: rounds.map((each) => ({ ...each, prevotes: toBits(each.prevotes), precommits: toBits(each.precommits) })) })
}

export function decodeHave(bytes: Uint8Array): Result<Have, 'malformed'> {
  const decoded = decodeSsz(HaveSsz, bytes)
  if (!decoded.ok) return decoded
  const { height, rounds } = decoded.value
  // Ascending, so that there is one encoding and no round is shown twice.
  if (rounds.some(({ round }, i) => i > 0 && rounds[i - 1]!.round >= round)) return err('malformed')
  if (rounds.some(({ round, prevotes, precommits }) => round > MAX_ROUND || prevotes.bitLen !== MAX_VALIDATORS || precommits.bitLen !== MAX_VALIDATORS)) return err('malformed')
  return ok({ height, rounds: rounds.map((each) => ({ ...each, prevotes: each.prevotes.getTrueBitIndexes(), precommits: each.precommits.getTrueBitIndexes() })) })
}
