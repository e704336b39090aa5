// The checker's own ledger: what a block must do to balances, computed anew from protocol.md in plain maps and bigints.
// It shares no arithmetic with src/ledger.

import type { Bin } from '../base/bytes.ts'
import type { Block } from '../protocol/block.ts'
import type { Genesis } from '../protocol/genesis.ts'
import type { Heartbeat } from '../protocol/heartbeat.ts'
import type { Params } from '../protocol/params.ts'
import type { GovernanceTransaction } from '../protocol/transaction.ts'
import { ENROLMENT_KIND, EVIDENCE_KIND, JOIN_KIND, TRANSFER_KIND } from '../protocol/transaction.ts'
import type { SignedTransfer } from '../protocol/transfer.ts'
import { Epochs } from './epochs.ts'

export interface ModelAccount {
  balance: bigint
  nonce: number
  /** Null before its first heartbeat. */
  last: { sequence: number; timestampS: number; height: number; activeMs: bigint } | null
  streakStartMs: bigint
  enrolled: boolean
}

/** Tells of something that a block does wrong. */
export type Complain = (kind: 'heartbeat' | 'transfer' | 'governance' | 'timestamp' | 'header' | 'supply', text: string) => void

const MILLION = 1_000_000n

export class Model {
  readonly epochs: Epochs
  /** In order of opening: that order is the account index. */
  readonly accounts = new Map<Bin, ModelAccount>()
  supply = 0n
  #height = 0
  #timestampMs: number
  #activeMs = 0n
  #life = 0n
  readonly #registrars: readonly Bin[]
  /** Everything that was ever committed, by name and by (device, sequence). */
  readonly #seen = new Set<string>()

  constructor(genesis: Genesis) {
    this.epochs = new Epochs(genesis)
    this.#registrars = genesis.registrars
    for (const key of genesis.enrolled) this.#account(key).enrolled = true
    this.#timestampMs = genesis.timeMs
  }

  /** Those of the block that is applied; a change takes effect with the next one. */
  get #params(): Params {
    return this.epochs.params
  }

  /** Goes on by one block. */
  apply(block: Block, complain: Complain): void {
    const { header, body } = block
    const { blockIntervalMs, threshold } = this.#params
    this.#height++
    const sinceMs = header.timestampMs - this.#timestampMs
    if (sinceMs < blockIntervalMs) complain('timestamp', `only ${sinceMs} ms after its parent`)
    this.#timestampMs = header.timestampMs
    this.#activeMs += BigInt(Math.min(sinceMs, 2 * blockIntervalMs))
    const weights = this.#beat(body.heartbeats, complain)
    const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0n)
    this.#life += total
    if (header.lives !== weights.size || BigInt(header.weightPpm) !== total || header.cumulativeLifePpm !== this.#life) {
      complain('header', `says ${header.lives} lives of ${header.weightPpm} ppm, and it is ${weights.size} of ${total}`)
    }
    const governs = body.transactions.some(({ kind }) => kind !== TRANSFER_KIND)
    if (weights.size < threshold && !governs && !this.epochs.changeWaits) complain('header', `${weights.size} lives are fewer than the threshold`)
    if (total > 0n && weights.size >= threshold) this.#reward(weights, total)
    let opened = 0
    const lives = new Set([...this.accounts].filter(([, { enrolled }]) => enrolled).map(([key]) => key))
    for (const transaction of body.transactions) {
      if (transaction.kind === TRANSFER_KIND) opened += this.#transfer(transaction.transfer, complain)
      else this.#govern(transaction, complain)
    }
    if (opened > this.#params.maxCreations) complain('transfer', `${opened} accounts were opened`)
    this.epochs.apply(block, (device) => lives.has(device))
    const sum = [...this.accounts.values()].reduce((all, { balance }) => all + balance, 0n)
    if (sum !== this.supply) complain('supply', `balances are ${sum}, minted was ${this.supply}`)
  }

  #beat(heartbeats: readonly Heartbeat[], complain: Complain): Map<Bin, bigint> {
    const { heartbeatMaxAgeMs, heartbeatMaxFutureMs, lifeMinIntervalMs, gapMs, gapBlocks, blockIntervalMs } = this.#params
    const weights = new Map<Bin, bigint>()
    for (const heartbeat of heartbeats) {
      const { device, sequence, timestampS, name } = heartbeat
      const said = `${sequence} of ${timestampS} s`
      for (const mark of [name, `${device} ${sequence}`]) {
        if (this.#seen.has(mark)) complain('heartbeat', `${said} is committed twice`)
        this.#seen.add(mark)
      }
      const aheadMs = timestampS * 1_000 - this.#timestampMs
      if (aheadMs > heartbeatMaxFutureMs || -aheadMs > heartbeatMaxAgeMs) complain('heartbeat', `${said} is ${aheadMs} ms off`)
      const account = this.#account(device)
      const { last } = account
      if (this.#params.enrolled && !account.enrolled) complain('heartbeat', `${said} is of a life that is not enrolled`)
      if (last !== null && sequence <= last.sequence) complain('heartbeat', `${said} after ${last.sequence}`)
      if (last !== null && (timestampS - last.timestampS) * 1_000 < lifeMinIntervalMs) complain('heartbeat', `${said}, too soon`)
      const gap = BigInt(Math.max(gapMs, gapBlocks * blockIntervalMs))
      if (last === null || this.#activeMs - last.activeMs > gap) account.streakStartMs = this.#activeMs
      account.last = { sequence, timestampS, height: this.#height, activeMs: this.#activeMs }
      const weight = this.#weight(heartbeat, this.#activeMs - account.streakStartMs)
      if (weight >= (weights.get(device) ?? 0n)) weights.set(device, weight)
    }
    return weights
  }

  #weight({ rateLevel, motionLevel }: Heartbeat, streakMs: bigint): bigint {
    const { alphaPpm, betaPpm, gammaPpm, continuityMs, capNativePpm } = this.#params
    const least = (a: bigint, b: bigint): bigint => (a < b ? a : b)
    const level = (value: number): bigint => (BigInt(value) * MILLION) / 7n
    const continuity = least((streakMs * MILLION) / BigInt(continuityMs), MILLION)
    const sum = BigInt(alphaPpm) * level(rateLevel) + BigInt(betaPpm) * level(motionLevel) + BigInt(gammaPpm) * continuity
    return least(sum / MILLION, BigInt(capNativePpm))
  }

  /** R(h), halved step by step; whole units by weight, and what is left to the largest remainders. */
  #reward(weights: ReadonlyMap<Bin, bigint>, total: bigint): void {
    const { rewardInitial, rewardHalvingBlocks, rewardFloor } = this.#params
    let reward = rewardInitial
    for (let height = rewardHalvingBlocks; height <= this.#height; height += rewardHalvingBlocks) reward /= 2n
    if (reward < rewardFloor) reward = rewardFloor
    if (this.supply + reward >= 2n ** 64n) reward = 2n ** 64n - 1n - this.supply
    this.supply += reward
    const order = [...this.accounts.keys()]
    const shares = [...weights].map(([device, weight]) => ({
      account: this.#account(device),
      index: order.indexOf(device),
      share: (reward * weight) / total,
      rest: (reward * weight) % total,
    }))
    let left = shares.reduce((rest, { share }) => rest - share, reward)
    shares.sort((a, b) => (a.rest === b.rest ? a.index - b.index : a.rest > b.rest ? -1 : 1))
    for (const { account, share } of shares) {
      account.balance += share + (left > 0n ? 1n : 0n)
      left -= 1n
    }
  }

  #govern(transaction: GovernanceTransaction, complain: Complain): void {
    if (transaction.kind === ENROLMENT_KIND) {
      const { registrar, devices, expiryHeight } = transaction.enrolment
      if (!this.#registrars.includes(registrar) || expiryHeight < this.#height) complain('governance', 'an enrolment by nobody, or too late')
      for (const device of devices) this.#account(device).enrolled = true
    } else if (transaction.kind === JOIN_KIND) {
      if (this.epochs.isBarred(transaction.join.key)) complain('governance', 'a barred key joins')
    } else if (transaction.kind === EVIDENCE_KIND) {
      if (this.epochs.isBarred(transaction.evidence.first.validator)) complain('governance', 'a barred key is accused again')
    }
  }

  /** @returns how many accounts it opened */
  #transfer({ sender, recipient, amount, nonce, expiryHeight }: SignedTransfer, complain: Complain): number {
    const from = this.#account(sender)
    const opens = !this.accounts.has(recipient)
    if (expiryHeight < this.#height) complain('transfer', `expired at ${expiryHeight}`)
    if (nonce !== from.nonce) complain('transfer', `nonce ${nonce} instead of ${from.nonce}`)
    if (amount > from.balance) complain('transfer', `${amount} out of ${from.balance}`)
    if (from.last === null || this.#height - from.last.height > this.#params.aliveBlocks) complain('transfer', 'its sender is not alive')
    if (opens && amount < this.#params.accountMinimum) complain('transfer', `${amount} opens an account`)
    from.nonce++
    from.balance -= amount
    this.#account(recipient).balance += amount
    return opens ? 1 : 0
  }

  #account(key: Bin): ModelAccount {
    let account = this.accounts.get(key)
    if (account === undefined) this.accounts.set(key, (account = { balance: 0n, nonce: 0, last: null, streakStartMs: 0n, enrolled: false }))
    return account
  }
}
