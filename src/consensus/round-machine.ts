// Algorithm 1 of "The latest gossip on BFT consensus" (Buchman, Kwon, Milosevic, arXiv:1807.04938) for one height.
// One arm for each `upon` line. `2f + 1` is more than 2/3 of the voting power, `f + 1` more than 1/3.
//
//   line  in step    upon                                               while                      then                    next step
//   L10   unstarted  start                                                                        StartRound(0)           propose
//   L14   (start of a round) we propose: validValue if there is one (L16), else a new block (L18)
//   L21   (start of a round)                                                                       propose timeout         propose
//   L22   propose    first proposal v of our round, validRound −1                                  prevote v or nil (L23)  prevote
//   L28   propose    first proposal v of our round, validRound vr      2/3 prevoted v in vr < r    prevote v or nil (L29)  prevote
//   L34   prevote    2/3 prevoted anything in our round                first time in the round    prevote timeout         prevote
//   L36   prevote    valid v is known, 2/3 prevoted v in our round     first time in the round    lock v, precommit v,    precommit
//                                                                                                 validValue ← v
//         precommit  the same                                          first time in the round    validValue ← v          precommit
//         any        valid v is known, 2/3 prevoted v in r < round     validRound < r             validValue ← v          same
//   L44   prevote    2/3 prevoted nil in our round                                                 precommit nil           precommit
//   L47   any        2/3 precommitted anything in our round            first time in the round    precommit timeout       same
//   L49   any        valid v is known, 2/3 precommitted v in round r   nothing decided; any r     decide v                (the end)
//   L55   any        1/3 voted in a round above ours                                               StartRound(that round)  propose
//   L57   propose    propose timeout of our round                                                  prevote nil             prevote
//   L61   prevote    prevote timeout of our round                                                  precommit nil           precommit
//   L65   any        precommit timeout of our round                                                StartRound(r + 1)       propose
//
// The rules are tried in the order of RULES until none applies. Decisions come first. L36 and L44 come before L34: a
// precommit that is due makes the timeout needless. L55 comes last, so that a round gives all it has before it is left.
//
// Where this differs from the paper, and why that is as safe:
// - The proposer sets the propose timeout too (L21): its block is built and signed outside, and either may fail.
// - L36 and L49 take a valid block that any proposal of this height taught us: see proposal-keeper.ts.
// - L23 asks the judge, too, whether to prevote. A refusal is a prevote nil, which the paper allows to anybody who
//   finds a value invalid; whatever had a quorum once is never judged again, so it cannot be refused for ever.
// - validValue is taken from the quorum of a past round, too, if it is later than that of ours. In the paper only those who
//   see a quorum in its own round propose its block again. If it was completed late, that can be one validator, locked
//   alone; where its vote is needed, nothing is decided until its turn to propose, which by power may be far away. What
//   anybody proposes with such a quorum passes L28 like any other re-proposal, and no lock depends on validValue.
// - Messages that we sent before a crash come back as inputs. We never speak at or before a step at which we have
//   spoken (`hasSpoken`), and our own precommit restores the lock that it stood for (`recallLock`).
// - L52–L54 (the next height) are the engine's: one state per height.

import type { Bin } from '../base/bytes.ts'
import type { Certificate } from '../protocol/certificate.ts'
import { MAX_ROUND } from '../protocol/limits.ts'
import type { VoteType } from '../protocol/vote.ts'
import type { ConsensusEffect } from './effect.ts'
import type { Judge, TimeoutStep } from './input.ts'
import type { HeldProposal } from './proposal-keeper.ts'

export type Step = 'unstarted' | TimeoutStep

/** The paper's variables, with −1 and null where it has −1 and nil. */
export interface RoundState {
  /** −1 before the start. */
  round: number
  step: Step
  lockedRound: number
  lockedValue: Bin | null
  validRound: number
  validValue: Bin | null
  decision: { readonly round: number; readonly blockId: Bin } | null
  /** We were to build a block for this round (L18), and it is not there yet. */
  awaitsValue: boolean
  /** "For the first time", of this round. */
  didL34: boolean
  didL36: boolean
  didL47: boolean
}

export const initialRoundState = (): RoundState => ({
  round: -1, step: 'unstarted', lockedRound: -1, lockedValue: null, validRound: -1, validValue: null,
  decision: null, awaitsValue: false, didL34: false, didL36: false, didL47: false,
})

/** The messages of this height, as the rules ask for them. */
export interface MessageLog {
  firstProposal(round: number): HeldProposal | null
  isValidBlock(blockId: Bin): boolean
  /** More than 2/3 voted, for whatever. */
  hasQuorum(round: number, type: VoteType): boolean
  /** More than 2/3 voted for exactly this; null is nil. */
  hasQuorumFor(round: number, type: VoteType, blockId: Bin | null): boolean
  /** The block that more than 2/3 voted for. */
  quorumBlock(round: number, type: VoteType): Bin | null
  /** Rounds in which more than 2/3 prevoted a block, ascending. */
  prevotedRounds(): number[]
  /** Rounds in which more than 2/3 precommitted a block, ascending. */
  precommittedRounds(): number[]
  /** The highest round above this one in which more than 1/3 voted. */
  skipRound(round: number): number | null
  /** We have voted here, or later in the order of rounds and types. */
  hasSpoken(round: number, type: VoteType): boolean
  certificate(round: number, blockId: Bin): Certificate
}

export interface Surroundings {
  /** Null for observers: they follow and decide, and never speak. */
  readonly self: Bin | null
  readonly log: MessageLog
  readonly judge: Judge
  readonly proposerOf: (round: number) => Bin
  readonly emit: (effect: ConsensusEffect) => void
}

type Rule = (s: RoundState, around: Surroundings) => boolean

/** Applies the rules until none applies. Each moves the step or the round forward, or sets a flag: this ends. */
export function applyRules(s: RoundState, around: Surroundings): void {
  for (;;) {
    const rules = s.round >= 0 ? RULES : [decide]
    if (s.decision !== null || !rules.some((rule) => rule(s, around))) return
  }
}

// L11–L21: Function StartRound(round)
export function startRound(s: RoundState, round: number, { self, log, proposerOf, emit }: Surroundings): void {
  const proposer = proposerOf(round)
  s.round = round // L12
  s.step = 'propose' // L13
  s.awaitsValue = s.didL34 = s.didL36 = s.didL47 = false
  emit({ kind: 'round', round, proposer })
  // A proposal of ours that is here already was made before a crash.
  if (proposer === self && log.firstProposal(round) === null && !log.hasSpoken(round, 'prevote')) { // L14
    if (s.validValue !== null) emit({ kind: 'propose', round, validRound: s.validRound, blockId: s.validValue }) // L15, L16, L19
    else {
      s.awaitsValue = true
      emit({ kind: 'get-value', round }) // L18
    }
  }
  emit({ kind: 'timeout', step: 'propose', round }) // L21
}

// L18, L19: the block that getValue() returned. A valid value that has been learned meanwhile goes before it (L15, L16).
export function proposeValue(s: RoundState, round: number, blockId: Bin, { log, emit }: Surroundings): void {
  if (!s.awaitsValue || round !== s.round || s.step !== 'propose' || s.decision !== null) return
  s.awaitsValue = false
  if (log.firstProposal(round) === null) emit({ kind: 'propose', round, validRound: s.validRound, blockId: s.validValue ?? blockId })
}

// L22–L27: upon ⟨PROPOSAL, h, round, v, −1⟩ from proposer(h, round) while step = propose
function prevoteFresh(s: RoundState, around: Surroundings): boolean {
  const held = around.log.firstProposal(s.round)
  if (s.step !== 'propose' || held === null || held.proposal.validRound !== -1) return false
  const { proposal, valid } = held
  const v = proposal.blockId
  speak(s, 'prevote', around, () => (valid && (s.lockedValue === v || (s.lockedRound === -1 && around.judge.acceptable(proposal))) ? v : null)) // L23–L26
  s.step = 'prevote' // L27
  return true
}

// L28–L33: upon ⟨PROPOSAL, h, round, v, vr⟩ and 2f + 1 ⟨PREVOTE, h, vr, id(v)⟩ while step = propose ∧ 0 ≤ vr < round
function prevoteAgain(s: RoundState, around: Surroundings): boolean {
  const held = around.log.firstProposal(s.round)
  if (s.step !== 'propose' || held === null) return false
  const { proposal: { validRound: vr, blockId: v }, valid } = held
  if (!(vr >= 0 && vr < s.round && around.log.hasQuorumFor(vr, 'prevote', v))) return false
  speak(s, 'prevote', around, () => (valid && (s.lockedRound <= vr || s.lockedValue === v) ? v : null)) // L29–L32
  s.step = 'prevote' // L33
  return true
}

// L34, L35: upon 2f + 1 ⟨PREVOTE, h, round, ∗⟩ while step = prevote for the first time
function schedulePrevoteTimeout(s: RoundState, { log, emit }: Surroundings): boolean {
  if (s.step !== 'prevote' || s.didL34 || !log.hasQuorum(s.round, 'prevote')) return false
  s.didL34 = true
  emit({ kind: 'timeout', step: 'prevote', round: s.round })
  return true
}

// L36–L43: upon 2f + 1 ⟨PREVOTE, h, round, id(v)⟩ while valid(v) ∧ step ≥ prevote for the first time
function lock(s: RoundState, around: Surroundings): boolean {
  if ((s.step !== 'prevote' && s.step !== 'precommit') || s.didL36) return false
  const v = around.log.quorumBlock(s.round, 'prevote')
  if (v === null || !around.log.isValidBlock(v)) return false
  s.didL36 = true
  if (s.step === 'prevote') { // L37
    if (s.lockedRound < s.round) { // a lock that was recalled can be of a later round
      s.lockedValue = v // L38
      s.lockedRound = s.round // L39
    }
    speak(s, 'precommit', around, () => v) // L40
    s.step = 'precommit' // L41
  }
  s.validValue = v // L42
  s.validRound = s.round // L43
  return true
}

// L42, L43 for a round that is over: a later quorum than that of our validValue. See the head of this file.
function learnValid(s: RoundState, { log }: Surroundings): boolean {
  for (const round of log.prevotedRounds().reverse()) {
    if (round >= s.round) continue
    if (round <= s.validRound) return false
    const v = log.quorumBlock(round, 'prevote')
    if (v === null || !log.isValidBlock(v)) continue
    s.validValue = v
    s.validRound = round
    return true
  }
  return false
}

// L44–L46: upon 2f + 1 ⟨PREVOTE, h, round, nil⟩ while step = prevote
function precommitNil(s: RoundState, around: Surroundings): boolean {
  if (s.step !== 'prevote' || !around.log.hasQuorumFor(s.round, 'prevote', null)) return false
  speak(s, 'precommit', around, () => null)
  s.step = 'precommit'
  return true
}

// L47, L48: upon 2f + 1 ⟨PRECOMMIT, h, round, ∗⟩ for the first time
function schedulePrecommitTimeout(s: RoundState, { log, emit }: Surroundings): boolean {
  if (s.didL47 || !log.hasQuorum(s.round, 'precommit')) return false
  s.didL47 = true
  emit({ kind: 'timeout', step: 'precommit', round: s.round })
  return true
}

// L49–L51: upon 2f + 1 ⟨PRECOMMIT, h, r, id(v)⟩ while decision = nil; valid(v)
function decide(s: RoundState, { log, emit }: Surroundings): boolean {
  for (const round of log.precommittedRounds()) {
    const blockId = log.quorumBlock(round, 'precommit')
    if (blockId === null || !log.isValidBlock(blockId)) continue // L50
    s.decision = { round, blockId } // L51
    emit({ kind: 'decide', round, blockId, certificate: log.certificate(round, blockId) })
    return true
  }
  return false
}

// L55, L56: upon f + 1 ⟨∗, h, r, ∗, ∗⟩ with r > round
function skip(s: RoundState, around: Surroundings): boolean {
  const round = around.log.skipRound(s.round)
  if (round === null) return false
  startRound(s, round, around)
  return true
}

const RULES: readonly Rule[] = [decide, prevoteFresh, prevoteAgain, lock, learnValid, precommitNil, schedulePrevoteTimeout, schedulePrecommitTimeout, skip]

export function onTimeout(s: RoundState, step: TimeoutStep, round: number, around: Surroundings): void {
  if (round !== s.round || s.decision !== null) return
  if (step === 'propose' && s.step === 'propose') { // L57–L60
    speak(s, 'prevote', around, () => null)
    s.step = 'prevote'
  } else if (step === 'prevote' && s.step === 'prevote') { // L61–L64
    speak(s, 'precommit', around, () => null)
    s.step = 'precommit'
  } else if (step === 'precommit' && round < MAX_ROUND) startRound(s, round + 1, around) // L65–L67
}

/** Our own precommit, which this life has not asked for: whoever sent it was locked as L38 and L39 say. */
export function recallLock(s: RoundState, round: number, blockId: Bin): void {
  if (round <= s.lockedRound) return
  s.lockedRound = round
  s.lockedValue = blockId
}

/** Asks for our vote, unless it is out already. `choose` is called only if it is not, so the judge is asked only then. */
function speak(s: RoundState, type: VoteType, { self, log, emit }: Surroundings, choose: () => Bin | null): void {
  if (self !== null && !log.hasSpoken(s.round, type)) emit({ kind: 'vote', type, round: s.round, blockId: choose() })
}
