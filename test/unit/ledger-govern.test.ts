// Governance transactions against a state: a row for each kind and reason, bounds at them and one past them.

import t from 'tap'
import { toBin } from '../../src/base/bytes.ts'
import { admitGovernance } from '../../src/ledger/admit.ts'
import type { Circumstances } from '../../src/ledger/govern.ts'
import { govern, MAX_FREE_SEATS } from '../../src/ledger/govern.ts'
import type { Governance, Member } from '../../src/ledger/governance.ts'
import { MAX_BARRED } from '../../src/ledger/governance.ts'
import { MAX_TOTAL_BASE, MAX_VALIDATORS } from '../../src/protocol/limits.ts'
import type { Params } from '../../src/protocol/params.ts'
import { DEVELOPMENT_PARAMS, paramsRoot } from '../../src/protocol/params.ts'
import type { Reason } from '../../src/protocol/reason.ts'
import type { GovernanceTransaction } from '../../src/protocol/transaction.ts'
import { joinTransaction } from '../../src/protocol/transaction.ts'
import type { JoinDraft } from './ledger-governance-fixture.ts'
import { governanceOn, governedOf, nodeKey, validatorKey, validatorsOf } from './ledger-governance-fixture.ts'
import { asText, bytesOf, device, GENESIS_TIME_MS } from './ledger-fixture.ts'

const M = 1_000_000
const PARAMS: Params = { ...DEVELOPMENT_PARAMS, enrolled: true, enrolmentsPerEpoch: 4, evidenceMaxBlocks: 50, evidenceMaxAgeMs: 3_600_000 }
const make = governanceOn(new Uint8Array(32))
const HEIGHT = 100
const HOUR = 3_600_000

const member = (n: number, base: number, more: Partial<Member> = {}): Member => ({ key: validatorKey(n), nodeKey: nodeKey(n), base, leaving: false, since: 1, history: [], ...more })
const sorted = (members: Member[]): Member[] => members.sort((a, b) => (a.key < b.key ? -1 : 1))

/** Height 100 of an epoch that began after 80. Validators 0 to 2 are 4, 2 and 3 lives; 3 is leaving, 4 waits, 5 was one from 10 to 60. */
const GOVERNANCE: Governance = {
  members: sorted([member(0, 4 * M), member(1, 2 * M), member(2, 3 * M), member(3, 0, { leaving: true, since: 41 }), member(4, M, { since: 0 })]),
  epoch: { number: 3, start: 80, startMs: GENESIS_TIME_MS + 2 * HOUR, signed: [0, 0, 0, 0], lives: [0, 0, 0, 0] },
  previousValidators: [],
  epochs: [{ start: 0, startMs: GENESIS_TIME_MS }, { start: 40, startMs: GENESIS_TIME_MS + HOUR }],
  former: [{ key: validatorKey(5), since: 10, until: 60 }],
  forgotten: 0,
  barred: [validatorKey(6)],
  registrars: [{ key: device(90), used: 2 }, { key: device(91), used: 0 }].sort((a, b) => (a.key < b.key ? -1 : 1)),
  paramsSince: 41,
  change: null,
}
const AROUND: Circumstances = {
  state: { validators: validatorsOf(4 * M, 2 * M, 3 * M), params: PARAMS },
  governance: GOVERNANCE,
  height: HEIGHT,
  timestampMs: GENESIS_TIME_MS + 2 * HOUR,
  isEnrolled: (key) => [device(1), device(2)].includes(key),
}

const reasonOf = (transaction: GovernanceTransaction, around: Partial<Circumstances> = {}): Reason | null => {
  const result = govern(transaction, { ...AROUND, ...around })
  return result.ok ? null : result.error
}
const governedBy = (change: Partial<Governance>): Partial<Circumstances> => ({ governance: { ...GOVERNANCE, ...change } })
const after = (transaction: GovernanceTransaction, around: Partial<Circumstances> = {}): Governance => {
  const result = govern(transaction, { ...AROUND, ...around })
  if (!result.ok) throw new Error(result.error)
  return result.value.governance
}

t.test('enrolments', async (t) => {
  const rows: [desc: string, draft: Parameters<typeof make.enrolment>[0], reason: Reason | null][] = [
    ['one life', { by: 90, devices: [7] }, null],
    ['all that the quota leaves', { by: 90, devices: [7, 8] }, null],
    ['one more', { by: 90, devices: [7, 8, 9] }, 'quota_exceeded'],
    ['of another registrar', { by: 91, devices: [7, 8, 9, 10] }, null],
    ['known ones cost nothing', { by: 90, devices: [1, 2, 7, 8] }, null],
    ['known ones only', { by: 90, devices: [1, 2] }, 'already_enrolled'],
    ['in the last block', { by: 90, devices: [7], expiryHeight: HEIGHT }, null],
    ['one block later', { by: 90, devices: [7], expiryHeight: HEIGHT - 1 }, 'expired'],
    ['by nobody', { by: 92, devices: [7] }, 'not_registrar'],
    ['by a life', { by: 1, devices: [7] }, 'not_registrar'],
    ['expired, whatever else', { by: 92, devices: [1], expiryHeight: 0 }, 'expired'],
  ]
  for (const [desc, draft, reason] of rows) t.equal(reasonOf(make.enrolment(draft)), reason, desc)
  const result = govern(make.enrolment({ by: 90, devices: [1, 7, 8] }), AROUND)
  t.ok(result.ok)
  if (!result.ok) return
  t.strictSame(result.value.enrols, [device(7), device(8)].sort())
  t.strictSame(result.value.governance.registrars.map(({ used }) => used).sort((a, b) => a - b), [0, 4])
  t.equal(reasonOf(make.enrolment({ by: 90, devices: [9] }), { governance: result.value.governance }), 'quota_exceeded', 'the next of the same block')
})

t.test('joins', async (t) => {
  const ALL = [0, 1, 2]
  const rows: [desc: string, draft: Partial<JoinDraft>, reason: Reason | null, change?: Partial<Governance>][] = [
    ['anybody without base', {}, null],
    ['approved by all', { base: M, approvedBy: ALL }, null],
    ['by 7 of 9 lives', { base: M, approvedBy: [0, 2] }, null],
    ['by 6 of 9: two thirds are not enough', { base: M, approvedBy: [0, 1] }, 'not_approved'],
    ['by strangers too', { base: M, approvedBy: [0, 1, 3, 4, 5, 7] }, 'not_approved'],
    ['by nobody', { base: M }, 'not_approved'],
    ['less than a life', { base: M - 1, approvedBy: ALL }, 'out_of_range'],
    ['in the last block', { expiryHeight: HEIGHT }, null],
    ['one block later', { expiryHeight: HEIGHT - 1 }, 'expired'],
    ['signed at the head', { signedAt: HEIGHT - 1 }, null],
    ['signed in the future', { signedAt: HEIGHT }, 'outdated'],
    ['signed long ago', { signedAt: 0 }, null],
    ['again, signed after it left', { who: 5, signedAt: 61 }, null],
    ['again, signed when it left', { who: 5, signedAt: 60 }, 'outdated'],
    ['again, signed before it left', { who: 5, signedAt: 10 }, 'outdated'],
    ['signed after what is forgotten', { signedAt: 31 }, null, { forgotten: 30 }],
    ['signed before what is forgotten', { signedAt: 30 }, 'outdated', { forgotten: 30 }],
    ['a validator', { who: 0 }, 'already_validator'],
    ['one that is leaving', { who: 3 }, 'already_validator'],
    ['one that waits', { who: 4 }, 'already_validator'],
    ['with a node that another has', { node: 4 }, 'already_validator'],
    ['barred', { who: 6 }, 'barred'],
    ['barred, and a validator still', { who: 0 }, 'barred', { barred: [validatorKey(0)] }],
    ['the last seat', {}, null, { members: Array.from({ length: MAX_VALIDATORS - 1 }, (_, n) => member(100 + n, M)) }],
    ['no seat', {}, 'validators_full', { members: Array.from({ length: MAX_VALIDATORS }, (_, n) => member(100 + n, M)) }],
    ['the last seat that is free', {}, null, { members: [member(0, M), ...Array.from({ length: MAX_FREE_SEATS - 1 }, (_, n) => member(100 + n, 0))] }],
    ['no free seat', {}, 'validators_full', { members: [member(0, M), ...Array.from({ length: MAX_FREE_SEATS }, (_, n) => member(100 + n, 0))] }],
    ['no free seat, but an approved one', { base: M, approvedBy: ALL }, null, { members: [member(0, M), ...Array.from({ length: MAX_FREE_SEATS }, (_, n) => member(100 + n, 0))] }],
    ['all the power there is', { base: MAX_TOTAL_BASE - 10 * M, approvedBy: ALL }, null],
    ['a unit more', { base: MAX_TOTAL_BASE - 10 * M + 1, approvedBy: ALL }, 'validators_full'],
  ]
  for (const [desc, draft, reason, change] of rows) t.equal(reasonOf(make.join({ who: 7, signedAt: HEIGHT - 1, ...draft }), governedBy(change ?? {})), reason, desc)
  const { members } = after(make.join({ who: 7, base: 2 * M, signedAt: 99, approvedBy: ALL }))
  t.strictSame(members, sorted([...GOVERNANCE.members, member(7, 2 * M, { since: 0 })]), 'it waits in its place')
  t.equal(reasonOf(make.join({ who: 8, node: 7, signedAt: 99 }), governedBy({ members })), 'already_validator', 'the next of the same block')
})

t.test('leaves', async (t) => {
  const since = (n: number, height: number): Partial<Governance> => ({ members: GOVERNANCE.members.map((each) => (each.key === validatorKey(n) ? { ...each, since: height } : each)) })
  const rows: [desc: string, draft: Partial<Parameters<typeof make.leave>[0]>, reason: Reason | null, change?: Partial<Governance>][] = [
    ['a validator', {}, null],
    ['in the last block', { expiryHeight: HEIGHT }, null],
    ['one block later', { expiryHeight: HEIGHT - 1 }, 'expired'],
    ['nobody', { who: 7 }, 'not_validator'],
    ['one that has left', { who: 5 }, 'not_validator'],
    ['once more', { who: 3 }, 'duplicate'],
    ['one that waits', { who: 4 }, 'outdated'],
    ['signed in the future', { signedAt: HEIGHT }, 'outdated'],
    ['signed at the block that seated it', { signedAt: 40 }, null, since(0, 41)],
    ['signed before that: for an earlier seat', { signedAt: 39 }, 'outdated', since(0, 41)],
    ['while the other ones leave', {}, 'last_validator', { members: GOVERNANCE.members.map((each) => (each.key === validatorKey(0) ? each : { ...each, leaving: true })) }],
    ['while the other ones are barred', {}, 'last_validator', { barred: [1, 2, 4].map(validatorKey) }],
    ['while the other ones have no base', {}, 'last_validator', { members: [member(0, M), member(1, 0), member(2, 0)] }],
    ['while one waits with base', {}, null, { members: [member(0, M), member(4, M, { since: 0 })] }],
    ['one without base, though nobody has any', { who: 1 }, 'last_validator', { members: [member(0, 0), member(1, 0)] }],
    ['one without base', { who: 1 }, null, { members: [member(0, M), member(1, 0)] }],
    ['alone', {}, 'last_validator', { members: [member(0, M)] }],
  ]
  for (const [desc, draft, reason, change] of rows) t.equal(reasonOf(make.leave({ who: 0, signedAt: HEIGHT - 1, ...draft }), governedBy(change ?? {})), reason, desc)
  const leave = make.leave({ who: 0, signedAt: 99 })
  const gone = after(leave)
  t.strictSame(gone.members.filter(({ leaving }) => leaving).map(({ key }) => key).sort(), [validatorKey(0), validatorKey(3)].sort())
  t.equal(reasonOf(leave, { governance: gone }), 'duplicate')
})

t.test('changes of parameters', async (t) => {
  const parameters = (draft: Partial<Parameters<typeof make.parameters>[0]>): GovernanceTransaction =>
    make.parameters({ from: PARAMS, since: 41, to: { threshold: 2 }, activationHeight: HEIGHT + 1, approvedBy: [0, 1, 2], ...draft })
  const rows: [desc: string, draft: Partial<Parameters<typeof make.parameters>[0]>, reason: Reason | null, change?: Partial<Governance>][] = [
    ['for the next block', {}, null],
    ['for this one', { activationHeight: HEIGHT }, 'expired'],
    ['as far ahead as may be', { activationHeight: HEIGHT + 1_000_000 }, null],
    ['one further', { activationHeight: HEIGHT + 1_000_001 }, 'out_of_range'],
    ['in the last block', { expiryHeight: HEIGHT }, null],
    ['one block later', { expiryHeight: HEIGHT - 1 }, 'expired'],
    ['of other parameters', { from: { ...PARAMS, threshold: 3 } }, 'outdated'],
    ['of an earlier time', { since: 40 }, 'outdated'],
    ['of a later time', { since: 42 }, 'outdated'],
    ['out of range', { to: { threshold: 0 } }, 'out_of_range'],
    ['that contradict themselves', { to: { alphaPpm: 400_001 } }, 'out_of_range'],
    ['of a network that is not for development any more', { to: { development: false } }, 'out_of_range'],
    ['that change nothing', { to: {} }, null],
    ['by 7 of 9 lives', { approvedBy: [0, 2] }, null],
    ['by 6 of 9', { approvedBy: [0, 1] }, 'not_approved'],
    ['by nobody', { approvedBy: [] }, 'not_approved'],
    ['while another waits', {}, 'change_waiting', { change: { activationHeight: 900, params: PARAMS } }],
  ]
  for (const [desc, draft, reason, change] of rows) t.equal(reasonOf(parameters(draft), governedBy(change ?? {})), reason, desc)
  t.strictSame(after(parameters({})).change, { activationHeight: HEIGHT + 1, params: { ...PARAMS, threshold: 2 } })
  const back = make.parameters({ from: { ...PARAMS, threshold: 2 }, since: 41, to: { threshold: 1 }, activationHeight: 500, approvedBy: [0, 1, 2] })
  t.equal(reasonOf(back, { ...governedBy({ paramsSince: 241 }), state: { ...AROUND.state, params: { ...PARAMS, threshold: 2 } } }), 'outdated', 'the same parameters at another time')
  t.equal(toBin(paramsRoot(PARAMS)).length, 32)
})

t.test('evidence', async (t) => {
  const late = (ms: number): Partial<Circumstances> => ({ timestampMs: AROUND.timestampMs + ms })
  const rows: [desc: string, who: number, at: number, reason: Reason | null, around?: Partial<Circumstances>][] = [
    ['of this height', 0, HEIGHT, null],
    ['of the next height', 0, HEIGHT + 1, 'from_future'],
    ['as old as may be, in blocks', 0, HEIGHT - 50, null],
    ['a block older', 0, HEIGHT - 51, 'too_old'],
    ['of height 0', 0, 0, 'too_old', { height: 50, governance: { ...GOVERNANCE, epochs: [], epoch: { ...GOVERNANCE.epoch, start: 0 } } }],
    ['of the first height', 0, 1, null, { height: 50, governance: { ...GOVERNANCE, epochs: [], epoch: { ...GOVERNANCE.epoch, start: 0 } } }],
    ['as old as may be, since the epoch before began', 0, 80, null, late(0)],
    ['a millisecond older', 0, 80, 'too_old', late(1)],
    ['the epoch after that is younger', 0, 81, null, late(HOUR)],
    ['and is too old a millisecond later', 0, 81, 'too_old', late(HOUR + 1)],
    ['of an epoch that nobody remembers', 0, 60, 'too_old', governedBy({ epochs: [] })],
    ['a second time', 6, 90, 'duplicate'],
    ['nobody', 7, 90, 'not_validator'],
    ['one that waits', 4, 90, 'not_validator'],
    ['one that is leaving', 3, 90, null],
    ['in its first block', 3, 50, null, { ...governedBy({ members: [member(3, 0, { since: 50 })] }) }],
    ['before it was one', 3, 50, 'not_validator', { ...governedBy({ members: [member(3, 0, { since: 51 })] }) }],
    ['in the last block of one that left', 5, 60, null],
    ['after it left', 5, 61, 'not_validator'],
    ['in the first block of one that left', 5, 52, null, governedBy({ former: [{ key: validatorKey(5), since: 52, until: 60 }] })],
    ['before that', 5, 51, 'not_validator', governedBy({ former: [{ key: validatorKey(5), since: 52, until: 60 }] })],
    ['between two memberships', 5, 62, 'not_validator', governedBy({ members: [member(5, 0, { since: 63 })] })],
    ['in the second', 5, 63, null, governedBy({ members: [member(5, 0, { since: 63 })] })],
    ['in the first, after it has come back', 5, 60, null, governedBy({ members: [member(5, 0, { since: 63 })] })],
    ['in the first, while it waits to come back', 5, 60, null, governedBy({ members: [member(5, 0, { since: 0 })] })],
  ]
  for (const [desc, who, at, reason, around] of rows) t.equal(reasonOf(make.evidence({ who, at }), around), reason, desc)
  const evidence = make.evidence({ who: 0, at: 90 })
  const barred = after(evidence)
  t.strictSame(barred.barred, [validatorKey(6), validatorKey(0)])
  t.strictSame(barred.members, GOVERNANCE.members, 'it is a validator until the epoch ends')
  t.equal(reasonOf(evidence, { governance: barred }), 'duplicate')
  t.equal(reasonOf(make.evidence({ who: 0, at: 91, round: 7 }), { governance: barred }), 'duplicate', 'whatever else it did')
})

t.test('the oldest of those who are barred goes first', async (t) => {
  const full = Array.from({ length: MAX_BARRED }, (_, i) => toBin(bytesOf(`barred ${i}`, 32)))
  const { barred } = after(make.evidence({ who: 0, at: 90 }), governedBy({ barred: full }))
  t.strictSame(barred, [...full.slice(1), validatorKey(0)])
  t.equal(after(make.evidence({ who: 0, at: 90 }), governedBy({ barred: full.slice(1) })).barred.length, MAX_BARRED)
})

t.test('what is asked changes nothing', async (t) => {
  const before = asText(GOVERNANCE)
  for (const transaction of [make.enrolment({ by: 90, devices: [7] }), make.join({ who: 7, signedAt: 9 }), make.leave({ who: 0, signedAt: 99 }), make.evidence({ who: 1, at: 99 })]) after(transaction)
  t.equal(asText(GOVERNANCE), before)
})

t.test('the door judges by the next height, its own clock, and the accounts', async (t) => {
  const network = governedOf([M], { enrolled: true, evidenceMaxAgeMs: HOUR }, { registrars: [device(90)], enrolled: [device(1)] })
  const ledger = network.ledger()
  const at = (transaction: GovernanceTransaction, nowMs = GENESIS_TIME_MS): Reason | null => admitGovernance(ledger, transaction, nowMs)
  t.equal(at(network.enrolment({ by: 90, devices: [1] })), 'already_enrolled')
  t.equal(at(network.enrolment({ by: 90, devices: [1, 2], expiryHeight: 1 })), null)
  t.equal(at(network.enrolment({ by: 90, devices: [2], expiryHeight: 0 })), 'expired')
  t.equal(at(network.join({ who: 1, signedAt: 0 })), null)
  t.equal(at(network.join({ who: 1, signedAt: 1 })), 'outdated')
  t.equal(at(network.evidence({ who: 0, at: 1 }), GENESIS_TIME_MS + HOUR), null)
  t.equal(at(network.evidence({ who: 0, at: 1 }), GENESIS_TIME_MS + HOUR + 1), 'too_old')
  t.equal(at(network.evidence({ who: 0, at: 1 }), 0), null, 'a clock behind the head')
  const join = network.join({ who: 1, signedAt: 0 })
  t.equal(join.kind === 3 && joinTransaction(network.hash, { ...join.join, signature: new Uint8Array(64) }).id, join.id)
})
