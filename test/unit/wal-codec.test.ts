// The engine's inputs as records of the write-ahead log: all of them come back, and what is damaged is refused.

import fc from 'fast-check'
import t from 'tap'
import { concat, writeUint64 } from '../../src/base/bytes.ts'
import { markVerified } from '../../src/crypto/verified.ts'
import type { LoggedEntry, LoggedInput } from '../../src/engine/input.ts'
import { decodeWal, WAL_KIND, WalEncoder } from '../../src/node/wal-codec.ts'
import type { WalRecord } from '../../src/chain/segment.ts'
import type { Block } from '../../src/protocol/block.ts'
import { encodeBlock } from '../../src/protocol/block.ts'
import { headerId } from '../../src/protocol/header.ts'
import type { Proposal } from '../../src/protocol/proposal.ts'
import { PROPOSAL_SIZE } from '../../src/protocol/proposal.ts'
import * as arbitrary from '../fuzz/arbitraries.ts'
import { holds } from '../fuzz/holds.ts'
import { asText } from './ledger-fixture.ts'

const { GENESIS_HASH } = arbitrary
const round = fc.nat({ max: 1_000_000 })

const timer: fc.Arbitrary<LoggedInput> = fc
  .record({ height: arbitrary.uint53, round, step: fc.constantFrom('propose' as const, 'prevote' as const, 'precommit' as const) })
  .map(({ height, round: of, step }): LoggedInput => ({ kind: 'timer', timer: { name: 'timeout', height, round: of, step } }))

const proposed = (proposal: Proposal, block: Block): LoggedInput => ({ kind: 'proposal', proposed: markVerified({ proposal: { ...proposal, blockId: headerId(block.header) }, block }) })

/** Inputs of one height, in which a few blocks come again and again. */
const inputs: fc.Arbitrary<LoggedInput[]> = fc.array(arbitrary.block, { minLength: 1, maxLength: 3 }).chain((blocks) => {
  const block = fc.constantFrom(...blocks)
  return fc.array(
    fc.oneof(
      arbitrary.uint53.map((height): LoggedInput => ({ kind: 'begin', height })),
      timer,
      fc.tuple(round, block).map(([of, value]): LoggedInput => ({ kind: 'value', round: of, block: markVerified(value) })),
      fc.tuple(arbitrary.proposal, block).map(([proposal, value]) => proposed(proposal, value)),
      arbitrary.vote.map((vote): LoggedInput => ({ kind: 'vote', vote: markVerified(vote) })),
      fc.array(arbitrary.vote, { maxLength: 4 }).map((votes): LoggedInput => ({ kind: 'quorum', votes: votes.map(markVerified) })),
    ),
    { maxLength: 12 },
  )
})

function encodeAll(entries: readonly LoggedEntry[]): WalRecord[] {
  const encoder = new WalEncoder()
  return entries.map(({ input, nowMs }) => encoder.encode(input, nowMs))
}

const same = (a: unknown, b: unknown): boolean => asText(a) === asText(b)

t.test('all inputs survive, with the time at which they were processed', async (t) => {
  const kinds = new Set<string>()
  holds(
    t,
    'round trip',
    fc.property(inputs, fc.array(arbitrary.uint53, { minLength: 12, maxLength: 12 }), (drawn, times) => {
      const entries = drawn.map((input, i): LoggedEntry => ({ input, nowMs: times[i]! }))
      for (const { kind } of drawn) kinds.add(kind)
      return same(decodeWal(encodeAll(entries), GENESIS_HASH), entries)
    }),
    { numRuns: 150 },
  )
  t.strictSame([...kinds].sort(), Object.keys(WAL_KIND).sort(), 'every kind was drawn')
})

const [one, other] = fc.sample(arbitrary.block, { numRuns: 2, seed: 7 }) as [Block, Block]
const [statement] = fc.sample(arbitrary.proposal, { numRuns: 1, seed: 7 }) as [Proposal]
const withoutBlock = 8 + PROPOSAL_SIZE

t.test('a block is written once, whoever brought it', async (t) => {
  const encoder = new WalEncoder()
  const size = (input: LoggedInput): number => encoder.encode(input, 1).payload.length
  const full = withoutBlock + encodeBlock(one).length
  t.equal(size(proposed(statement, one)), full)
  t.equal(size(proposed({ ...statement, round: statement.round + 1 }, one)), withoutBlock)
  t.equal(size(proposed(statement, other)), withoutBlock + encodeBlock(other).length)
  t.equal(size({ kind: 'value', round: 0, block: markVerified(one) }), 8 + 4 + encodeBlock(one).length, 'our own is written whole')

  const own = new WalEncoder()
  own.encode({ kind: 'value', round: 0, block: markVerified(one) }, 1)
  t.equal(own.encode(proposed(statement, one), 1).payload.length, withoutBlock)

  for (const input of [proposed(statement, one), { kind: 'value', round: 0, block: markVerified(one) } as const]) {
    const again = new WalEncoder()
    again.remember(input)
    t.equal(again.encode(proposed(statement, one), 1).payload.length, withoutBlock, `${input.kind} was read back`)
    t.equal(again.encode(proposed(statement, other), 1).payload.length, withoutBlock + encodeBlock(other).length)
  }
})

t.test('a proposal that names another block than it carries spoils nothing', async (t) => {
  const lie: LoggedInput = { kind: 'proposal', proposed: markVerified({ proposal: { ...statement, blockId: headerId(one.header) }, block: other }) }
  const [first, second] = [proposed(statement, one), proposed(statement, other)]
  const orders: LoggedInput[][] = [[lie, first], [first, lie, first], [lie, second, first], [lie, lie]]
  for (const [i, order] of orders.entries()) {
    const entries = order.map((input): LoggedEntry => ({ input, nowMs: 5 }))
    t.ok(same(decodeWal(encodeAll(entries), GENESIS_HASH), entries), `order ${i}`)

    // The same with a restart behind every input.
    const records: WalRecord[] = []
    for (const { input, nowMs } of entries) {
      const encoder = new WalEncoder()
      for (const entry of decodeWal(records, GENESIS_HASH)) encoder.remember(entry.input)
      records.push(encoder.encode(input, nowMs))
    }
    t.ok(same(decodeWal(records, GENESIS_HASH), entries), `order ${i}, with restarts`)
  }
})

t.test('what this version did not write is a RangeError', async (t) => {
  const [record] = encodeAll([{ input: proposed(statement, one), nowMs: 1 }]) as [WalRecord]
  const [begin] = encodeAll([{ input: { kind: 'begin', height: 5 }, nowMs: 1 }]) as [WalRecord]
  const [timeout] = encodeAll([{ input: { kind: 'timer', timer: { name: 'timeout', height: 5, round: 2, step: 'prevote' } }, nowMs: 1 }]) as [WalRecord]
  const cut = ({ kind, payload }: WalRecord, size: number): WalRecord => ({ kind, payload: payload.slice(0, size) })
  const longer = ({ kind, payload }: WalRecord): WalRecord => ({ kind, payload: concat(payload, new Uint8Array(1)) })
  const changed = ({ kind, payload }: WalRecord, at: number, ...values: number[]): WalRecord => {
    const copy = payload.slice()
    copy.set(values, at)
    return { kind, payload: copy }
  }
  const unsafe = [0, 0, 0, 0, 0, 0, 0x20, 0]
  const rows: [desc: string, record: WalRecord][] = [
    ['kind 0', { ...begin, kind: 0 }],
    ['an unknown kind', { ...begin, kind: 7 }],
    ['no payload', { kind: WAL_KIND.begin, payload: new Uint8Array(0) }],
    ['half a time', cut(begin, 4)],
    ['a time that is not safe', changed(begin, 0, ...unsafe)],
    ['no height', cut(begin, 8)],
    ['a longer height', longer(begin)],
    ['a height that is not safe', changed(begin, 8, ...unsafe)],
    ['a shorter timer', cut(timeout, timeout.payload.length - 1)],
    ['a longer timer', longer(timeout)],
    ['a timer of an unknown step', changed(timeout, 16, 4)],
    ['a timer of no safe height', changed(timeout, 8, ...unsafe)],
    ['a proposal without its block', cut(record, withoutBlock)],
    ['a proposal with half its block', cut(record, withoutBlock + 100)],
    ['half a proposal', cut(record, 100)],
    ['a block with a trailing byte', longer(record)],
    ['a value without a block', { kind: WAL_KIND.value, payload: new Uint8Array(12) }],
    ['a value without a round', { kind: WAL_KIND.value, payload: new Uint8Array(9) }],
    ['a vote of no bytes', { kind: WAL_KIND.vote, payload: new Uint8Array(8) }],
    ['a vote of an unknown type', { kind: WAL_KIND.vote, payload: new Uint8Array(200) }],
    ['a quorum with half a vote', { kind: WAL_KIND.quorum, payload: new Uint8Array(8 + 10) }],
  ]
  for (const [desc, damaged] of rows) t.throws(() => decodeWal([damaged], GENESIS_HASH), RangeError, desc)
  const time = new Uint8Array(8)
  writeUint64(time, 0, 9)
  t.strictSame(decodeWal([{ kind: WAL_KIND.quorum, payload: time }], GENESIS_HASH), [{ nowMs: 9, input: { kind: 'quorum', votes: [] } }])
})

t.test('damaged records give a RangeError or another input, and no other error', async (t) => {
  holds(
    t,
    'damage',
    fc.property(inputs, fc.array(fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 3 }), (drawn, flips) => {
      const records = encodeAll(drawn.map((input) => ({ input, nowMs: 1 })))
      for (const [which, at, xor] of flips) {
        const record = records[which % (records.length || 1)]
        if (record !== undefined) record.payload[at % record.payload.length]! ^= xor
      }
      try {
        return decodeWal(records, GENESIS_HASH).length === records.length
      } catch (error) {
        return error instanceof RangeError
      }
    }),
    { numRuns: 300 },
  )
})
