// What a node of the world has gone through.

import type { Reason } from '../protocol/reason.ts'

export interface NodeCounts {
  crashes: number
  refusals: number
  equivocations: number
  /** Votes with its own key that it knew nothing of. */
  signedElsewhere: number
  /** Backups that it was started from. */
  restored: number
  maxRound: number
  readonly verdicts: Map<Reason | 'accepted', number>
}

export const noCounts = (): NodeCounts => ({ crashes: 0, refusals: 0, equivocations: 0, signedElsewhere: 0, restored: 0, maxRound: 0, verdicts: new Map() })
