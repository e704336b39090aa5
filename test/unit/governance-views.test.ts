// What the API shows of governance: transactions of each kind, validators and their epoch, parameters and their change.

import { join } from 'node:path'
import t from 'tap'
import { binToHex, fromBin, toBin, toHex } from '../../src/base/bytes.ts'
import { TransactionSchema } from '../../src/api/schema/transaction.ts'
import { ParamsSchema, ValidatorsSchema } from '../../src/api/schema/governance.ts'
import { openChainStore } from '../../src/chain/store.ts'
import { approve, withApprovals } from '../../src/cli/governance.ts'
import { keyToText } from '../../src/crypto/keys.ts'
import type { KeyPair } from '../../src/crypto/sign.ts'
import { markVerified } from '../../src/crypto/verified.ts'
import { admitTransaction } from '../../src/engine/admission.ts'
import { createEngine, DEFAULT_MEMPOOL_LIMITS } from '../../src/engine/engine.ts'
import type { Ledger } from '../../src/ledger/state.ts'
import { paramsView, validatorsView } from '../../src/node/governance-views.ts'
import { createReads } from '../../src/node/reads.ts'
import { transactionView } from '../../src/node/transaction-view.ts'
import { paramsRoot } from '../../src/protocol/params.ts'
import type { GovernanceTransaction } from '../../src/protocol/transaction.ts'
import { mismatches, testServer } from './api-fixture.ts'
import { binOf, changeOf, enrolmentOf, evidenceAgainst, joinOf, keysOf, leaveOf } from './governance-fixture.ts'
import { GENESIS_TIME_MS, grow, networkOf } from './ledger-fixture.ts'

const [A, B, C, REGISTRAR, DEVICE, OTHER] = [keysOf(1), keysOf(2), keysOf(3), keysOf(4), keysOf(5), keysOf(6)]
const node = (n: number) => keysOf(10 + n)
const POWER = 1_000_000

const NETWORK = networkOf(
  { epochBlocks: 4, lifeWindowEpochs: 2, enrolled: true, enrolmentsPerEpoch: 7 },
  {
    validators: [A, B].map((keys, i) => ({ key: binOf(keys), nodeKey: binOf(node(i)), power: POWER })).sort((a, b) => (a.key < b.key ? -1 : 1)),
    registrars: [toBin(REGISTRAR.publicKey)],
  },
)
const { hash, params } = NETWORK
const hexOf = (keys: KeyPair): string => binToHex(binOf(keys))
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

/** Both validators approve. */
const approved = (transaction: GovernanceTransaction): GovernanceTransaction =>
  withApprovals(transaction, [A, B].map((keys) => approve(transaction, hash, keys)!))

/** Blocks that hold one transaction each, in their order. */
const commitAll = (ledger: Ledger, ...transactions: GovernanceTransaction[]): Ledger => transactions.reduce((grown, each) => grow(grown, { transactions: [each] }), ledger)

let fillers = 0
/** Blocks that change nothing that is looked at here: one enrols a life each. */
const fill = (ledger: Ledger, blocks: number): Ledger =>
  Array.from({ length: blocks }).reduce<Ledger>((grown) => commitAll(grown, enrolmentOf(hash, REGISTRAR, [keysOf(100 + fillers++)])), ledger)

const ENROLMENT = enrolmentOf(hash, REGISTRAR, [DEVICE, OTHER])
const JOIN = approved(joinOf(hash, C, node(2), 3 * POWER))
const CHANGE = approved(changeOf(hash, params, { blockIntervalMs: 2_000, rewardInitial: 200_000_000n }, 7))

t.test('each kind of transaction is shown with what it says, and fits its schema', async (t) => {
  const server = await testServer(t)
  if (ENROLMENT.kind !== 2 || JOIN.kind !== 3 || CHANGE.kind !== 5) return t.fail()
  const evidence = evidenceAgainst(hash, A, 9)
  const approvals = [...JOIN.join.approvals].map(({ validator, signature }) => ({ validator: binToHex(validator), signature: base64(signature) }))
  t.equal(approvals.length, 2)
  const shown: [GovernanceTransaction, object][] = [
    [ENROLMENT, {
      kind: 'enrolment', registrar: keyToText(REGISTRAR.publicKey), devices: [DEVICE, OTHER].map(({ publicKey }) => toHex(publicKey)).sort().map((hex) => keyToText(Buffer.from(hex, 'hex'))),
      expiryHeight: 1_000, signature: base64(ENROLMENT.enrolment.signature),
    }],
    [JOIN, {
      kind: 'join', key: hexOf(C), nodeKey: hexOf(node(2)), base: 3 * POWER, signedAt: 0, expiryHeight: 1_000,
      signature: base64(JOIN.join.signature), nodeSignature: base64(JOIN.join.nodeSignature), approvals,
    }],
    [leaveOf(hash, A, 5), { kind: 'leave', key: hexOf(A), signedAt: 5, expiryHeight: 1_000 }],
    [CHANGE, {
      kind: 'parameters', paramsRoot: toHex(paramsRoot(params)), paramsSince: 0, activationHeight: 7, expiryHeight: 6,
      params: { blockIntervalMs: 2_000, rewardInitial: '200000000', enrolled: true }, approvals: [{}, {}],
    }],
    [evidence, {
      kind: 'evidence', validator: hexOf(A), voteHeight: 9, round: 2, type: 'precommit', first: { blockId: null }, second: { blockId: '78'.repeat(32) },
    }],
  ]
  for (const [transaction, expected] of shown) {
    const view = transactionView(transaction, 12)
    t.match(view, { ...expected, id: binToHex(transaction.id), height: 12 }, view.kind)
    t.same(mismatches(server, TransactionSchema, view), [], view.kind)
    t.equal(transactionView(transaction, null).height, null)
    t.not(mismatches(server, TransactionSchema, { ...view, x: 1 }).length, 0)
  }
})

t.test('a governance transaction is found while it waits, and in its block', async (t) => {
  const store = await openChainStore({ path: join(t.testdir(), 'db'), genesisHash: hash, createIfMissing: true })
  t.teardown(() => store.close())
  const engine = createEngine({ ledger: NETWORK.ledger(), headCertificate: null, self: null, mempool: DEFAULT_MEMPOOL_LIMITS, signedHeight: 0, trusted: true })
  const reads = createReads(engine, store)
  const id = fromBin(ENROLMENT.id)
  t.equal(await reads.transaction(id), null)
  t.match(admitTransaction(engine, markVerified(ENROLMENT), GENESIS_TIME_MS), { accepted: true })
  t.match(await reads.transaction(id), { kind: 'enrolment', height: null })
})

t.test('validators are shown with their power, and the epoch with what is left of it', async (t) => {
  const server = await testServer(t)
  const genesis = validatorsView(NETWORK.ledger())
  t.match(genesis, { height: 0, epoch: { number: 1, firstHeight: 1, lastHeight: 4, blocksLeft: 4, startMs: GENESIS_TIME_MS }, enrolled: true, totalPower: 2 * POWER })
  t.same(genesis.validators.map(({ key }) => key), [A, B].map(hexOf).sort())
  t.match(genesis.validators, [1, 2].map(() => ({ base: POWER, power: POWER, lives: 0, meanLives: 0, signed: 0, possible: 0, since: 1, leaving: false, barred: false })))
  t.match(genesis, { waiting: [], barred: [], paramsSince: 0, change: null, registrars: [{ key: keyToText(REGISTRAR.publicKey), used: 0, quota: 7 }] })

  const some = commitAll(NETWORK.ledger(), ENROLMENT, JOIN)
  const view = validatorsView(some)
  t.match(view, { height: 2, epoch: { number: 1, blocksLeft: 2 }, registrars: [{ used: 2 }], waiting: [{ key: hexOf(C), nodeKey: hexOf(node(2)), base: 3 * POWER }] })
  t.equal(view.validators.length, 2)
  // Only validator 0 signs certificates here, and the first is in the second block.
  t.same(view.validators.map(({ signed, possible }) => [signed, possible]), [[1, 1], [0, 1]])

  const next = validatorsView(fill(some, 2))
  t.match(next, { height: 4, epoch: { number: 2, firstHeight: 5, lastHeight: 8, blocksLeft: 4 }, waiting: [], registrars: [{ used: 0 }] })
  t.match(next.validators.find(({ key }) => key === hexOf(C)), { since: 5, base: 3 * POWER, signed: 0, possible: 0 })
  t.ok(next.validators.every(({ power }) => power > 0))
  t.same(mismatches(server, ValidatorsSchema, view), [])
  t.same(mismatches(server, ValidatorsSchema, next), [])
})

t.test('who leaves and who is barred is marked', async (t) => {
  const ledger = commitAll(NETWORK.ledger(), ENROLMENT)
  const leaving = validatorsView(commitAll(ledger, leaveOf(hash, A, 1)))
  t.same(leaving.validators.filter((each) => each.leaving).map(({ key }) => key), [hexOf(A)])
  const barred = validatorsView(commitAll(ledger, evidenceAgainst(hash, B, 1)))
  t.same(barred.validators.filter((each) => each.barred).map(({ key }) => key), [hexOf(B)])
  t.same(barred.barred, [hexOf(B)])
})

t.test('parameters are shown with the change that waits, and the block in which it takes effect', async (t) => {
  const server = await testServer(t)
  const start = paramsView(NETWORK.ledger())
  t.match(start, { height: 0, params: { blockIntervalMs: 1_000, rewardInitial: '10000000000', enrolled: true }, paramsRoot: toHex(paramsRoot(params)), paramsSince: 0, change: null })
  t.same(Object.keys(start.params), Object.keys(params))

  const waiting = commitAll(NETWORK.ledger(), CHANGE)
  t.match(paramsView(waiting), { height: 1, params: { blockIntervalMs: 1_000 }, change: { activationHeight: 7, effectiveHeight: 9, params: { blockIntervalMs: 2_000, rewardInitial: '200000000' } } })
  t.match(validatorsView(waiting), { change: { activationHeight: 7, effectiveHeight: 9 } })
  t.same(mismatches(server, ParamsSchema, paramsView(waiting)), [])
  for (const [activationHeight, effectiveHeight] of [[2, 5], [5, 5], [6, 9], [9, 9], [10, 13]] as const) {
    const { governance } = waiting
    const ledger = { ...waiting, governance: { ...governance, change: { ...governance.change!, activationHeight } } }
    t.equal(paramsView(ledger).change?.effectiveHeight, effectiveHeight, `approved for ${activationHeight}`)
  }

  const before = fill(waiting, 6)
  t.match(paramsView(before), { height: 7, params: { blockIntervalMs: 1_000 }, change: { effectiveHeight: 9 } })
  t.match(paramsView(fill(before, 1)), { height: 8, params: { blockIntervalMs: 2_000 }, paramsSince: 9, change: null }, 'as it was said')
})
