// Who may vote, as plain as can be: maps and bigints, written from docs/protocol.md alone. Part of the model of the ledger.

import { toBin } from '../../src/base/bytes.ts'
import type { Certificate } from '../../src/protocol/certificate.ts'
import type { Enrolment } from '../../src/protocol/enrolment.ts'
import type { Evidence } from '../../src/protocol/evidence.ts'
import type { Genesis } from '../../src/protocol/genesis.ts'
import type { Join, Leave } from '../../src/protocol/membership.ts'
import type { ParametersChange } from '../../src/protocol/parameters.ts'
import type { Params } from '../../src/protocol/params.ts'
import { checkParams, paramsRoot } from '../../src/protocol/params.ts'
import type { GovernanceTransaction } from '../../src/protocol/transaction.ts'

export interface ModelMember {
  readonly key: string
  readonly nodeKey: string
  readonly base: bigint
  leaving: boolean
  since: bigint
  history: bigint[]
}

export interface ModelValidator {
  readonly key: string
  readonly nodeKey: string
  readonly power: bigint
  priority: bigint
}

interface Lives {
  isEnrolled(device: string): boolean
  enrol(device: string): void
}

const LIFE = 1_000_000n
const MAX_TOTAL_BASE = 2n ** 48n
const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n)
const byKey = <T extends { key: string }>(values: T[]): T[] => values.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
/** Towards minus infinity. */
const floorDiv = (a: bigint, b: bigint): bigint => a / b - (a % b < 0n ? 1n : 0n)

export class ModelGovernance {
  params: Params
  members: ModelMember[]
  validators: ModelValidator[]
  previous: ModelValidator[] = []
  epoch = 1n
  start = 0n
  startMs: bigint
  epochs: { start: bigint; startMs: bigint }[] = []
  /** By validator: certificates of this epoch. */
  signed = new Map<string, bigint>()
  /** By device: what it did in this epoch. */
  readonly beats = new Map<string, { quarters: Set<bigint>; witness: string }>()
  former: { key: string; since: bigint; until: bigint }[] = []
  forgotten = 0n
  barred: string[] = []
  registrars = new Map<string, bigint>()
  paramsSince = 0n
  change: { activationHeight: bigint; params: Params } | null = null
  /** What happened in the last turn, in words. */
  events: string[] = []
  #height = 0n
  #timestampMs = 0n

  constructor({ params, validators, registrars, timeMs }: Genesis) {
    this.params = params
    this.startMs = BigInt(timeMs)
    this.members = validators.map(({ key, nodeKey, power }) => ({ key, nodeKey, base: BigInt(power), leaving: false, since: 1n, history: [] }))
    this.validators = validators.map(({ key, nodeKey, power }) => ({ key, nodeKey, power: BigInt(power), priority: 0n }))
    for (const key of registrars) this.registrars.set(key, 0n)
  }

  /** One per validator. */
  lives(): bigint[] {
    return this.validators.map(({ nodeKey }) => BigInt([...this.beats.values()].filter(({ quarters, witness }) => quarters.size === 4 && witness === nodeKey).length))
  }

  begin(height: bigint, timestampMs: bigint, certificate: Certificate | null): void {
    this.#height = height
    this.#timestampMs = timestampMs
    // The parent's block must be of this epoch.
    if (certificate === null || height - 1n <= this.start) return
    for (const { validator } of certificate.signatures) {
      const voter = this.validators[validator]
      if (voter !== undefined) this.signed.set(voter.key, (this.signed.get(voter.key) ?? 0n) + 1n)
    }
  }

  beat(device: string, witness: Uint8Array): void {
    if (!this.params.enrolled) return
    const beat = this.beats.get(device) ?? { quarters: new Set<bigint>(), witness: '' }
    beat.quarters.add(((this.#height - this.start - 1n) * 4n) / BigInt(this.params.epochBlocks))
    beat.witness = toBin(witness)
    this.beats.set(device, beat)
  }

  apply(transaction: GovernanceTransaction, lives: Lives): string | null {
    switch (transaction.kind) {
      case 2: return this.#enrol(transaction.enrolment, lives)
      case 3: return this.#join(transaction.join)
      case 4: return this.#leave(transaction.leave)
      case 5: return this.#changeParams(transaction.change)
      case 6: return this.#accuse(transaction.evidence)
    }
  }

  #enrol({ registrar, expiryHeight, devices }: Enrolment, lives: Lives): string | null {
    if (this.#height > BigInt(expiryHeight)) return 'expired'
    const used = this.registrars.get(registrar)
    if (used === undefined) return 'not_registrar'
    const fresh = devices.filter((device) => !lives.isEnrolled(device))
    if (fresh.length === 0) return 'already_enrolled'
    if (used + BigInt(fresh.length) > BigInt(this.params.enrolmentsPerEpoch)) return 'quota_exceeded'
    this.registrars.set(registrar, used + BigInt(fresh.length))
    for (const device of fresh) lives.enrol(device)
    return null
  }

  #approved(approvals: readonly { validator: string }[]): boolean {
    const power = sum(this.validators.filter(({ key }) => approvals.some(({ validator }) => validator === key)).map((each) => each.power))
    return 3n * power > 2n * sum(this.validators.map((each) => each.power))
  }

  #join({ key, nodeKey, base, signedAt, expiryHeight, approvals }: Join): string | null {
    if (this.#height > BigInt(expiryHeight)) return 'expired'
    if (this.barred.includes(key)) return 'barred'
    if (this.members.some((member) => member.key === key || member.nodeKey === nodeKey)) return 'already_validator'
    const ended = this.former.filter((each) => each.key === key).map(({ until }) => until)
    if (BigInt(signedAt) >= this.#height || [...ended, this.forgotten].some((until) => until > 0n && BigInt(signedAt) <= until)) return 'outdated'
    if (base > 0 && BigInt(base) < LIFE) return 'out_of_range'
    if (this.members.length === 128 || (base === 0 && this.members.filter((member) => member.base === 0n).length >= 96)) return 'validators_full'
    if (sum(this.members.map((member) => member.base)) + BigInt(base) > MAX_TOTAL_BASE) return 'validators_full'
    if (base > 0 && !this.#approved(approvals)) return 'not_approved'
    this.members = byKey([...this.members, { key, nodeKey, base: BigInt(base), leaving: false, since: 0n, history: [] }])
    return null
  }

  #leave({ key, signedAt, expiryHeight }: Leave): string | null {
    if (this.#height > BigInt(expiryHeight)) return 'expired'
    const member = this.members.find((each) => each.key === key)
    if (member === undefined) return 'not_validator'
    if (member.leaving) return 'duplicate'
    if (BigInt(signedAt) >= this.#height || member.since === 0n || BigInt(signedAt) + 1n < member.since) return 'outdated'
    if (this.members.filter((each) => each.key !== key && !each.leaving && each.base > 0n && !this.barred.includes(each.key)).length === 0) return 'last_validator'
    member.leaving = true
    return null
  }

  #changeParams(change: ParametersChange): string | null {
    const activation = BigInt(change.activationHeight)
    if (this.#height > BigInt(change.expiryHeight) || activation <= this.#height) return 'expired'
    if (BigInt(change.paramsSince) !== this.paramsSince || change.paramsRoot !== toBin(paramsRoot(this.params))) return 'outdated'
    if (activation - this.#height > 1_000_000n || checkParams(change.params).length > 0 || change.params.development !== this.params.development) return 'out_of_range'
    if (!this.#approved(change.approvals)) return 'not_approved'
    if (this.change !== null) return 'change_waiting'
    this.change = { activationHeight: activation, params: change.params }
    return null
  }

  #accuse({ first: { validator, height } }: Evidence): string | null {
    const at = BigInt(height)
    if (at > this.#height) return 'from_future'
    const epoch = [...this.epochs, { start: this.start, startMs: this.startMs }].filter(({ start }) => start < at).at(-1)
    const tooOld = epoch === undefined || this.#height - at > BigInt(this.params.evidenceMaxBlocks) || this.#timestampMs - epoch.startMs > BigInt(this.params.evidenceMaxAgeMs)
    if (tooOld) return 'too_old'
    if (this.barred.includes(validator)) return 'duplicate'
    const member = this.members.find(({ key, since }) => key === validator && since > 0n && since <= at)
    const was = this.former.some(({ key, since, until }) => key === validator && since <= at && at <= until)
    if (member === undefined && !was) return 'not_validator'
    this.barred.push(validator)
    return null
  }

  /** After the block: priorities turn, and the epoch ends if this was its last block. */
  end(): void {
    this.events = []
    this.#turnPriorities()
    if (this.#height === this.start + BigInt(this.params.epochBlocks)) this.#turnEpoch()
  }

  #turnPriorities(): void {
    const total = sum(this.validators.map(({ power }) => power))
    const all = this.validators.map(({ priority }) => priority).sort((a, b) => (a < b ? -1 : 1))
    const spread = all.at(-1)! - all[0]!
    if (spread > 2n * total) {
      const ratio = (spread + 2n * total - 1n) / (2n * total)
      for (const each of this.validators) each.priority /= ratio
    }
    const mean = floorDiv(sum(this.validators.map(({ priority }) => priority)), BigInt(this.validators.length))
    for (const each of this.validators) each.priority += each.power - mean
    let proposer = this.validators[0]!
    for (const each of this.validators) if (each.priority > proposer.priority) proposer = each
    proposer.priority -= total
  }

  #turnEpoch(): void {
    const certificates = this.#height - this.start - 1n
    const tookPart = (key: string): boolean => this.validators.some((each) => each.key === key) && 3n * (this.signed.get(key) ?? 0n) >= 2n * certificates
    const counted = this.lives()
    const window = this.params.lifeWindowEpochs
    this.validators.forEach(({ key }, i) => {
      const member = this.members.find((each) => each.key === key)!
      member.history = [...member.history, counted[i]!].slice(-window)
      if (counted[i]! > 0n) this.events.push('life counted')
    })
    const remaining = this.members.filter(({ key, base, since }) => !this.barred.includes(key) && (base > 0n || since === 0n || tookPart(key)))
    if (remaining.some(({ key, base, leaving, history }) => base > 0n && !leaving && this.params.enrolled && sum(history) > 0n && !tookPart(key))) this.events.push('life without votes')
    const powers = this.#nextPowers(remaining.map((member) => ({
      from: this.validators.find(({ key }) => key === member.key)?.power ?? 0n,
      base: member.base,
      life: this.params.enrolled && tookPart(member.key) ? (sum(member.history) * LIFE) / BigInt(window) : 0n,
      leaving: member.leaving,
    })))
    const elected = remaining.map((member, i) => ({ member, power: powers[i]! })).filter(({ power }) => power > 0n)
    const before = this.validators
    this.previous = before
    if (remaining.some(({ base, leaving }) => base > 0n && !leaving)) {
      const total = sum(powers)
      const priorityOf = (key: string): bigint => before.find((each) => each.key === key)?.priority ?? -(total + total / 8n)
      this.validators = elected.map(({ member: { key, nodeKey }, power }) => ({ key, nodeKey, power, priority: priorityOf(key) }))
    } else {
      this.events.push('nobody is left')
      this.validators = before.map((each) => ({ ...each }))
    }
    const seats = this.members
    const isSeated = (key: string): boolean => this.validators.some((each) => each.key === key)
    for (const { key } of before) {
      if (isSeated(key)) continue
      const { since, leaving } = seats.find((each) => each.key === key)!
      this.former.push({ key, since, until: this.#height })
      this.events.push(this.barred.includes(key) ? 'barred' : leaving ? 'left' : 'freed')
    }
    this.members = seats.filter(({ key }) => isSeated(key))
    for (const member of this.members) {
      if (member.since === 0n) this.events.push(this.former.some(({ key }) => key === member.key) ? 'joined again' : 'joined')
      if (member.since === 0n) member.since = this.#height + 1n
    }
    while (this.former.length > 0 && (this.former.length > 1_024 || this.former[0]!.until < this.#height - BigInt(this.params.evidenceMaxBlocks))) {
      this.forgotten = this.former.shift()!.until
      this.events.push('forgotten')
    }
    this.epochs.push({ start: this.start, startMs: this.startMs })
    this.epoch++
    this.start = this.#height
    this.startMs = this.#timestampMs
    this.signed = new Map()
    this.beats.clear()
    for (const key of this.registrars.keys()) this.registrars.set(key, 0n)
    if (this.change !== null && this.change.activationHeight <= this.#height + 1n) {
      if (this.change.params.epochBlocks !== this.params.epochBlocks) this.events.push('another epoch length')
      this.params = this.change.params
      this.paramsSince = this.#height + 1n
      this.change = null
      this.events.push('new parameters')
    }
    this.events.push('epoch')
  }

  #nextPowers(claims: readonly { from: bigint; base: bigint; life: bigint; leaving: boolean }[]): bigint[] {
    const staying = claims.filter(({ leaving }) => !leaving)
    const base = sum(staying.map((claim) => claim.base))
    const life = sum(staying.map((claim) => claim.life))
    if (life > 2n * base) this.events.push('life scaled')
    const target = claims.map((claim) => {
      if (claim.leaving) return 0n
      const power = claim.base + (life > 2n * base ? (claim.life * 2n * base) / life : claim.life)
      return power > 0n ? power : 1n
    })
    const up = sum(claims.map(({ from }, i) => (target[i]! > from ? target[i]! - from : 0n)))
    const down = sum(claims.map(({ from }, i) => (target[i]! < from ? from - target[i]! : 0n)))
    const moved = up > down ? up : down
    const third = sum(claims.map(({ from }) => from)) / 3n
    const most = third > 0n ? third : 1n
    if (moved <= most) return target
    this.events.push('moves are limited')
    return claims.map(({ from, leaving }, i) => {
      const to = target[i]!
      if (leaving) return from - (from * most + moved - 1n) / moved
      const power = to > from ? from + ((to - from) * most) / moved : from - ((from - to) * most) / moved
      return power > 0n ? power : 1n
    })
  }
}
