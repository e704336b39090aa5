// Reads submitted heartbeats: one pass that checks and decodes, since thousands arrive each second. The schema in
// schema/heartbeat.ts says the same for readers.
//
// The request as a whole is refused if its frame is wrong. A heartbeat that is wrong gets its own verdict, and the
// others go on.

import { HEARTBEAT_MESSAGE_SIZE } from '../protocol/heartbeat.ts'
import { MAX_MOTION_SAMPLES, MAX_RR_INTERVALS } from '../protocol/limits.ts'
import type { Reason } from '../protocol/reason.ts'
import { REASONS } from '../protocol/reason.ts'
import { MAX_MOTION_MILLI_G, MAX_RR_MS, MIN_RR_MS, NONCE_SIZE, vitalsInRange } from '../protocol/vitals.ts'
import type { Backend, HeartbeatVerdict, SubmittedVitals } from './backend.ts'
import { asBuffer, decodeBase64Into } from './base64.ts'
import { MAX_BATCH } from './limits.ts'
import { Problem } from './problem.ts'

/** Bytes of a heartbeat in a batch: message ‖ signature. */
export const SUBMISSION_SIZE = HEARTBEAT_MESSAGE_SIZE + 64

export interface Submission {
  /** The heartbeats that were read, one after the other. */
  readonly batch: Uint8Array<ArrayBuffer>
  readonly vitals: readonly (SubmittedVitals | null)[]
  /** One per heartbeat that was sent: null if it was read. */
  readonly refusals: readonly (Refusal | null)[]
}

export interface Refusal {
  readonly accepted: false
  readonly code: Reason
  readonly detail: string
}

export type SubmissionVerdict = Extract<HeartbeatVerdict, { accepted: true }> | Refusal

const refusal = (code: Reason, detail: string): Refusal => ({ accepted: false, code, detail })

const REFUSALS = {
  object: refusal('malformed', 'A heartbeat must be an object.'),
  member: refusal('malformed', 'A heartbeat has the members message, signature, vitals and nonce, and no others.'),
  message: refusal('malformed', `message must be the canonical base64 of ${HEARTBEAT_MESSAGE_SIZE} bytes.`),
  signature: refusal('malformed', 'signature must be the canonical base64 of 64 bytes.'),
  nonce: refusal('malformed', `nonce must be the canonical base64 of ${NONCE_SIZE} bytes.`),
  together: refusal('malformed', 'vitals and nonce must be sent together.'),
  vitals: refusal('malformed', 'vitals have the lists rrMs and motionMilliG and the number temperatureCentiC, and nothing else.'),
  range: refusal(
    'out_of_range',
    `vitals are integers: 1 to ${MAX_RR_INTERVALS} rrMs of ${MIN_RR_MS} to ${MAX_RR_MS}, ` +
      `up to ${MAX_MOTION_SAMPLES} motionMilliG of at most ${MAX_MOTION_MILLI_G}, temperatureCentiC up to 65535.`,
  ),
} as const

/** Heartbeats as parsed JSON. Throws a Problem if there are none or too many. */
export function submissionFromJson(heartbeats: unknown): Submission {
  if (!Array.isArray(heartbeats) || heartbeats.length === 0) throw new Problem('malformed', 'heartbeats must be a list that is not empty.')
  checkCount(heartbeats.length)
  const batch = new Uint8Array(SUBMISSION_SIZE * heartbeats.length)
  const buffer = asBuffer(batch)
  const vitals: (SubmittedVitals | null)[] = []
  const refusals = heartbeats.map((heartbeat: unknown) => readHeartbeat(heartbeat, buffer, SUBMISSION_SIZE * vitals.length, vitals))
  const size = SUBMISSION_SIZE * vitals.length
  return { batch: size === batch.length ? batch : batch.slice(0, size), vitals, refusals }
}

/** n × 245 bytes. Throws a Problem if the size is wrong. */
export function submissionFromBytes(bytes: Uint8Array): Submission {
  const count = bytes.length / SUBMISSION_SIZE
  if (count === 0 || !Number.isInteger(count)) {
    throw new Problem('malformed', `The body must be a multiple of ${SUBMISSION_SIZE} bytes, and not empty.`)
  }
  checkCount(count)
  const none = Array<null>(count).fill(null)
  return { batch: new Uint8Array(bytes), vitals: none, refusals: none }
}

/** Submits what was read. @returns one verdict per heartbeat that was sent, in order */
export async function submit(backend: Backend, { batch, vitals, refusals }: Submission): Promise<SubmissionVerdict[]> {
  const verdicts = vitals.length === 0 ? [] : await backend.submitHeartbeats(batch, vitals)
  if (verdicts.length !== vitals.length) throw new Error('the backend must give one verdict per heartbeat')
  let next = 0
  return refusals.map((refused) => {
    if (refused !== null) return refused
    const verdict = verdicts[next++]!
    return verdict.accepted ? verdict : refusal(verdict.reason, verdict.detail ?? REASONS[verdict.reason].text)
  })
}

function checkCount(count: number): void {
  if (count > MAX_BATCH) throw new Problem('too_large', `At most ${MAX_BATCH} heartbeats may be sent at once.`)
}

/** Writes the heartbeat at `offset` and its vitals behind the others. @returns null, or why it cannot be read */
function readHeartbeat(value: unknown, batch: Buffer, offset: number, vitals: (SubmittedVitals | null)[]): Refusal | null {
  if (!isObject(value)) return REFUSALS.object
  for (const name in value) if (name !== 'message' && name !== 'signature' && name !== 'vitals' && name !== 'nonce') return REFUSALS.member
  const { message, signature } = value
  if (typeof message !== 'string' || !decodeBase64Into(message, batch, offset, HEARTBEAT_MESSAGE_SIZE)) return REFUSALS.message
  if (typeof signature !== 'string' || !decodeBase64Into(signature, batch, offset + HEARTBEAT_MESSAGE_SIZE, 64)) return REFUSALS.signature
  if (value['vitals'] === undefined && value['nonce'] === undefined) {
    vitals.push(null)
    return null
  }
  const read = readVitals(value['vitals'], value['nonce'])
  if ('code' in read) return read
  vitals.push(read)
  return null
}

function readVitals(vitals: unknown, nonce: unknown): SubmittedVitals | Refusal {
  if (vitals === undefined || nonce === undefined) return REFUSALS.together
  if (!isObject(vitals)) return REFUSALS.vitals
  for (const name in vitals) if (name !== 'rrMs' && name !== 'motionMilliG' && name !== 'temperatureCentiC') return REFUSALS.vitals
  const { rrMs, motionMilliG, temperatureCentiC } = vitals
  if (!Array.isArray(rrMs) || !Array.isArray(motionMilliG) || typeof temperatureCentiC !== 'number') return REFUSALS.vitals
  const bytes = new Uint8Array(NONCE_SIZE)
  if (typeof nonce !== 'string' || !decodeBase64Into(nonce, asBuffer(bytes), 0, NONCE_SIZE)) return REFUSALS.nonce
  const read: SubmittedVitals = { rrMs: rrMs as number[], motionMilliG: motionMilliG as number[], temperatureCentiC, nonce: bytes }
  return vitalsInRange(read) ? read : REFUSALS.range
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
