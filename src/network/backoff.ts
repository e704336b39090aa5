// How long to wait before the next dial. Pure: chance is an argument.

const FIRST_MS = 500
/** Short enough that a network heals within ten seconds after a cut. */
export const MAX_BACKOFF_MS = 5_000
/** The wait is drawn from this part around its mean, so that nodes that start together do not dial together. */
const JITTER = 0.4

/** @param failures in a row, from 1 @param random a number in [0, 1) @returns ms, at most MAX_BACKOFF_MS × 1.2 */
export function backoffMs(failures: number, random: number): number {
  const meanMs = Math.min(MAX_BACKOFF_MS, FIRST_MS * 2 ** Math.min(30, Math.max(0, failures - 1)))
  return Math.round(meanMs * (1 - JITTER / 2 + JITTER * random))
}
