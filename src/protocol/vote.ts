// Prevotes and precommits.

import type { Bin } from '../base/bytes.ts'
import { fromBin, toBin } from '../base/bytes.ts'
import type { Result } from '../base/result.ts'
import { err, ok } from '../base/result.ts'
import { signingBytes } from '../crypto/hash.ts'
import { MAX_ROUND } from './limits.ts'
import { bytes32, bytes64, ContainerType, decodeSsz, uint32, uint64, uint8 } from './ssz.ts'

export type VoteType = 'prevote' | 'precommit'

export interface Vote {
  readonly height: number
  readonly round: number
  readonly type: VoteType
  /** Block id, or null for nil. */
  readonly blockId: Bin | null
  /** Key of the validator, 32 bytes. */
  readonly validator: Bin
  readonly signature: Uint8Array
}

/** What a vote says, without who says it. */
export type VoteStatement = Pick<Vote, 'height' | 'round' | 'type' | 'blockId'>

const TYPE_CODE: Readonly<Record<VoteType, number>> = { prevote: 1, precommit: 2 }
/** Nil is the zero hash; no block has it as its id. */
const NIL = new Uint8Array(32)

const VoteStatementSsz = new ContainerType({ height: uint64, round: uint32, type: uint8, blockId: bytes32 })
const VoteSsz = new ContainerType({ ...VoteStatementSsz.fields, validator: bytes32, signature: bytes64 })

export const VOTE_SIZE = VoteSsz.fixedSize!

const toSsz = ({ height, round, type, blockId }: VoteStatement) => ({
  height,
  round,
  type: TYPE_CODE[type],
  blockId: blockId === null ? NIL : fromBin(blockId),
})

/** The bytes that a validator signs: (tag, genesis, height, round, type, id or nil), without a timestamp. */
export function voteMessage(genesisHash: Uint8Array, statement: VoteStatement): Uint8Array {
  return signingBytes('pulse/vote/1', genesisHash, VoteStatementSsz.serialize(toSsz(statement)))
}

export function encodeVote(vote: Vote): Uint8Array {
  return VoteSsz.serialize({ ...toSsz(vote), validator: fromBin(vote.validator), signature: vote.signature })
}

export function decodeVote(bytes: Uint8Array): Result<Vote, 'malformed'> {
  const decoded = decodeSsz(VoteSsz, bytes)
  if (!decoded.ok) return decoded
  const { height, round, type, blockId, validator, signature } = decoded.value
  if (round > MAX_ROUND || (type !== 1 && type !== 2)) return err('malformed')
  return ok({
    height,
    round,
    type: type === 1 ? 'prevote' : 'precommit',
    blockId: blockId.every((byte) => byte === 0) ? null : toBin(blockId),
    validator: toBin(validator),
    signature,
  })
}
