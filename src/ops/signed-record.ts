// The last-signed record as a file: JSON, one object, version 1. Read strictly: a record that isn't understood is not guessed at.

import { fromHex, toHex } from '../base/bytes.ts'
import { Failure } from './failure.ts'

export type SignedStep = 'proposal' | 'prevote' | 'precommit'

export interface SignedAnswer {
  readonly round: number
  /** 1 proposal, 2 prevote, 3 precommit. */
  readonly step: number
  /** SHA-256 of the signed message, hex. */
  readonly messageHash: string
  /** 64 bytes. */
  readonly signature: Uint8Array
}

export interface SignedRecord {
  /** Everything below this height is over. */
  readonly height: number
  /** Round and step of the last answer at this height; 0 and 0 if there is none. */
  readonly round: number
  readonly step: number
  /** Answers at this height, oldest first. The last one is that of `round` and `step`. */
  readonly answers: readonly SignedAnswer[]
}

const VERSION = 1

export const RECORD_REMEDY =
  'Restore last-signed.json from the same moment as the validator key was used last; without it the key may sign twice and be barred.'

const STEP_NUMBERS: Readonly<Record<SignedStep, number>> = { proposal: 1, prevote: 2, precommit: 3 }

export const stepNumber = (step: SignedStep): number => STEP_NUMBERS[step]

export function encodeRecord(record: SignedRecord, publicKey: string): Uint8Array {
  const { height, round, step } = record
  const answers = record.answers.map((answer) => ({ ...answer, signature: toHex(answer.signature) }))
  return new TextEncoder().encode(JSON.stringify({ version: VERSION, publicKey, height, round, step, answers }, null, 1) + '\n')
}

/** @throws Failure `signer` if the text is no record of this key, `newer_schema` if a newer version wrote it */
export function decodeRecord(text: string, publicKey: string, path: string): SignedRecord {
  const broken = (why: string): Failure => new Failure('signer', `The last-signed record ${path} ${why}`, RECORD_REMEDY)
  let fields: Partial<Record<string, unknown>>
  try {
    fields = JSON.parse(text) as typeof fields
  } catch {
    throw broken('is not JSON')
  }
  if (typeof fields !== 'object' || fields === null) throw broken('is not a JSON object')
  const version = fields['version']
  if (isCount(version) && version > VERSION) {
    throw new Failure('newer_schema', `The last-signed record ${path} was written by a newer version`, 'Run that version of pulse-node.')
  }
  if (version !== VERSION) throw broken('has no version')
  if (fields['publicKey'] !== publicKey) throw broken('belongs to another validator key')
  const { height, round, step, answers } = fields
  if (!isCount(height) || !isCount(round) || !isStep(step, 0) || !Array.isArray(answers)) throw broken('lacks a field')
  const decoded = answers.map((each: unknown) => decodeAnswer(each) ?? fail(broken('holds a broken answer')))
  for (let i = 1; i < decoded.length; i++) {
    if (position(decoded[i - 1]!) >= position(decoded[i]!)) throw broken('holds answers out of order')
  }
  const last = decoded.at(-1)
  if ((last?.round ?? 0) !== round || (last?.step ?? 0) !== step) throw broken('contradicts itself')
  return { height, round, step, answers: decoded }
}

function decodeAnswer(value: unknown): SignedAnswer | null {
  if (typeof value !== 'object' || value === null) return null
  const { round, step, messageHash, signature } = value as Partial<Record<string, unknown>>
  if (!isCount(round) || !isStep(step, 1) || !isHex(messageHash, 32) || !isHex(signature, 64)) return null
  return { round, step, messageHash, signature: fromHex(signature)! }
}

const position = (answer: SignedAnswer): number => 4 * answer.round + answer.step
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isStep = (value: unknown, first: number): value is number => isCount(value) && value >= first && value <= 3
const isHex = (value: unknown, bytes: number): value is string => typeof value === 'string' && fromHex(value)?.length === bytes

function fail(failure: Failure): never {
  throw failure
}
