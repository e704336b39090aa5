// Enrolment: a registrar says that each of these keys is one life. On the chain it is
// { registrar bytes35, expiryHeight uint64, devices List[bytes35, 256], signature bytes64 }, in SSZ.

import { fromBin, toBin } from '../base/bytes.ts'
import { signingBytes } from '../crypto/hash.ts'
import type { KeyBin } from '../crypto/keys.ts'
import { keyCurve } from '../crypto/keys.ts'
import { MAX_ENROLMENT_DEVICES } from './limits.ts'
import { bytes35, bytes64, ContainerType, decodeSsz, ListCompositeType, uint64 } from './ssz.ts'

export interface EnrolmentFields {
  /** Tagged key of the registrar. */
  readonly registrar: KeyBin
  /** Last height at which it may be committed. */
  readonly expiryHeight: number
  /** 1…256 tagged keys, ascending. */
  readonly devices: readonly KeyBin[]
}

export interface Enrolment extends EnrolmentFields {
  readonly signature: Uint8Array
}

const FieldsSsz = new ContainerType({ registrar: bytes35, expiryHeight: uint64, devices: new ListCompositeType(bytes35, MAX_ENROLMENT_DEVICES) })
const EnrolmentSsz = new ContainerType({ ...FieldsSsz.fields, signature: bytes64 })

const fieldsToSsz = ({ registrar, expiryHeight, devices }: EnrolmentFields) => ({ registrar: fromBin(registrar), expiryHeight, devices: devices.map(fromBin) })

/** The bytes that the registrar signs. */
export const enrolmentMessage = (genesisHash: Uint8Array, fields: EnrolmentFields): Uint8Array =>
  signingBytes('pulse/enrolment/1', genesisHash, FieldsSsz.serialize(fieldsToSsz(fields)))

export const encodeEnrolment = (enrolment: Enrolment): Uint8Array => EnrolmentSsz.serialize({ ...fieldsToSsz(enrolment), signature: enrolment.signature })

export function decodeEnrolment(bytes: Uint8Array): Enrolment | null {
  const decoded = decodeSsz(EnrolmentSsz, bytes)
  if (!decoded.ok) return null
  const { registrar, expiryHeight, devices, signature } = decoded.value
  const keys = devices.map(toBin)
  const sorted = keys.length > 0 && keys.every((key, i) => i === 0 || keys[i - 1]! < key)
  if (!sorted || [registrar, ...devices].some((key) => keyCurve(key) === null)) return null
  return { registrar: toBin(registrar), expiryHeight, devices: keys, signature }
}
