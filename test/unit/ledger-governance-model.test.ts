// Random chains over many short epochs: who may vote, with which power and priority, and every refusal, against the model.

import fc from 'fast-check'
import t from 'tap'
import { equalBytes } from '../../src/base/bytes.ts'
import { buildBlock, validateBlock } from '../../src/ledger/blocks.ts'
import type { ItemError } from '../../src/ledger/execute.ts'
import { execute } from '../../src/ledger/execute.ts'
import type { Ledger } from '../../src/ledger/state.ts'
import { decodeSingletons, encodeSingletons, stateRoot } from '../../src/ledger/state.ts'
import { validatorsAt } from '../../src/ledger/validators-at.ts'
import type { Params } from '../../src/protocol/params.ts'
import type { GovernanceTransaction, Transaction } from '../../src/protocol/transaction.ts'
import { isGovernance } from '../../src/protocol/transaction.ts'
import { totalPower } from '../../src/protocol/validators.ts'
import { holds } from '../fuzz/holds.ts'
import type { Governed } from './ledger-governance-fixture.ts'
import { certificateBy, governedOf } from './ledger-governance-fixture.ts'
import { accountsOf, asText, balances, candidateOn, commit, device, sorted } from './ledger-fixture.ts'
import { Model, sameAccount } from './ledger-model.ts'

const LIVES = 8
const CANDIDATES = 6
const who = fc.nat({ max: CANDIDATES - 1 })
/** Mostly the right one. */
const mostly = <T>(usual: fc.Arbitrary<T>, other: fc.Arbitrary<T>, times = 6): fc.Arbitrary<T> => fc.oneof({ weight: times, arbitrary: usual }, { weight: 1, arbitrary: other })
const approvedBy = mostly(fc.constant(Array.from({ length: CANDIDATES }, (_, i) => i)), fc.subarray([0, 1, 2, 3, 4, 5]), 3)
const lasts = mostly(fc.constant(20), fc.constantFrom(-1, 0, 1))
const signedAgo = mostly(fc.constant(1), fc.integer({ min: 0, max: 30 }), 2)

const change = fc.constantFrom<Partial<Params>>(
  { epochBlocks: 4 }, { epochBlocks: 5 }, { epochBlocks: 8 }, { lifeWindowEpochs: 1 }, { lifeWindowEpochs: 3 }, { enrolled: false }, { enrolled: true },
  { enrolmentsPerEpoch: 0 }, { enrolmentsPerEpoch: 3 }, { evidenceMaxBlocks: 3 }, { evidenceMaxBlocks: 20 }, { threshold: 2 }, { threshold: 0 }, { development: false }, {},
)

const governs = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('enrolment' as const), by: fc.constantFrom(20, 20, 20, 21, 22), devices: fc.subarray([0, 1, 2, 3, 4, 5, 6, 7, 8], { minLength: 1 }), lasts }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('join' as const), who, node: mostly(fc.constant(-1), who, 8), base: fc.constantFrom(0, 0, 1_000_000, 3_000_000, 999_999, 2 ** 48), signedAgo, lasts, approvedBy,
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('leave' as const), who, signedAgo, lasts }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('parameters' as const), change, since: mostly(fc.constant(0), fc.constantFrom(-1, 1)), of: mostly(fc.constant(true), fc.constant(false)),
      ahead: mostly(fc.integer({ min: 1, max: 8 }), fc.constantFrom(0, 1_000_001)), lasts, approvedBy,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('evidence' as const), who, ago: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom(-1, 0, 20, 30)) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('replay' as const), index: fc.nat() }) },
)
type Governs = typeof governs extends fc.Arbitrary<infer T> ? T : never

const blockDraft = fc.record({
  waitMs: mostly(fc.constantFrom(1_000, 1_500), fc.constantFrom(1_200_000, 3_000_000), 30),
  /** By life: the witness, or −1 for none. */
  witnesses: fc.array(mostly(fc.constant(null), fc.integer({ min: -1, max: CANDIDATES }), 6), { minLength: LIVES, maxLength: LIVES }),
  signers: mostly(fc.constant<number[]>([0, 1, 2, 3, 4, 5]), fc.subarray([0, 1, 2, 3, 4, 5]), 2),
  governs: mostly(fc.array(governs, { maxLength: 1 }), fc.array(governs, { maxLength: 6 }), 2),
  transfer: fc.boolean(),
  asleep: mostly(fc.constant(false), fc.constant(true), 12),
})
type BlockDraft = typeof blockDraft extends fc.Arbitrary<infer T> ? T : never

const seen = new Map<string, number>()
const note = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1)

function made(network: Governed, { params, governance, height: head }: Ledger, draft: Governs, earlier: readonly GovernanceTransaction[]): GovernanceTransaction | null {
  const height = head + 1
  switch (draft.kind) {
    case 'enrolment': return network.enrolment({ ...draft, expiryHeight: Math.max(0, height + draft.lasts) })
    case 'join': {
      const node = draft.node < 0 ? draft.who : draft.node
      return network.join({ ...draft, node, signedAt: Math.max(0, height - draft.signedAgo), expiryHeight: Math.max(0, height + draft.lasts) })
    }
    case 'leave': return network.leave({ ...draft, signedAt: Math.max(0, height - draft.signedAgo), expiryHeight: Math.max(0, height + draft.lasts) })
    case 'parameters': {
      const from = draft.of ? params : { ...params, trustPeriodMs: params.trustPeriodMs + 1 }
      const since = Math.max(0, governance.paramsSince + draft.since)
      return network.parameters({ ...draft, from, to: draft.change, since, activationHeight: height + draft.ahead, expiryHeight: Math.max(0, height + draft.lasts) })
    }
    case 'evidence': return network.evidence({ who: draft.who, at: Math.max(0, height - draft.ago) })
    case 'replay': return earlier.length === 0 ? null : earlier[draft.index % earlier.length]!
  }
}

/** What of the ledger the model knows, as text. */
function ledgerText({ validators, priorities, params, governance }: Ledger): string {
  const { members, epoch, previousValidators, epochs, former, forgotten, barred, registrars, paramsSince, change: waiting } = governance
  return asText({
    validators: validators.map(({ key, nodeKey, power }, i) => ({ key, nodeKey, power: BigInt(power), priority: BigInt(priorities[i]!), signed: BigInt(epoch.signed[i]!), lives: BigInt(epoch.lives[i]!) })),
    previous: previousValidators.map(({ key, nodeKey, power }) => ({ key, nodeKey, power: BigInt(power) })),
    members: members.map((member) => ({ ...member, base: BigInt(member.base), since: BigInt(member.since), history: member.history.map(BigInt) })),
    epoch: [epoch.number, epoch.start, epoch.startMs].map(BigInt),
    epochs: epochs.map(({ start, startMs }) => [start, startMs].map(BigInt)),
    former: former.map(({ key, since, until }) => ({ key, since: BigInt(since), until: BigInt(until) })),
    registrars: registrars.map(({ key, used }) => [key, BigInt(used)]),
    waiting: waiting && { ...waiting, activationHeight: BigInt(waiting.activationHeight) },
    rest: [BigInt(forgotten), BigInt(paramsSince), barred, params],
  })
}

function modelText({ governance: model }: Model): string {
  const lives = model.lives()
  return asText({
    validators: model.validators.map((each, i) => ({ ...each, signed: model.signed.get(each.key) ?? 0n, lives: lives[i] })),
    previous: model.previous.map(({ key, nodeKey, power }) => ({ key, nodeKey, power })),
    members: model.members,
    epoch: [model.epoch, model.start, model.startMs],
    epochs: model.epochs.map(({ start, startMs }) => [start, startMs]),
    former: model.former,
    registrars: [...model.registrars],
    waiting: model.change,
    rest: [model.forgotten, model.paramsSince, model.barred, model.params],
  })
}

/** What disagrees after the chain, or null. */
function chain(network: Governed, drafts: readonly BlockDraft[]): string | null {
  let ledger = network.ledger()
  let copy = network.ledger()
  const model = new Model(network.genesis)
  const earlier: GovernanceTransaction[] = []
  let sequence = 0
  for (const draft of drafts) {
    const timestampMs = ledger.timestampMs + draft.waitMs
    sequence++
    const heartbeats = sorted(draft.witnesses.flatMap((witness, of) => {
      const through = witness ?? of % CANDIDATES
      return through < 0 || draft.asleep ? [] : [network.beat({ of, sequence, timestampS: Math.floor(timestampMs / 1_000), witness: `${through}` })]
    }))
    const transactions: Transaction[] = draft.governs.flatMap((each) => made(network, ledger, each, earlier) ?? [])
    earlier.push(...transactions.filter(isGovernance))
    if (draft.transfer) transactions.unshift(network.transfer({ from: 0, to: 30 + (ledger.height % 3), amount: 50n, nonce: Number(model.find(device(0))?.nonce ?? 0n) }))
    const signers = ledger.height === ledger.governance.epoch.start ? [0, 1, 2] : draft.signers
    const parentCertificate = certificateBy(ledger, signers)
    const content = { timestampMs, heartbeats, transactions, parentCertificate }
    const errors: ItemError[] = []
    const execution = execute(ledger, { height: ledger.height + 1, ...content }, (error) => void errors.push(error))
    const built = buildBlock(ledger, candidateOn(ledger, content))
    const justified = execution.shares.length >= ledger.params.threshold || execution.transactions.some(isGovernance) || ledger.governance.change !== null
    if (justified !== (built !== null)) return 'justified'
    if (built === null) {
      note('not justified')
      continue
    }
    if (execution.shares.length < ledger.params.threshold) note('justified by a governance transaction')

    const expected = model.block(BigInt(timestampMs), parentCertificate, heartbeats, transactions)
    for (const { item, position, reason } of errors) note(`${item === 'heartbeat' ? 'heartbeat' : kindOf(transactions[position]!)} ${reason}`)
    for (const each of execution.transactions) note(kindOf(each))
    if (asText(errors) !== asText(expected.refused)) return `refusals at ${ledger.height + 1}: ${asText(errors)}, not ${asText(expected.refused)}`
    const validated = validateBlock(copy, built.block)
    if (!validated.ok) return `the block that was built is refused: ${asText(validated.error)}`
    if (validated.value.id !== built.id || !equalBytes(validated.value.execution.stateRoot, built.execution.stateRoot)) return 'ids or roots'

    const { validators: before } = ledger
    ledger = commit(ledger, built)
    copy = commit(copy, validated.value)
    if (ledgerText(ledger) !== modelText(model)) return `after ${ledger.height}: ${ledgerText(ledger)}, not ${modelText(model)}`
    const accounts = accountsOf(ledger)
    if (accounts.length !== model.accounts.length || !accounts.every((account, index) => sameAccount(account, model.accounts[index]!))) return 'accounts'
    if (ledger.supply !== balances(ledger) || ledger.supply !== model.supply) return 'supply'
    const stored = decodeSingletons(encodeSingletons(ledger, ledger.accountsRoot))
    if (!equalBytes(stateRoot(stored.state, stored.accountsRoot), built.execution.stateRoot)) return 'what is stored'
    if (asText(validatorsAt(ledger, ledger.height)) !== asText(before)) return 'the validators of the head'
    if (validatorsAt(ledger, ledger.height + 1) !== ledger.validators || validatorsAt(ledger, ledger.height - 1) !== null) return 'the validators around the head'
    if (ledger.priorities.some((priority) => Math.abs(priority) > 2 * Math.max(totalPower(before), totalPower(ledger.validators)))) return 'priorities'
    for (const event of model.governance.events) note(event)
    note('block')
  }
  return null
}

const kindOf = (transaction: Transaction): string => ['', 'transfer', 'enrolment', 'join', 'leave', 'parameters', 'evidence'][transaction.kind]!

/** The parameters of ledger-model.test.ts, where a change of them is in range. */
const SHORT: Partial<Params> = {
  epochBlocks: 4, lifeWindowEpochs: 2, enrolmentsPerEpoch: 4, evidenceMaxBlocks: 9, evidenceMaxAgeMs: 3_600_000, enrolled: true,
  heartbeatMaxAgeMs: 5_000, heartbeatMaxFutureMs: 2_000, rewardInitial: 1_001n, rewardFloor: 90n, accountMinimum: 50n, maxCreations: 1,
}

for (const [desc, powers, params] of [
  ['three validators of different power', [4_000_000, 2_000_000, 1_000_000], {}],
  ['two with a long memory for evidence, in epochs where lives can move after all quarters', [3_000_000, 3_000_000], { evidenceMaxBlocks: 100, lifeWindowEpochs: 1, epochBlocks: 8 }],
  ['one validator', [1_000_000], { epochBlocks: 5, lifeWindowEpochs: 1 }],
] as const) {
  t.test(`random chains of ${desc} agree with the model`, async (t) => {
    const network = governedOf(powers, { ...SHORT, ...params }, { enrolled: [0, 1, 2, 3, 4].map(device).sort(), registrars: [20, 21].map(device).sort() })
    const property = fc.property(fc.array(blockDraft, { minLength: 20, maxLength: 60, size: 'max' }), (drafts) => {
      const wrong = chain(network, drafts)
      if (wrong !== null) throw new Error(wrong)
    })
    // The first ones are always the same, so that every rule is reached.
    holds(t, 'validators, powers, priorities, members, lives and reasons', property, { numRuns: 30, seed: 2 })
    holds(t, 'and for other chains', property, { numRuns: 15 })
  })
}

t.test('the random chains reached every rule', async (t) => {
  const reasons = {
    enrolment: ['expired', 'not_registrar', 'already_enrolled', 'quota_exceeded'],
    join: ['expired', 'barred', 'already_validator', 'outdated', 'out_of_range', 'validators_full', 'not_approved'],
    leave: ['expired', 'not_validator', 'duplicate', 'outdated', 'last_validator'],
    parameters: ['expired', 'outdated', 'out_of_range', 'not_approved', 'change_waiting'],
    evidence: ['from_future', 'too_old', 'duplicate', 'not_validator'],
  }
  const events = [
    'epoch', 'life counted', 'life scaled', 'life without votes', 'moves are limited', 'joined', 'joined again', 'left', 'freed', 'barred', 'nobody is left', 'forgotten',
    'new parameters', 'another epoch length', 'block', 'not justified', 'justified by a governance transaction', 'heartbeat not_enrolled', 'transfer',
  ]
  for (const what of [...Object.entries(reasons).flatMap(([kind, all]) => [kind, ...all.map((reason) => `${kind} ${reason}`)]), ...events]) {
    t.ok((seen.get(what) ?? 0) > 0, `${what}: ${seen.get(what) ?? 0}`)
  }
})
