// Which blocks to ask of whom. A plan over heights, peers, bytes and times; it holds no blocks.
//
//   height+1 ............... height+window        lowest first
//     held      fetched, or on its way to be checked
//     asked     by one peer; if it is late by `slowMs` another one is asked too (the lowest height: by `headSlowMs`)
//     gap       asked of the best idle peer that claims it
//
// Peers say how far they are. A claim costs nothing, so it is only a reason to ask: a peer that claims a height and has
// no block for it is believed no more than it has shown, for a while. Who passes an announcement on claims nothing: it may
// be behind itself.

import type { PeerScore } from './peer-score.ts'
import { compareScores, newScore, scoreAnswer, scoreFailure, scoreLie } from './peer-score.ts'

export interface PlannerLimits {
  /** Requests at once, in all and to one peer. */
  readonly maxAsks: number
  readonly maxAsksPerPeer: number
  /** Heights of one request. */
  readonly maxRange: number
  /** Heights above the ledger that may be asked for. */
  readonly windowHeights: number
  /** What is held and what is expected stays below this; the lowest height is asked for in any case. */
  readonly maxHeldBytes: number
  /** An answer holds about this much, bytes. */
  readonly answerBytes: number
  /** A request is sized so that it takes about this long at the peer's speed. */
  readonly answerMs: number
  readonly slowMs: number
  readonly headSlowMs: number
  /** Peers that are known. */
  readonly maxPeers: number
}

export const DEFAULT_PLANNER_LIMITS: PlannerLimits = {
  maxAsks: 4,
  maxAsksPerPeer: 2,
  maxRange: 32,
  windowHeights: 512,
  maxHeldBytes: 4 * 1024 * 1024,
  answerBytes: 512 * 1024,
  answerMs: 2_000,
  slowMs: 4_000,
  headSlowMs: 1_500,
  maxPeers: 1_024,
}

export interface Ask {
  readonly id: number
  readonly peer: string
  readonly first: number
  readonly count: number
}

/** A block that was fetched. */
export interface Fetched {
  readonly height: number
  readonly bytes: number
}

export interface Planner {
  /** What a peer claims; or, where it has only passed on what others announced, what it may have. */
  noteHead(peer: string, height: number, nowMs: number, isClaim?: boolean): void
  /** It is gone. */
  forget(peer: string): void
  /** Highest height that a peer claims that is believed; 0 without one. */
  target(): number
  /** What to ask now. @param height of the ledger */
  plan(height: number, nowMs: number): Ask[]
  /** False if the request was given up meanwhile: its answer does not count. */
  isAsked(id: number): boolean
  /** @returns those that were wanted: no other peer was faster */
  answered(id: number, fetched: readonly Fetched[], nowMs: number): Fetched[]
  /**
   * `empty`: it answered, without the block that it was asked for. `failed`: it refused, was cut off or too slow.
   * @returns whether it has claimed that it has the block
   */
  unanswered(id: number, how: 'empty' | 'failed', nowMs: number): boolean
  /** It sent something wrong: nothing that it sent counts. @returns the heights that it had brought */
  accuse(peer: string, nowMs: number): number[]
  /** Bytes of blocks that are fetched and not committed. */
  readonly heldBytes: number
  readonly asks: number
  readonly peers: number
}

interface PeerState {
  head: number
  /** Highest height by its own word. */
  claimed: number
  /** What it claims meanwhile does not count. */
  disbelievedUntilMs: number
  readonly score: PeerScore
  asks: number
}

interface Asked extends Ask {
  readonly atMs: number
}

/** Size of a block before any was seen, bytes. */
const FIRST_GUESS_BYTES = 32 * 1024
/** Heights of the first request to a peer. */
const FIRST_RANGE = 8
/** Peers that are asked for the same height, each when all before it are late. */
const MAX_ASKED_FOR_ONE = 4
/** Failures in a row after which a peer counts as one that has not got what it claims. */
const MAX_SILENCES = 3

export function createPlanner(limits: PlannerLimits = DEFAULT_PLANNER_LIMITS): Planner {
  const peers = new Map<string, PeerState>()
  const asked = new Map<number, Asked>()
  const held = new Map<number, Fetched & { readonly peer: string }>()
  let heldBytes = 0
  let blockBytes = FIRST_GUESS_BYTES
  let nextId = 1

  function release(height: number): void {
    const one = held.get(height)
    if (one === undefined) return
    held.delete(height)
    heldBytes -= one.bytes
  }

  /** Takes a request off the list. */
  function close(id: number): Asked | undefined {
    const ask = asked.get(id)
    asked.delete(id)
    const peer = ask === undefined ? undefined : peers.get(ask.peer)
    if (peer !== undefined) peer.asks--
    return ask
  }

  const covers = ({ first, count }: Ask, height: number): boolean => height >= first && height < first + count
  const coverersOf = (height: number): Asked[] => [...asked.values()].filter((ask) => covers(ask, height))

  /** The lowest height from `from` on that should be asked for, with those who have been asked for it; null if there is none. */
  function nextGap(from: number, last: number, height: number, nowMs: number): { first: number; coverers: Asked[] } | null {
    let candidate = from
    while (candidate <= last) {
      if (held.has(candidate)) {
        candidate++
        continue
      }
      const coverers = coverersOf(candidate)
      const patienceMs = candidate === height + 1 ? limits.headSlowMs : limits.slowMs
      const fresh = coverers.find(({ atMs }) => nowMs - atMs < patienceMs)
      if (fresh === undefined && coverers.length < MAX_ASKED_FOR_ONE) return { first: candidate, coverers }
      // What was asked for in one piece is passed over in one step.
      candidate = coverers.reduce((end, ask) => Math.min(end, ask.first + ask.count), Number.MAX_SAFE_INTEGER)
    }
    return null
  }

  function bestPeer(first: number, coverers: readonly Asked[], nowMs: number): [string, PeerState] | null {
    let best: [string, PeerState] | null = null
    for (const [id, state] of peers) {
      const fit = state.head >= first && state.asks < limits.maxAsksPerPeer && state.score.restUntilMs <= nowMs
      if (!fit || coverers.some(({ peer }) => peer === id)) continue
      const order = best === null ? -1 : state.asks - best[1].asks || compareScores(state.score, best[1].score) || (id < best[0] ? -1 : 1)
      if (order < 0) best = [id, state]
    }
    return best
  }

  /** Heights from `first` on that nobody else brings, as many as the peer can be asked for. */
  function rangeFor({ head, score }: PeerState, first: number, last: number, room: number): number {
    const perAnswer = Math.floor(limits.answerBytes / blockBytes)
    const atItsSpeed = score.bytesPerS === 0 ? FIRST_RANGE : Math.floor((score.bytesPerS * limits.answerMs) / 1_000 / blockBytes)
    const most = Math.max(1, Math.min(limits.maxRange, perAnswer, atItsSpeed, Math.floor(room / blockBytes), head - first + 1, last - first + 1))
    let count = 1
    while (count < most && !held.has(first + count) && coverersOf(first + count).length === 0) count++
    return count
  }

  const expectedBytes = (): number => [...asked.values()].reduce((sum, { count }) => sum + count * blockBytes, 0)

  function ask(peer: string, state: PeerState, first: number, count: number, nowMs: number): Ask {
    const made: Asked = { id: nextId++, peer, first, count, atMs: nowMs }
    asked.set(made.id, made)
    state.asks++
    return made
  }

  const target = (): number => [...peers.values()].reduce((highest, { head }) => Math.max(highest, head), 0)

  return {
    target,
    noteHead(peer, height, nowMs, isClaim = true) {
      const claimed = isClaim ? height : 0
      const known = peers.get(peer)
      if (known === undefined) {
        if (peers.size < limits.maxPeers) peers.set(peer, { head: height, claimed, disbelievedUntilMs: 0, score: newScore(), asks: 0 })
        return
      }
      known.claimed = Math.max(known.claimed, claimed)
      if (known.disbelievedUntilMs <= nowMs) known.head = Math.max(known.head, height)
    },
    forget(peer) {
      for (const [id, ask] of asked) if (ask.peer === peer) asked.delete(id)
      peers.delete(peer)
    },
    plan(height, nowMs) {
      for (const at of [...held.keys()]) if (at <= height) release(at)
      const last = Math.min(target(), height + limits.windowHeights)
      const made: Ask[] = []
      let from = height + 1
      while (asked.size < limits.maxAsks) {
        const gap = nextGap(from, last, height, nowMs)
        if (gap === null) break
        const { first, coverers } = gap
        const room = limits.maxHeldBytes - heldBytes - expectedBytes()
        if (room < blockBytes && first > height + 1) break
        const best = bestPeer(first, coverers, nowMs)
        if (best === null) {
          from = first + 1
          continue
        }
        const [peer, state] = best
        // Of what is late elsewhere only the part that was asked for there.
        const end = coverers.length === 0 ? last : Math.min(last, ...coverers.map((late) => late.first + late.count - 1))
        const count = coverers.length === 0 ? rangeFor(state, first, end, room) : Math.min(end, state.head) - first + 1
        made.push(ask(peer, state, first, count, nowMs))
        from = first
      }
      return made
    },
    isAsked: (id) => asked.has(id),
    answered(id, fetched, nowMs) {
      const ask = close(id)
      const state = ask === undefined ? undefined : peers.get(ask.peer)
      if (ask === undefined || state === undefined) return []
      const bytes = fetched.reduce((sum, one) => sum + one.bytes, 0)
      scoreAnswer(state.score, bytes, nowMs - ask.atMs)
      if (fetched.length > 0) blockBytes = Math.max(1, Math.round((3 * blockBytes + bytes / fetched.length) / 4))
      const wanted = fetched.filter(({ height }) => covers(ask, height) && !held.has(height))
      for (const one of wanted) {
        held.set(one.height, { ...one, peer: ask.peer })
        heldBytes += one.bytes
      }
      return wanted
    },
    unanswered(id, how, nowMs) {
      const ask = close(id)
      const state = ask === undefined ? undefined : peers.get(ask.peer)
      if (ask === undefined || state === undefined) return false
      scoreFailure(state.score, nowMs)
      if (how === 'empty' || state.score.failures >= MAX_SILENCES) {
        state.head = Math.min(state.head, ask.first - 1)
        state.disbelievedUntilMs = state.score.restUntilMs
      }
      return ask.first <= state.claimed
    },
    accuse(peer, nowMs) {
      for (const [id, ask] of asked) if (ask.peer === peer) close(id)
      const state = peers.get(peer)
      if (state !== undefined) {
        scoreLie(state.score, nowMs)
        state.head = 0
        state.disbelievedUntilMs = state.score.restUntilMs
      }
      const brought = [...held.values()].filter((one) => one.peer === peer).map(({ height }) => height)
      for (const height of brought) release(height)
      return brought
    },
    get heldBytes() {
      return heldBytes
    },
    get asks() {
      return asked.size
    },
    get peers() {
      return peers.size
    },
  }
}
