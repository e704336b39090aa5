// What the planner thinks of a peer: how fast it answers, and whether it should be left alone for a while.

/** A peer that failed rests this long, doubled with every failure in a row. */
const REST_MS = 1_000
const MAX_REST_MS = 60_000
const MAX_DOUBLINGS = 6
/** Who sent something wrong rests this long, unless the network hangs up first. */
const LIAR_RESTS_MS = 300_000

export interface PeerScore {
  /** Bytes per second of its answers, smoothed; 0 until it has answered. */
  bytesPerS: number
  /** Failures in a row. */
  failures: number
  restUntilMs: number
}

export const newScore = (): PeerScore => ({ bytesPerS: 0, failures: 0, restUntilMs: 0 })

/** The mean of three parts old and one part new, so that one slow answer does not make a slow peer. */
export function scoreAnswer(score: PeerScore, bytes: number, elapsedMs: number): void {
  const rate = Math.round((bytes * 1_000) / Math.max(1, elapsedMs))
  score.bytesPerS = score.bytesPerS === 0 ? rate : Math.round((3 * score.bytesPerS + rate) / 4)
  score.failures = 0
}

export function scoreFailure(score: PeerScore, nowMs: number): void {
  score.restUntilMs = nowMs + Math.min(MAX_REST_MS, REST_MS * 2 ** Math.min(score.failures, MAX_DOUBLINGS))
  score.failures++
}

export function scoreLie(score: PeerScore, nowMs: number): void {
  score.failures++
  score.restUntilMs = nowMs + LIAR_RESTS_MS
}

/** Negative if `a` should be asked before `b`: fewer failures, then more speed; one that was never asked counts as fast. */
export function compareScores(a: PeerScore, b: PeerScore): number {
  const speed = ({ bytesPerS }: PeerScore): number => (bytesPerS === 0 ? Number.MAX_SAFE_INTEGER : bytesPerS)
  return a.failures - b.failures || speed(b) - speed(a)
}
