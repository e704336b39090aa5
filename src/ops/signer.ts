// The validator's signer. It keeps a record of what it signed, beside the key, and never signs two different messages for
// one question (height, round, step), nor anything for a question that lies behind: that would be double signing, for
// which a validator loses its place. The record is on disk, synced, before a signature leaves.

import { readFileSync } from 'node:fs'
import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import type { Result } from '../base/result.ts'
import { err, ok } from '../base/result.ts'
import { sha256 } from '../crypto/hash.ts'
import { keyToText } from '../crypto/keys.ts'
import type { KeyPair } from '../crypto/sign.ts'
import { sign } from '../crypto/sign.ts'
import { Failure } from './failure.ts'
import type { WriteHook } from './fsync.ts'
import { replaceFile, storageFailure } from './fsync.ts'
import type { SignedAnswer, SignedRecord, SignedStep } from './signed-record.ts'
import { RECORD_REMEDY, decodeRecord, encodeRecord, stepNumber } from './signed-record.ts'

export interface SignerQuestion {
  readonly height: number
  readonly round: number
  readonly step: SignedStep
}

/** `step` is null if nothing was signed at this height yet: it is only known that everything below is over. */
export interface LastSigned {
  readonly height: number
  readonly round: number
  readonly step: SignedStep | null
}

/** behind: the question is older than the record; conflict: it was answered with another message. */
export type SignerRefusal = 'behind' | 'conflict'

export interface Signer {
  /** Tagged, 35 bytes. */
  readonly publicKey: Uint8Array
  last(): LastSigned
  /**
   * The same question with the same message gets the same signature again, without a write, as long as it is among the
   * last 64 of the record's height.
   * @throws Failure `storage` if the record cannot be written; the signer then refuses to work until the node is started again
   */
  sign(question: SignerQuestion, message: Uint8Array): Result<Uint8Array, SignerRefusal>
  /** What was answered to this question, if that is remembered. */
  earlier(question: SignerQuestion): Pick<SignedAnswer, 'messageHash' | 'signature'> | null
  /**
   * From now on nothing below `height` is signed. For the start: our chain's next height, which may be ahead of the record.
   * Does nothing if the record is there already.
   */
  advanceTo(height: number): void
}

export interface SignerOptions {
  /** Ed25519. */
  readonly keys: KeyPair
  /** Of the record, `last-signed.json`. */
  readonly path: string
  /** Makes an empty record if there is none. For `init` only: a lost record must not be replaced by an empty one. */
  readonly initialise?: boolean
  readonly onWrite?: WriteHook
}

/** Answers of one height that are kept: 21 rounds of proposal, prevote and precommit. */
const MAX_KEPT = 64
const RECORD_MODE = 0o600

/** @throws Failure `signer` if the record is missing, broken or of another key; `storage` if it cannot be read or written */
export function createSigner(options: SignerOptions): Signer {
  const { keys, path, onWrite } = options
  if (keys.curve !== 'ed25519') throw new Failure('signer', 'The validator key is not an Ed25519 key', 'Choose the validator key file.')
  const publicKey = keyToText(keys.publicKey)
  let failed: unknown
  let record = load()

  function load(): SignedRecord {
    let text: string
    try {
      text = readFileSync(path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw storageFailure(`Cannot read the last-signed record ${path}`, error)
      if (options.initialise === true) return save({ height: 0, round: 0, step: 0, answers: [] })
      throw new Failure('signer', `The last-signed record ${path} is missing`, RECORD_REMEDY)
    }
    return decodeRecord(text, publicKey, path)
  }

  function save(next: SignedRecord): SignedRecord {
    if (failed !== undefined) {
      throw new Failure('storage', 'The last-signed record could not be written', 'Start the node again.', { cause: failed })
    }
    try {
      const step: WriteHook | undefined = onWrite && ((label) => onWrite(`signer:${label}`))
      replaceFile(path, encodeRecord(next, publicKey), RECORD_MODE, step)
    } catch (error) {
      // What the disk holds is unknown now; a start reads it anew.
      failed = error
      throw error instanceof Error && 'code' in error ? storageFailure(`Cannot write the last-signed record ${path}`, error) : error
    }
    return next
  }

  return {
    publicKey: keys.publicKey,

    last() {
      const step = record.step === 0 ? null : (['proposal', 'prevote', 'precommit'] as const)[record.step - 1]!
      return { height: record.height, round: record.round, step }
    },

    sign({ height, round, step: name }, message) {
      assert(Number.isSafeInteger(height) && height > 0 && Number.isSafeInteger(round) && round >= 0, 'a question has a height and a round')
      const step = stepNumber(name)
      const messageHash = toHex(sha256(message))
      if (height === record.height) {
        const answer = record.answers.find((each) => each.round === round && each.step === step)
        if (answer !== undefined) return answer.messageHash === messageHash ? ok(answer.signature) : err('conflict')
      }
      if (!isAfter(height, round, step, record)) return err('behind')
      const answer = { round, step, messageHash, signature: sign(message, keys) }
      const kept = height === record.height ? record.answers.slice(-(MAX_KEPT - 1)) : []
      record = save({ height, round, step, answers: [...kept, answer] })
      return ok(answer.signature)
    },

    earlier({ height, round, step }) {
      const answer = record.answers.find((each) => each.round === round && each.step === stepNumber(step))
      return height === record.height && answer !== undefined ? answer : null
    },

    advanceTo(height) {
      if (height > record.height) record = save({ height, round: 0, step: 0, answers: [] })
    },
  }
}

function isAfter(height: number, round: number, step: number, record: SignedRecord): boolean {
  if (height !== record.height) return height > record.height
  if (round !== record.round) return round > record.round
  return step > record.step
}
