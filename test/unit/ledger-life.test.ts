// Which lives count for which validator, through whole blocks: enrolled ones that beat in every quarter, once, for the
// witness of their last heartbeat.

import t from 'tap'
import { lifeMarks, RECORD_SIZE } from '../../src/ledger/account.ts'
import type { Ledger } from '../../src/ledger/state.ts'
import type { Params } from '../../src/protocol/params.ts'
import type { Governed } from './ledger-governance-fixture.ts'
import { certificateBy, governedOf, nodeKey, validatorKey } from './ledger-governance-fixture.ts'
import { device, grow, sorted, verdict, build } from './ledger-fixture.ts'

const M = 1_000_000
const ENROLLED = { registrars: [device(90)], enrolled: [0, 1, 2, 3].map(device).sort() }

function networkOf(params: Partial<Params> = {}): Governed {
  return governedOf([6 * M, 6 * M], { epochBlocks: 4, lifeWindowEpochs: 1, enrolled: true, ...params }, ENROLLED)
}

/** A block with a heartbeat of each of these lives through these nodes: `0>1` is life 0 through the node of validator 1. */
function block(network: Governed, ledger: Ledger, beats: string, transactions: Parameters<typeof grow>[1]['transactions'] = []): Ledger {
  const timestampMs = ledger.timestampMs + 2_000
  const heartbeats = sorted(beats.split(' ').filter(Boolean).map((each, i) => {
    const [of, witness] = each.split('>') as [string, string]
    return network.beat({ of: Number(of), witness, timestampS: timestampMs / 1_000 - 1 + (i % 2), sequence: 2 * ledger.height + i })
  }))
  return grow(ledger, { timestampMs, heartbeats, transactions, parentCertificate: certificateBy(ledger) })
}

/** Lives by validator number. */
const livesOf = ({ validators, governance: { epoch } }: Ledger): number[] =>
  [0, 1].map((n) => epoch.lives[validators.findIndex(({ key }) => key === validatorKey(n))]!)

/** Powers by validator number. */
const powersOf = ({ validators }: Ledger): number[] => [0, 1].map((n) => validators.find(({ key }) => key === validatorKey(n))!.power)

/** The lives of validators 0 and 1 after each of these blocks. */
function lives(blocks: readonly string[], params: Partial<Params> = {}): number[][] {
  const network = networkOf(params)
  let ledger = network.ledger()
  return blocks.map((beats) => livesOf((ledger = block(network, ledger, beats))))
}

// The fourth block of an epoch ends it: what it counts shows in the powers.
t.test('a life counts from its fourth quarter on', async (t) => {
  const eight = { epochBlocks: 8 }
  t.strictSame(lives(['0>0', '0>0', '0>0', '0>0', '0>0', '0>0', '0>0'], eight).map(([first]) => first), [0, 0, 0, 0, 0, 0, 1])
  t.strictSame(lives(['0>0', '1>0', '0>0', '1>0', '0>0', '1>0', '0>0'], eight).at(-1), [1, 0], 'one block of each quarter is enough')
  t.strictSame(lives(['1>0', '0>0', '1>0', '0>0', '1>0', '1>0', '0>0'], eight).at(-1), [0, 0], 'a quarter is missing')
  t.strictSame(lives(['0>0 1>1 2>0', '0>0 1>1 2>0', '0>0 1>1 2>1', '0>0 1>1', '0>0 1>1 2>1', '1>1', '0>0 1>1 2>1'], eight).at(-1), [1, 2])
})

t.test('quarters of an epoch that four does not divide', async (t) => {
  const odd = { epochBlocks: 7 }
  // Quarters begin with blocks 1, 3, 5 and 7.
  const network = networkOf(odd)
  let ledger = network.ledger()
  for (const beats of ['0>0 1>0', '2>0', '0>0 1>0', '1>0', '0>0 2>0', '1>0 2>0', '0>0 1>0 2>0']) ledger = block(network, ledger, beats)
  t.strictSame(ledger.governance.members.map(({ history }) => history[0]!).sort((a, b) => a - b), [0, 2], 'life 2 was silent in the second quarter')
})

t.test('it counts for the witness of its last heartbeat', async (t) => {
  const eight = { epochBlocks: 8 }
  const whole = ['0>0', '0>0', '0>0', '0>0', '0>0', '0>0', '0>0']
  t.strictSame(lives([...whole.slice(0, 6), '0>1'], eight).at(-1), [0, 1], 'though all others were another’s')
  t.strictSame(lives([...whole.slice(0, 6), '0>7'], eight).at(-1), [0, 0], 'a witness that is no validator')
  const network = networkOf(eight)
  let ledger = network.ledger()
  for (const beats of whole) ledger = block(network, ledger, beats)
  const ended = (beats: string): number[] => {
    const other = networkOf(eight)
    let copy = other.ledger()
    for (const each of [...whole, beats]) copy = block(other, copy, each)
    return [0, 1].map((n) => copy.governance.members.find(({ key }) => key === validatorKey(n))!.history[0]!)
  }
  t.strictSame(ended('0>1'), [0, 1], 'it moves after all quarters')
  t.strictSame(ended('0>7'), [0, 0], 'and goes')
  t.strictSame(ended('0>0'), [1, 0], 'and is not counted twice')
  t.strictSame(ended('1>1'), [1, 0])
})

t.test('two heartbeats in one block count once, and the last one decides', async (t) => {
  const network = networkOf({ epochBlocks: 8 })
  let ledger = network.ledger()
  for (let i = 0; i < 6; i++) ledger = block(network, ledger, '0>0')
  const timestampMs = ledger.timestampMs + 4_000
  const two = [1, 0].map((witness, i) => network.beat({ of: 0, witness: `${witness}`, timestampS: timestampMs / 1_000 - 2 + 2 * i, sequence: 1_000 + i }))
  for (const [heartbeats, expected] of [[two, [1, 0]], [[two[0]!, { ...two[1]!, ...network.beat({ of: 0, witness: '1', timestampS: two[1]!.timestampS, sequence: 1_001 }) }], [0, 1]]] as const) {
    const built = build(ledger, { timestampMs, heartbeats, parentCertificate: certificateBy(ledger) })
    t.equal(verdict(ledger, built.block), 'ok')
    t.strictSame(livesOf({ ...ledger, ...built.execution.state }), expected)
  }
})

t.test('an epoch begins with nothing, though the marks of the last one are still in the accounts', async (t) => {
  const network = networkOf()
  let ledger = network.ledger()
  for (let i = 0; i < 4; i++) ledger = block(network, ledger, '0>0 1>0 2>1')
  t.strictSame(powersOf(ledger), [8 * M, 7 * M])
  const at = ledger.accounts.indexOf(device(0))! * RECORD_SIZE
  t.strictSame(lifeMarks(ledger.accounts.records, at, 1).quarters, 15)
  t.strictSame(lifeMarks(ledger.accounts.records, at, 2), { quarters: 0, witness: -1 })
  ledger = block(network, ledger, '0>1')
  t.strictSame(livesOf(ledger), [0, 0])
  const { quarters, witness } = lifeMarks(ledger.accounts.records, at, 2)
  t.equal(quarters, 1)
  t.equal(ledger.validators[witness]!.nodeKey, nodeKey(1))
  for (let i = 0; i < 3; i++) ledger = block(network, ledger, '1>0')
  t.strictSame(powersOf(ledger), [6 * M, 6 * M], 'no life beat in all quarters of the second epoch')
})

t.test('the index of a witness belongs to the set of its epoch', async (t) => {
  const network = networkOf()
  let ledger = network.ledger()
  const join = (who: number) => network.join({ who, signedAt: ledger.height })
  for (let i = 0; i < 4; i++) ledger = block(network, ledger, '0>0 1>1', i === 0 ? [2, 3, 4, 5].map(join) : [])
  t.equal(ledger.validators.length, 6, 'the others have other places now')
  for (let i = 0; i < 4; i++) ledger = block(network, ledger, '0>5 1>1 2>5')
  const history = (n: number): readonly number[] => ledger.governance.members.find(({ key }) => key === validatorKey(n))!.history
  t.strictSame([0, 1, 2, 5].map(history), [[0], [1], [0], [2]])
})

t.test('an enrolment counts from the block after it', async (t) => {
  const network = networkOf()
  let ledger = network.ledger()
  const enrolment = network.enrolment({ by: 90, devices: [7] })
  const beat = network.beat({ of: 7, witness: '0', timestampS: ledger.timestampMs / 1_000 + 1, sequence: 1 })
  const refused = build(ledger, { heartbeats: [beat], transactions: [enrolment] })
  t.strictSame([refused.execution.heartbeats.length, refused.execution.transactions.length], [0, 1], 'heartbeats come before transactions')
  ledger = block(network, ledger, '0>0', [enrolment])
  for (let i = 0; i < 3; i++) ledger = block(network, ledger, '0>0 7>0')
  t.strictSame(powersOf(ledger), [7 * M, 6 * M], 'three quarters of its first epoch are not enough')
  for (let i = 0; i < 4; i++) ledger = block(network, ledger, '0>0 7>0')
  t.strictSame(powersOf(ledger), [8 * M, 6 * M])
})

t.test('in open mode ten thousand keys move nothing', async (t) => {
  const network = governedOf([3 * M, 3 * M], { epochBlocks: 4, lifeWindowEpochs: 1 }, { registrars: [device(90)], enrolled: [device(0)] })
  let ledger = network.ledger()
  for (let i = 0; i < 8; i++) {
    const timestampMs = ledger.timestampMs + 1_000
    const heartbeats = sorted(Array.from({ length: 10_000 }, (_, of) => network.beat({ of, witness: '1', timestampS: timestampMs / 1_000, sequence: i })))
    ledger = grow(ledger, { timestampMs, heartbeats, parentCertificate: certificateBy(ledger), transactions: i === 0 ? [network.enrolment({ by: 90, devices: [1, 2, 3] })] : [] })
    t.strictSame([ledger.governance.epoch.lives, powersOf(ledger)], [[0, 0], [3 * M, 3 * M]])
  }
  t.equal(ledger.accounts.count, 10_000)
  t.strictSame(ledger.governance.members.map(({ history }) => history), [[0], [0]])
})
