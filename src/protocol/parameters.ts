// A change of the consensus parameters, approved by more than 2/3 of the voting power. On the chain it is
// { paramsRoot bytes32, paramsSince uint64, activationHeight uint64, expiryHeight uint64, params Params,
//   approvals List[{ validator bytes32, signature bytes64 }, 128] }, in SSZ.

import type { Bin } from '../base/bytes.ts'
import { fromBin, toBin } from '../base/bytes.ts'
import { signingBytes } from '../crypto/hash.ts'
import type { Approval } from './approvals.ts'
import { approvalsFromSsz, ApprovalsSsz, approvalsToSsz } from './approvals.ts'
import type { Params } from './params.ts'
import { ParamsSsz } from './params.ts'
import { bytes32, ContainerType, decodeSsz, uint64 } from './ssz.ts'

export interface ParametersFields {
  /** Root of the parameters that are replaced, and the height since which they hold: nobody can send an old change again. */
  readonly paramsRoot: Bin
  readonly paramsSince: number
  /** They hold from the first epoch that begins at this height or later. */
  readonly activationHeight: number
  /** Last height at which the change may be committed. */
  readonly expiryHeight: number
  /** All parameters, not only those that change. */
  readonly params: Params
}

export interface ParametersChange extends ParametersFields {
  readonly approvals: readonly Approval[]
}

const FieldsSsz = new ContainerType({ paramsRoot: bytes32, paramsSince: uint64, activationHeight: uint64, expiryHeight: uint64, params: ParamsSsz })
const ParametersSsz = new ContainerType({ ...FieldsSsz.fields, approvals: ApprovalsSsz })

const fieldsToSsz = ({ paramsRoot, paramsSince, activationHeight, expiryHeight, params }: ParametersFields) => ({
  paramsRoot: fromBin(paramsRoot), paramsSince, activationHeight, expiryHeight, params,
})

/** The bytes that those who approve sign. */
export const parametersMessage = (genesisHash: Uint8Array, fields: ParametersFields): Uint8Array =>
  signingBytes('pulse/parameters/1', genesisHash, FieldsSsz.serialize(fieldsToSsz(fields)))

export const encodeParameters = (change: ParametersChange): Uint8Array =>
  ParametersSsz.serialize({ ...fieldsToSsz(change), approvals: approvalsToSsz(change.approvals) })

export function decodeParameters(bytes: Uint8Array): ParametersChange | null {
  const decoded = decodeSsz(ParametersSsz, bytes)
  if (!decoded.ok) return null
  const { paramsRoot, approvals: encoded, ...rest } = decoded.value
  const approvals = approvalsFromSsz(encoded)
  return approvals === null ? null : { ...rest, paramsRoot: toBin(paramsRoot), approvals }
}
