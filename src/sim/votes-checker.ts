// What honest validators may sign, judged from all that was ever signed: one message per question, in order, a precommit only
// with its prevote quorum, and no prevote against a lock without a newer quorum.

import type { Bin } from '../base/bytes.ts'
import type { Proposal } from '../protocol/proposal.ts'
import type { Vote, VoteType } from '../protocol/vote.ts'

export type VoteOffence = 'double-sign' | 'backwards' | 'precommit' | 'lock'

interface Precommit {
  readonly round: number
  readonly blockId: Bin
}

const STEPS = { proposal: 1, prevote: 2, precommit: 3 } as const

/** Voting power of a node at a height; 0 if it is no validator. */
export type PowerOf = (node: number, height: number) => bigint

export class VotesChecker {
  readonly #powerOf: PowerOf
  readonly #totalOf: (height: number) => bigint
  readonly #complain: (kind: VoteOffence, height: number, text: string) => void
  /** By `node height round step`: what was signed. */
  readonly #said = new Map<string, string>()
  /** By node: the last question that it answered. */
  readonly #last = new Map<number, readonly [number, number, number]>()
  /** By `height round type block`: who signed that. */
  readonly #voters = new Map<string, Set<number>>()
  /** By `node height`: precommits for blocks, in order. */
  readonly #precommits = new Map<string, Precommit[]>()

  constructor(powerOf: PowerOf, totalOf: (height: number) => bigint, complain: (kind: VoteOffence, height: number, text: string) => void) {
    this.#powerOf = powerOf
    this.#totalOf = totalOf
    this.#complain = complain
  }

  proposal(node: number, { height, round, validRound, blockId }: Proposal): void {
    this.#question(node, height, round, 'proposal', `${blockId} ${validRound}`)
  }

  /** @param honest whether the rules bind this node; what others sign counts for quorums all the same */
  vote(node: number, { height, round, type, blockId }: Vote, honest: boolean): void {
    const key = `${height} ${round} ${type} ${blockId}`
    const voters = this.#voters.get(key)
    if (voters === undefined) this.#voters.set(key, new Set([node]))
    else voters.add(node)
    if (!honest || !this.#question(node, height, round, type, String(blockId)) || blockId === null) return
    const mine = `${node} ${height}`
    const precommits = this.#precommits.get(mine) ?? []
    if (type === 'precommit') {
      const proven = this.#hasQuorum(height, round, 'prevote', blockId)
      if (!proven) this.#complain('precommit', height, `node ${node} precommits in round ${round} without a prevote quorum`)
      this.#precommits.set(mine, [...precommits, { round, blockId }])
      return
    }
    const lock = precommits.findLast((precommit) => precommit.round < round)
    if (lock === undefined || lock.blockId === blockId) return
    for (let proven = lock.round; proven < round; proven++) if (this.#hasQuorum(height, proven, 'prevote', blockId)) return
    this.#complain('lock', height, `node ${node}, locked in round ${lock.round}, prevotes another block in round ${round}`)
  }

  /** @returns false if it was answered before, in the same way */
  #question(node: number, height: number, round: number, step: keyof typeof STEPS, answer: string): boolean {
    const question = `${node} ${height} ${round} ${step}`
    const said = this.#said.get(question)
    if (said === answer) return false
    if (said !== undefined) {
      this.#complain('double-sign', height, `node ${node} signs two messages for ${step} of round ${round}`)
      return true
    }
    this.#said.set(question, answer)
    const position = [height, round, STEPS[step]] as const
    const last = this.#last.get(node)
    const forwards = last === undefined || isAfter(position, last)
    if (!forwards) this.#complain('backwards', height, `node ${node} signs ${step} of round ${round} after ${last.join('/')}`)
    this.#last.set(node, position)
    return true
  }

  #hasQuorum(height: number, round: number, type: VoteType, blockId: Bin): boolean {
    let power = 0n
    for (const node of this.#voters.get(`${height} ${round} ${type} ${blockId}`) ?? []) power += this.#powerOf(node, height)
    return power * 3n > this.#totalOf(height) * 2n
  }
}

function isAfter(position: readonly [number, number, number], last: readonly [number, number, number]): boolean {
  for (let i = 0; i < 3; i++) if (position[i] !== last[i]) return position[i]! > last[i]!
  return false
}
