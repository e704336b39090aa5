// One height: beginning it, building and judging its blocks, and carrying out what consensus decides.

import type { Bin } from '../base/bytes.ts'
import { unreachable } from '../base/assert.ts'
import { toBin } from '../base/bytes.ts'
import { FUTURE_ROUNDS_KEPT } from '../consensus/bounds.ts'
import type { ConsensusEffect } from '../consensus/effect.ts'
import type { ConsensusInput } from '../consensus/input.ts'
import { hasProposal, hasVote, proposerFor, stepConsensus, teachesQuorum } from '../consensus/consensus.ts'
import { blocksNeeded } from '../consensus/view.ts'
import { backedBlocks } from '../consensus/vote-keeper.ts'
import type { Verified } from '../crypto/verified.ts'
import type { ExecutedBlock } from '../ledger/blocks.ts'
import { buildBlock, earliestTimestampMs, heartbeatLimit, validateBlock } from '../ledger/blocks.ts'
import { headValidators } from '../ledger/validators-at.ts'
import type { Block } from '../protocol/block.ts'
import { bodyRoot } from '../protocol/block.ts'
import type { Certificate } from '../protocol/certificate.ts'
import { certificateRoot, hasQuorum } from '../protocol/certificate.ts'
import type { Evidence } from '../protocol/evidence.ts'
import { headerId } from '../protocol/header.ts'
import type { Params } from '../protocol/params.ts'
import type { Proposal, ProposedBlock } from '../protocol/proposal.ts'
import type { GovernanceTransaction } from '../protocol/transaction.ts'
import { evidenceTransaction } from '../protocol/transaction.ts'
import type { Vote } from '../protocol/vote.ts'
import { oldestS, precheckTransaction } from './admission.ts'
import { maySign, noteOwnVote, signOrHold } from './caution.ts'
import { includesLives } from './duty.ts'
import type { Effect } from './effect.ts'
import type { Engine } from './engine.ts'
import type { LoggedInput } from './input.ts'

export const isOurHeight = (engine: Engine, height: number): boolean => height === engine.consensus.height && engine.phase !== 'committing'

/** Round 0 begins by itself when the interval is over and our own pool justifies a block; a sleeping network is quiet. */
export function isReady(engine: Engine, nowMs: number): boolean {
  const { ledger, heartbeats, governance } = engine
  // What is too old for a block is no life.
  heartbeats.expire(oldestS(engine, nowMs))
  const justified = heartbeats.devices >= ledger.params.threshold || governance.count > 0 || ledger.governance.change !== null
  return justified && nowMs >= earliestTimestampMs(ledger)
}

export function beginHeight(engine: Engine, nowMs: number, effects: Effect[]): void {
  if (engine.consensus.round >= 0) return
  logged(engine, { kind: 'begin', height: engine.consensus.height }, effects)
  if (engine.phase === 'waiting') engine.phase = 'deciding'
  runConsensus(engine, { kind: 'start' }, nowMs, effects)
}

/** Writes ahead, unless the input comes from the log itself. */
export function logged(engine: Engine, input: LoggedInput, effects: Effect[]): void {
  if (engine.phase !== 'replaying') effects.push({ kind: 'log', input })
}

/** Builds the block that we owe, when its time has come and there is life to put in. @param logged the block that an earlier life of this process built */
export function buildOwed(engine: Engine, nowMs: number, effects: Effect[], replayed?: Verified<Block>): void {
  const { consensus, owedRound } = engine
  if (owedRound === null) return
  if (consensus.round !== owedRound || consensus.step !== 'propose') {
    engine.owedRound = null
    return
  }
  const executed = replayed === undefined ? build(engine, nowMs) : validated(engine, headerId(replayed.header), replayed)
  if (executed === null) return
  engine.owedRound = null
  remember(engine, executed.id, executed)
  // Its content is what this node verified on the way into the pool.
  logged(engine, { kind: 'value', round: owedRound, block: executed.block as Verified<Block> }, effects)
  runConsensus(engine, { kind: 'value', round: owedRound, blockId: executed.id }, nowMs, effects)
}

function build(engine: Engine, nowMs: number): ExecutedBlock | null {
  const { ledger, heartbeats, transfers, governance, self } = engine
  const { params } = ledger
  if (engine.phase === 'replaying' || self === null || nowMs < earliestTimestampMs(ledger)) return null
  const newestS = Math.floor((nowMs + params.heartbeatMaxFutureMs) / 1_000)
  const transactions = [...governance.reap(), ...transfers.reap(params.maxTransactions)]
  return buildBlock(ledger, {
    timestampMs: nowMs,
    proposer: self,
    parentCertificate: engine.headCertificate,
    heartbeats: heartbeats.reap(heartbeatLimit(params, transactions), oldestS(engine, nowMs), newestS),
    transactions,
  })
}

export function receiveVote(engine: Engine, vote: Verified<Vote>, nowMs: number, effects: Effect[]): void {
  if (hasVote(engine.consensus, vote)) return
  logged(engine, { kind: 'vote', vote }, effects)
  if (vote.validator === engine.self) {
    if (noteOwnVote(engine, vote)) effects.push({ kind: 'signed-elsewhere', vote })
    effects.push({ kind: 'broadcast-vote', vote })
  }
  runConsensus(engine, { kind: 'vote', vote }, nowMs, effects)
}

/** A set that shows a quorum: where a validator signs twice, single votes may never add up for us. */
export function receiveQuorum(engine: Engine, votes: readonly Verified<Vote>[], nowMs: number, effects: Effect[]): void {
  if (!teachesQuorum(engine.consensus, votes)) return
  logged(engine, { kind: 'quorum', votes }, effects)
  runConsensus(engine, { kind: 'quorum', votes }, nowMs, effects)
}

export function judgeProposal(engine: Engine, proposed: Verified<ProposedBlock>, nowMs: number, effects: Effect[]): void {
  const { proposal, block } = proposed
  if (!mayAsk(engine, proposal) || !isWhole(block, proposal.blockId)) return
  engine.judged.set(proposal.round, (engine.judged.get(proposal.round) ?? 0) + 1)
  logged(engine, { kind: 'proposal', proposed }, effects)
  if (proposal.proposer === engine.self) effects.push({ kind: 'broadcast-proposal', proposed })
  const fresh = proposal.validRound === -1
  const executed = validated(engine, proposal.blockId, block)
  const valid = executed !== null && (!fresh || block.header.proposer === proposal.proposer)
  runConsensus(engine, { kind: 'proposal', proposal, valid }, nowMs, effects)
}

/** Blocks that we execute for the proposer of one round, beside those that more than 1/3 of the power voted for. */
const MAX_JUDGED = 4

/**
 * Execution is costly, and so is the log: only the proposer of a round may ask for them, for few blocks, and not for
 * rounds far ahead. What is refused here is offered again by peers, once it is backed or the round has come.
 */
function mayAsk({ consensus, judged }: Engine, proposal: Proposal): boolean {
  const { round, proposer, blockId } = proposal
  if (round > Math.max(consensus.round, 0) + FUTURE_ROUNDS_KEPT) return false
  if (proposer !== proposerFor(consensus, round) || hasProposal(consensus, proposal)) return false
  return (judged.get(round) ?? 0) < MAX_JUDGED || backedBlocks(consensus.votes, round).includes(blockId)
}

/**
 * The block has this id, and this is its body. Without that nothing may be concluded about the id: whoever passes a
 * proposal on could put another body under it.
 */
export function isWhole({ header, body }: Block, id: Bin): boolean {
  return headerId(header) === id && toBin(bodyRoot(body)) === header.bodyRoot && toBin(certificateRoot(body.parentCertificate)) === header.parentCertificateRoot
}

/** The executed block, or null if it is not valid here. It must be whole. */
export function validated(engine: Engine, id: Bin, block: Block): ExecutedBlock | null {
  const known = engine.candidates.get(id)
  if (known !== undefined) return known
  const certificate = block.body.parentCertificate
  const certified = certificate === null || hasQuorum(certificate, headValidators(engine.ledger))
  const result = certified ? validateBlock(engine.ledger, block) : null
  const executed = result?.ok === true ? result.value : null
  remember(engine, id, executed)
  return executed
}

/** Blocks of one height that are kept executed although nothing needs them. One per round is honest. */
const MAX_CANDIDATES = 8

/** Keeps what a block does. The oldest go first, but none that a decision or a proposal may still name. */
function remember({ candidates, consensus }: Engine, id: Bin, executed: ExecutedBlock | null): void {
  candidates.set(id, executed)
  if (candidates.size <= MAX_CANDIDATES) return
  const needed = blocksNeeded(consensus)
  for (const known of candidates.keys()) {
    if (candidates.size <= MAX_CANDIDATES) break
    if (known !== id && !needed.has(known)) candidates.delete(known)
  }
}

export function runConsensus(engine: Engine, input: ConsensusInput, nowMs: number, effects: Effect[]): void {
  const judge = { acceptable: (proposal: Proposal) => isAcceptable(engine, proposal, nowMs) }
  for (const effect of stepConsensus(engine.consensus, input, judge)) carryOut(engine, effect, nowMs, effects)
}

/** A fresh proposal must be timely and hold the lives that we hold; both tolerances widen with the round. */
function isAcceptable(engine: Engine, { blockId, round }: Proposal, nowMs: number): boolean {
  const block = engine.candidates.get(blockId)?.block
  return block !== undefined && isTimely(engine, block, round, nowMs) && includesLives(engine, block, round, nowMs)
}

/** Near our own clock; the tolerance widens, so that skew cannot stop the chain. */
const isTimely = ({ ledger }: Engine, { header }: Block, round: number, nowMs: number): boolean =>
  Math.abs(header.timestampMs - nowMs) <= timeoutMs(ledger.params, 'propose', round + 1)

/** The longest that timers can wait. More than a third of the power could name a round whose timeout is longer. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

function timeoutMs(params: Params, step: 'propose' | 'prevote' | 'precommit', round: number): number {
  return step === 'propose'
    ? params.timeoutProposeMs + round * params.timeoutProposeDeltaMs
    : params.timeoutVoteMs + round * params.timeoutVoteDeltaMs
}

function carryOut(engine: Engine, effect: ConsensusEffect, nowMs: number, effects: Effect[]): void {
  const { height } = engine.consensus
  switch (effect.kind) {
    case 'get-value':
      if (!maySign(engine, nowMs)) break
      engine.owedRound = effect.round
      buildOwed(engine, nowMs, effects)
      break
    case 'propose': {
      if (!maySign(engine, nowMs)) break
      const executed = engine.candidates.get(effect.blockId)
      const { round, validRound, blockId } = effect
      if (executed != null) effects.push({ kind: 'sign-proposal', statement: { height, round, validRound, blockId }, block: executed.block })
      break
    }
    case 'vote':
      signOrHold(engine, { height, round: effect.round, type: effect.type, blockId: effect.blockId }, nowMs, effects)
      break
    case 'timeout': {
      const { step, round } = effect
      const delayMs = Math.min(timeoutMs(engine.ledger.params, step, round), MAX_TIMEOUT_MS)
      effects.push({ kind: 'schedule', timer: { name: 'timeout', height, round, step }, delayMs })
      break
    }
    case 'decide': {
      const executed = engine.candidates.get(effect.blockId)
      if (executed != null) commit(engine, executed, effect.certificate, effects)
      break
    }
    case 'equivocation':
      effects.push(effect)
      accuse(engine, { first: effect.first, second: effect.second }, nowMs, effects)
      break
    case 'round':
      effects.push({ kind: 'round', height, round: effect.round, proposer: effect.proposer })
      break
    default:
      unreachable(effect)
  }
}

/** Turns two contradicting votes into a transaction that waits for a block, here and at peers. */
function accuse(engine: Engine, evidence: Evidence, nowMs: number, effects: Effect[]): void {
  // Both votes were verified on their way in.
  const transaction = evidenceTransaction(evidence) as Verified<GovernanceTransaction>
  if (precheckTransaction(engine, transaction, nowMs) !== null) return
  engine.governance.add(transaction)
  effects.push({ kind: 'broadcast-transaction', transaction })
}

export function commit(engine: Engine, executed: ExecutedBlock, certificate: Certificate, effects: Effect[]): void {
  engine.phase = 'committing'
  engine.committing = { executed, certificate }
  effects.push({ kind: 'commit', executed, certificate, round: certificate.round })
}
