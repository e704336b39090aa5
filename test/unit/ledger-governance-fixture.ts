// Validators, their nodes, and transactions that govern, for tests of the ledger. Signatures only look like some.

import type { Bin } from '../../src/base/bytes.ts'
import { toBin } from '../../src/base/bytes.ts'
import type { KeyBin } from '../../src/crypto/keys.ts'
import type { Ledger } from '../../src/ledger/state.ts'
import type { Approval } from '../../src/protocol/approvals.ts'
import type { Certificate } from '../../src/protocol/certificate.ts'
import { evidenceOf } from '../../src/protocol/evidence.ts'
import type { Genesis, GenesisValidator } from '../../src/protocol/genesis.ts'
import type { Params } from '../../src/protocol/params.ts'
import { paramsRoot } from '../../src/protocol/params.ts'
import type { GovernanceTransaction } from '../../src/protocol/transaction.ts'
import { enrolmentTransaction, evidenceTransaction, joinTransaction, leaveTransaction, parametersTransaction } from '../../src/protocol/transaction.ts'
import type { Vote } from '../../src/protocol/vote.ts'
import { bytesOf, device, networkOf } from './ledger-fixture.ts'

/** Of validator n and of its node. Heartbeats through that node have the witness `${n}`. */
export const validatorKey = (n: number): Bin => toBin(bytesOf(`validator ${n}`, 32))
export const nodeKey = (n: number): Bin => toBin(bytesOf(`witness ${n}`, 32))

/** Validators 0, 1, … with these powers, as a genesis wants them. */
export const validatorsOf = (...powers: number[]): GenesisValidator[] =>
  powers.map((power, n) => ({ key: validatorKey(n), nodeKey: nodeKey(n), power })).sort((a, b) => (a.key < b.key ? -1 : 1))

/** The positions of validators in the set. */
export const indicesOf = ({ validators }: Pick<Ledger, 'validators'>, who: readonly number[]): number[] =>
  validators.flatMap(({ key }, i) => (who.some((n) => validatorKey(n) === key) ? [i] : []))

/** A certificate for the head; null before the first block. @param who signed; left out: everybody */
export function certificateBy({ height, headId, governance, validators }: Ledger, who?: readonly number[]): Certificate | null {
  if (height === 0) return null
  const set = height === governance.epoch.start ? governance.previousValidators : validators
  const signers = who === undefined ? set.map((_, i) => i) : indicesOf({ validators: set }, who)
  return { height, round: 0, blockId: headId, signatures: signers.map((validator) => ({ validator, signature: bytesOf(`precommit ${height} ${validator}`, 64) })) }
}

export const approvalsOf = (who: readonly number[]): Approval[] =>
  who.map((n) => ({ validator: validatorKey(n), signature: bytesOf(`approval ${n}`, 64) })).sort((a, b) => (a.validator < b.validator ? -1 : 1))

export interface JoinDraft {
  readonly who: number
  readonly node?: number
  readonly base?: number
  readonly signedAt: number
  readonly expiryHeight?: number
  readonly approvedBy?: readonly number[]
}

const LATER = 1_000_000

/** Makers of transactions on a network. */
export function governanceOn(hash: Uint8Array) {
  const signature = bytesOf('signature', 64)
  return {
    enrolment: ({ by, devices, expiryHeight = LATER }: { by: number; devices: readonly (number | KeyBin)[]; expiryHeight?: number }): GovernanceTransaction =>
      enrolmentTransaction(hash, { registrar: device(by), expiryHeight, devices: devices.map((each) => (typeof each === 'number' ? device(each) : each)).sort(), signature }),
    join: ({ who, node = who, base = 0, signedAt, expiryHeight = LATER, approvedBy = [] }: JoinDraft): GovernanceTransaction =>
      joinTransaction(hash, { key: validatorKey(who), nodeKey: nodeKey(node), base, signedAt, expiryHeight, signature, nodeSignature: signature, approvals: approvalsOf(approvedBy) }),
    leave: ({ who, signedAt, expiryHeight = LATER }: { who: number; signedAt: number; expiryHeight?: number }): GovernanceTransaction =>
      leaveTransaction(hash, { key: validatorKey(who), signedAt, expiryHeight, signature }),
    parameters: (draft: { from: Params; since?: number; to: Partial<Params>; activationHeight: number; expiryHeight?: number; approvedBy: readonly number[] }): GovernanceTransaction =>
      parametersTransaction(hash, {
        paramsRoot: toBin(paramsRoot(draft.from)),
        paramsSince: draft.since ?? 0,
        activationHeight: draft.activationHeight,
        expiryHeight: draft.expiryHeight ?? LATER,
        params: { ...draft.from, ...draft.to },
        approvals: approvalsOf(draft.approvedBy),
      }),
    evidence: ({ who, at, round = 0 }: { who: number; at: number; round?: number }): GovernanceTransaction => {
      const vote = (blockId: Bin | null): Vote => ({ height: at, round, type: 'prevote', blockId, validator: validatorKey(who), signature })
      return evidenceTransaction(evidenceOf(vote(null), vote('x'.repeat(32)))!)
    },
  }
}

/** A network with these powers, and the makers of what governs it. */
export function governedOf(powers: readonly number[], params: Partial<Params> = {}, more: Partial<Genesis> = {}) {
  const network = networkOf(params, { validators: validatorsOf(...powers), ...more })
  return { ...network, ...governanceOn(network.hash) }
}

export type Governed = ReturnType<typeof governedOf>
