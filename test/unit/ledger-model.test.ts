// Random chains: the ledger, a second copy that validates, and a model that is as plain as can be must agree.

import fc from 'fast-check'
import t from 'tap'
import { equalBytes } from '../../src/base/bytes.ts'
import { buildBlock, validateBlock } from '../../src/ledger/blocks.ts'
import type { ItemError } from '../../src/ledger/execute.ts'
import { execute } from '../../src/ledger/execute.ts'
import type { Ledger } from '../../src/ledger/state.ts'
import { stateRoot } from '../../src/ledger/state.ts'
import type { Params } from '../../src/protocol/params.ts'
import { holds } from '../fuzz/holds.ts'
import type { Network } from './ledger-fixture.ts'
import { accountsOf, balances, candidateOn, certificateOf, commit, device, networkOf, sorted } from './ledger-fixture.ts'
import { Model, sameAccount } from './ledger-model.ts'

const LIVES = 5

/** What is offered for one block; numbers are made meaningful when the chain is known. */
const blockDraft = fc.record({
  waitMs: fc.oneof(fc.constantFrom(1_000, 1_001, 2_000, 2_001, 4_000, 9_000), fc.integer({ min: 1_000, max: 3_000 })),
  beats: fc.array(
    fc.record({
      of: fc.nat({ max: LIVES - 1 }),
      // The limits of age are 5 s and 2 s.
      behindS: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0, max: 1 }) }, { weight: 1, arbitrary: fc.integer({ min: -3, max: 6 }) }),
      step: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 3 }) }),
      rateLevel: fc.nat({ max: 7 }),
      motionLevel: fc.nat({ max: 7 }),
    }),
    { minLength: 2, maxLength: 8 },
  ),
  transfers: fc.array(
    fc.record({
      from: fc.nat({ max: LIVES + 1 }),
      to: fc.nat({ max: LIVES + 5 }),
      amount: fc.oneof(
        { weight: 3, arbitrary: fc.bigInt({ min: 50n, max: 60n }) },
        { weight: 1, arbitrary: fc.bigInt({ min: 1n, max: 49n }) },
        { weight: 1, arbitrary: fc.bigInt({ min: 1n, max: 2_000n }) },
      ),
      nonceOffset: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(-1, 1) }),
      lasts: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constantFrom(-1, 0) }),
    }),
    { maxLength: 8 },
  ),
  shuffled: fc.nat({ max: 5 }).map((drawn) => drawn === 0),
})
type BlockDraft = typeof blockDraft extends fc.Arbitrary<infer T> ? T : never

/** Short limits, so that random chains reach all of them. */
const SHORT: Partial<Params> = {
  blockIntervalMs: 1_000,
  heartbeatMaxAgeMs: 5_000,
  heartbeatMaxFutureMs: 2_000,
  lifeMinIntervalMs: 1_000,
  aliveBlocks: 2,
  gapMs: 2_000,
  gapBlocks: 3,
  continuityMs: 7_000,
  rewardInitial: 1_001n,
  rewardHalvingBlocks: 4,
  rewardFloor: 90n,
  accountMinimum: 50n,
  maxCreations: 1,
}

const seen = new Map<string, number>()
const note = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1)

function itemsOf(draft: BlockDraft, network: Network, ledger: Ledger, model: Model, sequences: Map<number, number>) {
  const timestampMs = ledger.timestampMs + draft.waitMs
  const heartbeats = draft.beats.map(({ of, behindS, step, ...levels }) => {
    const sequence = (sequences.get(of) ?? 0) + step
    sequences.set(of, sequence)
    return network.beat({ of, sequence, timestampS: Math.floor(timestampMs / 1_000) - behindS, ...levels })
  })
  const sent = new Map<number, number>()
  const transactions = draft.transfers.map(({ from, to, amount, nonceOffset, lasts }) => {
    const before = sent.get(from) ?? 0
    sent.set(from, before + 1)
    const nonce = Math.max(0, Number(model.find(device(from))?.nonce ?? 0n) + before + nonceOffset)
    return network.transfer({ from, to, amount, nonce, expiryHeight: Math.max(0, ledger.height + lasts) })
  })
  return { timestampMs, heartbeats: draft.shuffled ? heartbeats : sorted(heartbeats), transactions }
}

/** What disagrees after the chain, or null. */
function chain(network: Network, drafts: readonly BlockDraft[]): string | null {
  let ledger = network.ledger()
  let copy = network.ledger()
  const model = new Model(network.genesis)
  const sequences = new Map<number, number>()
  for (const draft of drafts) {
    const content = itemsOf(draft, network, ledger, model, sequences)
    const errors: ItemError[] = []
    const execution = execute(ledger, { height: ledger.height + 1, parentCertificate: certificateOf(ledger), ...content }, (error) => void errors.push(error))
    const built = buildBlock(ledger, candidateOn(ledger, content))
    if (execution.shares.length < network.params.threshold) {
      note('not justified')
      if (built !== null) return 'a block without enough lives was built'
      continue
    }
    if (built === null) return 'a block with enough lives was not built'

    const expected = model.block(BigInt(content.timestampMs), certificateOf(ledger), content.heartbeats, content.transactions)
    for (const { item, reason } of errors) note(`${item} ${reason}`)
    if (JSON.stringify(errors) !== JSON.stringify(expected.refused)) return `refusals: ${JSON.stringify(errors)}, not ${JSON.stringify(expected.refused)}`
    for (const { index, weightPpm, reward } of built.execution.shares) {
      if (BigInt(weightPpm) !== expected.weights.get(index) || reward !== (expected.rewards.get(index) ?? 0n)) return `share of account ${index}`
    }
    if (built.execution.shares.length !== expected.weights.size || built.execution.minted !== expected.minted) return 'number of shares, or minted'
    if (expected.minted === 0n) note('no reward')

    const { heartbeats, transactions } = built.block.body
    if (heartbeats.length + transactions.length + errors.length !== content.heartbeats.length + content.transactions.length) return 'number of items'
    const validated = validateBlock(copy, built.block)
    if (!validated.ok) return `the block that was built is refused: ${JSON.stringify(validated.error)}`
    if (validated.value.id !== built.id || !equalBytes(validated.value.execution.stateRoot, built.execution.stateRoot)) return 'ids or roots'

    const before = copy.accountsRoot
    if (!equalBytes(before, ledger.accountsRoot)) return 'roots before'
    ledger = commit(ledger, built)
    copy = commit(copy, validated.value)
    const accounts = accountsOf(ledger)
    if (accounts.length !== model.accounts.length || !accounts.every((account, index) => sameAccount(account, model.accounts[index]!))) return 'accounts'
    if (JSON.stringify(accountsOf(copy), text) !== JSON.stringify(accounts, text)) return 'accounts of the copy'
    if (ledger.supply !== balances(ledger) || ledger.supply !== model.supply) return 'supply'
    if (BigInt(ledger.height) !== model.height || BigInt(ledger.timestampMs) !== model.timestampMs || BigInt(ledger.activeMs) !== model.activeMs) return 'height or times'
    if (ledger.cumulativeLifePpm !== model.cumulativePpm || built.block.header.cumulativeLifePpm !== model.cumulativePpm) return 'cumulative life'
    if (!equalBytes(stateRoot(ledger, ledger.accountsRoot), built.execution.stateRoot)) return 'state root after the block'
    note('block')
    if (content.transactions.some(({ transfer }) => transfer.sender === transfer.recipient)) note('transfer to oneself')
  }
  return null
}

const text = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value)

for (const [desc, params, enrolled] of [
  ['an open network of one', { threshold: 1 }, []],
  [
    'an open network with a threshold of two, where amounts are large',
    { threshold: 2, rewardInitial: 100_000_000n * 10n ** 6n, rewardHalvingBlocks: 1, rewardFloor: 0n, accountMinimum: 0n, maxCreations: 2 },
    [],
  ],
  ['an enrolled network', { threshold: 1, enrolled: true }, [0, 2, 3]],
  ['a network where nobody weighs anything at first, and little later', { threshold: 1, alphaPpm: 0, betaPpm: 0, gammaPpm: 1_000_000, capNativePpm: 300_000 }, []],
] as const) {
  t.test(`random chains on ${desc} agree with the model`, async (t) => {
    const network = networkOf({ ...SHORT, ...params }, { enrolled: enrolled.map(device).sort() })
    holds(
      t,
      'accounts, supply, roots and reasons',
      fc.property(fc.array(blockDraft, { minLength: 1, maxLength: 14, size: 'max' }), (drafts) => {
        const wrong = chain(network, drafts)
        if (wrong !== null) throw new Error(wrong)
      }),
      { numRuns: 60 },
    )
  })
}

t.test('the random chains reached every rule', async (t) => {
  const heartbeatReasons = ['order', 'too_old', 'from_future', 'sequence_replayed', 'too_fast', 'not_enrolled']
  const transferReasons = ['expired', 'sender_not_alive', 'nonce_used', 'nonce_gap', 'insufficient_balance', 'below_minimum', 'creations']
  const refusals = [...heartbeatReasons.map((reason) => `heartbeat ${reason}`), ...transferReasons.map((reason) => `transaction ${reason}`)]
  for (const what of [...refusals, 'block', 'no reward', 'not justified', 'transfer to oneself']) {
    t.ok((seen.get(what) ?? 0) > 0, `${what}: ${seen.get(what) ?? 0}`)
  }
})
