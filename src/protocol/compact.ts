// A compact proposal: a proposal whose block names its heartbeats instead of carrying them. Receivers hold most of
// them in their pools already, and fetch the rest by name.

import type { Bin } from '../base/bytes.ts'
import { fromBin, toBin } from '../base/bytes.ts'
import type { Result } from '../base/result.ts'
import { err, ok } from '../base/result.ts'
import type { Certificate } from './certificate.ts'
import { certificateFromSsz, CertificateSsz, certificateToSsz } from './certificate.ts'
import type { Header } from './header.ts'
import { HeaderSsz, headerFromSsz, headerToSsz } from './header.ts'
import { MAX_BLOCK_HEARTBEATS, MAX_BLOCK_TRANSACTIONS, MAX_TRANSACTION_BYTES } from './limits.ts'
import type { Proposal, ProposedBlock } from './proposal.ts'
import { decodeProposal, encodeProposal, PROPOSAL_SIZE } from './proposal.ts'
import { ByteListType, bytes32, ByteVectorType, ContainerType, decodeSsz, ListCompositeType } from './ssz.ts'
import type { Transaction } from './transaction.ts'
import { decodeTransaction, encodeTransaction } from './transaction.ts'

export interface CompactProposal {
  readonly proposal: Proposal
  readonly header: Header
  readonly parentCertificate: Certificate | null
  /** In the block's order. */
  readonly names: readonly Bin[]
  readonly transactions: readonly Transaction[]
}

const CompactProposalSsz = new ContainerType({
  proposal: new ByteVectorType(PROPOSAL_SIZE),
  header: HeaderSsz,
  parentCertificate: new ListCompositeType(CertificateSsz, 1),
  names: new ListCompositeType(bytes32, MAX_BLOCK_HEARTBEATS),
  transactions: new ListCompositeType(new ByteListType(MAX_TRANSACTION_BYTES), MAX_BLOCK_TRANSACTIONS),
})

export function compactProposal({ proposal, block: { header, body } }: ProposedBlock): CompactProposal {
  const { parentCertificate, heartbeats, transactions } = body
  return { proposal, header, parentCertificate, names: heartbeats.map(({ name }) => name), transactions }
}

export function encodeCompactProposal({ proposal, header, parentCertificate, names, transactions }: CompactProposal): Uint8Array {
  return CompactProposalSsz.serialize({
    proposal: encodeProposal(proposal),
    header: headerToSsz(header),
    parentCertificate: parentCertificate === null ? [] : [certificateToSsz(parentCertificate)],
    names: names.map(fromBin),
    transactions: transactions.map(encodeTransaction),
  })
}

export function decodeCompactProposal(bytes: Uint8Array, genesisHash: Uint8Array): Result<CompactProposal, 'malformed'> {
  const decoded = decodeSsz(CompactProposalSsz, bytes)
  if (!decoded.ok) return decoded
  const { header, parentCertificate: [certificate], names } = decoded.value
  const proposal = decodeProposal(decoded.value.proposal)
  const parentCertificate = certificate === undefined ? ok(null) : certificateFromSsz(certificate)
  const transactions = decoded.value.transactions.map((encoded) => decodeTransaction(encoded, genesisHash))
  if (!proposal.ok || !parentCertificate.ok || !transactions.every((transaction) => transaction !== null)) return err('malformed')
  return ok({ proposal: proposal.value, header: headerFromSsz(header), parentCertificate: parentCertificate.value, names: names.map(toBin), transactions })
}
