// The certificate of a block: precommits of one height, round and id by more than two thirds of the voting power,
// at most one per validator. It is evidence of finality, not part of the block's identity.

import type { Bin } from '../base/bytes.ts'
import { fromBin, toBin } from '../base/bytes.ts'
import type { Result } from '../base/result.ts'
import { err, ok } from '../base/result.ts'
import { MAX_ROUND, MAX_VALIDATORS } from './limits.ts'
import { BitArray, BitListType, bytes32, bytes64, ContainerType, decodeSsz, ListCompositeType, uint32, uint64 } from './ssz.ts'
import type { ValidatorSet } from './validators.ts'
import { isQuorum, totalPower } from './validators.ts'
import type { Vote } from './vote.ts'
import { voteMessage } from './vote.ts'

export interface CommitSignature {
  /** Index in the validator set of that height. */
  readonly validator: number
  readonly signature: Uint8Array
}

export interface Certificate {
  readonly height: number
  readonly round: number
  readonly blockId: Bin
  /** Ascending by validator, no index twice. */
  readonly signatures: readonly CommitSignature[]
}

export const CertificateSsz = new ContainerType({
  height: uint64,
  round: uint32,
  blockId: bytes32,
  signers: new BitListType(MAX_VALIDATORS),
  signatures: new ListCompositeType(bytes64, MAX_VALIDATORS),
})

export function certificateToSsz({ height, round, blockId, signatures }: Certificate) {
  const last = signatures.at(-1)?.validator ?? -1
  const signers = BitArray.fromBitLen(last + 1)
  for (const { validator } of signatures) signers.set(validator, true)
  return { height, round, blockId: fromBin(blockId), signers, signatures: signatures.map(({ signature }) => signature) }
}

export const encodeCertificate = (certificate: Certificate): Uint8Array => CertificateSsz.serialize(certificateToSsz(certificate))

export function decodeCertificate(bytes: Uint8Array): Result<Certificate, 'malformed'> {
  const decoded = decodeSsz(CertificateSsz, bytes)
  return decoded.ok ? certificateFromSsz(decoded.value) : decoded
}

export function certificateFromSsz(value: ReturnType<typeof certificateToSsz>): Result<Certificate, 'malformed'> {
  const { height, round, blockId, signers, signatures } = value
  const validators = signers.getTrueBitIndexes()
  // The bit list ends with its last signer: no second encoding of the same certificate.
  if (round > MAX_ROUND || validators.length !== signatures.length || signers.bitLen !== (validators.at(-1) ?? -1) + 1) return err('malformed')
  return ok({
    height,
    round,
    blockId: toBin(blockId),
    signatures: validators.map((validator, i) => ({ validator, signature: signatures[i]! })),
  })
}

/** The certificate with one more signature; null if the vote is not for it, or its signer not in `set` or there already. */
export function withSignature(certificate: Certificate, set: ValidatorSet, vote: Vote): Certificate | null {
  const { height, round, blockId, signatures } = certificate
  if (vote.type !== 'precommit' || vote.height !== height || vote.round !== round || vote.blockId !== blockId) return null
  const validator = set.findIndex(({ key }) => key === vote.validator)
  if (validator < 0 || signatures.some((each) => each.validator === validator)) return null
  const all = [...signatures, { validator, signature: vote.signature }].sort((a, b) => a.validator - b.validator)
  return { ...certificate, signatures: all }
}

/** True if the certificate carries a quorum of `set`. Its signatures are verified apart: see `certificateMessage`. */
export function hasQuorum(certificate: Certificate, set: ValidatorSet): boolean {
  let power = 0
  for (const { validator } of certificate.signatures) {
    const member = set[validator]
    if (member === undefined) return false
    power += member.power
  }
  return isQuorum(power, totalPower(set))
}

/** The message that every signer of the certificate signed. */
export function certificateMessage(genesisHash: Uint8Array, { height, round, blockId }: Certificate): Uint8Array {
  return voteMessage(genesisHash, { height, round, type: 'precommit', blockId })
}

export function certificateRoot(certificate: Certificate | null): Uint8Array {
  return certificate === null ? new Uint8Array(32) : CertificateSsz.hashTreeRoot(certificateToSsz(certificate))
}
