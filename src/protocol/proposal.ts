// A proposal: a proposer offers a block for a round, fresh (validRound −1) or again (with the round of its prevote quorum).

import type { Bin } from '../base/bytes.ts'
import { fromBin, toBin } from '../base/bytes.ts'
import type { Result } from '../base/result.ts'
import { err, ok } from '../base/result.ts'
import { signingBytes } from '../crypto/hash.ts'
import type { Block } from './block.ts'
import { MAX_ROUND } from './limits.ts'
import { bytes32, bytes64, ContainerType, decodeSsz, uint32, uint64 } from './ssz.ts'

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
const ProposalSsz = new ContainerType({ ...ProposalStatementSsz.fields, proposer: bytes32, signature: bytes64 })

export const PROPOSAL_SIZE = ProposalSsz.fixedSize!

const toSsz = ({ height, round, validRound, blockId }: ProposalStatement) => ({ height, round, validRound: validRound + 1, blockId: fromBin(blockId) })

/** The bytes that the proposer signs: (tag, genesis, height, round, validRound + 1, block id). */
export function proposalMessage(genesisHash: Uint8Array, statement: ProposalStatement): Uint8Array {
  return signingBytes('pulse/proposal/1', genesisHash, ProposalStatementSsz.serialize(toSsz(statement)))
}

export function encodeProposal(proposal: Proposal): Uint8Array {
  return ProposalSsz.serialize({ ...toSsz(proposal), proposer: fromBin(proposal.proposer), signature: proposal.signature })
}

export function decodeProposal(bytes: Uint8Array): Result<Proposal, 'malformed'> {
  const decoded = decodeSsz(ProposalSsz, bytes)
  if (!decoded.ok) return decoded
  const { height, round, validRound, blockId, proposer, signature } = decoded.value
  if (round > MAX_ROUND || validRound > round) return err('malformed')
  return ok({ height, round, validRound: validRound - 1, blockId: toBin(blockId), proposer: toBin(proposer), signature })
}
