// Evidence that a validator signed two different votes for one height, round and type: the two votes, in the order of
// what they name (nil first), each as it was sent.

import type { Vote } from './vote.ts'
import { decodeVote, encodeVote, VOTE_SIZE } from './vote.ts'
import { concat } from '../base/bytes.ts'

export interface Evidence {
  readonly first: Vote
  readonly second: Vote
}

/** Puts two contradicting votes in order. Null if they do not contradict each other. */
export function evidenceOf(a: Vote, b: Vote): Evidence | null {
  const sameQuestion = a.validator === b.validator && a.height === b.height && a.round === b.round && a.type === b.type
  if (!sameQuestion || a.blockId === b.blockId) return null
  return (a.blockId ?? '') < (b.blockId ?? '') ? { first: a, second: b } : { first: b, second: a }
}

export const encodeEvidence = ({ first, second }: Evidence): Uint8Array => concat(encodeVote(first), encodeVote(second))

/** Null unless the votes contradict each other and stand in order. */
export function decodeEvidence(bytes: Uint8Array): Evidence | null {
  if (bytes.length !== 2 * VOTE_SIZE) return null
  const first = decodeVote(bytes.slice(0, VOTE_SIZE))
  const second = decodeVote(bytes.slice(VOTE_SIZE))
  if (!first.ok || !second.ok) return null
  const evidence = evidenceOf(first.value, second.value)
  return evidence?.first === first.value ? evidence : null
}
