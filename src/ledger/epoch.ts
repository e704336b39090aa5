// The end of an epoch: lives become power, members become validators, a change of parameters takes effect.

import type { Bin } from '../base/bytes.ts'
import type { Params } from '../protocol/params.ts'
import type { Priorities } from '../protocol/rotation.ts'
import type { ValidatorSet } from '../protocol/validators.ts'
import { totalPower } from '../protocol/validators.ts'
import type { Governance, Member } from './governance.ts'
import { MAX_EPOCHS_KEPT, MAX_FORMER, newEpoch } from './governance.ts'
import { meanLife, nextPowers } from './power.ts'

/** What an epoch is about. */
export interface Order {
  readonly params: Params
  readonly validators: ValidatorSet
  readonly priorities: Priorities
  readonly governance: Governance
}

/** Height of the last block of the epoch. */
export const lastHeightOf = ({ params, governance }: Pick<Order, 'params' | 'governance'>): number => governance.epoch.start + params.epochBlocks

/** Quarter 0…3 of the epoch in which a block of this height lies. */
export const quarterOf = ({ params, governance }: Pick<Order, 'params' | 'governance'>, height: number): number =>
  Math.floor(((height - governance.epoch.start - 1) * 4) / params.epochBlocks)

/** After the last block of an epoch. @param height of that block, `timestampMs` its timestamp */
export function turnEpoch(order: Order, height: number, timestampMs: number): Order {
  const { governance } = order
  const all = withHistory(order)
  const members = all.filter((member) => !isIdle(member, order, height) && !governance.barred.includes(member.key))
  const powers = nextPowers(members.map((member) => claimOf(member, order, height)))
  const elected = members.map(({ key, nodeKey }, i) => ({ key, nodeKey, power: powers[i]! })).filter(({ power }) => power > 0)
  // Never without base power: a network whose last one cheats is still its own, and does not fall to whoever took a free seat.
  const isOwn = members.some(({ base, leaving }) => base > 0 && !leaving)
  const validators = isOwn ? elected : order.validators
  const elects = new Set(validators.map(({ key }) => key))
  const { change } = governance
  const activates = change !== null && change.activationHeight <= height + 1
  return {
    params: activates ? change.params : order.params,
    validators,
    priorities: handOver(order, validators),
    governance: {
      ...governance,
      members: (isOwn ? members : all)
        .filter(({ key }) => elects.has(key))
        .map((member) => (member.since === 0 ? { ...member, since: height + 1 } : member)),
      previousValidators: order.validators,
      epoch: newEpoch(governance.epoch.number + 1, height, timestampMs, validators.length),
      epochs: [...governance.epochs, { start: governance.epoch.start, startMs: governance.epoch.startMs }].slice(-MAX_EPOCHS_KEPT),
      ...formerAfter(order, elects, height),
      registrars: governance.registrars.map(({ key }) => ({ key, used: 0 })),
      paramsSince: activates ? height + 1 : governance.paramsSince,
      change: activates ? null : change,
    },
  }
}

/** The members, with the lives of this epoch behind those of the past. */
function withHistory({ params, validators, governance }: Order): Member[] {
  const lives = new Map(validators.map(({ key }, i) => [key, governance.epoch.lives[i]!]))
  return governance.members.map((member) => {
    const counted = lives.get(member.key)
    return counted === undefined ? member : { ...member, history: [...member.history, counted].slice(-params.lifeWindowEpochs) }
  })
}

const memberOf = ({ members }: Governance, key: Bin): Member | undefined => members.find((member) => member.key === key)

/** It signed at least two thirds of the certificates that this epoch's blocks hold of it. */
function tookPart({ key }: Member, { validators, governance: { epoch } }: Order, height: number): boolean {
  const index = validators.findIndex((validator) => validator.key === key)
  return index >= 0 && 3 * epoch.signed[index]! >= 2 * (height - epoch.start - 1)
}

/** A seat without base power is kept by those who vote. */
const isIdle = (member: Member, order: Order, height: number): boolean => member.base === 0 && member.since > 0 && !tookPart(member, order, height)

function claimOf(member: Member, order: Order, height: number) {
  const { params, validators } = order
  const power = validators.find(({ key }) => key === member.key)?.power ?? 0
  const life = params.enrolled && tookPart(member, order, height) ? meanLife(member.history, params.lifeWindowEpochs) : 0
  return { power, base: member.base, life, leaving: member.leaving }
}

/** Who stays keeps its priority. Who joins begins behind all others, so that leaving and joining again wins no turn. */
function handOver({ validators, priorities }: Order, next: ValidatorSet): number[] {
  const before = new Map(validators.map(({ key }, i) => [key, priorities[i]!]))
  const total = totalPower(next)
  return next.map(({ key }) => before.get(key) ?? -(total + Math.floor(total / 8)))
}

/** Memberships that ended, as long as evidence may speak of them. */
function formerAfter({ params, validators, governance }: Order, elects: ReadonlySet<Bin>, height: number): Pick<Governance, 'former' | 'forgotten'> {
  const ended = validators
    .filter(({ key }) => !elects.has(key))
    .map(({ key }) => ({ key, since: memberOf(governance, key)!.since, until: height }))
  const all = [...governance.former, ...ended]
  const former = all.filter(({ until }) => until >= height - params.evidenceMaxBlocks).slice(-MAX_FORMER)
  return { former, forgotten: all[all.length - former.length - 1]?.until ?? governance.forgotten }
}
