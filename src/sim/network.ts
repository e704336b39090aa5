// The network of the world: it loses, delays, repeats and reorders messages, and falls apart.

import type { Prng } from './prng.ts'

/** How bad the network is. */
export interface Weather {
  readonly lossPpm: number
  readonly duplicatePpm: number
  readonly minDelayMs: number
  readonly maxDelayMs: number
}

/** What became of messages so far. */
export interface NetworkCounts {
  sent: number
  lost: number
  cut: number
  duplicated: number
}

/** A client of all nodes rather than a node: no partition cuts it off. */
export const OUTSIDE = -1

export class Network {
  weather: Weather
  /** By node: its side. Null while the network is whole. */
  partition: readonly number[] | null = null
  readonly counts: NetworkCounts = { sent: 0, lost: 0, cut: 0, duplicated: 0 }
  readonly #prng: Prng
  readonly #after: (delayMs: number, run: () => void) => void

  constructor(weather: Weather, prng: Prng, after: (delayMs: number, run: () => void) => void) {
    this.weather = weather
    this.#prng = prng
    this.#after = after
  }

  /** Calls `deliver` for each copy that arrives. */
  send(from: number, to: number, deliver: () => void): void {
    const { weather, partition, counts } = this
    counts.sent++
    if (partition !== null && from !== OUTSIDE && partition[from] !== partition[to]) {
      counts.cut++
      return
    }
    if (this.#prng.chance(weather.lossPpm)) {
      counts.lost++
      return
    }
    this.#after(this.#delayMs(), deliver)
    if (this.#prng.chance(weather.duplicatePpm)) {
      counts.duplicated++
      this.#after(this.#delayMs(), deliver)
    }
  }

  #delayMs(): number {
    return this.#prng.skewed(this.weather.minDelayMs, this.weather.maxDelayMs)
  }
}
