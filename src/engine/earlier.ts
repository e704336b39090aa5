// The vote that was signed before a crash and then lost. Whether a proposal is prevoted depends on the clock and on the pool,
// and the pool is empty after a start: asked again, the engine may want to say something else. What was signed stands;
// the signer has it, and it is sent after all. Otherwise a network that needs this vote would wait for ever.

import type { Vote, VoteStatement } from '../protocol/vote.ts'
import { voteMessage } from '../protocol/vote.ts'
import type { Engine } from './engine.ts'

export interface EarlierAnswer {
  readonly signature: Uint8Array
  /** Whether it was this message that was signed. */
  isOf(message: Uint8Array): boolean
}

/** Null if the answer is about a block that is not known here. */
export function earlierVote({ self, ledger, candidates }: Engine, asked: VoteStatement, answer: EarlierAnswer): Vote | null {
  for (const blockId of [null, ...candidates.keys()]) {
    const statement = { ...asked, blockId }
    if (self !== null && answer.isOf(voteMessage(ledger.genesisHash, statement))) return { ...statement, validator: self, signature: answer.signature }
  }
  return null
}
