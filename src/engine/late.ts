// Precommits for a block that is decided already. Its certificate has a quorum without them; with them the next block shows
// that their validators were there, which their life power depends on.

import { headValidators } from '../ledger/validators-at.ts'
import { withSignature } from '../protocol/certificate.ts'
import type { Vote } from '../protocol/vote.ts'
import type { Engine } from './engine.ts'

/** True if the vote is one that the certificate of the head lacks. */
export const isLateVote = ({ headCertificate, ledger }: Engine, vote: Vote): boolean =>
  headCertificate !== null && withSignature(headCertificate, headValidators(ledger), vote) !== null

export function keepLate(engine: Engine, vote: Vote): void {
  const { committing, headCertificate, ledger } = engine
  if (committing !== null) {
    const certificate = withSignature(committing.certificate, ledger.validators, vote)
    if (certificate !== null) engine.committing = { ...committing, certificate }
  } else if (headCertificate !== null) engine.headCertificate = withSignature(headCertificate, headValidators(ledger), vote) ?? headCertificate
}
