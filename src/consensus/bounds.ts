// What one height may keep in memory, whatever strangers and faulty validators send. vote-keeper.ts and
// proposal-keeper.ts say why each bound is safe.

/** Rounds above ours in which a validator may have votes, and a proposer proposals: its two highest. */
export const FUTURE_ROUNDS_KEPT = 2
/**
 * How often a validator may give up the lower of its two future rounds for a higher one while our round lasts: each time is
 * a line in the log. Honest validators that are ahead of us are more than 1/3 soon, and take us along.
 */
export const FUTURE_ROUNDS_DISPLACED = 256
/** Rounds below ours that are kept whole. Those that a rule may still need are kept beyond that (`needsRound`). */
export const PAST_ROUNDS_KEPT = 32
/** Conflicts that are reported of one validator at one height: one bars its key, the others help the operator. */
export const CONFLICTS_REPORTED = 16
/** Rounds whose proposer is remembered. */
export const PROPOSERS_REMEMBERED = 256

/** Which rounds are past, ours and future, and which past ones must stay although they are long ago. */
export interface RoundWindow {
  /** Our round; 0 before it began. */
  readonly current: number
  readonly needsRound: (round: number) => boolean
}

export const isFuture = (round: number, { current }: RoundWindow): boolean => round > current

/** True for our round, and for past ones that are kept. */
export const isKept = (round: number, { current, needsRound }: RoundWindow): boolean =>
  round <= current && (round >= current - PAST_ROUNDS_KEPT || needsRound(round))
