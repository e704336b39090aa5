// What the consensus on one height wants done. Effects are data, to be carried out in order.

import type { Bin } from '../base/bytes.ts'
import type { Certificate } from '../protocol/certificate.ts'
import type { Vote, VoteType } from '../protocol/vote.ts'
import type { TimeoutStep } from './input.ts'

export type ConsensusEffect =
  /** A round began; for logs and metrics. */
  | { readonly kind: 'round'; readonly round: number; readonly proposer: Bin }
  /** L18: build a block, and answer with the input `value`. An answer that comes after the step `propose` is ignored. */
  | { readonly kind: 'get-value'; readonly round: number }
  /** L19: sign and offer to all. Comes back as the input `proposal`. */
  | { readonly kind: 'propose'; readonly round: number; readonly validRound: number; readonly blockId: Bin }
  /** Sign and offer to all. Comes back as the input `vote`, and counts only then. */
  | { readonly kind: 'vote'; readonly type: VoteType; readonly round: number; readonly blockId: Bin | null }
  /** Answer with the input `timeout` after the time that is due for this step and round. */
  | { readonly kind: 'timeout'; readonly step: TimeoutStep; readonly round: number }
  /** L51: the block is final. At most once. */
  | { readonly kind: 'decide'; readonly round: number; readonly blockId: Bin; readonly certificate: Certificate }
  /** A validator signed two different votes for one round and type: once for each round and type, see CONFLICTS_REPORTED. */
  | { readonly kind: 'equivocation'; readonly first: Vote; readonly second: Vote }
