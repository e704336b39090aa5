// What a node knows of its own signatures and of the network since its start: see caution.ts.

import type { Bin } from '../base/bytes.ts'
import type { VoteStatement } from '../protocol/vote.ts'

export interface Caution {
  /** The record holds all that was ever signed with our key. */
  trusted: boolean
  /** The record says nothing: it is lost, or somebody else signs. */
  doubted: boolean
  /** Heights that validators told since the start, by node key. */
  readonly heads: Map<Bin, number>
  /** The last question that this node answered. */
  signed: Pick<VoteStatement, 'height' | 'round'> & { readonly step: number }
  /** Blocks in a row that were committed without our signature since we have caught up; null before. */
  without: number | null
  /** Since when the height stands still, as far as we are there to see it; null before. */
  stillSinceMs: number | null
  /** Votes of this height that are due: of the last round. */
  held: readonly VoteStatement[]
}

/** @param signedHeight what the signer's record has reached; null if it is lost */
export const newCaution = (signedHeight: number | null, trusted: boolean): Caution => ({
  trusted,
  doubted: signedHeight === null,
  heads: new Map(),
  signed: { height: signedHeight ?? 0, round: 0, step: 0 },
  without: null,
  stillSinceMs: null,
  held: [],
})
