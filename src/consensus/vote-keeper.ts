// The votes of one height, and what they add up to.
//
// Counting. A validator's first vote of a round and type counts, with its power. The same vote again is a no-op. A
// different one is evidence, reported once, and counts for nothing. All sums are exact: total power is below 2^50.
//
// Bounds. Votes of our round are kept. Of the rounds above ours each validator keeps its two highest: who invents
// rounds displaces nobody's votes but its own, and an honest validator, whose rounds only grow, is always seen where it
// is now (FUTURE_ROUNDS_DISPLACED ends that game). What was displaced is offered again by peers when it is needed, since
// no message is remembered as seen here.
// Of the rounds below ours the last PAST_ROUNDS_KEPT are kept, and of the older ones those that a rule can still ask
// for (`RoundWindow.needsRound`, consensus.ts). What that forgets is safe: locks live in the round machine, not here.
// `needsRound` is true for at most 5 rounds, so the most that N validators can make us hold is
//   2 · N · (PAST_ROUNDS_KEPT + 1 + 5 + FUTURE_ROUNDS_KEPT) first votes, and a shown quorum for each round and type.
//
// Votes shown as a quorum. If a validator signs twice, one node may hold the vote that completes a quorum and another
// only its twin, for good: the second node would never pass L28 or L49 on single votes. Counting every vote that is
// ever signed would cure that without bound. Instead a node that has a quorum shows it as one set, and a set that
// holds more than 2/3 for one block is taken as what it is, whatever we hold of its signers.

import type { Bin } from '../base/bytes.ts'
import type { Evidence } from '../protocol/evidence.ts'
import { evidenceOf } from '../protocol/evidence.ts'
import { MAX_ROUND } from '../protocol/limits.ts'
import type { ValidatorSet } from '../protocol/validators.ts'
import { isMoreThanThird, isQuorum, totalPower } from '../protocol/validators.ts'
import type { Vote, VoteType } from '../protocol/vote.ts'
import type { RoundWindow } from './bounds.ts'
import { CONFLICTS_REPORTED, FUTURE_ROUNDS_DISPLACED, FUTURE_ROUNDS_KEPT, isFuture, isKept } from './bounds.ts'

/** The votes of one round and type. */
export interface Tally {
  /** The first vote of each validator, by its key. */
  readonly votes: Map<Bin, Vote>
  /** Sum of their power. */
  power: number
  /** The same by block id; null is nil. */
  readonly powerFor: Map<Bin | null, number>
  /** A quorum for a block that was shown as a set. */
  shown: Quorum | null
}

export type RoundVotes = Readonly<Record<VoteType, Tally>>

export interface VoteKeeper {
  readonly height: number
  readonly validators: ValidatorSet
  readonly powers: ReadonlyMap<Bin, number>
  readonly total: number
  readonly rounds: Map<number, RoundVotes>
  /** By validator: the slots (`round type`) whose conflict was reported. */
  readonly reported: Map<Bin, Set<string>>
  /** By validator: future rounds of it that made room for higher ones, since our round began. */
  readonly displaced: Map<Bin, number>
}

const emptyTally = (): Tally => ({ votes: new Map(), power: 0, powerFor: new Map(), shown: null })

export function createVoteKeeper(height: number, validators: ValidatorSet): VoteKeeper {
  const powers = new Map(validators.map(({ key, power }) => [key, power]))
  return { height, validators, powers, total: totalPower(validators), rounds: new Map(), reported: new Map(), displaced: new Map() }
}

export const tallyOf = (keeper: VoteKeeper, round: number, type: VoteType): Tally | undefined => keeper.rounds.get(round)?.[type]

/** @returns the evidence, if this vote contradicts the one that counts and that has not been reported yet */
export function addVote(keeper: VoteKeeper, vote: Vote, window: RoundWindow): Evidence | null {
  if (!changesSomething(keeper, vote, window)) return null
  const held = tallyOf(keeper, vote.round, vote.type)?.votes.get(vote.validator)
  if (held !== undefined) return report(keeper, held, vote)
  if (isFuture(vote.round, window)) makeRoom(keeper, vote, window)
  let round = keeper.rounds.get(vote.round)
  if (round === undefined) keeper.rounds.set(vote.round, (round = { prevote: emptyTally(), precommit: emptyTally() }))
  count(round[vote.type], vote, keeper.powers.get(vote.validator)!)
  return null
}

/** False for a vote that is not for us, that we hold or have reported, or that the bounds keep out. */
export function changesSomething(keeper: VoteKeeper, vote: Vote, window: RoundWindow): boolean {
  const { height, round, type, validator, blockId } = vote
  if (height !== keeper.height || !keeper.powers.has(validator) || !isRound(round)) return false
  const held = tallyOf(keeper, round, type)?.votes.get(validator)
  if (held !== undefined) return held.blockId !== blockId && isUnreported(keeper, vote)
  if (!isFuture(round, window)) return isKept(round, window)
  const others = futureRoundsOf(keeper, validator, window)
  if (others.includes(round) || others.length < FUTURE_ROUNDS_KEPT) return true
  return round > Math.min(...others) && (keeper.displaced.get(validator) ?? 0) < FUTURE_ROUNDS_DISPLACED
}

/** A set of votes that is a quorum for a block. */
export interface Quorum {
  readonly round: number
  readonly type: VoteType
  readonly blockId: Bin
  /** One per validator. */
  readonly votes: readonly Vote[]
}

/** Null unless the votes are all of this height, of one round and type, for one block, and by more than 2/3 of the power. */
export function quorumFrom(keeper: VoteKeeper, votes: readonly Vote[]): Quorum | null {
  const [first] = votes
  if (first === undefined || first.blockId === null || first.height !== keeper.height || !isRound(first.round)) return null
  const { height, round, type, blockId } = first
  const signers = new Map<Bin, Vote>()
  for (const vote of votes) {
    if (vote.height !== height || vote.round !== round || vote.type !== type || vote.blockId !== blockId) return null
    if (keeper.powers.has(vote.validator)) signers.set(vote.validator, vote)
  }
  return isQuorum(powerOf(keeper, signers.keys()), keeper.total) ? { round, type, blockId, votes: [...signers.values()] } : null
}

/** Keeps a quorum that was shown, if its round is kept. Its votes have been added singly before. */
export function addQuorum(keeper: VoteKeeper, quorum: Quorum, window: RoundWindow): void {
  const tally = tallyOf(keeper, quorum.round, quorum.type)
  if (tally === undefined || !isKept(quorum.round, window)) return
  if (!hasQuorumFor(keeper, quorum.round, quorum.type, quorum.blockId)) tally.shown = quorum
}

/** Our round has changed: drops the past rounds that are not kept any more. */
export function pruneVotes(keeper: VoteKeeper, window: RoundWindow): void {
  keeper.displaced.clear()
  for (const round of keeper.rounds.keys()) if (!isFuture(round, window) && !isKept(round, window)) keeper.rounds.delete(round)
}

/** More than 2/3 of the power voted, for whatever. */
export const hasQuorum = (keeper: VoteKeeper, round: number, type: VoteType): boolean => isQuorum(tallyOf(keeper, round, type)?.power ?? 0, keeper.total)

/** More than 2/3 of the power voted for exactly this id (null: nil). */
export function hasQuorumFor(keeper: VoteKeeper, round: number, type: VoteType, blockId: Bin | null): boolean {
  const tally = tallyOf(keeper, round, type)
  if (tally === undefined) return false
  return isQuorum(tally.powerFor.get(blockId) ?? 0, keeper.total) || (blockId !== null && tally.shown?.blockId === blockId)
}

/** The block that has a quorum; null if none has. There is one at most while less than 1/3 of the power is faulty. */
export function quorumBlock(keeper: VoteKeeper, round: number, type: VoteType): Bin | null {
  const tally = tallyOf(keeper, round, type)
  if (tally === undefined) return null
  for (const [blockId, power] of tally.powerFor) if (blockId !== null && isQuorum(power, keeper.total)) return blockId
  return tally.shown?.blockId ?? null
}

/** The rounds in which a block has a quorum of this type, ascending. */
export function quorumRounds(keeper: VoteKeeper, type: VoteType): number[] {
  return ascending([...keeper.rounds.keys()].filter((round) => quorumBlock(keeper, round, type) !== null))
}

/** The highest round above `round` in which distinct voters hold more than 1/3 of the power; null if there is none. */
export function skipRound(keeper: VoteKeeper, round: number): number | null {
  let highest: number | null = null
  for (const [candidate, { prevote, precommit }] of keeper.rounds) {
    if (candidate <= (highest ?? round)) continue
    const voters = new Set([...prevote.votes.keys(), ...precommit.votes.keys()])
    if (isMoreThanThird(powerOf(keeper, voters), keeper.total)) highest = candidate
  }
  return highest
}

/** Blocks that more than 1/3 voted for in this round, so that an honest validator found them valid. Four at most. */
export function backedBlocks(keeper: VoteKeeper, round: number): Bin[] {
  const backed = new Set<Bin>()
  for (const type of ['prevote', 'precommit'] as const) {
    const tally = tallyOf(keeper, round, type)
    if (tally === undefined) continue
    for (const [blockId, power] of tally.powerFor) if (blockId !== null && isMoreThanThird(power, keeper.total)) backed.add(blockId)
    if (tally.shown !== null) backed.add(tally.shown.blockId)
  }
  return [...backed]
}

/** All that we hold for this id, one vote per validator, in validator order. */
export function votesFor(keeper: VoteKeeper, round: number, type: VoteType, blockId: Bin): Vote[] {
  const tally = tallyOf(keeper, round, type)
  if (tally === undefined) return []
  const shown = new Map(tally.shown?.blockId === blockId ? tally.shown.votes.map((vote) => [vote.validator, vote]) : [])
  return keeper.validators.flatMap(({ key }) => {
    const held = tally.votes.get(key)
    const vote = held?.blockId === blockId ? held : shown.get(key)
    return vote === undefined ? [] : [vote]
  })
}

/** The rounds in which votes are held, ascending. */
export const roundsHeld = (keeper: VoteKeeper): number[] => ascending([...keeper.rounds.keys()])

function count(tally: Tally, vote: Vote, power: number): void {
  tally.votes.set(vote.validator, vote)
  tally.power += power
  tally.powerFor.set(vote.blockId, (tally.powerFor.get(vote.blockId) ?? 0) + power)
}

function discount(tally: Tally, validator: Bin, power: number): void {
  const vote = tally.votes.get(validator)
  if (vote === undefined) return
  tally.votes.delete(validator)
  tally.power -= power
  const left = tally.powerFor.get(vote.blockId)! - power
  if (left > 0) tally.powerFor.set(vote.blockId, left)
  else tally.powerFor.delete(vote.blockId)
}

function futureRoundsOf(keeper: VoteKeeper, validator: Bin, window: RoundWindow): number[] {
  const rounds: number[] = []
  for (const [round, { prevote, precommit }] of keeper.rounds) {
    if (isFuture(round, window) && (prevote.votes.has(validator) || precommit.votes.has(validator))) rounds.push(round)
  }
  return rounds
}

/** Takes a validator's lowest future round back, if this vote would open one too many. */
function makeRoom(keeper: VoteKeeper, { validator, round }: Vote, window: RoundWindow): void {
  const others = futureRoundsOf(keeper, validator, window)
  if (others.includes(round) || others.length < FUTURE_ROUNDS_KEPT) return
  const lowest = Math.min(...others)
  const { prevote, precommit } = keeper.rounds.get(lowest)!
  keeper.displaced.set(validator, (keeper.displaced.get(validator) ?? 0) + 1)
  const power = keeper.powers.get(validator)!
  discount(prevote, validator, power)
  discount(precommit, validator, power)
  if (prevote.votes.size + precommit.votes.size === 0) keeper.rounds.delete(lowest)
}

const slotOf = ({ round, type }: Vote): string => `${round} ${type}`

function isUnreported(keeper: VoteKeeper, vote: Vote): boolean {
  const slots = keeper.reported.get(vote.validator)
  return slots === undefined || (slots.size < CONFLICTS_REPORTED && !slots.has(slotOf(vote)))
}

function report(keeper: VoteKeeper, held: Vote, vote: Vote): Evidence | null {
  let slots = keeper.reported.get(vote.validator)
  if (slots === undefined) keeper.reported.set(vote.validator, (slots = new Set()))
  slots.add(slotOf(vote))
  return evidenceOf(held, vote)
}

function powerOf(keeper: VoteKeeper, validators: Iterable<Bin>): number {
  let power = 0
  for (const key of validators) power += keeper.powers.get(key)!
  return power
}

export const isRound = (round: number): boolean => Number.isInteger(round) && round >= 0 && round <= MAX_ROUND

const ascending = (rounds: number[]): number[] => rounds.sort((a, b) => a - b)
