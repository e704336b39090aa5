// Execution, rule by rule: streaks and gaps in active time, rewards of lives, who is alive, transfers.

import t from 'tap'
import type { Account } from '../../src/ledger/account.ts'
import { setBalance } from '../../src/ledger/account.ts'
import type { Execution } from '../../src/ledger/execute.ts'
import { applyExecution, execute } from '../../src/ledger/execute.ts'
import { MAX_SUPPLY } from '../../src/ledger/reward.ts'
import type { Ledger } from '../../src/ledger/state.ts'
import { decodeSingletons, encodeSingletons } from '../../src/ledger/state.ts'
import type { Heartbeat } from '../../src/protocol/heartbeat.ts'
import type { Params } from '../../src/protocol/params.ts'
import type { Transaction } from '../../src/protocol/transaction.ts'
import type { TransferFields } from './ledger-fixture.ts'
import { balances, build, commit, device, grow, networkOf, sorted } from './ledger-fixture.ts'

/** A chain in which block after block can be added in one line. */
class Chain {
  readonly network
  ledger: Ledger
  last: Execution | null = null
  readonly #sequences = new Map<number, number>()

  constructor(params: Partial<Params> = {}) {
    this.network = networkOf(params)
    this.ledger = this.network.ledger()
  }

  /** One more heartbeat of this life, stamped with the block's second. */
  beat(of: number, timestampMs: number, levels: { rateLevel?: number; motionLevel?: number } = {}): Heartbeat {
    const sequence = (this.#sequences.get(of) ?? 0) + 1
    this.#sequences.set(of, sequence)
    return this.network.beat({ of, sequence, timestampS: Math.floor(timestampMs / 1_000), ...levels })
  }

  /** A block this long after its parent, with one heartbeat of each of these lives. */
  block(waitMs: number, lives: readonly number[], transfers: readonly TransferFields[] = []): this {
    const timestampMs = this.ledger.timestampMs + waitMs
    const heartbeats = sorted(lives.map((of) => this.beat(of, timestampMs)))
    return this.commit({ timestampMs, heartbeats, transactions: transfers.map((fields) => this.network.transfer(fields)) })
  }

  commit(content: { timestampMs: number; heartbeats: readonly Heartbeat[]; transactions?: readonly Transaction[] }): this {
    const built = build(this.ledger, content)
    this.last = built.execution
    this.ledger = commit(this.ledger, built)
    return this
  }

  of(who: number): Account {
    return this.ledger.accounts.find(device(who))!
  }

  streakMs(who: number): number {
    return this.ledger.activeMs - this.of(who).streakStartMs
  }

  share(who: number) {
    return this.last!.shares.find(({ index }) => index === this.of(who).index)!
  }
}

t.test('active time is the time between blocks, of which at most two intervals count', async (t) => {
  const chain = new Chain({ blockIntervalMs: 1_000 })
  const rows: [waitMs: number, active: number][] = [[1_000, 1_000], [1_999, 2_999], [2_000, 4_999], [2_001, 6_999], [3_600_000, 8_999], [1_000, 9_999]]
  for (const [waitMs, active] of rows) t.equal(chain.block(waitMs, [0]).ledger.activeMs, active, `after ${waitMs} ms`)
})

t.test('a streak goes on for as long as the gap limit, and ends one block beyond', async (t) => {
  for (const [gapMs, gapBlocks, limitMs] of [[4_000, 1, 4_000], [1_000, 4, 4_000], [4_500, 4, 4_500]] as const) {
    for (const silentBlocks of [0, 3, 4, 5]) {
      const chain = new Chain({ gapMs, gapBlocks }).block(1_000, [0, 1]).block(1_000, [0, 1])
      t.equal(chain.streakMs(0), 1_000)
      for (let i = 0; i < silentBlocks; i++) chain.block(1_000, [1])
      chain.block(1_000, [0, 1])
      const silentMs = (silentBlocks + 1) * 1_000
      const expected = silentMs <= limitMs ? 1_000 + silentMs : 0
      t.equal(chain.streakMs(0), expected, `gap limit ${limitMs}, silent for ${silentMs}`)
      t.equal(chain.streakMs(1), 1_000 + silentMs, 'the other one never paused')
    }
  }
})

t.test('a network that stands still breaks no streak and earns nobody one', async (t) => {
  const chain = new Chain({ gapMs: 2_000, gapBlocks: 2 }).block(1_000, [0]).block(1_000, [0])
  chain.block(86_400_000, [0])
  t.equal(chain.streakMs(0), 3_000, 'two intervals of a whole day')
  t.equal(new Chain({ gapMs: 1_999, gapBlocks: 1 }).block(1_000, [0]).block(86_400_000, [0]).streakMs(0), 0, 'unless two intervals are beyond the limit')
})

t.test('continuity grows a weight to its full share, and a new streak starts at none', async (t) => {
  const params = { alphaPpm: 0, betaPpm: 0, gammaPpm: 1_000_000, continuityMs: 3_000, gapMs: 2_000, gapBlocks: 1 }
  const chain = new Chain(params)
  t.strictSame([0, 1, 2, 3, 4].map(() => chain.block(1_000, [0]).share(0).weightPpm), [0, 333_333, 666_666, 1_000_000, 1_000_000])
  chain.block(1_000, [1]).block(1_000, [1]).block(1_000, [0, 1])
  t.equal(chain.share(0).weightPpm, 0, 'after a gap')
  t.equal(chain.share(1).weightPpm, 666_666)
})

t.test('of several heartbeats the heaviest counts, once, and the last is remembered', async (t) => {
  const chain = new Chain({ alphaPpm: 1_000_000, betaPpm: 0, gammaPpm: 0 })
  const timestampMs = chain.ledger.timestampMs + 10_000
  const beats = [3, 7, 1].map((rateLevel, i) => chain.beat(0, timestampMs + i * 1_000, { rateLevel }))
  chain.commit({ timestampMs, heartbeats: beats })
  t.strictSame(chain.last!.shares, [{ index: 0, weightPpm: 1_000_000, reward: chain.last!.minted }])
  t.match(chain.of(0), { blocks: 1, lastSequence: 3, lastTimestampS: timestampMs / 1_000 + 2, lastHeight: 1, balance: chain.last!.minted, earned: chain.last!.minted })
})

t.test('a heartbeat that is left out does not stand for its life, and the next one may', async (t) => {
  const chain = new Chain()
  const timestampMs = chain.ledger.timestampMs + 10_000
  const { network } = chain
  const [tooOld, good, tooFast] = [-31, 0, 0].map((s, i) => network.beat({ of: 0, sequence: i + 1, timestampS: timestampMs / 1_000 + s })) as [Heartbeat, Heartbeat, Heartbeat]
  const fromFuture = network.beat({ of: 1, sequence: 1, timestampS: timestampMs / 1_000 + 6 })
  const other = network.beat({ of: 2, sequence: 1, timestampS: timestampMs / 1_000 })
  chain.commit({ timestampMs, heartbeats: sorted([tooOld, good, tooFast, fromFuture, other]) })
  t.strictSame(chain.last!.heartbeats, sorted([good, other]))
  t.equal(chain.of(0).lastSequence, 2)
  t.equal(chain.ledger.accounts.find(device(1)), null, 'a heartbeat from the future opens no account')
})

t.test('a block whose lives weigh nothing pays nothing and counts for nobody', async (t) => {
  const chain = new Chain({ alphaPpm: 1_000_000, betaPpm: 0, gammaPpm: 0 })
  const timestampMs = chain.ledger.timestampMs + 1_000
  chain.commit({ timestampMs, heartbeats: sorted([0, 1].map((of) => chain.beat(of, timestampMs, { rateLevel: 0, motionLevel: 7 }))) })
  t.equal(chain.last!.minted, 0n)
  t.equal(chain.ledger.supply, 0n)
  t.strictSame([0, 1].map((who) => chain.of(who).blocks), [0, 0])
  const later = chain.ledger.timestampMs + 1_000
  chain.commit({ timestampMs: later, heartbeats: sorted([chain.beat(0, later, { rateLevel: 0 }), chain.beat(1, later, { rateLevel: 7 })]) })
  t.strictSame([0, 1].map((who) => [chain.of(who).blocks, chain.of(who).balance]), [[1, 0n], [1, chain.last!.minted]], 'whoever takes part in a rewarded block is counted')
})

t.test('lives below the threshold count, but mint nothing', async (t) => {
  for (const [lives, minted] of [[1, 0n], [2, 100n * 10n ** 8n], [3, 100n * 10n ** 8n]] as const) {
    const chain = new Chain({ threshold: 2 })
    const timestampMs = chain.ledger.timestampMs + 1_000
    const heartbeats = sorted(Array.from({ length: lives }, (_, of) => chain.beat(of, timestampMs)))
    const execution = execute(chain.ledger, { height: 1, timestampMs, parentCertificate: null, heartbeats, transactions: [] }, () => t.fail('all are valid'))
    t.equal(execution.minted, minted, `${lives} of 2`)
    t.equal(execution.shares.length, lives)
    t.equal(execution.state.cumulativeLifePpm, BigInt(execution.weightPpm))
    t.ok(execution.weightPpm > 0)
  }
})

t.test('the supply ends at 2^64 − 1, and the chain goes on without minting', async (t) => {
  const chain = new Chain({ rewardInitial: 10_000n, rewardFloor: 10_000n })
  // One life holds nearly all that there can be.
  const { accounts } = chain.ledger
  const draft = accounts.draft(1)
  const supply = MAX_SUPPLY - 15_000n
  setBalance(draft.bytes, draft.create(device(0), false).at, supply)
  const patch = draft.toPatch()
  accounts.apply(patch)
  chain.ledger = { ...chain.ledger, supply, accountsRoot: patch.root }
  const minted: bigint[] = []
  for (let block = 0; block < 3; block++) minted.push(chain.block(1_000, [0, 1]).last!.minted)
  t.strictSame(minted, [10_000n, 5_000n, 0n])
  t.strictSame([chain.ledger.supply, balances(chain.ledger)], [MAX_SUPPLY, MAX_SUPPLY])
  t.strictSame(decodeSingletons(encodeSingletons(chain.ledger, chain.ledger.accountsRoot)).state.supply, MAX_SUPPLY)
  t.strictSame([0, 1].map((who) => chain.of(who).blocks), [3, 3], 'who takes part is counted')
  chain.block(1_000, [0, 1], [{ from: 0, to: 1, amount: chain.of(0).balance }])
  t.equal(chain.of(1).balance, MAX_SUPPLY, 'all of it fits into one account')
})

t.test('a sender is alive in the block of its heartbeat and aliveBlocks after it', async (t) => {
  for (const [silentBlocks, executed] of [[0, 1], [1, 1], [2, 1], [3, 0]] as const) {
    const chain = new Chain({ aliveBlocks: 3 }).block(1_000, [0, 1])
    for (let i = 0; i < silentBlocks; i++) chain.block(1_000, [1])
    chain.block(1_000, [1], [{ from: 0, to: 1, amount: 1n }])
    t.equal(chain.last!.transactions.length, executed, `${silentBlocks + 1} blocks after its heartbeat`)
  }
  const chain = new Chain({ aliveBlocks: 1 }).block(1_000, [0, 1]).block(1_000, [1]).block(1_000, [1])
  t.equal(chain.block(1_000, [0, 1], [{ from: 0, to: 1, amount: 1n }]).last!.transactions.length, 1, 'its heartbeat in the same block is enough')
  t.equal(new Chain().block(1_000, [0], [{ from: 5, to: 0, amount: 1n }]).last!.transactions.length, 0, 'who has no account is not alive')
  const funded = new Chain().block(1_000, [0], [{ from: 0, to: 5, amount: 10_000_000n }])
  t.equal(funded.of(5).lastHeight, 0)
  t.equal(funded.block(1_000, [0], [{ from: 5, to: 0, amount: 1n }]).last!.transactions.length, 0, 'nor who has only received')
})

t.test('what a life earns in a block can be spent in it', async (t) => {
  const chain = new Chain().block(1_000, [0], [{ from: 0, to: 1, amount: 100n * 10n ** 8n }])
  t.strictSame([chain.of(0).balance, chain.of(1).balance], [0n, 100n * 10n ** 8n])
  t.equal(new Chain().block(1_000, [0], [{ from: 0, to: 1, amount: 100n * 10n ** 8n + 1n }]).last!.transactions.length, 0, 'but not a unit more')
})

t.test('transfers to oneself, chains of transfers, and transfers back within a block', async (t) => {
  const chain = new Chain().block(1_000, [0, 1])
  const [a, b] = [chain.of(0).balance, chain.of(1).balance]
  chain.block(1_000, [2], [{ from: 0, to: 0, amount: a }, { from: 0, to: 0, amount: a + 1n, nonce: 1 }, { from: 0, to: 1, amount: a, nonce: 1 }, { from: 1, to: 0, amount: a + b }])
  t.equal(chain.last!.transactions.length, 3)
  t.match([chain.of(0), chain.of(1)], [{ balance: a + b, nonce: 2 }, { balance: 0n, nonce: 1 }])
  t.equal(chain.ledger.supply, balances(chain.ledger))
})

t.test('a recipient is opened by the minimum, at most maxCreations in a block, and then takes any amount', async (t) => {
  const params = { accountMinimum: 50n, maxCreations: 2 }
  const chain = new Chain(params).block(1_000, [0])
  chain.block(1_000, [0, 7, 8, 9], [
    { from: 0, to: 10, amount: 49n },
    { from: 0, to: 10, amount: 50n },
    { from: 0, to: 10, amount: 1n, nonce: 1 },
    { from: 0, to: 11, amount: 51n, nonce: 2 },
    { from: 0, to: 12, amount: 50n, nonce: 3 },
    { from: 0, to: 11, amount: 1n, nonce: 3 },
  ])
  t.equal(chain.last!.transactions.length, 4)
  t.strictSame([chain.of(10).balance, chain.of(11).balance], [51n, 52n])
  t.equal(chain.ledger.accounts.find(device(12)), null)
  t.equal(chain.ledger.accounts.count, 6, 'accounts that heartbeats open are not counted as creations')
  t.equal(chain.block(1_000, [0], [{ from: 0, to: 12, amount: 50n, nonce: 4 }]).of(12).balance, 50n, 'the next block may open more')
  t.equal(new Chain({ ...params, maxCreations: 0 }).block(1_000, [0], [{ from: 0, to: 1, amount: 50n }]).last!.transactions.length, 0)
})

t.test('a transfer expires after its last height', async (t) => {
  for (const [expiryHeight, executed] of [[0, 0], [1, 0], [2, 1], [3, 1]] as const) {
    const chain = new Chain().block(1_000, [0, 1]).block(1_000, [0], [{ from: 0, to: 1, amount: 1n, expiryHeight }])
    t.equal(chain.last!.transactions.length, executed, `expiry ${expiryHeight} at height 2`)
  }
})

t.test('an account that a transfer opened is not enrolled', async (t) => {
  const network = networkOf({ enrolled: true }, { enrolled: [device(0)] })
  const nextS = (ledger: Ledger): number => ledger.timestampMs / 1_000 + 1
  const first = network.beat({ of: 0, sequence: 1, timestampS: nextS(network.ledger()) })
  const ledger = grow(network.ledger(), { heartbeats: [first], transactions: [network.transfer({ from: 0, to: 1, amount: 10_000_000n })] })
  const both = sorted([0, 1, 2].map((of) => network.beat({ of, sequence: 2, timestampS: nextS(ledger) })))
  t.strictSame(build(ledger, { heartbeats: both }).execution.heartbeats.map(({ device: key }) => key), [device(0)])
  t.match([0, 1].map((who) => ledger.accounts.find(device(who))), [{ enrolled: true }, { enrolled: false }])
})

t.test('an execution applies to the ledger that it was made on, and once', async (t) => {
  const chain = new Chain().block(1_000, [0])
  t.throws(() => applyExecution(chain.ledger, chain.last!, 'x'.repeat(32)), /applies to the ledger that it was made on/)
})
