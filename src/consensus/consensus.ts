// The consensus on one height: ties the round machine to the messages that it reads. Pure: the same inputs give the
// same effects, so that replaying logged inputs after a crash restores the state.

import { assert, unreachable } from '../base/assert.ts'
import type { Bin } from '../base/bytes.ts'
import type { Certificate } from '../protocol/certificate.ts'
import { MAX_TOTAL_POWER, MAX_VALIDATORS } from '../protocol/limits.ts'
import type { Proposal } from '../protocol/proposal.ts'
import type { Priorities } from '../protocol/rotation.ts'
import { proposerOf } from '../protocol/rotation.ts'
import type { ValidatorSet } from '../protocol/validators.ts'
import { totalPower } from '../protocol/validators.ts'
import type { Vote, VoteType } from '../protocol/vote.ts'
import type { RoundWindow } from './bounds.ts'
import { isFuture, isKept, PROPOSERS_REMEMBERED } from './bounds.ts'
import type { ConsensusEffect } from './effect.ts'
import type { ConsensusInput, Judge } from './input.ts'
import type { HeldProposal, ProposalKeeper } from './proposal-keeper.ts'
import { addProposal, createProposalKeeper, firstProposal, isValidBlock, pruneProposals } from './proposal-keeper.ts'
import type { MessageLog, RoundState, Surroundings } from './round-machine.ts'
import { applyRules, initialRoundState, onTimeout, proposeValue, recallLock, startRound } from './round-machine.ts'
import type { Quorum, VoteKeeper } from './vote-keeper.ts'
import {
  addQuorum, addVote, backedBlocks, changesSomething, createVoteKeeper, hasQuorum, hasQuorumFor, isRound, pruneVotes, quorumBlock, quorumFrom,
  quorumRounds, skipRound, votesFor,
} from './vote-keeper.ts'

export interface ConsensusOptions {
  readonly height: number
  /** Sorted by key. */
  readonly validators: ValidatorSet
  /** Those of the state after the parent block. */
  readonly priorities: Priorities
  /** Our validator key. Null, or a key that is not in the set: an observer. */
  readonly self: Bin | null
}

/** Plain data, changed by `stepConsensus` only; view.ts reads it. */
export interface Consensus extends ConsensusOptions, RoundState {
  readonly votes: VoteKeeper
  readonly proposals: ProposalKeeper
  /** Proposers by round: computing one takes a turn for each round. */
  readonly proposers: Map<number, Bin>
}

export function createConsensus({ height, validators, priorities, self }: ConsensusOptions): Consensus {
  const total = totalPower(validators)
  assert(validators.length > 0 && validators.length <= MAX_VALIDATORS && priorities.length === validators.length, 'each validator has a priority')
  assert(validators.every(({ key }, i) => i === 0 || validators[i - 1]!.key < key), 'validators are sorted by key, each once')
  assert(validators.every(({ power }) => Number.isSafeInteger(power) && power > 0) && total < MAX_TOTAL_POWER, 'powers are positive integers below the maximum')
  return {
    height,
    validators,
    priorities,
    self: validators.some(({ key }) => key === self) ? self : null,
    votes: createVoteKeeper(height, validators),
    proposals: createProposalKeeper(),
    proposers: new Map(),
    ...initialRoundState(),
  }
}

export function stepConsensus(state: Consensus, input: ConsensusInput, judge: Judge): ConsensusEffect[] {
  const effects: ConsensusEffect[] = []
  const around = surroundings(state, judge, (effect) => effects.push(effect))
  const roundBefore = state.round
  receive(state, input, around)
  applyRules(state, around)
  if (state.round !== roundBefore) prune(state)
  return effects
}

/** The validator whose proposal counts in this round. */
export function proposerFor(state: Consensus, round: number): Bin {
  const known = state.proposers.get(round)
  if (known !== undefined) return known
  if (state.proposers.size >= PROPOSERS_REMEMBERED) state.proposers.clear()
  const { key } = state.validators[proposerOf(state.validators, state.priorities, round)]!
  state.proposers.set(round, key)
  return key
}

/** True if this vote would change nothing, so that it need not be logged: it is held, reported, or not one that is kept. */
export function hasVote(state: Consensus, vote: Vote): boolean {
  return !changesSomething(state.votes, vote, windowOf(state)) && !recallsLock(state, vote)
}

/** False for a set of votes that shows nothing new, or no quorum at all, so that it need not be logged. */
export function teachesQuorum(state: Consensus, votes: readonly Vote[]): boolean {
  const quorum = quorumFrom(state.votes, votes)
  if (quorum === null || hasQuorumFor(state.votes, quorum.round, quorum.type, quorum.blockId)) return false
  const window = quorumWindow(state, quorum)
  return isFuture(quorum.round, window) ? state.round >= 0 && state.decision === null : isKept(quorum.round, window)
}

/** True if this is the proposal that counts in its round. */
export function hasProposal(state: Consensus, { round, blockId, validRound, proposer }: Proposal): boolean {
  const held = firstProposal(state.proposals, round)?.proposal
  return held !== undefined && held.blockId === blockId && held.validRound === validRound && held.proposer === proposer
}

/** More than 2/3 of the power for the block, and every further precommit that we hold for it, in validator order. */
export function certificateFor({ height, validators, votes }: Consensus, round: number, blockId: Bin): Certificate {
  const indexes = new Map(validators.map(({ key }, index) => [key, index]))
  const precommits = votesFor(votes, round, 'precommit', blockId)
  return { height, round, blockId, signatures: precommits.map(({ validator, signature }) => ({ validator: indexes.get(validator)!, signature })) }
}

function receive(state: Consensus, input: ConsensusInput, around: Surroundings): void {
  switch (input.kind) {
    case 'start':
      if (state.round < 0 && state.decision === null) startRound(state, 0, around) // L10
      break
    case 'proposal':
      receiveProposal(state, input)
      break
    case 'vote':
      receiveVote(state, input.vote, windowOf(state), around)
      break
    case 'quorum':
      receiveQuorum(state, input.votes, around)
      break
    case 'timeout':
      onTimeout(state, input.step, input.round, around)
      break
    case 'value':
      proposeValue(state, input.round, input.blockId, around)
      break
    default:
      unreachable(input)
  }
}

function receiveProposal(state: Consensus, held: HeldProposal): void {
  const { height, round, validRound, proposer } = held.proposal
  if (state.decision !== null || height !== state.height || !isRound(round) || !state.votes.powers.has(proposer)) return
  // L28 demands vr < round. A proposal without that could never be answered, and must not take the place of one that can.
  if (!Number.isInteger(validRound) || validRound < -1 || validRound >= round || proposer !== proposerFor(state, round)) return
  const backed = new Set([...state.votes.rounds.keys()].flatMap((each) => backedBlocks(state.votes, each)))
  addProposal(state.proposals, { proposal: held.proposal, valid: held.valid }, windowOf(state), (id) => backed.has(id))
}

/** Votes are kept after the decision, too: late precommits are worth having, and so is evidence. */
function receiveVote(state: Consensus, vote: Vote, window: RoundWindow, { emit }: Surroundings): void {
  const evidence = addVote(state.votes, vote, window)
  if (evidence !== null) emit({ kind: 'equivocation', ...evidence })
  if (recallsLock(state, vote)) recallLock(state, vote.round, vote.blockId!)
}

const recallsLock = ({ height, self, lockedRound }: Consensus, { height: voteHeight, type, round, blockId, validator }: Vote): boolean =>
  validator === self && voteHeight === height && type === 'precommit' && blockId !== null && isRound(round) && round > lockedRound

function receiveQuorum(state: Consensus, votes: readonly Vote[], around: Surroundings): void {
  const quorum = quorumFrom(state.votes, votes)
  if (quorum === null) return
  // L55: more than 2/3 is more than 1/3.
  if (state.round >= 0 && state.decision === null && isFuture(quorum.round, windowOf(state))) startRound(state, quorum.round, around)
  const window = quorumWindow(state, quorum)
  for (const vote of quorum.votes) receiveVote(state, vote, window, around)
  addQuorum(state.votes, quorum, window)
}

/** L49 has no limit to the past, and here is all that it asks for. */
function quorumWindow(state: Consensus, { type }: Quorum): RoundWindow {
  const { current, needsRound } = windowOf(state)
  return { current, needsRound: (round) => needsRound(round) || type === 'precommit' }
}

function surroundings(state: Consensus, judge: Judge, emit: (effect: ConsensusEffect) => void): Surroundings {
  const { votes, proposals, self } = state
  const log: MessageLog = {
    firstProposal: (round) => firstProposal(proposals, round),
    isValidBlock: (blockId) => isValidBlock(proposals, blockId),
    hasQuorum: (round, type) => hasQuorum(votes, round, type),
    hasQuorumFor: (round, type, blockId) => hasQuorumFor(votes, round, type, blockId),
    quorumBlock: (round, type) => quorumBlock(votes, round, type),
    prevotedRounds: () => quorumRounds(votes, 'prevote'),
    precommittedRounds: () => quorumRounds(votes, 'precommit'),
    skipRound: (round) => skipRound(votes, round),
    hasSpoken: (round, type) => hasSpoken(state, round, type),
    certificate: (round, blockId) => certificateFor(state, round, blockId),
  }
  return { self, log, judge, proposerOf: (round) => proposerFor(state, round), emit }
}

function hasSpoken({ self, votes }: Consensus, round: number, type: VoteType): boolean {
  if (self === null) return false
  for (const [other, { prevote, precommit }] of votes.rounds) {
    const sameOrLater = other > round ? prevote.votes.has(self) || precommit.votes.has(self)
      : other === round && (precommit.votes.has(self) || (type === 'prevote' && prevote.votes.has(self)))
    if (sameOrLater) return true
  }
  return false
}

/**
 * Five old rounds at most are needed: that of our lock, in which we precommitted, so that a late decision is likeliest
 * there; that of our valid value, which we may have to prove to others; the one that the proposal before us names (L28);
 * the last with a prevote quorum for a block, which the next proposal may name; and the last with a precommit quorum,
 * which waits for its block (L49), or was decided. What others decided in older rounds comes as a block with its
 * certificate.
 */
function windowOf(state: Consensus): RoundWindow {
  const { lockedRound, validRound, decision, votes, proposals } = state
  const current = Math.max(state.round, decision?.round ?? 0, 0)
  const needsRound = (round: number): boolean =>
    round === lockedRound || round === validRound || round === firstProposal(proposals, current)?.proposal.validRound ||
    round === quorumRounds(votes, 'prevote').at(-1) || round === quorumRounds(votes, 'precommit').at(-1)
  return { current, needsRound }
}

function prune(state: Consensus): void {
  const { lockedValue, validValue, votes, proposals } = state
  const window = windowOf(state)
  const undecided = quorumRounds(votes, 'precommit').map((round) => quorumBlock(votes, round, 'precommit'))
  pruneProposals(proposals, window, (id) => id === lockedValue || id === validValue || undecided.includes(id))
  pruneVotes(votes, window)
}
