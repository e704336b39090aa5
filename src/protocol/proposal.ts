// A proposal: a proposer offers a block for a round, fresh (validRound −1) or again (with the round of its prevote quorum).

import type { Bin } from '../base/bytes.ts'
import { fromBin } from '../base/bytes.ts'
import { signingBytes } from '../crypto/hash.ts'
import type { Block } from './block.ts'
import { bytes32, ContainerType, uint32, uint64 } from './ssz.ts'

export interface Proposal {
  readonly height: number
  readonly round: number
  /** −1 for a fresh block. */
  readonly validRound: number
  readonly blockId: Bin
  /** Validator key of the proposer of this round. */
  readonly proposer: Bin
  readonly signature: Uint8Array
}

/** A proposal with the block that it offers. */
export interface ProposedBlock {
  readonly proposal: Proposal
  readonly block: Block
}

export type ProposalStatement = Pick<Proposal, 'height' | 'round' | 'validRound' | 'blockId'>

/** validRound is encoded plus one: SSZ has no negative numbers. */
const ProposalStatementSsz = new ContainerType({ height: uint64, round: uint32, validRound: uint32, blockId: bytes32 })

/** The bytes that the proposer signs: (tag, genesis, height, round, validRound + 1, block id). */
export function proposalMessage(genesisHash: Uint8Array, { height, round, validRound, blockId }: ProposalStatement): Uint8Array {
  return signingBytes('pulse/proposal/1', genesisHash, ProposalStatementSsz.serialize({ height, round, validRound: validRound + 1, blockId: fromBin(blockId) }))
}
