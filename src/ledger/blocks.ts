// Builds and validates whole blocks: header and body against the ledger.

import type { Bin } from '../base/bytes.ts'
import { toBin } from '../base/bytes.ts'
import type { Result } from '../base/result.ts'
import { err, ok } from '../base/result.ts'
import type { Block, Body } from '../protocol/block.ts'
import { bodyRoot } from '../protocol/block.ts'
import type { Certificate } from '../protocol/certificate.ts'
import { certificateRoot } from '../protocol/certificate.ts'
import type { Header } from '../protocol/header.ts'
import { HEADER_VERSION, headerId } from '../protocol/header.ts'
import { HEARTBEAT_RECORD_SIZE } from '../protocol/heartbeat.ts'
import { MAX_TRANSACTION_BYTES } from '../protocol/limits.ts'
import type { Params } from '../protocol/params.ts'
import { paramsRoot } from '../protocol/params.ts'
import type { Transaction } from '../protocol/transaction.ts'
import { encodeTransaction, isGovernance } from '../protocol/transaction.ts'
import { validatorsRoot } from '../protocol/validators.ts'
import type { Content, Execution, ItemError } from './execute.ts'
import { execute, isJustified } from './execute.ts'
import type { Ledger } from './state.ts'

/** A block with its id and what it does to the ledger that it was executed on. */
export interface ExecutedBlock {
  readonly id: Bin
  readonly block: Block
  readonly execution: Execution
}

export type BlockError =
  | { readonly code: 'not_justified' | 'too_early' | 'too_large' | 'parent_certificate' }
  | { readonly code: 'header'; readonly field: keyof Header }
  | { readonly code: 'item'; readonly error: ItemError }

/** The earliest timestamp of the next block. */
export const earliestTimestampMs = (ledger: Ledger): number => ledger.timestampMs + ledger.params.blockIntervalMs

/**
 * Heartbeats that a block may hold: as many as are allowed, and fit into its body beside the governance transactions. They leave
 * room for the largest one at least, so that life can be as full as it likes and still be governed.
 */
export function heartbeatLimit({ maxHeartbeats, maxBodyBytes }: Params, transactions: readonly Transaction[] = []): number {
  const governance = transactions.filter(isGovernance).reduce((sum, transaction) => sum + transactionSize(transaction), 0)
  return Math.min(maxHeartbeats, Math.floor((maxBodyBytes - Math.min(governance, MAX_TRANSACTION_BYTES + 4)) / HEARTBEAT_RECORD_SIZE))
}

export interface Candidate {
  readonly timestampMs: number
  readonly proposer: Bin
  /** Certificate of the head; null before the first block. */
  readonly parentCertificate: Certificate | null
  /** Ascending by (device key, sequence); items that are not valid are left out. */
  readonly heartbeats: Content['heartbeats']
  /** Those that govern come first. */
  readonly transactions: readonly Transaction[]
}

/** Builds a block of our own. Null if what is left of the candidate does not justify one. */
export function buildBlock(ledger: Ledger, candidate: Candidate): ExecutedBlock | null {
  const { params } = ledger
  const heartbeats = candidate.heartbeats.slice(0, heartbeatLimit(params, candidate.transactions))
  const content: Content = {
    height: ledger.height + 1,
    timestampMs: candidate.timestampMs,
    parentCertificate: candidate.parentCertificate,
    heartbeats,
    transactions: fitting(candidate.transactions, params.maxTransactions, params.maxBodyBytes - heartbeats.length * HEARTBEAT_RECORD_SIZE),
  }
  const execution = execute(ledger, content, () => {})
  if (!isJustified(ledger, execution)) return null
  const body: Body = { parentCertificate: candidate.parentCertificate, heartbeats: execution.heartbeats, transactions: execution.transactions }
  const header = headerFor(ledger, body, candidate.timestampMs, candidate.proposer, execution)
  return { id: headerId(header), block: { header, body }, execution }
}

/** The transactions that fit into `maxCount` and `maxBytes`, in order. */
function fitting(transactions: readonly Transaction[], maxCount: number, maxBytes: number): Transaction[] {
  let left = maxBytes
  const chosen: Transaction[] = []
  for (const transaction of transactions) {
    left -= transactionSize(transaction)
    if (left < 0 || chosen.length === maxCount) break
    chosen.push(transaction)
  }
  return chosen
}

/** What it takes of a body: with the offset that an SSZ list spends on each of its items. */
export const transactionSize = (transaction: Transaction): number => encodeTransaction(transaction).length + 4

/**
 * Validates a block on top of the ledger by executing it. The caller has verified its signatures. Not judged here: its
 * proposer's turn and its timeliness (the engine), and the signatures and quorum of the parent's certificate.
 */
export function validateBlock(ledger: Ledger, block: Block): Result<ExecutedBlock, BlockError> {
  const { header, body } = block
  const { params } = ledger
  if (header.timestampMs < earliestTimestampMs(ledger)) return err({ code: 'too_early' })
  const certificate = body.parentCertificate
  if (ledger.height === 0 ? certificate !== null : certificate?.height !== ledger.height || certificate.blockId !== ledger.headId) {
    return err({ code: 'parent_certificate' })
  }
  const size = body.heartbeats.length * HEARTBEAT_RECORD_SIZE + body.transactions.reduce((sum, transaction) => sum + transactionSize(transaction), 0)
  const tooMany = body.heartbeats.length > params.maxHeartbeats || body.transactions.length > params.maxTransactions
  if (tooMany || size > params.maxBodyBytes) return err({ code: 'too_large' })
  if (!ledger.validators.some(({ key }) => key === header.proposer)) return err({ code: 'header', field: 'proposer' })
  let execution: Execution
  try {
    execution = execute(ledger, { height: ledger.height + 1, timestampMs: header.timestampMs, ...body }, (error) => {
      throw new InvalidItem(error)
    })
  } catch (error) {
    if (error instanceof InvalidItem) return err({ code: 'item', error: error.item })
    throw error
  }
  if (!isJustified(ledger, execution)) return err({ code: 'not_justified' })
  const expected = headerFor(ledger, body, header.timestampMs, header.proposer, execution)
  for (const field of Object.keys(expected) as (keyof Header)[]) {
    if (header[field] !== expected[field]) return err({ code: 'header', field })
  }
  return ok({ id: headerId(header), block, execution })
}

class InvalidItem extends Error {
  readonly item: ItemError

  constructor(item: ItemError) {
    super(item.reason)
    this.item = item
  }
}

function headerFor(ledger: Ledger, body: Body, timestampMs: number, proposer: Bin, execution: Execution): Header {
  return {
    version: HEADER_VERSION,
    height: ledger.height + 1,
    parentId: ledger.headId,
    timestampMs,
    proposer,
    bodyRoot: toBin(bodyRoot(body)),
    stateRoot: toBin(execution.stateRoot),
    validatorsRoot: toBin(validatorsRoot(ledger.validators)),
    nextValidatorsRoot: toBin(validatorsRoot(execution.state.validators)),
    paramsRoot: toBin(paramsRoot(ledger.params)),
    parentCertificateRoot: toBin(certificateRoot(body.parentCertificate)),
    lives: execution.shares.length,
    weightPpm: execution.weightPpm,
    cumulativeLifePpm: execution.state.cumulativeLifePpm,
  }
}
