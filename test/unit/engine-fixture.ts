// Engines on small networks, and the world around one: signs what it asks for, and says in a few words what it wants done.

import type { Bin } from '../../src/base/bytes.ts'
import { proposerFor } from '../../src/consensus/consensus.ts'
import { consensusStatus, proposalsHeld, votesHeld } from '../../src/consensus/view.ts'
import { markVerified } from '../../src/crypto/verified.ts'
import type { Effect } from '../../src/engine/effect.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { createEngine, DEFAULT_MEMPOOL_LIMITS } from '../../src/engine/engine.ts'
import type { Input, LoggedEntry } from '../../src/engine/input.ts'
import { step } from '../../src/engine/step.ts'
import type { ExecutedBlock } from '../../src/ledger/blocks.ts'
import type { Certificate } from '../../src/protocol/certificate.ts'
import type { Block } from '../../src/protocol/block.ts'
import type { VoteType } from '../../src/protocol/vote.ts'
import type { Network } from './ledger-fixture.ts'
import { asText, bytesOf, build, GENESIS_TIME_MS, networkOf, sorted } from './ledger-fixture.ts'

/** Four validators of the same power: three are a quorum, two are more than a third. */
export const four = (params: Parameters<typeof networkOf>[0] = {}): Network =>
  networkOf(params, { validators: ['A', 'B', 'C', 'D'].map((letter) => ({ key: letter.repeat(32), nodeKey: letter.toLowerCase().repeat(32), power: 1_000_000 })) })

/** One validator, A, with all the power. */
export const solo = (params: Parameters<typeof networkOf>[0] = {}): Network =>
  networkOf(params, { validators: [{ key: 'A'.repeat(32), nodeKey: 'a'.repeat(32), power: 1_000_000 }] })

export const keyOf = (letter: string): Bin => letter.repeat(32)

/** The first moment of the network's first block. */
export const FIRST_MS = GENESIS_TIME_MS + 1_000
export const FIRST_S = FIRST_MS / 1_000

/** @param self letter of our key; null to follow only */
export function engineOn(network: Network, self: string | null = 'D'): Engine {
  return createEngine({ ledger: network.ledger(), headCertificate: null, self: self === null ? null : keyOf(self), mempool: DEFAULT_MEMPOOL_LIMITS, signedHeight: 0, trusted: true })
}

/** Started, with one waiting heartbeat of each of these devices; nothing has begun. */
export function waitingEngine(network: Network, self: string | null = 'D', devices: readonly number[] = []): Engine {
  const engine = engineOn(network, self)
  step(engine, { kind: 'start' }, GENESIS_TIME_MS)
  step(engine, beats(network, devices), GENESIS_TIME_MS)
  return engine
}

export const beats = (network: Network, devices: readonly number[], timestampS = FIRST_S, sequence = 1): Input => ({
  kind: 'heartbeats',
  heartbeats: devices.map((of) => markVerified(network.beat({ of, timestampS, sequence }))),
  ticket: 1,
})

/** A valid first block by this validator; others by others, and by another salt. */
export function blockBy(network: Network, proposer: string, salt = 0): ExecutedBlock {
  const heartbeats = sorted([1, 2].map((of) => network.beat({ of, timestampS: FIRST_S, sequence: 1, evidence: `${salt}` })))
  return build(network.ledger(), { proposer: keyOf(proposer), timestampMs: FIRST_MS, heartbeats })
}

export const voteIn = (who: string, type: VoteType, round: number, blockId: Bin | null, height = 1): Extract<Input, { kind: 'vote' }> => ({
  kind: 'vote',
  vote: markVerified({ height, round, type, blockId, validator: keyOf(who), signature: bytesOf(`${who} ${type} ${round} ${blockId}`, 64) }),
})

export function proposalIn({ id, block }: { readonly id: Bin; readonly block: Block }, round: number, by: string, validRound = -1): Extract<Input, { kind: 'proposal' }> {
  const { height } = block.header
  return { kind: 'proposal', proposed: markVerified({ proposal: { height, round, validRound, blockId: id, proposer: keyOf(by), signature: bytesOf(`${by} proposes ${round}`, 64) }, block }) }
}

/** Precommits of these validators. @param who letters, ascending */
export function certificateBy(who: string, height: number, blockId: Bin): Certificate {
  return { height, round: 0, blockId, signatures: [...who].map((letter) => ({ validator: letter.charCodeAt(0) - 65, signature: bytesOf(letter, 64) })) }
}

export const decidedIn = (block: Block, certificate: Certificate): Input => ({ kind: 'decided', block: markVerified(block), certificate: markVerified(certificate) })

export const timeoutIn = (stepName: 'propose' | 'prevote' | 'precommit', round: number, height = 1): Input => ({ kind: 'timer', timer: { name: 'timeout', height, round, step: stepName } })
export const intervalIn = (height: number): Input => ({ kind: 'timer', timer: { name: 'interval', height } })

/** Letter of the proposer of a round of the first height. */
export const turnOf = (engine: Engine, round: number): string => proposerFor(engine.consensus, round).slice(0, 1)

/** An effect in a few words. */
export function show(effect: Effect): string {
  switch (effect.kind) {
    case 'log':
      return `log ${effect.input.kind}`
    case 'sign-proposal':
      return `sign proposal ${effect.statement.round} after ${effect.statement.validRound}`
    case 'sign-vote':
      return `sign ${effect.statement.type} ${effect.statement.round} ${effect.statement.blockId === null ? 'nil' : 'block'}`
    case 'broadcast-proposal':
    case 'broadcast-vote':
    case 'broadcast-transaction':
      return effect.kind
    case 'schedule':
      return `${effect.timer.name !== 'timeout' ? effect.timer.name : `${effect.timer.step} ${effect.timer.round}`} in ${effect.delayMs}`
    case 'commit':
      return `commit ${effect.executed.block.header.height}`
    case 'verdicts':
      return `verdicts ${effect.verdicts.map((verdict) => (verdict.accepted ? 'accepted' : verdict.reason)).join(' ')}`
    case 'equivocation':
      return `equivocation of ${effect.first.validator.slice(0, 1)}`
    case 'signed-elsewhere':
      return effect.kind
    case 'diverged':
      return `diverged at ${effect.height}`
    case 'round':
      return `round ${effect.round}`
  }
}

export const stepInWords = (engine: Engine, input: Input, nowMs: number): string[] => step(engine, input, nowMs).map(show)

/** Runs an input, signs and feeds back whatever is asked for, and stores blocks at once. */
export function live(engine: Engine, input: Input, nowMs: number, log: LoggedEntry[] = []): string[] {
  const words: string[] = []
  const queue: Input[] = [input]
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    for (const effect of step(engine, next, nowMs)) {
      words.push(show(effect))
      if (effect.kind === 'log') log.push({ input: effect.input, nowMs })
      else if (effect.kind === 'sign-vote') {
        const { type, round, blockId, height } = effect.statement
        queue.push(voteIn(engine.self!.slice(0, 1), type, round, blockId, height))
      } else if (effect.kind === 'sign-proposal') {
        const { blockId, round, validRound } = effect.statement
        queue.push(proposalIn({ id: blockId, block: effect.block }, round, engine.self!.slice(0, 1), validRound))
      } else if (effect.kind === 'commit') queue.push({ kind: 'stored', height: effect.certificate.height })
    }
  }
  return words
}

/** All of an engine that a replay must restore. */
export function stateOf({ consensus, phase, owedRound }: Engine): string {
  return asText({ ...consensusStatus(consensus), phase, owedRound, votes: votesHeld(consensus), proposals: proposalsHeld(consensus), flags: [consensus.didL34, consensus.didL36, consensus.didL47] })
}
