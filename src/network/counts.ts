// Counters that keep one peer from taking everything.

/** How many of something each peer has, and all have. */
export class Counts {
  readonly #perPeer = new Map<string, number>()
  readonly #maxPerPeer: number
  readonly #maxTotal: number
  #total = 0

  constructor(maxPerPeer: number, maxTotal: number) {
    this.#maxPerPeer = maxPerPeer
    this.#maxTotal = maxTotal
  }

  take(peer: string): boolean {
    const count = this.#perPeer.get(peer) ?? 0
    if (count >= this.#maxPerPeer || this.#total >= this.#maxTotal) return false
    this.#perPeer.set(peer, count + 1)
    this.#total++
    return true
  }

  give(peer: string): void {
    const count = (this.#perPeer.get(peer) ?? 0) - 1
    if (count > 0) this.#perPeer.set(peer, count)
    else this.#perPeer.delete(peer)
    this.#total--
  }
}

/** How many requests each peer has made in the current window of time. */
export class Rate {
  readonly #counts = new Map<string, number>()
  readonly #max: number
  readonly #windowMs: number
  #window = 0

  constructor(max: number, windowMs: number) {
    this.#max = max
    this.#windowMs = windowMs
  }

  /** @returns false if it is one too many @param nowMs monotonic */
  take(peer: string, nowMs = performance.now()): boolean {
    const window = Math.floor(nowMs / this.#windowMs)
    if (window !== this.#window) this.#counts.clear()
    this.#window = window
    const count = (this.#counts.get(peer) ?? 0) + 1
    this.#counts.set(peer, count)
    return count <= this.#max
  }
}
