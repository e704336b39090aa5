// Governance transactions of every kind, with keys and signatures that verify.

import { toBin } from '../../src/base/bytes.ts'
import { makeEnrolment, makeJoin, makeLeave, makeParametersChange } from '../../src/cli/governance.ts'
import { rawKey } from '../../src/crypto/keys.ts'
import type { KeyPair } from '../../src/crypto/sign.ts'
import { keyPairFromSecret, sign } from '../../src/crypto/sign.ts'
import { evidenceOf } from '../../src/protocol/evidence.ts'
import type { Params } from '../../src/protocol/params.ts'
import { paramsRoot } from '../../src/protocol/params.ts'
import type { GovernanceTransaction } from '../../src/protocol/transaction.ts'
import { evidenceTransaction } from '../../src/protocol/transaction.ts'
import type { Vote } from '../../src/protocol/vote.ts'
import { voteMessage } from '../../src/protocol/vote.ts'

/** Key pair n, always the same. */
export const keysOf = (n: number): KeyPair => keyPairFromSecret('ed25519', new Uint8Array(32).fill(n))

/** Its key as validators have it. */
export const binOf = (keys: KeyPair): string => toBin(rawKey(keys.publicKey, 'ed25519'))

export const enrolmentOf = (hash: Uint8Array, registrar: KeyPair, devices: readonly KeyPair[], expiryHeight = 1_000): GovernanceTransaction =>
  makeEnrolment(hash, registrar, devices.map(({ publicKey }) => toBin(publicKey)), expiryHeight)

export const joinOf = (hash: Uint8Array, validator: KeyPair, node: KeyPair, base = 0, signedAt = 0): GovernanceTransaction =>
  makeJoin(hash, { validator, node }, base, { signedAt, expiryHeight: 1_000 })

export const leaveOf = (hash: Uint8Array, validator: KeyPair, signedAt: number): GovernanceTransaction =>
  makeLeave(hash, validator, { signedAt, expiryHeight: 1_000 })

export const changeOf = (hash: Uint8Array, before: Params, change: Partial<Params>, activationHeight: number, paramsSince = 0): GovernanceTransaction =>
  makeParametersChange(hash, { paramsRoot: toBin(paramsRoot(before)), paramsSince, activationHeight, expiryHeight: activationHeight - 1, params: { ...before, ...change } })

/** Of two precommits of one height, the first for nothing. */
export function evidenceAgainst(hash: Uint8Array, validator: KeyPair, height: number): GovernanceTransaction {
  const vote = (blockId: string | null): Vote => {
    const statement = { height, round: 2, type: 'precommit', blockId } as const
    return { ...statement, validator: binOf(validator), signature: sign(voteMessage(hash, statement), validator) }
  }
  return evidenceTransaction(evidenceOf(vote('x'.repeat(32)), vote(null))!)
}
