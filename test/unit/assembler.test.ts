// Proposals as they come from peers, and whole blocks as the engine gets them.

import { createHash } from 'node:crypto'
import t from 'tap'
import type { Bin } from '../../src/base/bytes.ts'
import { concat, concatAll, toBin } from '../../src/base/bytes.ts'
import { FUTURE_ROUNDS_KEPT } from '../../src/consensus/bounds.ts'
import { markVerified } from '../../src/crypto/verified.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { step } from '../../src/engine/step.ts'
import { createAssembler } from '../../src/node/assembler.ts'
import type { PeerPort } from '../../src/node/peer-port.ts'
import type { VerifyPool } from '../../src/node/verify-pool.ts'
import { bodyRoot } from '../../src/protocol/block.ts'
import type { CompactProposal } from '../../src/protocol/compact.ts'
import { compactProposal } from '../../src/protocol/compact.ts'
import { headerId } from '../../src/protocol/header.ts'
import { HEARTBEAT_ROW_SIZE } from '../../src/protocol/heartbeat.ts'
import type { ProposedBlock } from '../../src/protocol/proposal.ts'
import { encodeTransaction } from '../../src/protocol/transaction.ts'
import { beats, blockBy, certificateBy, decidedIn, FIRST_MS, FIRST_S, four, keyOf, proposalIn, timeoutIn, turnOf, waitingEngine } from './engine-fixture.ts'
import { build, commit, sorted, transferOn } from './ledger-fixture.ts'

/** Signatures are what the test says; names are computed. */
function poolOf(areValid: () => boolean): VerifyPool {
  return {
    waiting: 0,
    delayMs: 0,
    signatures: (items) => Promise.resolve(items.map(() => areValid())),
    heartbeats: () => Promise.reject(new Error('the chain waits for these')),
    urgentHeartbeats(rows) {
      const count = rows.length / HEARTBEAT_ROW_SIZE
      const names = Array.from({ length: count }, (_, i) => createHash('sha256').update(rows.subarray(i * HEARTBEAT_ROW_SIZE, (i + 1) * HEARTBEAT_ROW_SIZE)).digest())
      return Promise.resolve({ valid: new Uint8Array(count).fill(1), hashes: concatAll(names.map((name) => concat(new Uint8Array(32), name))) })
    },
    close: () => Promise.resolve(),
  }
}

interface World {
  readonly engine: Engine
  readonly delivered: ProposedBlock[]
  /** `peer: names asked` and `peer reason`. */
  readonly asked: string[]
  readonly charged: string[]
  valid: boolean
  /** What a peer answers. */
  answer: (peer: string, names: Uint8Array) => Promise<Uint8Array[]>
  receive(compact: CompactProposal, from: string): Promise<string>
}

function worldOf(engine: Engine): World {
  const peers: PeerPort = {
    publish: () => {},
    report: (peer, reason) => void world.charged.push(`${peer} ${reason}`),
    request(peer, _protocol, names) {
      world.asked.push(`${peer}: ${names.length / 32}`)
      return world.answer(peer, names)
    },
  }
  const world: World = {
    engine,
    delivered: [],
    asked: [],
    charged: [],
    valid: true,
    answer: () => Promise.reject(new Error('refused')),
    async receive(compact, from) {
      const { verdict, reason } = await assembler.receive(compact, from)
      await new Promise((resolve) => setImmediate(resolve))
      return reason === undefined ? verdict : `${verdict} ${reason}`
    },
  }
  const assembler = createAssembler({ engine, pool: poolOf(() => world.valid), peers, deliver: (proposed) => void world.delivered.push(proposed) })
  return world
}

const network = four()
/** A round-0 proposal of the first height, and an engine that waits for one. @param known devices whose heartbeats it holds */
function scene(known: readonly number[]): { world: World; compact: CompactProposal; records: Map<Bin, Uint8Array> } {
  const engine = waitingEngine(network, null, [])
  step(engine, beats(network, known), FIRST_MS)
  const executed = blockBy(network, turnOf(engine, 0))
  const { proposed } = proposalIn(executed, 0, turnOf(engine, 0))
  const records = new Map(executed.block.body.heartbeats.map(({ name, record }) => [name, record]))
  return { world: worldOf(engine), compact: compactProposal(proposed), records }
}
const serving = (records: ReadonlyMap<Bin, Uint8Array>) => (_peer: string, names: Uint8Array): Promise<Uint8Array[]> =>
  Promise.resolve(Array.from({ length: names.length / 32 }, (_, i) => records.get(toBin(names.subarray(i * 32, i * 32 + 32)))!))

t.test('what is missing is asked of the peer that offered the proposal', async (t) => {
  const { world, compact, records } = scene([])
  world.answer = serving(records)
  t.equal(await world.receive(compact, 'peer'), 'accept')
  t.strictSame(world.asked, ['peer: 2'])
  t.equal(world.delivered.length, 1)
  t.strictSame(world.delivered[0]!.block.body.heartbeats.map(({ name }) => name), compact.names, 'in the order of the block')
  t.strictSame(compactProposal(world.delivered[0]!), compact)
})

t.test('a peer that does not answer, or with something else, keeps nobody else from completing it', async (t) => {
  const { world, compact, records } = scene([])
  world.answer = (peer, names) => (peer === 'stalls' ? new Promise(() => {}) : peer === 'lies' ? Promise.resolve([...records.values()].reverse()) : serving(records)(peer, names))
  t.equal(await world.receive(compact, 'stalls'), 'accept')
  t.equal(await world.receive(compact, 'stalls'), 'accept', 'once is enough')
  t.equal(await world.receive(compact, 'lies'), 'accept')
  t.strictSame([world.delivered.length, world.asked, world.charged], [0, ['stalls: 2', 'lies: 2'], ['lies bad_heartbeat']])
  t.equal(await world.receive(compact, 'serves'), 'accept')
  t.equal(world.delivered.length, 1)
  t.strictSame(world.charged, ['lies bad_heartbeat'])
})

t.test('who passes a proposal on can change nothing in it', async (t) => {
  const { world, compact } = scene([1, 2])
  const changed: Partial<CompactProposal>[] = [
    { names: compact.names.slice(1) },
    { names: compact.names.toReversed() },
    { names: [...compact.names, 'n'.repeat(32)] },
    { transactions: [transferOn(network.hash, { from: 1, to: 2 })] },
    { parentCertificate: { height: 0, round: 0, blockId: keyOf('X'), signatures: [] } },
    { header: { ...compact.header, timestampMs: compact.header.timestampMs + 1 } },
  ]
  for (const change of changed) t.equal(await world.receive({ ...compact, ...change }, 'peer'), 'reject block_id', Object.keys(change).join())
  t.strictSame([world.delivered, world.asked], [[], []])
})

t.test('only the proposer of a near round is listened to', async (t) => {
  const { world, compact } = scene([1, 2])
  const { proposal } = compact
  const far = FUTURE_ROUNDS_KEPT + 1
  const at = (round: number, proposer = keyOf(turnOf(world.engine, round))): CompactProposal => ({ ...compact, proposal: { ...proposal, round, proposer } })
  t.equal(await world.receive(at(far), 'peer'), 'ignore round')
  t.equal(await world.receive(at(0, keyOf(turnOf(world.engine, 1))), 'peer'), 'ignore proposer')
  t.equal(await world.receive({ ...compact, proposal: { ...proposal, height: 2 } }, 'peer'), 'ignore height')
  world.valid = false
  t.equal(await world.receive(compact, 'peer'), 'reject bad_signature')
  t.strictSame(world.delivered, [])
  world.valid = true
  t.equal(await world.receive(at(FUTURE_ROUNDS_KEPT), 'peer'), 'accept', 'at the limit')
  step(world.engine, { kind: 'begin', height: 1 }, FIRST_MS)
  step(world.engine, timeoutIn('precommit', 0), FIRST_MS)
  t.equal(world.engine.consensus.round, 1)
  t.equal(await world.receive(at(far), 'peer'), 'accept', 'which goes with our round')
})

t.test('a proposal for the next height is taken before ours is decided: one, from whose turn it will be, of its first round', async (t) => {
  const { world } = scene([])
  const first = blockBy(network, turnOf(world.engine, 0))
  const ledger = commit(network.ledger(), first)
  const next = (by: string, round = 0, height = 2): CompactProposal => {
    const heartbeats = sorted([3, 4].map((of) => network.beat({ of, timestampS: FIRST_S + 1, sequence: 1, evidence: by })))
    const executed = build(ledger, { proposer: keyOf(by), timestampMs: FIRST_MS + 1_000, heartbeats })
    const { proposed } = proposalIn(executed, round, by)
    for (const { name, record } of heartbeats) records.set(name, record)
    return compactProposal({ ...proposed, proposal: { ...proposed.proposal, height } })
  }
  const records = new Map<Bin, Uint8Array>()
  world.answer = (peer, names) => serving(records)(peer, names)
  t.equal(await world.receive(next('B', 1), 'peer'), 'ignore round')
  t.equal(await world.receive(next('B', 0, 3), 'peer'), 'ignore height')
  t.equal(await world.receive(next('X'), 'peer'), 'ignore proposer')
  for (const other of 'ACD') t.equal(await world.receive(next(other), 'peer'), 'ignore proposer', `${other} would take a place, and memory`)
  t.equal(await world.receive(next('B'), 'peer'), 'accept')
  t.equal(await world.receive(next('B'), 'other'), 'ignore proposer', 'one is enough')
  t.strictSame(world.delivered.map(({ proposal, block }) => [proposal.height, proposal.proposer, block.body.heartbeats.length]), [[2, keyOf('B'), 2]])
  for (const proposed of world.delivered) step(world.engine, { kind: 'proposal', proposed: markVerified(proposed) }, FIRST_MS)
  t.equal(world.engine.early.length, 1, 'it waits for its height')
  step(world.engine, decidedIn(first.block, certificateBy('ABC', 1, first.id)), FIRST_MS)
  step(world.engine, { kind: 'stored', height: 1 }, FIRST_MS)
  t.equal(turnOf(world.engine, 0), 'B', 'whose turn it was')
})

t.test('of an epoch that has not begun nothing is taken early', async (t) => {
  const short = four({ epochBlocks: 4 })
  const engine = waitingEngine(short, null, [])
  let ledger = short.ledger()
  const turns = new Set<string>()
  for (let height = 1; height <= 4; height++) {
    const world = worldOf(engine)
    const by = turnOf(engine, 0)
    turns.add(by)
    const executed = build(ledger, { proposer: keyOf(by), timestampMs: FIRST_MS + height * 1_000, parentCertificate: engine.headCertificate, heartbeats: [short.beat({ of: 1, timestampS: FIRST_S + height, sequence: height })] })
    const { proposed } = proposalIn(executed, 0, by)
    const early = compactProposal({ ...proposed, block: { ...proposed.block, header: { ...proposed.block.header, height: height + 1 } } })
    const verdicts: string[] = []
    for (const who of 'ABCD') {
      const proposal = { ...early.proposal, height: height + 1, blockId: headerId(early.header), proposer: keyOf(who) }
      verdicts.push(await world.receive({ ...early, proposal }, 'peer'))
    }
    t.equal(verdicts.filter((verdict) => verdict === 'accept').length, height === 4 ? 0 : 1, `before height ${height + 1}`)
    step(engine, decidedIn(executed.block, certificateBy('ABC', height, executed.id)), FIRST_MS + height * 1_000)
    step(engine, { kind: 'stored', height }, FIRST_MS + height * 1_000)
    ledger = commit(ledger, executed)
  }
  t.equal(turns.size, 4)
})

t.test('a block that is larger than blocks may be is not put together', async (t) => {
  const small = four({ maxBodyBytes: 65_536, maxHeartbeats: 300 })
  const engine = waitingEngine(small, null, [])
  const { proposed } = proposalIn(blockBy(small, turnOf(engine, 0)), 0, turnOf(engine, 0))
  const compact = compactProposal(proposed)
  const transfer = transferOn(small.hash, { from: 1, to: 2 })
  const size = encodeTransaction(transfer).length + 4
  const offered = (heartbeats: number, transfers: number): Promise<string> => {
    const names = Array.from({ length: heartbeats }, (_, i) => `${i}`.padStart(32, 'n'))
    const transactions = Array.from({ length: transfers }, () => transfer)
    const header = { ...compact.header, bodyRoot: toBin(bodyRoot({ heartbeats: names.map((name) => ({ name })), transactions })) }
    return worldOf(engine).receive({ ...compact, header, names, transactions, proposal: { ...compact.proposal, blockId: headerId(header) } }, 'peer')
  }
  t.equal(await offered(300, 0), 'accept')
  t.equal(await offered(301, 0), 'reject too_large')
  const most = Math.floor((65_536 - 300 * 181) / size)
  t.equal(await offered(300, most), 'accept')
  t.equal(await offered(300, most + 1), 'reject too_large')
})
