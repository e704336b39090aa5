// A second ledger, as plain as can be: objects and bigints, written from docs/protocol.md alone. The tests compare.

import type { Genesis } from '../../src/protocol/genesis.ts'
import type { Heartbeat } from '../../src/protocol/heartbeat.ts'
import type { Account } from '../../src/ledger/account.ts'
import type { Certificate } from '../../src/protocol/certificate.ts'
import { heartbeatWitness } from '../../src/protocol/heartbeat.ts'
import type { Transaction, TransferTransaction } from '../../src/protocol/transaction.ts'
import { TRANSFER_KIND } from '../../src/protocol/transaction.ts'
import { ModelGovernance } from './ledger-model-governance.ts'

export interface ModelAccount {
  readonly index: number
  readonly key: string
  enrolled: boolean
  balance: bigint
  nonce: bigint
  earned: bigint
  blocks: number
  /** Null: no heartbeat yet. */
  last: { timestampS: bigint; sequence: bigint; height: bigint; activeMs: bigint; streakStartMs: bigint } | null
}

export interface Refusal {
  readonly item: 'heartbeat' | 'transaction'
  readonly position: number
  readonly reason: string
}

export interface ModelBlock {
  readonly refused: Refusal[]
  /** By account number. */
  readonly weights: Map<number, bigint>
  readonly rewards: Map<number, bigint>
  readonly minted: bigint
}

type Numbers = { readonly [Name in keyof Genesis['params']]: Genesis['params'][Name] extends boolean ? boolean : bigint }

const MILLION = 1_000_000n
const least = (a: bigint, b: bigint): bigint => (a < b ? a : b)
const most = (a: bigint, b: bigint): bigint => (a > b ? a : b)

export class Model {
  readonly accounts: ModelAccount[] = []
  readonly governance: ModelGovernance
  supply = 0n
  height = 0n
  timestampMs: bigint
  activeMs = 0n
  cumulativePpm = 0n

  constructor(genesis: Genesis) {
    const { timeMs, enrolled } = genesis
    this.governance = new ModelGovernance(genesis)
    this.timestampMs = BigInt(timeMs)
    for (const key of enrolled) this.#open(key, true)
  }

  get #params(): Numbers {
    return Object.fromEntries(Object.entries(this.governance.params).map(([name, value]) => [name, typeof value === 'number' ? BigInt(value) : value])) as never
  }

  find(key: string): ModelAccount | undefined {
    return this.accounts.find((account) => account.key === key)
  }

  /** The next block; items that are not valid are skipped and named. */
  block(timestampMs: bigint, certificate: Certificate | null, heartbeats: readonly Heartbeat[], transactions: readonly Transaction[]): ModelBlock {
    const params = this.#params
    const refused: Refusal[] = []
    this.height++
    this.activeMs += least(timestampMs - this.timestampMs, 2n * params.blockIntervalMs)
    this.timestampMs = timestampMs
    this.governance.begin(this.height, timestampMs, certificate)

    const weights = new Map<number, bigint>()
    let previous: Heartbeat | undefined
    heartbeats.forEach((heartbeat, position) => {
      const ascends = previous === undefined || previous.device < heartbeat.device || (previous.device === heartbeat.device && previous.sequence < heartbeat.sequence)
      const reason = ascends ? this.#heartbeatReason(heartbeat) : 'order'
      if (ascends) previous = heartbeat
      if (reason === null) this.#beat(heartbeat, weights)
      else refused.push({ item: 'heartbeat', position, reason })
    })

    const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0n)
    const rewards = this.#reward(weights, total)
    const minted = [...rewards.values()].reduce((sum, reward) => sum + reward, 0n)
    this.supply += minted
    this.cumulativePpm += total

    const lives = {
      isEnrolled: (device: string) => this.find(device)?.enrolled === true,
      enrol: (device: string) => void ((this.find(device) ?? this.#open(device, true)).enrolled = true),
    }
    let opened = 0n
    transactions.forEach((transaction, position) => {
      const reason = transaction.kind === TRANSFER_KIND ? this.#transferReason(transaction, opened) : this.governance.apply(transaction, lives)
      if (reason !== null) refused.push({ item: 'transaction', position, reason })
      else if (transaction.kind === TRANSFER_KIND) opened += this.#move(transaction) ? 1n : 0n
    })
    this.governance.end()
    return { refused, weights, rewards, minted }
  }

  #heartbeatReason({ device, timestampS, sequence }: Heartbeat): string | null {
    const params = this.#params
    const atMs = BigInt(timestampS) * 1_000n
    if (atMs < this.timestampMs - params.heartbeatMaxAgeMs) return 'too_old'
    if (atMs > this.timestampMs + params.heartbeatMaxFutureMs) return 'from_future'
    const account = this.find(device)
    if (account?.last != null) {
      if (BigInt(sequence) <= account.last.sequence) return 'sequence_replayed'
      if (atMs - account.last.timestampS * 1_000n < params.lifeMinIntervalMs) return 'too_fast'
    }
    return params.enrolled && account?.enrolled !== true ? 'not_enrolled' : null
  }

  #beat({ device, timestampS, sequence, rateLevel, motionLevel, record }: Heartbeat, weights: Map<number, bigint>): void {
    this.governance.beat(device, heartbeatWitness(record))
    const params = this.#params
    const account = this.find(device) ?? this.#open(device, false)
    const gapMs = most(params.gapMs, params.gapBlocks * params.blockIntervalMs)
    const goesOn = account.last !== null && this.activeMs - account.last.activeMs <= gapMs
    const streakStartMs = goesOn ? account.last!.streakStartMs : this.activeMs
    account.last = { timestampS: BigInt(timestampS), sequence: BigInt(sequence), height: this.height, activeMs: this.activeMs, streakStartMs }
    const worth = (level: number): bigint => (BigInt(level) * MILLION) / 7n
    const continuity = least(((this.activeMs - streakStartMs) * MILLION) / params.continuityMs, MILLION)
    const weight = least((params.alphaPpm * worth(rateLevel) + params.betaPpm * worth(motionLevel) + params.gammaPpm * continuity) / MILLION, params.capNativePpm)
    weights.set(account.index, most(weights.get(account.index) ?? 0n, weight))
  }

  #reward(weights: Map<number, bigint>, total: bigint): Map<number, bigint> {
    const params = this.#params
    const shares = new Map<number, bigint>()
    if (BigInt(weights.size) < params.threshold || total === 0n) return shares
    const due = most(params.rewardInitial / 2n ** (this.height / params.rewardHalvingBlocks), params.rewardFloor)
    const reward = least(due, 2n ** 64n - 1n - this.supply)
    const parts = [...weights].map(([index, weight]) => ({ index, share: (reward * weight) / total, remainder: (reward * weight) % total }))
    parts.sort((a, b) => (a.remainder === b.remainder ? a.index - b.index : a.remainder > b.remainder ? -1 : 1))
    let left = reward - parts.reduce((sum, { share }) => sum + share, 0n)
    for (const { index, share } of parts) {
      const extra = left > 0n ? 1n : 0n
      left -= extra
      shares.set(index, share + extra)
      const account = this.accounts[index]!
      account.balance += share + extra
      account.earned += share + extra
      account.blocks++
    }
    return shares
  }

  #transferReason({ transfer }: TransferTransaction, opened: bigint): string | null {
    const params = this.#params
    const sender = this.find(transfer.sender)
    if (BigInt(transfer.expiryHeight) < this.height) return 'expired'
    if (sender?.last == null || sender.last.height < this.height - params.aliveBlocks) return 'sender_not_alive'
    if (BigInt(transfer.nonce) < sender.nonce) return 'nonce_used'
    if (BigInt(transfer.nonce) > sender.nonce) return 'nonce_gap'
    if (transfer.amount > sender.balance) return 'insufficient_balance'
    if (this.find(transfer.recipient) !== undefined) return null
    if (transfer.amount < params.accountMinimum) return 'below_minimum'
    return opened < params.maxCreations ? null : 'creations'
  }

  /** @returns true if it opened an account */
  #move({ transfer }: TransferTransaction): boolean {
    const known = this.find(transfer.recipient)
    const sender = this.find(transfer.sender)!
    const recipient = known ?? this.#open(transfer.recipient, false)
    sender.nonce++
    sender.balance -= transfer.amount
    recipient.balance += transfer.amount
    return known === undefined
  }

  #open(key: string, enrolled: boolean): ModelAccount {
    const account: ModelAccount = { index: this.accounts.length, key, enrolled, balance: 0n, nonce: 0n, earned: 0n, blocks: 0, last: null }
    this.accounts.push(account)
    return account
  }
}

/** Whether a record of the ledger says what the model says. */
export function sameAccount(actual: Account, expected: ModelAccount): boolean {
  const { last } = expected
  return (
    actual.key === expected.key &&
    actual.enrolled === expected.enrolled &&
    actual.blocks === expected.blocks &&
    actual.balance === expected.balance &&
    actual.earned === expected.earned &&
    BigInt(actual.nonce) === expected.nonce &&
    BigInt(actual.lastTimestampS) === (last?.timestampS ?? 0n) &&
    BigInt(actual.lastSequence) === (last?.sequence ?? 0n) &&
    BigInt(actual.lastHeight) === (last?.height ?? 0n) &&
    BigInt(actual.lastActiveMs) === (last?.activeMs ?? 0n) &&
    BigInt(actual.streakStartMs) === (last?.streakStartMs ?? 0n)
  )
}
