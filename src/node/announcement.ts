// A block announcement: header and certificate of a block that was decided. Nodes learn from it what is final; the body
// they have from the proposal, or ask for it.
//
//   header (SSZ, fixed size) ‖ certificate (SSZ)

import { concat } from '../base/bytes.ts'
import type { Result } from '../base/result.ts'
import { err, ok } from '../base/result.ts'
import type { Certificate } from '../protocol/certificate.ts'
import { decodeCertificate, encodeCertificate } from '../protocol/certificate.ts'
import type { Header } from '../protocol/header.ts'
import { decodeHeader, encodeHeader, HEADER_SIZE, headerId } from '../protocol/header.ts'

export interface Announcement {
  readonly header: Header
  readonly certificate: Certificate
}

export const encodeAnnouncement = ({ header, certificate }: Announcement): Uint8Array => concat(encodeHeader(header), encodeCertificate(certificate))

/** The certificate is for this header; its signatures are not verified. */
export function decodeAnnouncement(bytes: Uint8Array): Result<Announcement, 'malformed'> {
  const header = decodeHeader(bytes.subarray(0, HEADER_SIZE))
  const certificate = decodeCertificate(bytes.subarray(HEADER_SIZE))
  if (!header.ok || !certificate.ok) return err('malformed')
  const fits = certificate.value.height === header.value.height && certificate.value.blockId === headerId(header.value)
  return fits ? ok({ header: header.value, certificate: certificate.value }) : err('malformed')
}
