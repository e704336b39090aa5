// Who may vote, computed anew for the checker from protocol.md in plain maps and bigints: members, the lives that count for
// them, and the powers of the next epoch. It shares no arithmetic with src/ledger.

import type { Bin } from '../base/bytes.ts'
import { toBin } from '../base/bytes.ts'
import type { Block } from '../protocol/block.ts'
import type { Genesis } from '../protocol/genesis.ts'
import { heartbeatWitness } from '../protocol/heartbeat.ts'
import type { Params } from '../protocol/params.ts'
import type { Transaction } from '../protocol/transaction.ts'
import { EVIDENCE_KIND, JOIN_KIND, LEAVE_KIND, PARAMETERS_KIND } from '../protocol/transaction.ts'

export interface Voter {
  readonly key: Bin
  readonly power: bigint
}

interface Seat {
  readonly nodeKey: Bin
  readonly base: bigint
  /** Lives of past epochs. */
  readonly history: bigint[]
  leaving: boolean
  /** It had power before. */
  seated: boolean
}

const LIFE = 1_000_000n

export class Epochs {
  /** Validators of the next height, by key. */
  voters: readonly Voter[]
  params: Params
  readonly #seats = new Map<Bin, Seat>()
  readonly #barred = new Set<Bin>()
  /** By device: quarters of this epoch in which it beat, and the witness of its last heartbeat. */
  #beats = new Map<Bin, { readonly quarters: Set<bigint>; witness: Bin }>()
  #signed = new Map<Bin, bigint>()
  #start = 0
  #change: { readonly activationHeight: number; readonly params: Params } | null = null

  constructor({ params, validators }: Genesis) {
    this.params = params
    this.voters = validators.map(({ key, power }) => ({ key, power: BigInt(power) }))
    for (const { key, nodeKey, power } of validators) this.#seats.set(key, { nodeKey, base: BigInt(power), history: [], leaving: false, seated: true })
  }

  /** Goes on by one block. @param counts whether this device is enrolled. @returns true if the epoch is over */
  apply({ header, body }: Block, counts: (device: Bin) => boolean): boolean {
    const { height } = header
    const { epochBlocks, enrolled } = this.params
    if (height - 1 > this.#start) {
      for (const { validator } of body.parentCertificate?.signatures ?? []) {
        const { key } = this.voters[validator]!
        this.#signed.set(key, (this.#signed.get(key) ?? 0n) + 1n)
      }
    }
    const quarter = (BigInt(height - this.#start - 1) * 4n) / BigInt(epochBlocks)
    for (const { device, record } of body.heartbeats) {
      if (!enrolled || !counts(device)) continue
      const beat = this.#beats.get(device) ?? { quarters: new Set(), witness: '' }
      beat.quarters.add(quarter)
      beat.witness = toBin(heartbeatWitness(record))
      this.#beats.set(device, beat)
    }
    for (const transaction of body.transactions) this.#govern(transaction)
    const isOver = height === this.#start + epochBlocks
    if (isOver) this.#turn(height)
    return isOver
  }

  get changeWaits(): boolean {
    return this.#change !== null
  }

  isBarred(key: Bin): boolean {
    return this.#barred.has(key)
  }

  #govern(transaction: Transaction): void {
    switch (transaction.kind) {
      case JOIN_KIND: {
        const { key, nodeKey, base } = transaction.join
        this.#seats.set(key, { nodeKey, base: BigInt(base), history: [], leaving: false, seated: false })
        break
      }
      case LEAVE_KIND:
        this.#seats.get(transaction.leave.key)!.leaving = true
        break
      case PARAMETERS_KIND:
        this.#change = transaction.change
        break
      case EVIDENCE_KIND:
        this.#barred.add(transaction.evidence.first.validator)
        break
      default:
        // Transfers and enrolments change no validator.
        break
    }
  }

  #turn(height: number): void {
    const certificates = BigInt(height - this.#start - 1)
    const window = this.params.lifeWindowEpochs
    const before = new Map(this.voters.map(({ key, power }) => [key, power]))
    const tookPart = (key: Bin): boolean => before.has(key) && (this.#signed.get(key) ?? 0n) * 3n >= certificates * 2n
    for (const [key, seat] of this.#seats) {
      if (!before.has(key)) continue
      seat.history.push(BigInt([...this.#beats.values()].filter(({ quarters, witness }) => quarters.size === 4 && witness === seat.nodeKey).length))
      seat.history.splice(0, seat.history.length - window)
    }
    const staying = [...this.#seats].filter(([key, { base, seated }]) => !this.#barred.has(key) && !(base === 0n && seated && !tookPart(key)))
    const target = new Map<Bin, bigint>()
    const present = staying.filter(([, { leaving }]) => !leaving)
    const life = new Map(present.map(([key, { history }]) => [key, this.params.enrolled && tookPart(key) ? (sum(history) * LIFE) / BigInt(window) : 0n]))
    const base = sum(present.map(([, seat]) => seat.base))
    const lives = sum(life.values())
    for (const [key, seat] of present) {
      const earned = life.get(key)!
      const scaled = lives > 2n * base ? (earned * 2n * base) / lives : earned
      target.set(key, seat.base + scaled > 0n ? seat.base + scaled : 1n)
    }
    const powers = bounded(staying.map(([key]) => ({ key, from: before.get(key) ?? 0n, to: target.get(key) ?? 0n })))
    const next = powers.filter(({ power }) => power > 0n).sort((a, b) => (a.key < b.key ? -1 : 1))
    if (present.some(([, seat]) => seat.base > 0n)) {
      this.voters = next
      for (const key of [...this.#seats.keys()]) if (!next.some((voter) => voter.key === key)) this.#seats.delete(key)
      for (const seat of this.#seats.values()) seat.seated = true
    }
    if (this.#change !== null && this.#change.activationHeight <= height + 1) {
      this.params = this.#change.params
      this.#change = null
    }
    this.#start = height
    this.#beats = new Map()
    this.#signed = new Map()
  }
}

/** At most a third of the power moves; whoever is to stay keeps 1, and whoever leaves loses at least 1. */
function bounded(moves: readonly { readonly key: Bin; readonly from: bigint; readonly to: bigint }[]): Voter[] {
  const up = sum(moves.map(({ from, to }) => (to > from ? to - from : 0n)))
  const down = sum(moves.map(({ from, to }) => (to < from ? from - to : 0n)))
  const moved = up > down ? up : down
  const third = sum(moves.map(({ from }) => from)) / 3n
  const most = third > 0n ? third : 1n
  return moves.map(({ key, from, to }) => {
    if (moved > most && to === 0n) return { key, power: from - (from * most + moved - 1n) / moved }
    // Division in bigint cuts towards zero, in both directions.
    const power = moved > most ? from + ((to - from) * most) / moved : to
    return { key, power: to > 0n && power < 1n ? 1n : power }
  })
}

function sum(values: Iterable<bigint>): bigint {
  let total = 0n
  for (const value of values) total += value
  return total
}
