// How a sync goes: its rate over the last seconds, when it may be done, and what it waits for most of the time.

/**
 * What the next height waits for: `network` (it has not come yet), `verification` (signatures, decoding), `execution`
 * (the core thread runs it), `disk` (it is being stored).
 */
export const BOTTLENECKS = ['network', 'verification', 'execution', 'disk'] as const
export type Bottleneck = (typeof BOTTLENECKS)[number]

export interface Progress {
  readonly blocksPerS: number
  readonly heartbeatsPerS: number
  /** Null while nothing moves. */
  readonly etaS: number | null
  readonly bottleneck: Bottleneck
}

export interface ProgressMeter {
  /** What the next height waits for from now on; null if nothing is awaited. */
  stage(stage: Bottleneck | null, nowMs: number): void
  committed(heartbeats: number, nowMs: number): void
  /** @param left heights to go */
  progress(left: number, nowMs: number): Progress
  /** A new sync begins: rates start anew. */
  reset(nowMs: number): void
}

const WINDOW_S = 10

interface Second {
  blocks: number
  heartbeats: number
  readonly waitedMs: Record<Bottleneck, number>
}

const zeros = (): Record<Bottleneck, number> => ({ network: 0, verification: 0, execution: 0, disk: 0 })

/** @param onWaited called for every stage that is over */
export function createProgressMeter(onWaited: (stage: Bottleneck, seconds: number) => void): ProgressMeter {
  /** The last seconds, by number. */
  const window = new Map<number, Second>()
  let current: Bottleneck | null = null
  let sinceMs = 0
  let beganMs = 0

  function secondAt(nowMs: number): Second {
    const key = Math.floor(nowMs / 1_000)
    let second = window.get(key)
    if (second === undefined) {
      for (const old of window.keys()) if (old <= key - WINDOW_S) window.delete(old)
      second = { blocks: 0, heartbeats: 0, waitedMs: zeros() }
      window.set(key, second)
    }
    return second
  }

  function settle(nowMs: number): void {
    const waitedMs = Math.max(0, nowMs - sinceMs)
    if (current !== null) {
      secondAt(nowMs).waitedMs[current] += waitedMs
      onWaited(current, waitedMs / 1_000)
    }
    sinceMs = nowMs
  }

  return {
    stage(stage, nowMs) {
      if (stage === current) return
      settle(nowMs)
      current = stage
    },
    committed(heartbeats, nowMs) {
      const second = secondAt(nowMs)
      second.blocks++
      second.heartbeats += heartbeats
    },
    progress(left, nowMs) {
      settle(nowMs)
      const oldest = Math.floor(nowMs / 1_000) - WINDOW_S
      const waited = zeros()
      let blocks = 0
      let heartbeats = 0
      for (const [key, second] of window) {
        if (key <= oldest) continue
        blocks += second.blocks
        heartbeats += second.heartbeats
        for (const stage of BOTTLENECKS) waited[stage] += second.waitedMs[stage]
      }
      const spanS = Math.max(1, Math.min(WINDOW_S, (nowMs - beganMs) / 1_000))
      const bottleneck = BOTTLENECKS.reduce((most, stage) => (waited[stage] > waited[most] ? stage : most))
      const blocksPerS = blocks / spanS
      return { blocksPerS: rounded(blocksPerS), heartbeatsPerS: Math.round(heartbeats / spanS), etaS: blocks === 0 ? null : Math.ceil(left / blocksPerS), bottleneck }
    },
    reset(nowMs) {
      window.clear()
      beganMs = nowMs
      sinceMs = nowMs
    },
  }
}

const rounded = (value: number): number => Math.round(value * 10) / 10
