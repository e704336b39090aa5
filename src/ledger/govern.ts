// Governance transactions against the state: may it be committed at this height, and what does it change? The caller has
// verified all signatures.

import { unreachable } from '../base/assert.ts'
import { compareBin, toBin } from '../base/bytes.ts'
import type { KeyBin } from '../crypto/keys.ts'
import { areApproved } from '../protocol/approvals.ts'
import type { Enrolment } from '../protocol/enrolment.ts'
import type { Evidence } from '../protocol/evidence.ts'
import { MAX_TOTAL_BASE, MAX_VALIDATORS } from '../protocol/limits.ts'
import type { Join, Leave } from '../protocol/membership.ts'
import type { ParametersChange } from '../protocol/parameters.ts'
import { checkParams, paramsRoot } from '../protocol/params.ts'
import type { Reason } from '../protocol/reason.ts'
import type { GovernanceTransaction } from '../protocol/transaction.ts'
import { ENROLMENT_KIND, EVIDENCE_KIND, JOIN_KIND, LEAVE_KIND, PARAMETERS_KIND } from '../protocol/transaction.ts'
import { LIFE } from '../protocol/validators.ts'
import type { Result } from '../base/result.ts'
import { err, ok } from '../base/result.ts'
import type { Governance } from './governance.ts'
import { MAX_BARRED } from './governance.ts'
import type { Singletons } from './state.ts'

/** What a governance transaction is judged by: the state before the block, with what earlier ones of the block changed. */
export interface Circumstances {
  readonly state: Pick<Singletons, 'validators' | 'params'>
  readonly governance: Governance
  /** Of the block that would hold it. */
  readonly height: number
  readonly timestampMs: number
  readonly isEnrolled: (device: KeyBin) => boolean
}

/** What it changes. */
export interface Change {
  readonly governance: Governance
  /** Lives that are enrolled by it, ascending. */
  readonly enrols: readonly KeyBin[]
}

/** Seats that nobody has to approve: the others are left for those that the validators want. */
export const MAX_FREE_SEATS = 96

/** A change of parameters is decided no longer than this before it takes effect, in blocks. */
const MAX_ACTIVATION_BLOCKS = 1_000_000

export function govern(transaction: GovernanceTransaction, around: Circumstances): Result<Change, Reason> {
  switch (transaction.kind) {
    case ENROLMENT_KIND: return enrol(transaction.enrolment, around)
    case JOIN_KIND: return join(transaction.join, around)
    case LEAVE_KIND: return leave(transaction.leave, around)
    case PARAMETERS_KIND: return changeParams(transaction.change, around)
    case EVIDENCE_KIND: return accuse(transaction.evidence, around)
    default: return unreachable(transaction)
  }
}

const changed = (governance: Governance): Result<Change, Reason> => ok({ governance, enrols: [] })

function enrol({ registrar, expiryHeight, devices }: Enrolment, { state, governance, height, isEnrolled }: Circumstances): Result<Change, Reason> {
  if (expiryHeight < height) return err('expired')
  const known = governance.registrars.find(({ key }) => key === registrar)
  if (known === undefined) return err('not_registrar')
  const enrols = devices.filter((device) => !isEnrolled(device))
  if (enrols.length === 0) return err('already_enrolled')
  const used = known.used + enrols.length
  if (used > state.params.enrolmentsPerEpoch) return err('quota_exceeded')
  const registrars = governance.registrars.map((each) => (each === known ? { ...known, used } : each))
  return ok({ governance: { ...governance, registrars }, enrols })
}

function join({ key, nodeKey, base, signedAt, expiryHeight, approvals }: Join, { state, governance, height }: Circumstances): Result<Change, Reason> {
  if (expiryHeight < height) return err('expired')
  const { members, barred, former, forgotten } = governance
  if (barred.includes(key)) return err('barred')
  if (members.some((member) => member.key === key || member.nodeKey === nodeKey)) return err('already_validator')
  const isForgotten = forgotten > 0 && forgotten >= signedAt
  if (signedAt >= height || isForgotten || former.some((ended) => ended.key === key && ended.until >= signedAt)) return err('outdated')
  if (base > 0 && base < LIFE) return err('out_of_range')
  const isFree = members.length < MAX_VALIDATORS && (base > 0 || members.filter((member) => member.base === 0).length < MAX_FREE_SEATS)
  if (!isFree || totalBase(governance) + base > MAX_TOTAL_BASE) return err('validators_full')
  if (base > 0 && !areApproved(approvals, state.validators)) return err('not_approved')
  const member = { key, nodeKey, base, leaving: false, since: 0, history: [] }
  return changed({ ...governance, members: [...members, member].sort((a, b) => compareBin(a.key, b.key)) })
}

const totalBase = ({ members }: Governance): number => members.reduce((sum, { base }) => sum + base, 0)

function leave({ key, signedAt, expiryHeight }: Leave, { governance, height }: Circumstances): Result<Change, Reason> {
  if (expiryHeight < height) return err('expired')
  const member = governance.members.find((each) => each.key === key)
  if (member === undefined) return err('not_validator')
  if (member.leaving) return err('duplicate')
  if (signedAt >= height || member.since === 0 || signedAt < member.since - 1) return err('outdated')
  const stays = (each: Governance['members'][number]): boolean => each !== member && !each.leaving && each.base > 0 && !governance.barred.includes(each.key)
  if (!governance.members.some(stays)) return err('last_validator')
  return changed({ ...governance, members: governance.members.map((each) => (each === member ? { ...member, leaving: true } : each)) })
}

function changeParams(change: ParametersChange, { state, governance, height }: Circumstances): Result<Change, Reason> {
  const { activationHeight, expiryHeight, params, approvals } = change
  if (expiryHeight < height || activationHeight <= height) return err('expired')
  if (change.paramsSince !== governance.paramsSince || change.paramsRoot !== toBin(paramsRoot(state.params))) return err('outdated')
  // A network is one for development from its genesis on, or never.
  const fits = checkParams(params).length === 0 && params.development === state.params.development
  if (activationHeight > height + MAX_ACTIVATION_BLOCKS || !fits) return err('out_of_range')
  if (!areApproved(approvals, state.validators)) return err('not_approved')
  if (governance.change !== null) return err('change_waiting')
  return changed({ ...governance, change: { activationHeight, params } })
}

function accuse({ first: { validator, height: at } }: Evidence, { state, governance, height, timestampMs }: Circumstances): Result<Change, Reason> {
  if (at > height) return err('from_future')
  const begun = [...governance.epochs, governance.epoch].findLast(({ start }) => start < at)
  if (begun === undefined || height - at > state.params.evidenceMaxBlocks || timestampMs - begun.startMs > state.params.evidenceMaxAgeMs) return err('too_old')
  if (governance.barred.includes(validator)) return err('duplicate')
  const wasThere = ({ key, since, until }: { key: string; since: number; until: number }): boolean => key === validator && since > 0 && since <= at && at <= until
  const times = [...governance.former, ...governance.members.map(({ key, since }) => ({ key, since, until: height }))]
  if (!times.some(wasThere)) return err('not_validator')
  return changed({ ...governance, barred: [...governance.barred, validator].slice(-MAX_BARRED) })
}
