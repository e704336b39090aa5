// The checker, shown one offence after another: each must be named.

import t from 'tap'
import type { Certificate } from '../../src/protocol/certificate.ts'
import { certificateRoot } from '../../src/protocol/certificate.ts'
import type { Block } from '../../src/protocol/block.ts'
import { bodyRoot } from '../../src/protocol/block.ts'
import { headerId } from '../../src/protocol/header.ts'
import type { Vote } from '../../src/protocol/vote.ts'
import { voteMessage } from '../../src/protocol/vote.ts'
import { fromBin, toBin } from '../../src/base/bytes.ts'
import { Checker } from '../../src/sim/checker.ts'
import { drawScenario } from '../../src/sim/scenario.ts'
import { fakeSignature } from '../../src/sim/signer.ts'
import { VotesChecker } from '../../src/sim/votes-checker.ts'
import { World } from '../../src/sim/world.ts'

// A short history, on which the offences are committed.
const scenario = drawScenario({ seed: 11, nodes: 4, villainy: 'none' })
const world = new World(scenario, 0)
world.calmDown()
world.run(() => world.lowestHeight >= 6, 60_000)
const node = world.members[0]!
const { genesis } = scenario
const { validators } = genesis
const at = (height: number): { block: Block; certificate: Certificate } => node.store.at(height)!

/** A checker that has seen the first blocks, as node 0 decided them. */
function seen(heights: number): Checker {
  const checker = new Checker(genesis, scenario.members.map(({ key }) => key), null)
  for (let height = 1; height <= heights; height++) tell(checker, at(height).block, at(height).certificate)
  return checker
}

const tell = (checker: Checker, block: Block, certificate: Certificate, by = 0, stored = block.header.height): void => checker.committed(by, headerId(block.header), block, certificate, stored)

const kinds = (checker: Checker): string[] => [...new Set(checker.violations.map(({ kind }) => kind))].sort()

/** A certificate for a block, signed by the validators with these indices. */
function signed({ header }: Block, signers: readonly number[], round = 0): Certificate {
  const statement = { height: header.height, round, type: 'precommit', blockId: headerId(header) } as const
  const message = voteMessage(world.genesisHash, statement)
  return { height: header.height, round, blockId: statement.blockId, signatures: signers.map((validator) => ({ validator, signature: fakeSignature(fromBin(validators[validator]!.key), message) })) }
}

/** A block with another header or body, and all roots of the body in order. */
function changed(block: Block, header: Partial<Block['header']>, body: Partial<Block['body']> = {}): Block {
  const whole = { ...block.body, ...body }
  const roots = { bodyRoot: toBin(bodyRoot(whole)), parentCertificateRoot: toBin(certificateRoot(whole.parentCertificate)) }
  return { header: { ...block.header, ...roots, ...header }, body: whole }
}

const all = validators.map((_, index) => index)

t.test('an honest history is not complained of', async (t) => {
  t.ok(world.lowestHeight >= 6 && at(5).block.body.heartbeats.length > 1)
  t.strictSame(world.checker.violations, [])
  t.strictSame(seen(6).violations, [])
})

t.test('agreement: a second block at a height', async (t) => {
  const checker = seen(4)
  const { block } = at(4)
  const other = changed(block, { timestampMs: block.header.timestampMs + 1 })
  tell(checker, other, signed(other, all), 1)
  t.strictSame(kinds(checker), ['agreement'])
  const late = seen(2)
  late.applied(0, { height: 3, supply: 0n, accounts: [], validators: [] })
  t.strictSame(kinds(late), ['agreement'], 'a node is at a height that nobody decided')
})

t.test('validity: the block and its parent, its body, its time, its items', async (t) => {
  const { block } = at(5)
  const { header, body } = block
  const [first, second] = body.heartbeats
  const offences: Record<string, [Block, string]> = {
    'another parent': [changed(block, { parentId: 'p'.repeat(32) }), 'parent'],
    'a body that is not that of the header': [{ header, body: { ...body, heartbeats: [] } }, 'body'],
    'a certificate that is not that of the header': [changed(block, { parentCertificateRoot: 'c'.repeat(32) }), 'body'],
    'a parent without a certificate': [changed(block, {}, { parentCertificate: null }), 'certificate'],
    'a parent with too small a certificate': [changed(block, {}, { parentCertificate: signed(at(4).block, [0]) }), 'certificate'],
    'too early': [changed(block, { timestampMs: at(4).block.header.timestampMs + 999 }), 'timestamp'],
    'a heartbeat twice': [changed(block, {}, { heartbeats: [first!, first!, second!] }), 'heartbeat'],
    'a heartbeat again': [changed(block, {}, { heartbeats: at(4).block.body.heartbeats }), 'heartbeat'],
    'a heartbeat that is old': [changed(block, { timestampMs: header.timestampMs + 60_000 }), 'heartbeat'],
    'a heartbeat from the future': [changed(block, { timestampMs: header.timestampMs - 20_000 }), 'heartbeat'],
    'more weight than there is': [changed(block, { weightPpm: header.weightPpm + 1 }), 'header'],
    'more lives than there are': [changed(block, { lives: header.lives + 1 }), 'header'],
    'more life than there was': [changed(block, { cumulativeLifePpm: header.cumulativeLifePpm + 1n }), 'header'],
    'a proposer out of turn': [changed(block, { proposer: 'q'.repeat(32) }), 'turn'],
  }
  for (const [what, [wrong, kind]] of Object.entries(offences)) {
    const checker = seen(4)
    tell(checker, wrong, signed(wrong, all))
    t.ok(kinds(checker).includes(kind), `${what}: ${kinds(checker).join()}`)
  }
  const gap = seen(4)
  tell(gap, at(6).block, at(6).certificate)
  t.ok(kinds(gap).includes('parent'), 'a height is left out')
  const twice = seen(4)
  tell(twice, at(4).block, at(4).certificate, 0, 5)
  t.strictSame(kinds(twice), ['parent'], 'a node stores a height twice')
})

t.test('certificates: counted and verified anew', async (t) => {
  const { block, certificate } = at(5)
  const powers = genesis.validators.map(({ power }) => power)
  const lightest = all.filter((index) => powers[index] !== Math.max(...powers)).slice(0, 1)
  const whole = signed(block, all)
  const offences: Record<string, Certificate> = {
    'too little power': signed(block, lightest),
    'one validator twice': { ...whole, signatures: lightest.flatMap((index) => Array.from({ length: 40 }, () => whole.signatures[index]!)) },
    'no validator at all': { ...whole, signatures: [...whole.signatures, { validator: 9, signature: whole.signatures[0]!.signature }] },
    'signatures of another round': { ...whole, round: 1 },
    'for another block': signed(at(4).block, all),
  }
  for (const [what, wrong] of Object.entries(offences)) {
    const checker = seen(4)
    tell(checker, block, wrong)
    t.strictSame(kinds(checker), ['certificate'], what)
  }
  const good = seen(4)
  tell(good, block, certificate)
  t.strictSame(kinds(good), [])
})

t.test('balances: what a node holds against the model', async (t) => {
  const { ledger } = node.engine!
  const accounts = Array.from({ length: ledger.accounts.count }, (_, index) => ledger.accounts.get(index)!)
  const view = { height: ledger.height, supply: ledger.supply, accounts, validators: ledger.validators }
  const [first, ...rest] = accounts
  const wrong = {
    'right': [view, []],
    'supply': [{ ...view, supply: view.supply + 1n }, ['balance']],
    'an account less': [{ ...view, accounts: rest }, ['balance']],
    'a unit more': [{ ...view, accounts: [{ ...first!, balance: first!.balance + 1n }, ...rest] }, ['balance']],
    'a validator less': [{ ...view, validators: view.validators.slice(1) }, ['power']],
    'a unit of power more': [{ ...view, validators: view.validators.map((each, i) => (i === 0 ? { ...each, power: each.power + 1 } : each)) }, ['power']],
    'a nonce': [{ ...view, accounts: [{ ...first!, nonce: first!.nonce + 1 }, ...rest] }, ['balance']],
  } as const
  for (const [what, [told, expected]] of Object.entries(wrong)) {
    const checker = seen(ledger.height)
    checker.applied(0, told)
    t.strictSame(kinds(checker), expected, what)
  }
})

t.test('variety: one proposer for all is not enough', async (t) => {
  const checker = seen(1)
  checker.variety()
  t.strictSame(kinds(checker), ['turn'])
})

t.test('what honest validators sign', async (t) => {
  type Signed = readonly [node: number, type: Vote['type'], round: number, blockId: string | null]
  const polka = (round: number, id: string): Signed[] => [0, 1, 2].map((each) => [each, 'prevote', round, id])
  const rows: { desc: string; signed: readonly Signed[]; honest?: boolean; expected: readonly string[] }[] = [
    { desc: 'the same again', signed: [[0, 'prevote', 0, 'X'], [0, 'prevote', 0, 'X']], expected: [] },
    { desc: 'two votes for one question', signed: [[0, 'prevote', 0, 'X'], [0, 'prevote', 0, null]], expected: ['double-sign'] },
    { desc: 'the same by a villain', signed: [[0, 'prevote', 0, 'X'], [0, 'prevote', 0, null]], honest: false, expected: [] },
    { desc: 'an earlier round', signed: [[0, 'prevote', 1, null], [0, 'prevote', 0, null]], expected: ['backwards'] },
    { desc: 'an earlier step', signed: [[0, 'precommit', 0, null], [0, 'prevote', 0, null]], expected: ['backwards'] },
    { desc: 'a precommit after its quorum', signed: [...polka(0, 'X'), [0, 'precommit', 0, 'X']], expected: [] },
    { desc: 'a precommit without one', signed: [...polka(0, 'X').slice(1), [0, 'prevote', 0, null], [0, 'precommit', 0, 'X']], expected: ['precommit'] },
    { desc: 'a precommit for nil', signed: [[0, 'precommit', 0, null]], expected: [] },
    { desc: 'another block against a lock', signed: [...polka(0, 'X'), [0, 'precommit', 0, 'X'], [0, 'prevote', 1, 'Y']], expected: ['lock'] },
    { desc: 'the same block, or nil', signed: [...polka(0, 'X'), [0, 'precommit', 0, 'X'], [0, 'prevote', 1, 'X'], [0, 'prevote', 2, null]], expected: [] },
    { desc: 'another block with a newer quorum', signed: [...polka(0, 'X'), [0, 'precommit', 0, 'X'], [1, 'prevote', 1, 'Y'], [2, 'prevote', 1, 'Y'], [3, 'prevote', 1, 'Y'], [0, 'prevote', 2, 'Y']], expected: [] },
    { desc: 'another block with an older quorum', signed: [[1, 'prevote', 0, 'Y'], [2, 'prevote', 0, 'Y'], [3, 'prevote', 0, 'Y'], ...polka(1, 'X'), [0, 'precommit', 1, 'X'], [0, 'prevote', 2, 'Y']], expected: ['lock'] },
  ]
  for (const { desc, signed: votes, honest = true, expected } of rows) {
    const complaints: string[] = []
    const checker = new VotesChecker(() => 1n, () => 4n, (kind) => complaints.push(kind))
    for (const [validator, type, round, blockId] of votes) checker.vote(validator, { height: 1, round, type, blockId, validator: '', signature: new Uint8Array(64) }, honest)
    t.strictSame(complaints, expected, desc)
  }
  const complaints: string[] = []
  const checker = new VotesChecker(() => 1n, () => 1n, (kind) => complaints.push(kind))
  const proposal = { height: 1, round: 0, validRound: -1, blockId: 'X', proposer: '', signature: new Uint8Array(64) }
  for (const blockId of ['X', 'X', 'Y']) checker.proposal(0, { ...proposal, blockId })
  t.strictSame(complaints, ['double-sign'], 'two proposals for one round')
})
