// Whose turn it is to propose, computed anew for the checker, in bigints: every turn each priority grows by its power, the
// highest proposes and pays the total; priorities are kept within twice the total and centred on zero.

import type { Bin } from '../base/bytes.ts'
import type { Voter } from './epochs.ts'

export class Turns {
  #voters: readonly Voter[]
  #priorities: bigint[]

  constructor(voters: readonly Voter[]) {
    this.#voters = voters
    this.#priorities = voters.map(() => 0n)
  }

  /** Keys of the proposers of rounds 0 to `lastRound` of the next height. */
  proposers(lastRound: number): Bin[] {
    const priorities = this.#centred()
    return Array.from({ length: lastRound + 1 }, () => this.#turn(priorities))
  }

  /** A height is over. It counts as one turn, however many rounds it took. */
  next(): void {
    const priorities = this.#centred()
    this.#turn(priorities)
    this.#priorities = priorities
  }

  /** From now on these vote. Who joins starts behind: 1.125 times the new total. */
  change(voters: readonly Voter[]): void {
    const before = new Map(this.#voters.map(({ key }, i) => [key, this.#priorities[i]!]))
    this.#voters = voters
    const total = this.#total()
    this.#priorities = voters.map(({ key }) => before.get(key) ?? -(total + total / 8n))
  }

  #total(): bigint {
    return this.#voters.reduce((sum, { power }) => sum + power, 0n)
  }

  #turn(priorities: bigint[]): Bin {
    this.#voters.forEach(({ power }, i) => (priorities[i]! += power))
    const highest = priorities.reduce((most, priority) => (priority > most ? priority : most))
    const proposer = priorities.indexOf(highest)
    priorities[proposer]! -= this.#total()
    return this.#voters[proposer]!.key
  }

  #centred(): bigint[] {
    const sorted = [...this.#priorities].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    const spread = sorted.at(-1)! - sorted[0]!
    const most = 2n * this.#total()
    const shrink = spread > most ? (spread + most - 1n) / most : 1n
    const shrunk = this.#priorities.map((priority) => priority / shrink)
    const count = BigInt(shrunk.length)
    const sum = shrunk.reduce((all, priority) => all + priority, 0n)
    const mean = sum >= 0n ? sum / count : -((-sum + count - 1n) / count)
    return shrunk.map((priority) => priority - mean)
  }
}
