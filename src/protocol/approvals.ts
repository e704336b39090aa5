// Approvals: signatures of validators over one message, for what more than 2/3 of the voting power must want. They name
// keys, not indices, so that they can be collected across epochs; they count by the set of the block that holds them.

import type { Bin } from '../base/bytes.ts'
import { fromBin, toBin } from '../base/bytes.ts'
import { MAX_VALIDATORS } from './limits.ts'
import { bytes32, bytes64, ContainerType, ListCompositeType } from './ssz.ts'
import type { ValidatorSet } from './validators.ts'
import { isQuorum, totalPower } from './validators.ts'

export interface Approval {
  /** Key of the validator, 32 bytes. */
  readonly validator: Bin
  readonly signature: Uint8Array
}

export const ApprovalsSsz = new ListCompositeType(new ContainerType({ validator: bytes32, signature: bytes64 }), MAX_VALIDATORS)

type SszApprovals = { validator: Uint8Array; signature: Uint8Array }[]

export const approvalsToSsz = (approvals: readonly Approval[]): SszApprovals =>
  approvals.map(({ validator, signature }) => ({ validator: fromBin(validator), signature }))

/** Null unless they ascend by key: no validator approves twice. */
export function approvalsFromSsz(value: SszApprovals): Approval[] | null {
  const approvals = value.map(({ validator, signature }) => ({ validator: toBin(validator), signature }))
  return approvals.every(({ validator }, i) => i === 0 || approvals[i - 1]!.validator < validator) ? approvals : null
}

/** More than 2/3 of the power approves. Keys outside the set count nothing. */
export function areApproved(approvals: readonly Approval[], set: ValidatorSet): boolean {
  const keys = new Set(approvals.map(({ validator }) => validator))
  return isQuorum(totalPower(set.filter(({ key }) => keys.has(key))), totalPower(set))
}
