// Whole blocks: what is built is valid, every change of it is refused by name, and each limit holds at it and one past it.

import fc from 'fast-check'
import t from 'tap'
import type { Bin } from '../../src/base/bytes.ts'
import { binToHex, toBin } from '../../src/base/bytes.ts'
import type { ExecutedBlock } from '../../src/ledger/blocks.ts'
import { buildBlock, earliestTimestampMs, heartbeatLimit, validateBlock } from '../../src/ledger/blocks.ts'
import type { Ledger } from '../../src/ledger/state.ts'
import { HeartbeatPool } from '../../src/mempool/heartbeats.ts'
import type { Block, Body } from '../../src/protocol/block.ts'
import { bodyRoot, decodeBlock, encodeBlock } from '../../src/protocol/block.ts'
import type { Certificate } from '../../src/protocol/certificate.ts'
import { certificateRoot } from '../../src/protocol/certificate.ts'
import type { Header } from '../../src/protocol/header.ts'
import { HEARTBEAT_RECORD_SIZE } from '../../src/protocol/heartbeat.ts'
import { MAX_TRANSACTION_BYTES } from '../../src/protocol/limits.ts'
import type { Heartbeat } from '../../src/protocol/heartbeat.ts'
import type { Params } from '../../src/protocol/params.ts'
import { encodeTransaction } from '../../src/protocol/transaction.ts'
import type { TransferTransaction } from '../../src/protocol/transaction.ts'
import { holds } from '../fuzz/holds.ts'
import { governedOf } from './ledger-governance-fixture.ts'
import type { Network } from './ledger-fixture.ts'
import { build, bytesOf, candidateOn, certificateOf, commit, device, digest, grow, networkOf, sorted, verdict } from './ledger-fixture.ts'

const nextS = (ledger: Ledger): number => earliestTimestampMs(ledger) / 1_000

/** Height 1, with lives 0 to 3 paid; and the block after it, with two heartbeats of life 0 and transfers of 0 and 1. */
function scene(params: Partial<Params> = {}): { network: Network; ledger: Ledger; copy: Ledger; built: ExecutedBlock } {
  const network = networkOf(params)
  const first = { heartbeats: sorted([0, 1, 2, 3].map((of) => network.beat({ of, timestampS: nextS(network.ledger()), sequence: 1 }))) }
  const [ledger, copy] = [grow(network.ledger(), first), grow(network.ledger(), first)]
  const second = {
    heartbeats: sorted([
      ...[0, 1, 2, 3].map((of) => network.beat({ of, timestampS: nextS(ledger), sequence: 2, rateLevel: of })),
      network.beat({ of: 0, timestampS: nextS(ledger) + 1, sequence: 3 }),
    ]),
    transactions: [
      network.transfer({ from: 0, to: 1, amount: 5_000n }),
      network.transfer({ from: 0, to: 9, amount: network.params.accountMinimum, nonce: 1 }),
      network.transfer({ from: 1, to: 1, amount: 7n }),
    ],
  }
  return { network, ledger, copy, built: build(ledger, second) }
}

t.test('a block that was built is valid on a ledger with the same history, and leads to the same state', async (t) => {
  const { ledger, copy, built } = scene()
  t.equal(built.execution.heartbeats.length, 5)
  t.equal(built.execution.transactions.length, 3)
  const validated = validateBlock(copy, built.block)
  t.ok(validated.ok && validated.value.id === built.id)
  t.equal(toBin(commit(ledger, built).accountsRoot), toBin(commit(copy, (validated as { value: ExecutedBlock }).value).accountsRoot))
})

t.test('validating changes nothing, and a refused block leaves no trace', async (t) => {
  const { ledger, built } = scene()
  const before = [toBin(ledger.accountsRoot), ledger.accounts.count, toBin(ledger.accounts.records)]
  t.equal(verdict(ledger, built.block), 'ok')
  t.equal(verdict(ledger, { ...built.block, body: { ...built.block.body, transactions: [...built.block.body.transactions].reverse() } }), 'transaction 1 nonce_gap')
  t.equal(verdict(ledger, built.block), 'ok')
  t.strictSame([toBin(ledger.accountsRoot), ledger.accounts.count, toBin(ledger.accounts.records)], before)
})

const flipped = (bin: Bin): Bin => String.fromCharCode(bin.charCodeAt(0) ^ 1) + bin.slice(1)

t.test('every change of a header field is refused', async (t) => {
  const { ledger, built } = scene()
  const { header, body } = built.block
  const with_ = (change: Partial<Header>): string => verdict(ledger, { header: { ...header, ...change }, body })
  const names = new Set<string>()
  for (const [name, value] of Object.entries(header) as [keyof Header, number | bigint | Bin][]) {
    names.add(name)
    for (const other of typeof value === 'string' ? [flipped(value), '\0'.repeat(32)] : typeof value === 'bigint' ? [value + 1n, value - 1n, 0n] : [value + 1, value - 1, 0]) {
      if (name === 'timestampMs') continue
      t.equal(with_({ [name]: other }), `header ${name}`, `${name}: ${typeof other === 'string' ? binToHex(other).slice(0, 8) : other}`)
    }
  }
  t.equal(names.size, 14, 'all fields were tried')
  t.equal(with_({ timestampMs: header.timestampMs + 1 }), 'header stateRoot')
  t.equal(with_({ timestampMs: header.timestampMs - 1 }), 'too_early')
  t.equal(with_({ timestampMs: header.timestampMs + ledger.params.heartbeatMaxAgeMs + 1 }), 'heartbeat 0 too_old')
  t.equal(with_({ proposer: ledger.validators[1]!.key }), 'ok', 'whose turn it was is judged by the engine')
})

t.test('every change of a body is refused', async (t) => {
  const { network, ledger, built } = scene()
  const { header, body } = built.block
  const { heartbeats, transactions } = body
  const without = <T>(list: readonly T[], i: number): T[] => list.filter((_, j) => j !== i)
  const swapped = <T>(list: readonly T[], i: number, j: number): T[] => list.map((item, k) => (k === i ? list[j]! : k === j ? list[i]! : item))
  const with_ = (change: Partial<Body>): string => verdict(ledger, { header, body: { ...body, ...change } })

  for (let i = 0; i < heartbeats.length; i++) {
    t.equal(with_({ heartbeats: without(heartbeats, i) }), 'header bodyRoot', `without heartbeat ${i}`)
    t.equal(with_({ heartbeats: [...heartbeats.slice(0, i + 1), ...heartbeats.slice(i)] }), `heartbeat ${i + 1} order`, `heartbeat ${i} twice`)
    for (let j = i + 1; j < heartbeats.length; j++) t.match(with_({ heartbeats: swapped(heartbeats, i, j) }), /^heartbeat \d order$/, `heartbeats ${i} and ${j} swapped`)
  }
  for (let i = 0; i < transactions.length; i++) {
    t.match(with_({ transactions: without(transactions, i) }), i === 0 ? 'transaction 0 nonce_gap' : 'header bodyRoot', `without transaction ${i}`)
    t.equal(with_({ transactions: [...transactions, transactions[i]!] }), 'transaction 3 nonce_used', `transaction ${i} twice`)
  }
  t.equal(with_({ transactions: swapped(transactions, 0, 2) }), 'transaction 1 nonce_gap')
  t.equal(with_({ transactions: swapped(transactions, 1, 2) }), 'header bodyRoot', 'an order that is valid too, but another one')
  t.equal(with_({ heartbeats: [] }), 'not_justified')

  const [first] = heartbeats as [Heartbeat]
  const replaced = (change: Partial<Parameters<Network['beat']>[0]>): string => {
    const { device: of, timestampS, sequence, rateLevel, motionLevel } = first
    return with_({ heartbeats: [network.beat({ of, timestampS, sequence, rateLevel, motionLevel, ...change }), ...heartbeats.slice(1)] })
  }
  t.equal(replaced({}), 'ok', 'the same heartbeat made again')
  t.equal(replaced({ salt: 'other' }), 'header bodyRoot', 'another signature below the same statement')
  t.equal(replaced({ witness: 'other' }), 'header bodyRoot')
  t.equal(replaced({ evidence: 'other' }), 'header bodyRoot')
  t.equal(replaced({ rateLevel: (first.rateLevel + 1) % 8 }), 'header bodyRoot')
  t.equal(replaced({ sequence: 1 }), 'heartbeat 0 sequence_replayed')
  t.equal(replaced({ timestampS: first.timestampS - 1 }), 'heartbeat 0 too_fast')
  t.equal(with_({ heartbeats: sorted([...heartbeats, network.beat({ of: 50, timestampS: first.timestampS, sequence: 1 })]) }), 'header bodyRoot', 'one more life')
  const [transfer] = transactions as [TransferTransaction]
  const resigned = network.transfer({ from: 0, to: 1, amount: transfer.transfer.amount, salt: 'other' })
  t.equal(with_({ transactions: [resigned, ...transactions.slice(1)] }), 'header bodyRoot', 'another signature below the same transfer')
  t.equal(with_({ transactions: [network.transfer({ from: 0, to: 1, amount: 4_999n }), ...transactions.slice(1)] }), 'header bodyRoot')
})

t.test('the parent certificate must be one of the parent, and the one that the header names', async (t) => {
  const { network, ledger, built } = scene()
  const { header, body } = built.block
  const certificate = body.parentCertificate!
  const with_ = (parentCertificate: Certificate | null): string => verdict(ledger, { header, body: { ...body, parentCertificate } })
  t.equal(with_(null), 'parent_certificate')
  t.equal(with_({ ...certificate, height: 0 }), 'parent_certificate')
  t.equal(with_({ ...certificate, height: 2 }), 'parent_certificate')
  t.equal(with_({ ...certificate, blockId: flipped(certificate.blockId) }), 'parent_certificate')
  t.equal(with_({ ...certificate, blockId: built.id }), 'parent_certificate')
  t.equal(with_({ ...certificate, round: 1 }), 'header parentCertificateRoot')
  const resigned = [{ ...certificate.signatures[0]!, signature: bytesOf('other', 64) }]
  t.equal(with_({ ...certificate, signatures: resigned }), 'header parentCertificateRoot', 'the same signers')
  t.equal(with_({ ...certificate, signatures: [] }), 'header stateRoot', 'who signed is counted in the state')
  t.equal(with_({ ...certificate, signatures: [{ ...certificate.signatures[0]!, validator: 1 }] }), 'header stateRoot')
  const moved = { ...certificate, round: 1 }
  const renamed = { ...header, parentCertificateRoot: toBin(certificateRoot(moved)) }
  t.equal(verdict(ledger, { header: renamed, body: { ...body, parentCertificate: moved } }), 'ok', 'any certificate of the parent will do, if header and body agree')

  const start = network.ledger()
  const one = build(start, { heartbeats: [network.beat({ of: 0, timestampS: nextS(start), sequence: 1 })] })
  t.equal(verdict(start, one.block), 'ok')
  const invented = { ...certificate, height: 0, blockId: start.headId }
  t.equal(verdict(start, { ...one.block, body: { ...one.block.body, parentCertificate: invented } }), 'parent_certificate', 'block 1 has none')
  t.equal(verdict(ledger, one.block), 'too_early', 'a block of an earlier height')
})

t.test('a block needs the lives of its threshold, counted once each', async (t) => {
  const network = networkOf({ threshold: 3 })
  const ledger = network.ledger()
  const beats = (...who: [of: number, sequence: number, timestampS: number][]): Heartbeat[] =>
    sorted(who.map(([of, sequence, afterS]) => network.beat({ of, sequence, timestampS: nextS(ledger) + afterS })))
  const full = build(ledger, { heartbeats: beats([0, 1, 0], [1, 1, 0], [2, 1, 0]) })
  t.equal(verdict(ledger, full.block), 'ok')
  for (const heartbeats of [[], beats([0, 1, 0], [1, 1, 0]), beats([0, 1, 0], [1, 1, 0], [1, 2, 1], [0, 2, 1])]) {
    t.equal(buildBlock(ledger, candidateOn(ledger, { heartbeats })), null, `${heartbeats.length} heartbeats`)
    const body = { ...full.block.body, heartbeats }
    t.equal(verdict(ledger, { header: { ...full.block.header, bodyRoot: toBin(bodyRoot(body)) }, body }), 'not_justified')
  }
  t.equal(buildBlock(ledger, candidateOn(ledger, { heartbeats: beats([0, 1, 0], [1, 1, 0], [2, 1, 60]) })), null, 'a heartbeat that is not valid does not count')
})

t.test('a block is at least one interval younger than its parent, the first than the genesis', async (t) => {
  const { network, ledger } = scene()
  for (const [base, name] of [[network.ledger(), 'genesis'], [ledger, 'block']] as const) {
    const content = (timestampMs: number) => ({ timestampMs, heartbeats: [network.beat({ of: 7, timestampS: nextS(base), sequence: 1 })] })
    const earliest = earliestTimestampMs(base)
    t.equal(earliest, base.timestampMs + network.params.blockIntervalMs)
    t.equal(verdict(base, build(base, content(earliest)).block), 'ok', name)
    t.equal(verdict(base, build(base, content(earliest + 1)).block), 'ok', name)
    t.equal(verdict(base, build(base, content(earliest - 1)).block), 'too_early', name)
    t.equal(verdict(base, build(base, content(base.timestampMs)).block), 'too_early', name)
  }
})

t.test('maxHeartbeats and maxTransactions: at the limit valid, one past it refused, and builders stop there', async (t) => {
  const wide = networkOf()
  const first = { heartbeats: sorted([0, 1, 2, 3].map((of) => wide.beat({ of, timestampS: nextS(wide.ledger()), sequence: 1 }))) }
  const heartbeats = (base: Ledger): Heartbeat[] => sorted([0, 1, 2, 3].map((of) => wide.beat({ of, timestampS: nextS(base), sequence: 2 })))
  const transactions = [0, 1, 2].map((from) => wide.transfer({ from, to: 3 }))
  const under = (params: Partial<Params>): Ledger => {
    const ledger = grow(wide.ledger(), first)
    return { ...ledger, params: { ...ledger.params, ...params } }
  }
  for (const [params, expected, lists] of [
    // Past the limits: what differs is that the block was built under other parameters.
    [{ maxHeartbeats: 4, maxTransactions: 3 }, 'header stateRoot', [4, 3]],
    [{ maxHeartbeats: 3, maxTransactions: 3 }, 'too_large', [3, 3]],
    [{ maxHeartbeats: 4, maxTransactions: 2 }, 'too_large', [4, 2]],
    [{ maxHeartbeats: 4, maxTransactions: 1 }, 'too_large', [4, 1]],
  ] as const) {
    const ledger = under(params)
    const all = build(under({}), { heartbeats: heartbeats(ledger), transactions })
    t.equal(verdict(ledger, all.block), expected, JSON.stringify(params))
    const own = build(ledger, { heartbeats: heartbeats(ledger), transactions })
    t.strictSame([own.execution.heartbeats.length, own.execution.transactions.length], lists)
    t.equal(verdict(under(params), own.block), 'ok', 'what the builder leaves is valid')
  }
})

/** Bytes of a body, as docs/protocol.md counts them. */
const sizeOf = ({ heartbeats, transactions }: Pick<Body, 'heartbeats' | 'transactions'>): number =>
  181 * heartbeats.length + transactions.reduce((sum, transaction) => sum + encodeTransaction(transaction).length + 4, 0)

t.test('maxBodyBytes: at the limit valid, one byte past it refused, and builders stop there', async (t) => {
  const network = networkOf()
  const grown = (): Ledger => grow(network.ledger(), { heartbeats: sorted([0, 1].map((of) => network.beat({ of, timestampS: nextS(network.ledger()), sequence: 1 }))) })
  const under = (maxBodyBytes: number): Ledger => ({ ...grown(), params: { ...network.params, maxBodyBytes } })
  const content = {
    heartbeats: sorted([0, 1].map((of) => network.beat({ of, timestampS: nextS(grown()), sequence: 2 }))),
    transactions: [0, 1, 2].map((nonce) => network.transfer({ from: 0, to: 1, nonce, memo: bytesOf('memo', 10 * nonce).map((byte) => byte & 0x7f) })),
  }
  const whole = sizeOf(content)
  const last = encodeTransaction(content.transactions[2]!).length + 4
  for (const [limit, transactions] of [[whole, 3], [whole + 1, 3], [whole - 1, 2], [whole - last, 2], [whole - last - 1, 1], [2 * 181, 0], [2 * 181 + 10, 0]] as const) {
    const ledger = under(limit)
    const built = build(ledger, content)
    t.equal(built.execution.transactions.length, transactions, `limit ${limit}`)
    t.equal(verdict(under(limit), built.block), 'ok')
    t.ok(sizeOf(built.block.body) <= limit)
    // The same body one byte below what it needs.
    t.equal(verdict(under(sizeOf(built.block.body) - 1), built.block), 'too_large')
  }
})

t.test('heartbeats that do not fit into maxBodyBytes are left out, so that the block stays valid', async (t) => {
  const network = networkOf({ maxBodyBytes: 65_536 })
  t.equal(heartbeatLimit(network.params), 362)
  t.equal(heartbeatLimit({ ...network.params, maxHeartbeats: 361 }), 361)
  t.equal(heartbeatLimit({ ...network.params, maxBodyBytes: 362 * HEARTBEAT_RECORD_SIZE - 1 }), 361)
  const ledger = network.ledger()
  const heartbeats = sorted(Array.from({ length: 400 }, (_, of) => network.beat({ of, timestampS: nextS(ledger), sequence: 1 })))
  const built = build(ledger, { heartbeats })
  t.equal(built.execution.heartbeats.length, 362)
  t.equal(verdict(network.ledger(), built.block), 'ok')
})

t.test('the order in which heartbeats reach the pool does not matter', async (t) => {
  const network = networkOf()
  const ledger = network.ledger()
  const all = Array.from({ length: 24 }, (_, i) => network.beat({ of: i % 7, timestampS: nextS(ledger) - 20 + i, sequence: i, rateLevel: i % 8 }))
  const ids = (max: number, order: readonly Heartbeat[]): Bin => {
    const pool = new HeartbeatPool({ maxHeartbeats: 100, maxBytes: 1_000_000, maxPerDevice: 10 })
    for (const heartbeat of order) {
      if (pool.check(heartbeat, 1_000) !== null) throw new Error('all of them fit')
      pool.add(heartbeat, 0)
    }
    return build(ledger, { heartbeats: pool.reap(max, nextS(ledger) - 30, nextS(ledger) + 5) }).id
  }
  const expected = [24, 10].map((max) => ids(max, all))
  holds(
    t,
    'any order gives the same block',
    fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (order) => [24, 10].every((max, i) => ids(max, order) === expected[i])),
    { numRuns: 60 },
  )
  t.not(expected[0], expected[1])
})

t.test('accounts of a block are numbered by key, then by transaction', async (t) => {
  const { ledger, built } = scene()
  const after = commit(ledger, built)
  const keys = Array.from({ length: after.accounts.count }, (_, i) => after.accounts.get(i)!.key)
  t.strictSame(keys, [...[0, 1, 2, 3].map(device).sort(), device(9)])
})

t.test('what is built survives the wire', async (t) => {
  const { network, ledger, built } = scene()
  const decoded = decodeBlock(encodeBlock(built.block), network.hash, digest)
  t.ok(decoded.ok && verdict(ledger, (decoded as { value: Block }).value) === 'ok')
  t.strictSame(built.block.body.parentCertificate, certificateOf(ledger))
})

t.test('a governance transaction finds room, however much life there is and however small a body may be', async (t) => {
  const network = governedOf([1_000_000], { maxBodyBytes: 65_536, threshold: 362 })
  const ledger = network.ledger()
  const heartbeats = sorted(Array.from({ length: 400 }, (_, of) => network.beat({ of, timestampS: nextS(ledger), sequence: 1 })))
  t.equal(build(ledger, { heartbeats }).execution.heartbeats.length, 362)
  const change = network.parameters({ from: network.params, to: { maxBodyBytes: 70_000 }, activationHeight: 2, approvedBy: [0] })
  const largest = network.parameters({ from: network.params, to: { maxBodyBytes: 70_000 }, activationHeight: 2, approvedBy: Array.from({ length: 128 }, (_, n) => n) })
  for (const transaction of [change, largest]) {
    const built = build(ledger, { heartbeats, transactions: [transaction, network.transfer({ from: 1, to: 2 })] })
    t.strictSame(built.execution.transactions, [transaction])
    t.equal(built.execution.heartbeats.length, Math.floor((65_536 - encodeTransaction(transaction).length - 4) / HEARTBEAT_RECORD_SIZE), 'it takes no more room than it needs')
    t.equal(verdict(network.ledger(), built.block), 'ok')
  }
  const many = Array.from({ length: 9 }, (_, who) => network.join({ who: who + 1, signedAt: 0, approvedBy: Array.from({ length: 128 }, (_, n) => n) }))
  const room = Math.floor((65_536 - MAX_TRANSACTION_BYTES - 4) / HEARTBEAT_RECORD_SIZE)
  t.equal(build(ledger, { heartbeats, transactions: many }).execution.heartbeats.length, room, 'many of them take the room of one')
})

t.test('a change of parameters that waits justifies blocks: a threshold that nobody meets can be taken back', async (t) => {
  const network = governedOf([1_000_000], { threshold: 1_000, epochBlocks: 4 })
  let ledger = network.ledger()
  const beat = (): Heartbeat[] => [network.beat({ of: 1, timestampS: nextS(ledger), sequence: ledger.height + 1 })]
  t.throws(() => build(ledger, { heartbeats: beat() }), /not justified/)
  ledger = grow(ledger, { heartbeats: beat(), transactions: [network.parameters({ from: network.params, to: { threshold: 1 }, activationHeight: 2, approvedBy: [0] })] })
  ledger = grow(ledger, { heartbeats: beat() })
  ledger = grow(ledger, {})
  ledger = grow(ledger, { heartbeats: beat() })
  t.strictSame([ledger.height, ledger.params.threshold, ledger.supply], [4, 1, 0n], 'without reward')
  t.throws(() => build(ledger, {}), /not justified/, 'and then no more')
  t.equal(grow(ledger, { heartbeats: beat() }).supply, network.params.rewardInitial)
})
