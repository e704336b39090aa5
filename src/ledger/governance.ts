// Who may vote, and what follows from it: the part of the state that changes by governance transactions and at the end
// of an epoch. The validators of an epoch are fixed while it lasts; members are all who have joined, also those who
// wait for the next epoch.

import type { Bin } from '../base/bytes.ts'
import { fromBin, toBin } from '../base/bytes.ts'
import type { KeyBin } from '../crypto/keys.ts'
import type { Genesis } from '../protocol/genesis.ts'
import { MAX_LIFE_WINDOW_EPOCHS, MAX_REGISTRARS, MAX_VALIDATORS } from '../protocol/limits.ts'
import type { Params } from '../protocol/params.ts'
import { ParamsSsz } from '../protocol/params.ts'
import { BooleanType, bytes32, bytes35, ContainerType, ListBasicType, ListCompositeType, uint32, uint64 } from '../protocol/ssz.ts'
import type { ValidatorSet } from '../protocol/validators.ts'

/** Epochs whose beginning is kept to tell the age of evidence; older evidence is too old. */
export const MAX_EPOCHS_KEPT = 1_024
/** Past memberships that are kept, and keys that are barred: the oldest go first. */
export const MAX_FORMER = 1_024
export const MAX_BARRED = 1_024

export interface Member {
  readonly key: Bin
  readonly nodeKey: Bin
  /** Base power. */
  readonly base: number
  readonly leaving: boolean
  /** Height since which it is a validator; 0 = not yet. */
  readonly since: number
  /** Lives of the past epochs, the latest last; at most `lifeWindowEpochs`. */
  readonly history: readonly number[]
}

export interface Epoch {
  readonly number: number
  /** Height of the last block before it. */
  readonly start: number
  /** Timestamp of that block, ms. */
  readonly startMs: number
  /** One per validator: certificates of this epoch that it signed, as far as blocks show them. */
  readonly signed: readonly number[]
  /** One per validator: lives that have beaten in every quarter so far, the last time through its node. */
  readonly lives: readonly number[]
}

/** A time for which a key was a validator, heights inclusive. */
export interface FormerValidator {
  readonly key: Bin
  readonly since: number
  readonly until: number
}

export interface Registrar {
  readonly key: KeyBin
  /** Lives that it has enrolled in this epoch. */
  readonly used: number
}

export interface Governance {
  /** Sorted by key. */
  readonly members: readonly Member[]
  readonly epoch: Epoch
  /** The validators of the epoch before: the head's certificate is theirs while this epoch has no block. */
  readonly previousValidators: ValidatorSet
  /** How earlier epochs began, the latest last: tells the age of evidence. */
  readonly epochs: readonly { readonly start: number; readonly startMs: number }[]
  /** In order of their end. */
  readonly former: readonly FormerValidator[]
  /** When the latest of those ended that are no longer in that list; 0 = none. Joins that were signed before it are void. */
  readonly forgotten: number
  /** Validator keys that signed twice, the latest last. */
  readonly barred: readonly Bin[]
  /** Sorted by key. */
  readonly registrars: readonly Registrar[]
  /** Height since which the parameters hold; 0 = since the genesis. */
  readonly paramsSince: number
  readonly change: { readonly activationHeight: number; readonly params: Params } | null
}

export function genesisGovernance({ validators, registrars, timeMs }: Genesis): Governance {
  return {
    members: validators.map(({ key, nodeKey, power }) => ({ key, nodeKey, base: power, leaving: false, since: 1, history: [] })),
    epoch: newEpoch(1, 0, timeMs, validators.length),
    previousValidators: [],
    epochs: [],
    former: [],
    forgotten: 0,
    barred: [],
    registrars: registrars.map((key) => ({ key, used: 0 })),
    paramsSince: 0,
    change: null,
  }
}

export const newEpoch = (number: number, start: number, startMs: number, validators: number): Epoch => ({
  number,
  start,
  startMs,
  signed: new Array<number>(validators).fill(0),
  lives: new Array<number>(validators).fill(0),
})

const counts = new ListBasicType(uint32, MAX_VALIDATORS)
const ValidatorSsz = new ContainerType({ key: bytes32, nodeKey: bytes32, power: uint64 })
const MemberSsz = new ContainerType({
  key: bytes32,
  nodeKey: bytes32,
  base: uint64,
  leaving: new BooleanType(),
  since: uint64,
  history: new ListBasicType(uint32, MAX_LIFE_WINDOW_EPOCHS),
})

export const GovernanceSsz = new ContainerType({
  members: new ListCompositeType(MemberSsz, MAX_VALIDATORS),
  epoch: new ContainerType({ number: uint32, start: uint64, startMs: uint64, signed: counts, lives: counts }),
  previousValidators: new ListCompositeType(ValidatorSsz, MAX_VALIDATORS),
  epochs: new ListCompositeType(new ContainerType({ start: uint64, startMs: uint64 }), MAX_EPOCHS_KEPT),
  former: new ListCompositeType(new ContainerType({ key: bytes32, since: uint64, until: uint64 }), MAX_FORMER),
  forgotten: uint64,
  barred: new ListCompositeType(bytes32, MAX_BARRED),
  registrars: new ListCompositeType(new ContainerType({ key: bytes35, used: uint32 }), MAX_REGISTRARS),
  paramsSince: uint64,
  change: new ListCompositeType(new ContainerType({ activationHeight: uint64, params: ParamsSsz }), 1),
})

export function governanceToSsz(governance: Governance) {
  const { members, epoch, previousValidators, epochs, former, forgotten, barred, registrars, change } = governance
  return {
    members: members.map((member) => ({ ...member, key: fromBin(member.key), nodeKey: fromBin(member.nodeKey), history: [...member.history] })),
    epoch: { ...epoch, signed: [...epoch.signed], lives: [...epoch.lives] },
    previousValidators: previousValidators.map(({ key, nodeKey, power }) => ({ key: fromBin(key), nodeKey: fromBin(nodeKey), power })),
    epochs: [...epochs],
    former: former.map(({ key, since, until }) => ({ key: fromBin(key), since, until })),
    forgotten,
    barred: barred.map(fromBin),
    registrars: registrars.map(({ key, used }) => ({ key: fromBin(key), used })),
    paramsSince: governance.paramsSince,
    change: change === null ? [] : [change],
  }
}

export function governanceFromSsz(value: ReturnType<typeof governanceToSsz>): Governance {
  return {
    ...value,
    members: value.members.map((member) => ({ ...member, key: toBin(member.key), nodeKey: toBin(member.nodeKey) })),
    previousValidators: value.previousValidators.map(({ key, nodeKey, power }) => ({ key: toBin(key), nodeKey: toBin(nodeKey), power })),
    former: value.former.map((former) => ({ ...former, key: toBin(former.key) })),
    barred: value.barred.map(toBin),
    registrars: value.registrars.map(({ key, used }) => ({ key: toBin(key), used })),
    change: value.change[0] ?? null,
  }
}
