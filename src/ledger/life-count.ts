// Which lives count for which validator in this epoch: a life counts once, if it has beaten in every quarter, for the
// validator whose node witnessed its last heartbeat. Only enrolled lives count, and only where enrolment is asked for.

import type { Bin } from '../base/bytes.ts'
import { toBin } from '../base/bytes.ts'
import type { Heartbeat } from '../protocol/heartbeat.ts'
import { heartbeatWitness } from '../protocol/heartbeat.ts'
import { isEnrolled, lifeMarks, writeLifeMarks } from './account.ts'
import { quarterOf } from './epoch.ts'
import type { Ledger } from './state.ts'

const ALL_QUARTERS = 0b1111

export class LifeCount {
  /** One per validator. */
  readonly lives: number[]
  readonly #counts: boolean
  readonly #epoch: number
  readonly #quarter: number
  /** Index of the validator by its node's key. */
  readonly #witnesses: ReadonlyMap<Bin, number>

  constructor(ledger: Ledger, height: number) {
    const { epoch } = ledger.governance
    this.lives = [...epoch.lives]
    this.#counts = ledger.params.enrolled
    this.#epoch = epoch.number
    this.#quarter = 1 << quarterOf(ledger, height)
    this.#witnesses = new Map(ledger.validators.map(({ nodeKey }, i) => [nodeKey, i]))
  }

  /** A heartbeat of the life whose record is at `at`. */
  beat(records: Uint8Array, at: number, heartbeat: Heartbeat): void {
    if (!this.#counts || !isEnrolled(records, at)) return
    const before = lifeMarks(records, at, this.#epoch)
    const after = { quarters: before.quarters | this.#quarter, witness: this.#witnesses.get(toBin(heartbeatWitness(heartbeat.record))) ?? -1 }
    if (before.quarters === ALL_QUARTERS && before.witness >= 0) this.lives[before.witness]!--
    if (after.quarters === ALL_QUARTERS && after.witness >= 0) this.lives[after.witness]!++
    writeLifeMarks(records, at, this.#epoch, after)
  }
}
