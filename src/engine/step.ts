// One step: an input, the clock's reading, and out come effects. Synchronous and deterministic; the daemon and the
// simulator run this same function.

import { assert, unreachable } from '../base/assert.ts'
import type { Bin } from '../base/bytes.ts'
import { earliestTimestampMs } from '../ledger/blocks.ts'
import { applyExecution } from '../ledger/execute.ts'
import { hasQuorum } from '../protocol/certificate.ts'
import { admitHeartbeats, admitTransaction, pruneMempool } from './admission.ts'
import { noteCommitted, noteHead, release } from './caution.ts'
import type { Effect } from './effect.ts'
import type { Engine } from './engine.ts'
import { consensusAfter } from './engine.ts'
import {
  beginHeight, buildOwed, commit, isOurHeight, isReady, isWhole, judgeProposal, logged, receiveQuorum, receiveVote, runConsensus, validated,
} from './height.ts'
import type { ConsensusMessage, Input, Timer } from './input.ts'
import { keepLate } from './late.ts'

export function step(engine: Engine, input: Input, nowMs: number): Effect[] {
  const effects: Effect[] = []
  dispatch(engine, input, nowMs, effects)
  return effects
}

function dispatch(engine: Engine, input: Input, nowMs: number, effects: Effect[]): void {
  switch (input.kind) {
    case 'start':
      start(engine, nowMs, effects)
      break
    case 'head':
      noteHead(engine, input.nodeKey, input.height)
      release(engine, nowMs, effects)
      break
    case 'heartbeats':
      effects.push({ kind: 'verdicts', ticket: input.ticket, verdicts: admitHeartbeats(engine, input.heartbeats, nowMs) })
      proceed(engine, nowMs, effects)
      break
    case 'transaction':
      effects.push({ kind: 'verdicts', ticket: input.ticket, verdicts: [admitTransaction(engine, input.transaction, nowMs)] })
      proceed(engine, nowMs, effects)
      break
    case 'begin':
      if (input.height === engine.consensus.height) beginHeight(engine, nowMs, effects)
      break
    case 'timer':
      onTimer(engine, input.timer, nowMs, effects)
      break
    case 'value':
      if (engine.owedRound === input.round) buildOwed(engine, nowMs, effects, input.block)
      break
    case 'proposal':
    case 'vote':
    case 'quorum':
      onMessage(engine, input, nowMs, effects)
      break
    case 'stored':
      onStored(engine, input.height, nowMs, effects)
      break
    case 'decided':
      onDecided(engine, input, effects)
      break
    default:
      unreachable(input)
  }
}

/** Ends the replay: from here on the engine builds blocks and begins heights by itself. */
function start(engine: Engine, nowMs: number, effects: Effect[]): void {
  if (engine.phase === 'replaying') engine.phase = engine.consensus.round >= 0 ? 'deciding' : 'waiting'
  scheduleInterval(engine, nowMs, effects)
  proceed(engine, nowMs, effects)
}

/** Does what has become possible: begins the height, or builds the block that is owed. */
function proceed(engine: Engine, nowMs: number, effects: Effect[]): void {
  if (engine.phase === 'waiting' && isReady(engine, nowMs)) beginHeight(engine, nowMs, effects)
  if (engine.phase === 'deciding') buildOwed(engine, nowMs, effects)
}

/** A network that begins next month, or a clock that says 1970: no timer waits that long. What comes early waits again. */
const MAX_INTERVAL_MS = 3_600_000

function scheduleInterval(engine: Engine, nowMs: number, effects: Effect[]): void {
  const timer: Timer = { name: 'interval', height: engine.consensus.height }
  effects.push({ kind: 'schedule', timer, delayMs: Math.min(Math.max(0, earliestTimestampMs(engine.ledger) - nowMs), MAX_INTERVAL_MS) })
}

function onTimer(engine: Engine, timer: Timer, nowMs: number, effects: Effect[]): void {
  if (timer.height !== engine.consensus.height || engine.phase === 'committing') return
  if (timer.name === 'interval') {
    // The clock may have been set back since.
    if (nowMs < earliestTimestampMs(engine.ledger)) scheduleInterval(engine, nowMs, effects)
    proceed(engine, nowMs, effects)
  } else if (timer.name === 'caution') release(engine, nowMs, effects)
  else {
    logged(engine, { kind: 'timer', timer }, effects)
    runConsensus(engine, { kind: 'timeout', step: timer.step, round: timer.round }, nowMs, effects)
  }
}

/** A message of this height is processed; one of the next height waits; all others are late or far. */
function onMessage(engine: Engine, input: ConsensusMessage, nowMs: number, effects: Effect[]): void {
  const { height } = statementOf(input)
  if (height === engine.consensus.height + 1) keepEarly(engine, input)
  if (input.kind === 'vote') keepLate(engine, input.vote)
  if (!isOurHeight(engine, height)) return
  if (engine.phase === 'waiting') beginHeight(engine, nowMs, effects)
  if (input.kind === 'vote') receiveVote(engine, input.vote, nowMs, effects)
  else if (input.kind === 'quorum') receiveQuorum(engine, input.votes, nowMs, effects)
  else judgeProposal(engine, input.proposed, nowMs, effects)
}

/** Which height a message is about, and who signed it (of a quorum: one of many). */
function statementOf(input: ConsensusMessage): { readonly height: number; readonly sender: Bin | null } {
  if (input.kind === 'proposal') return { height: input.proposed.proposal.height, sender: input.proposed.proposal.proposer }
  const vote = input.kind === 'vote' ? input.vote : input.votes[0]
  return { height: vote?.height ?? 0, sender: vote?.validator ?? null }
}

/** Messages of the next height that are kept: a proposal and some votes per validator. The network offers the rest again. */
const MAX_EARLY_VOTES = 8

function keepEarly({ early, ledger }: Engine, input: ConsensusMessage): void {
  const { sender } = statementOf(input)
  if (input.kind === 'quorum' || !ledger.validators.some(({ key }) => key === sender)) return
  const alike = early.filter((other) => other.kind === input.kind && statementOf(other).sender === sender)
  if (alike.length < (input.kind === 'proposal' ? 1 : MAX_EARLY_VOTES)) early.push(input)
}

function onStored(engine: Engine, height: number, nowMs: number, effects: Effect[]): void {
  assert(engine.committing !== null && height === engine.consensus.height, 'the block that was committed is the one that was stored')
  const { executed, certificate } = engine.committing
  noteCommitted(engine, certificate, engine.ledger.validators)
  engine.ledger = applyExecution(engine.ledger, executed.execution, executed.id)
  engine.headCertificate = certificate
  engine.committing = null
  engine.owedRound = null
  engine.candidates = new Map()
  engine.judged = new Map()
  engine.consensus = consensusAfter(engine.ledger, engine.self)
  engine.phase = 'waiting'
  pruneMempool(engine, executed.block.body.heartbeats, nowMs)
  scheduleInterval(engine, nowMs, effects)
  const early = engine.early
  engine.early = []
  for (const input of early) dispatch(engine, input, nowMs, effects)
  proceed(engine, nowMs, effects)
}

/** A block that others decided: the certificate stands for their votes, execution for the rest. */
function onDecided(engine: Engine, input: Extract<Input, { kind: 'decided' }>, effects: Effect[]): void {
  const { block, certificate } = input
  if (engine.phase === 'committing' || block.header.height !== engine.consensus.height || certificate.height !== engine.consensus.height) return
  if (!hasQuorum(certificate, engine.ledger.validators) || !isWhole(block, certificate.blockId)) return
  const executed = validated(engine, certificate.blockId, block)
  if (executed !== null) commit(engine, executed, certificate, effects)
  else effects.push({ kind: 'diverged', height: certificate.height, blockId: certificate.blockId })
}
