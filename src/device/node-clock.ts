// The node's clock, as the device knows it. A phone's clock may be minutes off, and the node refuses such heartbeats.

import type { Timing } from './timing.ts'

export interface NodeClock {
  /** Unix ms by the node's clock. */
  nowMs(): number
  /** Node's clock minus ours. */
  readonly offsetMs: number
  /** A reading of the node's clock, and our time before and after the request that brought it. */
  observe(sentMs: number, receivedMs: number, nodeMs: number): void
}

/**
 * The node read its clock at some moment of the request; the middle is the best guess, half the request's duration the
 * largest error. A difference within that error is no evidence against our clock and is not corrected.
 */
export function createNodeClock(timing: Timing): NodeClock {
  let offsetMs = 0
  return {
    nowMs: () => timing.nowMs() + offsetMs,
    get offsetMs() {
      return offsetMs
    },
    observe(sentMs, receivedMs, nodeMs) {
      const errorMs = (receivedMs - sentMs) / 2
      // Our clock was set back during the request: this reading says nothing.
      if (errorMs < 0) return
      const estimateMs = Math.round(nodeMs - (sentMs + errorMs))
      offsetMs = Math.abs(estimateMs) <= errorMs ? 0 : estimateMs
    },
  }
}
