// The turn of an epoch, rule by rule.

import t from 'tap'
import { toBin } from '../../src/base/bytes.ts'
import type { Order } from '../../src/ledger/epoch.ts'
import { lastHeightOf, quarterOf, turnEpoch } from '../../src/ledger/epoch.ts'
import type { FormerValidator, Governance, Member } from '../../src/ledger/governance.ts'
import { genesisGovernance, MAX_BARRED, MAX_EPOCHS_KEPT, MAX_FORMER } from '../../src/ledger/governance.ts'
import { decodeSingletons, encodeSingletons, genesisLedger } from '../../src/ledger/state.ts'
import { validatorsAt, headValidators } from '../../src/ledger/validators-at.ts'
import { MAX_LIFE_WINDOW_EPOCHS, MAX_REGISTRARS, MAX_VALIDATORS } from '../../src/protocol/limits.ts'
import type { Params } from '../../src/protocol/params.ts'
import { DEVELOPMENT_PARAMS } from '../../src/protocol/params.ts'
import { governedOf, nodeKey, validatorKey, certificateBy } from './ledger-governance-fixture.ts'
import { asText, bytesOf, device, genesisOf, grow, networkOf } from './ledger-fixture.ts'

const M = 1_000_000
const PARAMS: Params = { ...DEVELOPMENT_PARAMS, epochBlocks: 10, lifeWindowEpochs: 3, enrolled: true, evidenceMaxBlocks: 100 }

interface Seat {
  readonly n: number
  readonly base: number
  /** Left out: the base. 0 = it waits. */
  readonly power?: number
  readonly priority?: number
  /** Of 9 certificates; left out: all. */
  readonly signed?: number
  readonly lives?: number
  readonly leaving?: boolean
  readonly history?: readonly number[]
}

/** An order in the last block, 110, of the epoch that began after 100. */
function orderOf(seats: readonly Seat[], { params = {}, governance = {} }: { params?: Partial<Params>; governance?: Partial<Governance> } = {}): Order {
  const sorted = [...seats].sort((a, b) => (validatorKey(a.n) < validatorKey(b.n) ? -1 : 1))
  const seated = sorted.filter(({ power }) => power !== 0)
  return {
    params: { ...PARAMS, ...params },
    validators: seated.map(({ n, base, power = base }) => ({ key: validatorKey(n), nodeKey: nodeKey(n), power })),
    priorities: seated.map(({ priority = 0 }) => priority),
    governance: {
      ...genesisGovernance(genesisOf()),
      members: sorted.map(({ n, base, power, leaving = false, history = [] }): Member => ({ key: validatorKey(n), nodeKey: nodeKey(n), base, leaving, since: power === 0 ? 0 : 1, history })),
      epoch: { number: 11, start: 100, startMs: 5_000, signed: seated.map(({ signed = 9 }) => signed), lives: seated.map(({ lives = 0 }) => lives) },
      ...governance,
    },
  }
}

const turn = (order: Order): Order => turnEpoch(order, 110, 99_000)
const powersOf = ({ validators }: Order, ...who: number[]): (number | undefined)[] => who.map((n) => validators.find(({ key }) => key === validatorKey(n))?.power)
const memberOf = ({ governance }: Order, n: number): Member | undefined => governance.members.find(({ key }) => key === validatorKey(n))

t.test('lengths and quarters', async (t) => {
  const order = orderOf([{ n: 0, base: M }])
  t.equal(lastHeightOf(order), 110)
  t.strictSame([101, 103, 104, 105, 106, 108, 109, 110].map((height) => quarterOf(order, height)), [0, 0, 1, 1, 2, 2, 3, 3])
  const four = orderOf([{ n: 0, base: M }], { params: { epochBlocks: 4 } })
  t.strictSame([101, 102, 103, 104].map((height) => quarterOf(four, height)), [0, 1, 2, 3])
})

t.test('lives go behind those of the past, and the window forgets', async (t) => {
  const after = turn(orderOf([{ n: 0, base: 9 * M, lives: 4, history: [1, 2, 3] }, { n: 1, base: 9 * M, lives: 0, history: [6] }, { n: 2, base: 9 * M, power: 0 }]))
  t.strictSame([0, 1, 2].map((n) => memberOf(after, n)!.history), [[2, 3, 4], [6, 0], []])
  t.strictSame(powersOf(after, 0, 1), [10_285_714, 9_857_142], '3, 2 and 9 lives want to come, and a third of 18 may')
  const shorter = turn(orderOf([{ n: 0, base: 9 * M, lives: 4, history: [1, 2, 3] }], { params: { lifeWindowEpochs: 2 } }))
  t.strictSame(memberOf(shorter, 0)!.history, [3, 4])
  t.strictSame(powersOf(shorter, 0), [12 * M], 'it wants 3.5 lives, and gets a third of 9')
})

t.test('who signed less than two thirds of the certificates gets no life power', async (t) => {
  for (const [signed, power] of [[9, 8 * M], [6, 8 * M], [5, 6 * M], [0, 6 * M]] as const) {
    t.strictSame(powersOf(turn(orderOf([{ n: 0, base: 6 * M, signed, history: [3, 3], lives: 0 }])), 0), [power], `${signed} of 9`)
  }
  const open = turn(orderOf([{ n: 0, base: 6 * M, history: [3, 3] }], { params: { enrolled: false } }))
  t.strictSame(powersOf(open, 0), [6 * M], 'nor does anybody where any key is a life')
})

t.test('a seat without base is kept by those who vote', async (t) => {
  for (const [signed, kept] of [[9, true], [6, true], [5, false]] as const) {
    const after = turn(orderOf([{ n: 0, base: 6 * M, signed: 0 }, { n: 1, base: 0, power: 1, signed }]))
    t.strictSame(powersOf(after, 0, 1), [6 * M, kept ? 1 : undefined], `${signed} of 9`)
    t.strictSame(after.governance.former, kept ? [] : [{ key: validatorKey(1), since: 1, until: 110 }])
  }
  t.strictSame(powersOf(turn(orderOf([{ n: 0, base: 6 * M }, { n: 1, base: 0, power: 0 }])), 1), [1], 'who has only just joined')
})

t.test('who joins begins behind all others, with the height in its seat', async (t) => {
  const after = turn(orderOf([{ n: 0, base: 6 * M, priority: 77 }, { n: 1, base: 2 * M, power: 0 }, { n: 2, base: 0, power: 0 }]))
  const total = 8 * M + 1
  const priorityOf = (n: number): number => after.priorities[after.validators.findIndex(({ key }) => key === validatorKey(n))]!
  t.strictSame(powersOf(after, 0, 1, 2), [6 * M, 1_999_999, 1], 'both together want 2 000 001, a unit more than a third')
  t.strictSame([0, 1, 2].map(priorityOf), [77, -(total - 1 + Math.floor((total - 1) / 8)), -(total - 1 + Math.floor((total - 1) / 8))])
  t.strictSame([0, 1, 2].map((n) => memberOf(after, n)!.since), [1, 111, 111])
})

t.test('who leaves goes by thirds, and its seat with the last of it', async (t) => {
  let order = orderOf([{ n: 0, base: 6 * M, priority: 5 }, { n: 1, base: 6 * M, leaving: true, priority: -5 }])
  const powers: (number | undefined)[] = []
  for (let epoch = 0; epoch < 4; epoch++) powers.push(...powersOf((order = turn({ ...order, governance: { ...order.governance, epoch: { ...order.governance.epoch, start: 100 } } })), 1))
  t.strictSame(powers, [2 * M, undefined, undefined, undefined])
  t.strictSame(order.validators.map(({ key }) => key), [validatorKey(0)])
  t.strictSame(order.priorities, [5])
  t.equal(memberOf(order, 1), undefined)
})

t.test('evidence takes the seat at once, but never the last one', async (t) => {
  const barred = [validatorKey(0)]
  const after = turn(orderOf([{ n: 0, base: 60 * M }, { n: 1, base: M }], { governance: { barred } }))
  t.strictSame(powersOf(after, 0, 1), [undefined, M])
  t.strictSame(after.governance.former, [{ key: validatorKey(0), since: 1, until: 110 }])
  const alone = turn(orderOf([{ n: 0, base: 60 * M, priority: 3, history: [1] }], { governance: { barred } }))
  t.strictSame([powersOf(alone, 0), alone.priorities, alone.governance.former], [[60 * M], [3], []])
  t.strictSame(memberOf(alone, 0)!.history, [1, 0])
  t.equal(alone.governance.epoch.number, 12)
  const waiting = turn(orderOf([{ n: 0, base: M }, { n: 1, base: M, power: 0 }], { governance: { barred: [validatorKey(1)] } }))
  t.equal(memberOf(waiting, 1), undefined, 'one that was to join')
  t.strictSame(waiting.governance.former, [])
  const replaced = turn(orderOf([{ n: 0, base: 60 * M }, { n: 1, base: 0, power: 0 }], { governance: { barred } }))
  t.strictSame(powersOf(replaced, 0, 1), [60 * M, undefined], 'a free seat would get the whole network')
  const besides = turn(orderOf([{ n: 0, base: 60 * M }, { n: 1, base: 0, power: 1 }], { governance: { barred } }))
  t.strictSame(powersOf(besides, 0, 1), [60 * M, 1])
  const left = turn(orderOf([{ n: 0, base: 60 * M }, { n: 1, base: M, leaving: true }], { governance: { barred } }))
  t.strictSame(powersOf(left, 0, 1), [60 * M, M], 'and so would nobody, once the last one has left')
  const approved = turn(orderOf([{ n: 0, base: 60 * M }, { n: 1, base: M, power: 0 }], { governance: { barred } }))
  t.strictSame(powersOf(approved, 0, 1), [undefined, 1], 'who was approved takes over')
  const all = turn(orderOf([{ n: 0, base: M }, { n: 1, base: M }], { governance: { barred: [validatorKey(0), validatorKey(1)] } }))
  t.strictSame(powersOf(all, 0, 1), [M, M], 'all of them cheated: the network is still theirs')
})

t.test('the next epoch begins with what the block says, and with nothing counted', async (t) => {
  const registrars = [{ key: device(90), used: 7 }]
  const order = orderOf([{ n: 0, base: M, lives: 3, signed: 8 }], { governance: { registrars, paramsSince: 33 } })
  const { governance } = turn(order)
  t.strictSame(governance.epoch, { number: 12, start: 110, startMs: 99_000, signed: [0], lives: [0] })
  t.strictSame(governance.epochs, [{ start: 100, startMs: 5_000 }])
  t.strictSame(governance.registrars, [{ key: device(90), used: 0 }])
  t.strictSame(governance.previousValidators, order.validators)
  t.equal(governance.paramsSince, 33)
})

t.test('parameters take effect at the first epoch that begins at their height or later', async (t) => {
  const params = { ...PARAMS, epochBlocks: 20, lifeWindowEpochs: 1 }
  for (const [activationHeight, active] of [[105, true], [111, true], [112, false]] as const) {
    const after = turn(orderOf([{ n: 0, base: 6 * M, history: [3, 3, 3] }], { governance: { change: { activationHeight, params } } }))
    t.strictSame(after.params, active ? params : PARAMS, `${activationHeight}`)
    t.strictSame([after.governance.paramsSince, after.governance.change], active ? [111, null] : [0, { activationHeight, params }])
    t.strictSame(memberOf(after, 0)!.history, [3, 3, 0], 'the epoch that ends is counted by the old ones')
    t.equal(lastHeightOf(after), active ? 130 : 120)
  }
})

t.test('what is kept of the past is bounded', async (t) => {
  const epochs = Array.from({ length: MAX_EPOCHS_KEPT }, (_, i) => ({ start: i, startMs: i }))
  for (const [kept, first] of [[MAX_EPOCHS_KEPT - 1, 0], [MAX_EPOCHS_KEPT, 1]] as const) {
    const after = turn(orderOf([{ n: 0, base: M }], { governance: { epochs: epochs.slice(0, kept) } })).governance.epochs
    t.strictSame([after.length, after[0]!.start, after.at(-1)!.start], [MAX_EPOCHS_KEPT, first, 100])
  }
  const formerOf = (count: number, until: (i: number) => number): FormerValidator[] =>
    Array.from({ length: count }, (_, i) => ({ key: toBin(bytesOf(`former ${i}`, 32)), since: 1, until: until(i) }))
  const leaves: Seat[] = [{ n: 0, base: 6 * M }, { n: 1, base: M, leaving: true }]
  for (const [count, first, forgotten] of [[MAX_FORMER - 1, 20, 0], [MAX_FORMER, 21, 20]] as const) {
    const { governance } = turn(orderOf(leaves, { governance: { former: formerOf(count, (i) => 20 + Math.min(i, 60)) } }))
    t.strictSame([governance.former.length, governance.former[0]!.until, governance.former.at(-1)!.until, governance.forgotten], [MAX_FORMER, first, 110, forgotten])
  }
  const aged = turn(orderOf(leaves, { governance: { former: formerOf(30, (i) => 90 + i).slice(0, 20), forgotten: 4 }, params: { evidenceMaxBlocks: 15 } }))
  t.strictSame([aged.governance.former[0]!.until, aged.governance.former.length, aged.governance.forgotten], [95, 16, 94], 'evidence of height 95 may come until 110')
  const none = turn(orderOf(leaves, { governance: { forgotten: 4 }, params: { evidenceMaxBlocks: 15 } }))
  t.equal(none.governance.forgotten, 4)
})

t.test('the largest state is stored and read back', async (t) => {
  const ledger = genesisLedger(genesisOf())
  const many = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))
  const key = (i: number): string => toBin(bytesOf(`key ${i}`, 32))
  const validators = many(MAX_VALIDATORS, (i) => ({ key: key(i), nodeKey: key(1_000 + i), power: 2 ** 41 }))
  const full = (over: number): typeof ledger => ({
    ...ledger,
    validators,
    priorities: validators.map((_, i) => (i % 2 === 0 ? -1 : 1) * (2 ** 50 - i)),
    governance: {
      members: validators.map(({ key: id, nodeKey: node }) => ({ key: id, nodeKey: node, base: 2 ** 41, leaving: true, since: 2 ** 40, history: many(MAX_LIFE_WINDOW_EPOCHS, () => 2 ** 32 - 1) })),
      epoch: { number: 2 ** 32 - 1, start: 2 ** 40, startMs: 2 ** 45, signed: validators.map(() => 1_000_000), lives: validators.map(() => 2 ** 32 - 1) },
      previousValidators: validators,
      epochs: many(MAX_EPOCHS_KEPT + over, (i) => ({ start: i, startMs: 2 ** 45 + i })),
      former: many(MAX_FORMER, (i) => ({ key: key(i), since: i, until: 2 ** 40 })),
      forgotten: 2 ** 40,
      barred: many(MAX_BARRED, key),
      registrars: many(MAX_REGISTRARS, (i) => ({ key: device(i), used: 1_000_000 })),
      paramsSince: 2 ** 40,
      change: { activationHeight: 2 ** 40, params: PARAMS },
    },
  })
  const bytes = encodeSingletons(full(0), ledger.accountsRoot)
  const { state } = decodeSingletons(bytes)
  t.equal(asText(state.governance), asText(full(0).governance))
  t.strictSame([state.validators, state.priorities], [full(0).validators, full(0).priorities])
  t.ok(bytes.length < 1_000_000, `${bytes.length} bytes`)
  t.throws(() => decodeSingletons(encodeSingletons(full(1), ledger.accountsRoot)))
})

t.test('whose signatures count at a height', async (t) => {
  const network = governedOf([6 * M, 6 * M], { epochBlocks: 4 })
  let ledger = network.ledger()
  const first = ledger.validators
  const at = (...heights: number[]) => heights.map((height) => validatorsAt(ledger, height)?.length ?? null)
  t.strictSame(at(0, 1, 4, 5), [0, 2, 2, null])
  for (let height = 1; height <= 5; height++) {
    const timestampMs = ledger.timestampMs + 1_000
    const transactions = height === 3 ? [network.join({ who: 2, signedAt: 2 })] : []
    ledger = grow(ledger, { timestampMs, transactions, heartbeats: [network.beat({ of: 0, sequence: height, timestampS: timestampMs / 1_000 })], parentCertificate: certificateBy(ledger) })
    if (height === 3) t.strictSame(at(2, 3, 4, 5), [null, 2, 2, null])
    if (height !== 4) t.equal(headValidators(ledger), ledger.validators)
    if (height !== 4) continue
    t.strictSame(at(3, 4, 5, 8, 9), [null, 2, 3, 3, null], 'the head was decided by the set before')
    t.equal(headValidators(ledger), first)
    t.equal(ledger.validators.length, 3)
  }
  t.strictSame(at(4, 5, 6, 8, 9), [null, 3, 3, 3, null])
})

t.test('certificates are counted by the epoch of the block that they are of', async (t) => {
  const network = networkOf({ epochBlocks: 4 })
  let ledger = network.ledger()
  const counts: (readonly number[])[] = []
  for (let height = 1; height <= 6; height++) {
    const timestampMs = ledger.timestampMs + 1_000
    ledger = grow(ledger, { timestampMs, heartbeats: [network.beat({ of: 0, sequence: height, timestampS: timestampMs / 1_000 })] })
    counts.push(ledger.governance.epoch.signed)
  }
  // Validator 0 signs all of them. Block 4 ends the epoch; block 5 holds the certificate of block 4.
  t.strictSame(counts, [[0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 0, 0], [0, 0, 0], [1, 0, 0]])
})
