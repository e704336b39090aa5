// A signer as src/ops/signer.ts is one: it keeps a record of what it signed and never signs two different messages for one
// question, nor for one that lies behind. The record survives crashes. Its signatures are hashes: nobody verifies them
// inside of the engine, and the checker makes them again.

import type { Bin } from '../base/bytes.ts'
import { concat, fromBin, toBin } from '../base/bytes.ts'
import type { Result } from '../base/result.ts'
import { err, ok } from '../base/result.ts'
import { sha256 } from '../crypto/hash.ts'

export interface SignerQuestion {
  readonly height: number
  readonly round: number
  readonly step: 'proposal' | 'prevote' | 'precommit'
}

interface Answer {
  readonly round: number
  readonly step: number
  readonly message: Bin
  readonly signature: Uint8Array
}

export interface SignerBackup {
  readonly height: number
  readonly round: number
  readonly step: number
  readonly answers: readonly Answer[]
}

/** Answers of one height that are kept. */
const MAX_KEPT = 64
const STEPS = { proposal: 1, prevote: 2, precommit: 3 } as const

/** 64 bytes that stand for a signature of this key. */
export function fakeSignature(key: Uint8Array, message: Uint8Array): Uint8Array {
  const half = sha256(concat(key, message))
  return concat(half, half)
}

export class MemorySigner {
  readonly key: Bin
  #height = 0
  #round = 0
  #step = 0
  #answers: Answer[] = []

  constructor(key: Bin) {
    this.key = key
  }

  sign({ height, round, step: name }: SignerQuestion, message: Uint8Array): Result<Uint8Array, 'behind' | 'conflict'> {
    const step = STEPS[name]
    const asked = toBin(message)
    if (height === this.#height) {
      const answer = this.#answers.find((each) => each.round === round && each.step === step)
      if (answer !== undefined) return answer.message === asked ? ok(answer.signature) : err('conflict')
    }
    if (!this.#isAfter(height, round, step)) return err('behind')
    const answer = { round, step, message: asked, signature: fakeSignature(fromBin(this.key), message) }
    this.#answers = height === this.#height ? [...this.#answers.slice(1 - MAX_KEPT), answer] : [answer]
    this.#height = height
    this.#round = round
    this.#step = step
    return ok(answer.signature)
  }

  /** What was answered to this question, if that is remembered. */
  earlier({ height, round, step }: SignerQuestion): Answer | null {
    const answer = this.#answers.find((each) => each.round === round && each.step === STEPS[step])
    return height === this.#height && answer !== undefined ? answer : null
  }

  /** From now on nothing below `height` is signed. */
  advanceTo(height: number): void {
    if (height <= this.#height) return
    this.#height = height
    this.#round = this.#step = 0
    this.#answers = []
  }

  get height(): number {
    return this.#height
  }

  backup(): SignerBackup {
    return { height: this.#height, round: this.#round, step: this.#step, answers: this.#answers }
  }

  restore({ height, round, step, answers }: SignerBackup): void {
    this.#height = height
    this.#round = round
    this.#step = step
    this.#answers = [...answers]
  }

  #isAfter(height: number, round: number, step: number): boolean {
    if (height !== this.#height) return height > this.#height
    return round === this.#round ? step > this.#step : round > this.#round
  }
}
