// Messages, rows and a runner for the step tables of the consensus tests.
// Four validators A, B, C, D with power 4, 3, 2, 1 of 10: a quorum is 7 or more, more than a third is 4 or more.
// Proposers: round 0 A, 1 B, 2 C, 3 A, 4 B, 5 D.

import type { Test } from 'tap'
import type { Bin } from '../../src/base/bytes.ts'
import type { Consensus } from '../../src/consensus/consensus.ts'
import { createConsensus, proposerFor, stepConsensus } from '../../src/consensus/consensus.ts'
import type { ConsensusEffect } from '../../src/consensus/effect.ts'
import type { ConsensusInput, Judge, TimeoutStep } from '../../src/consensus/input.ts'
import type { RoundState } from '../../src/consensus/round-machine.ts'
import type { Proposal } from '../../src/protocol/proposal.ts'
import type { ValidatorSet } from '../../src/protocol/validators.ts'
import type { Vote, VoteType } from '../../src/protocol/vote.ts'

export const HEIGHT = 7

/** 32 bytes from a letter: the key of a validator (A…D), or the id of a block (X, Y, Z, …). */
export const bin = (letter: string): Bin => letter.repeat(32)
const letterOf = (name: Bin | null): string => (name === null ? 'nil' : name.slice(0, 1))

/** Validators A, B, C, … with these powers. */
export const validatorsOf = (...powers: number[]): ValidatorSet =>
  powers.map((power, i) => ({ key: bin(String.fromCharCode(65 + i)), nodeKey: bin(String.fromCharCode(97 + i)), power }))

export const ABCD = validatorsOf(4, 3, 2, 1)

/** @param self letter of our key, or null for an observer */
export function consensusOf(self: string | null = 'D', validators = ABCD): Consensus {
  return createConsensus({ height: HEIGHT, validators, priorities: validators.map(() => 0), self: self === null ? null : bin(self) })
}

export function voteBy(who: string, type: VoteType, round: number, id: string | null, height = HEIGHT): Vote {
  return { height, round, type, blockId: id === null ? null : bin(id), validator: bin(who), signature: new Uint8Array(64).fill(who.charCodeAt(0)) }
}

export function proposalOf(round: number, id: string, validRound = -1, by?: string): Proposal {
  const proposer = by === undefined ? proposerFor(consensusOf(null), round) : bin(by)
  return { height: HEIGHT, round, validRound, blockId: bin(id), proposer, signature: new Uint8Array(64) }
}

// Inputs.
export const start: ConsensusInput = { kind: 'start' }
export const proposed = (round: number, id: string, validRound = -1, by?: string): ConsensusInput => ({ kind: 'proposal', proposal: proposalOf(round, id, validRound, by), valid: true })
export const invalid = (round: number, id: string, validRound = -1): ConsensusInput => ({ kind: 'proposal', proposal: proposalOf(round, id, validRound), valid: false })
export const vote = (value: Vote): ConsensusInput => ({ kind: 'vote', vote: value })
/** One prevote of each validator in `who`. */
export const prevotes = (who: string, round: number, id: string | null): ConsensusInput[] => [...who].map((each) => vote(voteBy(each, 'prevote', round, id)))
export const precommits = (who: string, round: number, id: string | null): ConsensusInput[] => [...who].map((each) => vote(voteBy(each, 'precommit', round, id)))
export const prevote = (who: string, round: number, id: string | null): ConsensusInput => vote(voteBy(who, 'prevote', round, id))
export const precommit = (who: string, round: number, id: string | null): ConsensusInput => vote(voteBy(who, 'precommit', round, id))
export const quorum = (who: string, type: VoteType, round: number, id: string | null): ConsensusInput => ({ kind: 'quorum', votes: [...who].map((each) => voteBy(each, type, round, id)) })
export const timeout = (step: TimeoutStep, round: number): ConsensusInput => ({ kind: 'timeout', step, round })
export const value = (round: number, id: string): ConsensusInput => ({ kind: 'value', round, blockId: bin(id) })

export const TIMELY: Judge = { acceptable: () => true }
export const LATE: Judge = { acceptable: () => false }
/** For rows in which the judge must not be asked. */
export const SILENT: Judge = { acceptable: () => { throw new Error('the judge was asked') } }

/** An effect in a few words: `prevote 0 X`, `decide 0 X by ABD`. */
export function show(effect: ConsensusEffect, validators = ABCD): string {
  switch (effect.kind) {
    case 'round':
      return `round ${effect.round} by ${letterOf(effect.proposer)}`
    case 'get-value':
      return `get-value ${effect.round}`
    case 'propose':
      return `propose ${effect.round} ${letterOf(effect.blockId)} after ${effect.validRound}`
    case 'vote':
      return `${effect.type} ${effect.round} ${letterOf(effect.blockId)}`
    case 'timeout':
      return `timeout ${effect.step} ${effect.round}`
    case 'decide':
      return `decide ${effect.round} ${letterOf(effect.blockId)} by ${effect.certificate.signatures.map(({ validator }) => letterOf(validators[validator]!.key)).join('')}`
    case 'equivocation':
      return `equivocation ${letterOf(effect.first.validator)} ${effect.first.type} ${effect.first.round} ${letterOf(effect.first.blockId)} ${letterOf(effect.second.blockId)}`
  }
}

/** The machine's variables, with letters for ids. */
export type Expected = Partial<Omit<RoundState, 'lockedValue' | 'validValue' | 'decision'> & { lockedValue: string | null; validValue: string | null; decision: string | null }>

export interface Row {
  readonly desc: string
  /** Letter of our key; `D` if left out. Null: an observer. */
  readonly self?: string | null
  readonly given: readonly ConsensusInput[]
  readonly input: ConsensusInput
  readonly judge?: Judge
  /** Of `input` alone. */
  readonly effects: readonly string[]
  /** After `input`. */
  readonly state: Expected
}

function read(state: Consensus, key: keyof Expected): unknown {
  if (key === 'decision') return state.decision === null ? null : `${state.decision.round} ${letterOf(state.decision.blockId)}`
  if (key === 'lockedValue' || key === 'validValue') return state[key] === null ? null : letterOf(state[key])
  return state[key]
}

export function runRows(t: Test, rows: readonly Row[]): void {
  for (const { desc, self = 'D', given, input, judge = TIMELY, effects, state: expected } of rows) {
    const state = consensusOf(self)
    for (const each of given) stepConsensus(state, each, TIMELY)
    t.strictSame(stepConsensus(state, input, judge).map((effect) => show(effect)), effects, `${desc}: effects`)
    const keys = Object.keys(expected) as (keyof Expected)[]
    t.strictSame(Object.fromEntries(keys.map((key) => [key, read(state, key)])), expected, `${desc}: state`)
  }
}
