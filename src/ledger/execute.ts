// Executes the content of a block on a draft: heartbeats, then the reward, then transactions. The ledger stays as it
// is; what comes back is a patch. The same code validates a block of another (the first bad item is an error) and
// builds one of our own (bad items are left out).

import { assert } from '../base/assert.ts'
import type { Result } from '../base/result.ts'
import { ok } from '../base/result.ts'
import type { KeyBin } from '../crypto/keys.ts'
import type { Certificate } from '../protocol/certificate.ts'
import type { Heartbeat } from '../protocol/heartbeat.ts'
import type { Reason } from '../protocol/reason.ts'
import { rotate } from '../protocol/rotation.ts'
import type { GovernanceTransaction, Transaction } from '../protocol/transaction.ts'
import { ENROLMENT_KIND, isGovernance } from '../protocol/transaction.ts'
import type { Transfer } from '../protocol/transfer.ts'
import {
  addReward, balanceOf, isEnrolled, lastActiveMs, lastHeight, nonceOf, setBalance, setEnrolled, setNonce, streakStartMs, writeBeat,
} from './account.ts'
import type { AccountDraft } from './accounts.ts'
import { checkAge, checkSuccession, isAlive } from './admit.ts'
import { lastHeightOf, turnEpoch } from './epoch.ts'
import { govern } from './govern.ts'
import type { Governance } from './governance.ts'
import { LifeCount } from './life-count.ts'
import { mintedAt, splitReward } from './reward.ts'
import type { Ledger, Singletons } from './state.ts'
import { stateRoot } from './state.ts'
import type { TreePatch } from './tree.ts'
import { gapLimitMs, weightPpm } from './weight.ts'

export interface Content {
  readonly height: number
  readonly timestampMs: number
  /** Certificate of the parent; null in the first block. */
  readonly parentCertificate: Certificate | null
  /** Ascending by (device key, sequence). */
  readonly heartbeats: readonly Heartbeat[]
  readonly transactions: readonly Transaction[]
}

/** What one life got in a block. */
export interface Share {
  readonly index: number
  readonly weightPpm: number
  readonly reward: bigint
}

export interface Execution {
  /** Singletons after the block. */
  readonly state: Singletons
  readonly accounts: TreePatch
  readonly stateRoot: Uint8Array
  /** One per life, by account index. */
  readonly shares: readonly Share[]
  readonly weightPpm: number
  /** Base units minted. */
  readonly minted: bigint
  /** The items that were executed: all of them, or when building those that are valid. */
  readonly heartbeats: readonly Heartbeat[]
  readonly transactions: readonly Transaction[]
}

/** Where an item of a block is wrong. */
export interface ItemError {
  readonly item: 'heartbeat' | 'transaction'
  readonly position: number
  readonly reason: Reason | 'order' | 'creations'
}

/** Called for an item that is not valid: validation stops there, building leaves it out. */
type OnInvalid = (error: ItemError) => void

/** @throws whatever `onInvalid` throws */
export function execute(ledger: Ledger, content: Content, onInvalid: OnInvalid): Execution {
  const { params } = ledger
  const activeMs = ledger.activeMs + Math.min(content.timestampMs - ledger.timestampMs, 2 * params.blockIntervalMs)
  const draft = ledger.accounts.draft(content.heartbeats.length + content.transactions.reduce((sum, each) => sum + accountsTouched(each), 0))
  const lifeCount = new LifeCount(ledger, content.height)
  const { lives, heartbeats } = executeHeartbeats(ledger, draft, content, activeMs, lifeCount, onInvalid)
  const { shares, minted, totalPpm } = distribute(ledger, draft, content, lives)
  const { transactions, governance } = executeTransactions(ledger, draft, content, onInvalid)
  assert(draft.balanceChange() === minted, 'the balances grow by what is minted')
  const epoch = { ...governance.epoch, signed: signedAfter(ledger, content.parentCertificate), lives: lifeCount.lives }
  const order = {
    params,
    validators: ledger.validators,
    priorities: rotate(ledger.validators, ledger.priorities, 1).priorities,
    governance: { ...governance, epoch },
  }
  const state: Singletons = {
    height: content.height,
    timestampMs: content.timestampMs,
    activeMs,
    supply: ledger.supply + minted,
    cumulativeLifePpm: ledger.cumulativeLifePpm + BigInt(totalPpm),
    ...(content.height === lastHeightOf(ledger) ? turnEpoch(order, content.height, content.timestampMs) : order),
  }
  const accounts = draft.toPatch()
  return { state, accounts, stateRoot: stateRoot(state, accounts.root), shares, weightPpm: totalPpm, minted, heartbeats, transactions }
}

/** Accounts that a transaction may change at most. */
const accountsTouched = (transaction: Transaction): number => {
  if (!isGovernance(transaction)) return 2
  return transaction.kind === ENROLMENT_KIND ? transaction.enrolment.devices.length : 0
}

/** Who signed what in this epoch. The first block of an epoch holds a certificate of the one before, which counts no more. */
function signedAfter({ height, governance: { epoch } }: Ledger, certificate: Certificate | null): readonly number[] {
  if (certificate === null || height === epoch.start) return epoch.signed
  const signers = new Set(certificate.signatures.map(({ validator }) => validator))
  return epoch.signed.map((count, i) => (signers.has(i) ? count + 1 : count))
}

/** A life in this block: its heaviest heartbeat counts, whatever beats. */
interface Life {
  readonly index: number
  readonly at: number
  weightPpm: number
}

function executeHeartbeats(ledger: Ledger, draft: AccountDraft, content: Content, activeMs: number, lifeCount: LifeCount, onInvalid: OnInvalid) {
  const { params } = ledger
  const gapMs = gapLimitMs(params)
  const lives: Life[] = []
  const heartbeats: Heartbeat[] = []
  let life: Life | null = null
  let previous: Heartbeat | null = null
  for (const [position, heartbeat] of content.heartbeats.entries()) {
    const sameLife = previous !== null && previous.device === heartbeat.device
    if (previous !== null && (sameLife ? heartbeat.sequence <= previous.sequence : heartbeat.device < previous.device)) {
      onInvalid({ item: 'heartbeat', position, reason: 'order' })
      continue
    }
    if (!sameLife) life = null
    previous = heartbeat
    const index: number | undefined = life?.index ?? draft.indexOf(heartbeat.device)
    const before = index === undefined ? -1 : draft.edit(index)
    const reason = checkAge(params, heartbeat, content.timestampMs) ?? checkSuccession(params, heartbeat, draft.bytes, before)
    if (reason !== null) {
      onInvalid({ item: 'heartbeat', position, reason })
      continue
    }
    if (life === null) {
      const opened: { index: number; at: number } = index === undefined ? draft.create(heartbeat.device, false) : { index, at: before }
      life = { ...opened, weightPpm: 0 }
      lives.push(life)
    }
    const startMs = streakStart(draft.bytes, life.at, activeMs, gapMs)
    const weight = weightPpm(params, heartbeat.rateLevel, heartbeat.motionLevel, activeMs - startMs)
    life.weightPpm = Math.max(life.weightPpm, weight)
    writeBeat(draft.bytes, life.at, {
      timestampS: heartbeat.timestampS,
      sequence: heartbeat.sequence,
      height: content.height,
      activeMs,
      streakStartMs: startMs,
    })
    lifeCount.beat(draft.bytes, life.at, heartbeat)
    heartbeats.push(heartbeat)
  }
  return { lives, heartbeats }
}

/** A streak goes on unless more active time than the gap limit has passed since the last heartbeat. */
function streakStart(records: Uint8Array, at: number, activeMs: number, gapMs: number): number {
  const goesOn = lastHeight(records, at) > 0 && activeMs - lastActiveMs(records, at) <= gapMs
  return goesOn ? streakStartMs(records, at) : activeMs
}

function distribute(ledger: Ledger, draft: AccountDraft, content: Content, lives: Life[]) {
  lives.sort((a, b) => a.index - b.index)
  const weights = lives.map((life) => life.weightPpm)
  const totalPpm = weights.reduce((sum, weight) => sum + weight, 0)
  const rewarded = lives.length >= ledger.params.threshold && totalPpm > 0
  const minted = rewarded ? mintedAt(ledger.params, content.height, ledger.supply) : 0n
  const rewards = rewarded ? splitReward(minted, weights) : []
  const shares = lives.map(({ index, at, weightPpm: weight }, i): Share => {
    const reward = rewards[i] ?? 0n
    if (rewarded) addReward(draft.bytes, at, reward)
    return { index, weightPpm: weight, reward }
  })
  return { shares, minted, totalPpm }
}

function executeTransactions(ledger: Ledger, draft: AccountDraft, content: Content, onInvalid: OnInvalid): { transactions: Transaction[]; governance: Governance } {
  const executed: Transaction[] = []
  let { governance } = ledger
  let creations = 0
  for (const [position, transaction] of content.transactions.entries()) {
    const opened = draft.created
    let reason: ItemError['reason'] | null = null
    if (isGovernance(transaction)) {
      const result = executeGovernance(ledger, draft, governance, transaction, content)
      if (result.ok) governance = result.value
      else reason = result.error
    } else {
      reason = executeTransfer(ledger, draft, transaction.transfer, content.height, creations)
      creations += draft.created - opened
    }
    if (reason === null) executed.push(transaction)
    else onInvalid({ item: 'transaction', position, reason })
  }
  return { transactions: executed, governance }
}

function executeGovernance(ledger: Ledger, draft: AccountDraft, governance: Governance, transaction: GovernanceTransaction, content: Content): Result<Governance, Reason> {
  const { height, timestampMs } = content
  const enrolled = (device: KeyBin): boolean => {
    const index = draft.indexOf(device)
    return index !== undefined && isEnrolled(draft.bytes, draft.edit(index))
  }
  const result = govern(transaction, { state: ledger, governance, height, timestampMs, isEnrolled: enrolled })
  if (!result.ok) return result
  for (const device of result.value.enrols) {
    const index = draft.indexOf(device)
    if (index === undefined) draft.create(device, true)
    else setEnrolled(draft.bytes, draft.edit(index))
  }
  return ok(result.value.governance)
}

function executeTransfer(ledger: Ledger, draft: AccountDraft, transfer: Transfer, height: number, creations: number): ItemError['reason'] | null {
  const { params } = ledger
  if (transfer.expiryHeight < height) return 'expired'
  const senderIndex = draft.indexOf(transfer.sender)
  if (senderIndex === undefined) return 'sender_not_alive'
  const sender = draft.edit(senderIndex)
  if (!isAlive(params, draft.bytes, sender, height)) return 'sender_not_alive'
  const nonce = nonceOf(draft.bytes, sender)
  if (transfer.nonce !== nonce) return transfer.nonce < nonce ? 'nonce_used' : 'nonce_gap'
  const balance = balanceOf(draft.bytes, sender)
  if (transfer.amount > balance) return 'insufficient_balance'
  const recipientIndex = draft.indexOf(transfer.recipient)
  if (recipientIndex === undefined) {
    if (transfer.amount < params.accountMinimum) return 'below_minimum'
    if (creations >= params.maxCreations) return 'creations'
  }
  setNonce(draft.bytes, sender, nonce + 1)
  setBalance(draft.bytes, sender, balance - transfer.amount)
  // After the debit: sender and recipient may be the same account.
  const recipient = recipientIndex === undefined ? draft.create(transfer.recipient, false).at : draft.edit(recipientIndex)
  setBalance(draft.bytes, recipient, balanceOf(draft.bytes, recipient) + transfer.amount)
  return null
}

/**
 * A block needs `threshold` lives, or a governance transaction; otherwise there is nothing to agree on. While a change of parameters waits
 * it needs neither: it may be the one that takes back what no life can meet, and it waits for the end of an epoch.
 */
export function isJustified(ledger: Ledger, content: Pick<Execution, 'shares' | 'transactions'>): boolean {
  return content.shares.length >= ledger.params.threshold || content.transactions.some(isGovernance) || ledger.governance.change !== null
}

/** Applies what was executed on exactly this ledger. */
export function applyExecution(ledger: Ledger, execution: Execution, headId: string): Ledger {
  assert(execution.state.height === ledger.height + 1, 'an execution applies to the ledger that it was made on')
  ledger.accounts.apply(execution.accounts)
  return { ...ledger, ...execution.state, headId, accountsRoot: execution.accounts.root }
}
