// What goes wrong, and when: crashes, partitions, clocks that jump, hearts that sleep.

import { isQuorum, totalPower } from '../protocol/validators.ts'
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
  restores: number
}

/** Moments of work within which an ordered crash happens. */
const MAX_MOMENTS = 40
const MAX_DOWN_MS = 6_000
const BACKUP_EVERY_MS = 1_500
/** A backup is older than the network by at least so many blocks. */
const RESTORE_BEHIND = 4
const RESTORE_PPM = 800_000
const MAX_PARTITION_MS = 8_000
const MAX_SLEEP_MS = 5_000

export class Faults {
  readonly counts: FaultCounts = { crashes: 0, partitions: 0, skews: 0, sleeps: 0, restores: 0 }
  readonly #victims: Victims
  readonly #prng: Prng
  readonly #backups: boolean
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
    this.#backups = scenario.backups
    if (scenario.backups) this.#repeat(BACKUP_EVERY_MS, () => this.#prng.pick(victims.nodes).backup())
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

  /** A node that went down finds an old backup on its disk, if the network can do without it. */
  mayRestore(node: SimNode): boolean {
    const { nodes } = this.#victims
    const highest = Math.max(...nodes.map(({ store }) => store.head))
    const { backupHeight } = node
    if (!this.#on || !this.#backups || backupHeight === null || backupHeight > highest - RESTORE_BEHIND || !this.#prng.chance(RESTORE_PPM)) return false
    const ledger = nodes.find(({ engine, store }) => engine !== null && store.head === highest)?.engine?.ledger
    const others = ledger?.validators.filter(({ key }) => key !== node.key && nodes.some((other) => other.key === key && other.engine?.caution.trusted === true)) ?? []
    if (ledger === undefined || !isQuorum(totalPower(others), totalPower(ledger.validators))) return false
    this.counts.restores++
    node.restore()
    return true
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
