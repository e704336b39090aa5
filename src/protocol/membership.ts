// Joining and leaving the validators.
//
// Anybody may join without base power: both keys sign, and from then on the lives that beat through the node make its
// power. A join with base power needs the approval of more than 2/3 of the voting power over the same message.
//
//   join   { key bytes32, nodeKey bytes32, base uint64, signedAt uint64, expiryHeight uint64,
//            signature bytes64, nodeSignature bytes64, approvals List[{ validator bytes32, signature bytes64 }, 128] }
//   leave  { key bytes32, signedAt uint64, expiryHeight uint64, signature bytes64 }
//
// `signedAt` is the head's height when it was signed: a join that was signed before the key last left is void, and so
// is a leave that was signed before it last joined. Nobody can send an old one again.

import type { Bin } from '../base/bytes.ts'
import { fromBin, toBin } from '../base/bytes.ts'
import { signingBytes } from '../crypto/hash.ts'
import type { Approval } from './approvals.ts'
import { approvalsFromSsz, ApprovalsSsz, approvalsToSsz } from './approvals.ts'
import { bytes32, bytes64, ContainerType, decodeSsz, uint64 } from './ssz.ts'

export interface JoinFields {
  /** Ed25519 keys of the validator and of its node, 32 bytes each. */
  readonly key: Bin
  readonly nodeKey: Bin
  /** Base power; above zero only with approvals. One life = 1 000 000. */
  readonly base: number
  readonly signedAt: number
  /** Last height at which it may be committed. */
  readonly expiryHeight: number
}

export interface Join extends JoinFields {
  readonly signature: Uint8Array
  readonly nodeSignature: Uint8Array
  readonly approvals: readonly Approval[]
}

export interface LeaveFields {
  readonly key: Bin
  readonly signedAt: number
  readonly expiryHeight: number
}

export interface Leave extends LeaveFields {
  readonly signature: Uint8Array
}

const JoinFieldsSsz = new ContainerType({ key: bytes32, nodeKey: bytes32, base: uint64, signedAt: uint64, expiryHeight: uint64 })
const JoinSsz = new ContainerType({ ...JoinFieldsSsz.fields, signature: bytes64, nodeSignature: bytes64, approvals: ApprovalsSsz })
const LeaveFieldsSsz = new ContainerType({ key: bytes32, signedAt: uint64, expiryHeight: uint64 })
const LeaveSsz = new ContainerType({ ...LeaveFieldsSsz.fields, signature: bytes64 })

const joinToSsz = ({ key, nodeKey, base, signedAt, expiryHeight }: JoinFields) => ({ key: fromBin(key), nodeKey: fromBin(nodeKey), base, signedAt, expiryHeight })
const leaveToSsz = ({ key, signedAt, expiryHeight }: LeaveFields) => ({ key: fromBin(key), signedAt, expiryHeight })

/** The bytes that the validator, its node and those who approve sign. */
export const joinMessage = (genesisHash: Uint8Array, fields: JoinFields): Uint8Array =>
  signingBytes('pulse/join/1', genesisHash, JoinFieldsSsz.serialize(joinToSsz(fields)))

/** The bytes that the validator signs. */
export const leaveMessage = (genesisHash: Uint8Array, fields: LeaveFields): Uint8Array =>
  signingBytes('pulse/leave/1', genesisHash, LeaveFieldsSsz.serialize(leaveToSsz(fields)))

export const encodeJoin = (join: Join): Uint8Array =>
  JoinSsz.serialize({ ...joinToSsz(join), signature: join.signature, nodeSignature: join.nodeSignature, approvals: approvalsToSsz(join.approvals) })

export function decodeJoin(bytes: Uint8Array): Join | null {
  const decoded = decodeSsz(JoinSsz, bytes)
  if (!decoded.ok) return null
  const { key, nodeKey, approvals: encoded, ...rest } = decoded.value
  const approvals = approvalsFromSsz(encoded)
  return approvals === null ? null : { ...rest, key: toBin(key), nodeKey: toBin(nodeKey), approvals }
}

export const encodeLeave = (leave: Leave): Uint8Array => LeaveSsz.serialize({ ...leaveToSsz(leave), signature: leave.signature })

export function decodeLeave(bytes: Uint8Array): Leave | null {
  const decoded = decodeSsz(LeaveSsz, bytes)
  return decoded.ok ? { ...decoded.value, key: toBin(decoded.value.key) } : null
}
