// What goes wrong, and when: crashes, partitions, clocks that jump, hearts that sleep.

import type { Hearts } from './hearts.ts'
import type { Host } from './host.ts'
import type { Network } from './network.ts'
import type { SimNode } from './node.ts'
import type { Prng } from './prng.ts'
import type { Scenario } from './scenario.ts'
import { MAX_SKEW_MS } from './scenario.ts'

/** What faults strike. */
export interface Victims {
  readonly host: Host
  readonly nodes: readonly SimNode[]
  readonly network: Network
  readonly hearts: Hearts
}

export interface FaultCounts {
  crashes: number
  partitions: number
  skews: number
  sleeps: number
}

/** Moments of work within which an ordered crash happens. */
const MAX_MOMENTS = 40
const MAX_DOWN_MS = 6_000
const MAX_PARTITION_MS = 8_000
const MAX_SLEEP_MS = 5_000

export class Faults {
  readonly counts: FaultCounts = { crashes: 0, partitions: 0, skews: 0, sleeps: 0 }
  readonly #victims: Victims
  readonly #prng: Prng
  #on = true

  constructor(scenario: Scenario, victims: Victims, prng: Prng) {
    this.#victims = victims
    this.#prng = prng
    const { crashEveryMs, partitionEveryMs, skewEveryMs, sleepEveryMs } = scenario
    for (const node of victims.nodes) node.skewMs = skewEveryMs === 0 ? 0 : this.#skewMs()
    this.#repeat(crashEveryMs, () => this.#crash())
    this.#repeat(partitionEveryMs, () => this.#partition())
    this.#repeat(skewEveryMs, () => this.#skew())
    this.#repeat(sleepEveryMs, () => this.#sleep())
  }

  /** From now on nothing goes wrong, and what went wrong is over. */
  stop(): void {
    this.#on = false
    const { network, nodes, hearts } = this.#victims
    network.partition = null
    hearts.asleepUntilMs = 0
    for (const node of nodes) {
      node.skewMs = 0
      node.cancelCrash()
      node.start()
    }
  }

  /** How long a node that crashed stays down. */
  downMs(): number {
    return this.#on ? this.#prng.skewed(50, MAX_DOWN_MS) : 0
  }

  #repeat(everyMs: number, strike: () => void): void {
    if (everyMs === 0) return
    this.#victims.host.after(this.#prng.between(1, 2 * everyMs), () => {
      if (!this.#on) return
      strike()
      this.#repeat(everyMs, strike)
    })
  }

  #crash(): void {
    this.counts.crashes++
    const { nodes } = this.#victims
    // Now and then all at once: a power cut.
    const struck = this.#prng.chance(50_000) ? nodes : [this.#prng.pick(nodes)]
    for (const node of struck) node.orderCrash(this.#prng.below(MAX_MOMENTS))
  }

  #partition(): void {
    this.counts.partitions++
    const { network, nodes } = this.#victims
    network.partition = nodes.map(() => this.#prng.below(2))
    this.#victims.host.trace(-1, 'partition', network.partition.join(''))
    const { partition } = network
    this.#victims.host.after(this.#prng.between(500, MAX_PARTITION_MS), () => {
      if (network.partition === partition) network.partition = null
    })
  }

  #skew(): void {
    this.counts.skews++
    const node = this.#prng.pick(this.#victims.nodes)
    node.skewMs = this.#skewMs()
    this.#victims.host.trace(node.index, 'skew', node.skewMs)
  }

  #skewMs(): number {
    return this.#prng.between(-MAX_SKEW_MS, MAX_SKEW_MS)
  }

  #sleep(): void {
    this.counts.sleeps++
    const { hearts } = this.#victims
    hearts.asleepUntilMs = this.#victims.host.nowMs + this.#prng.between(1_000, MAX_SLEEP_MS)
    this.#victims.host.trace(-1, 'sleep')
  }
}
