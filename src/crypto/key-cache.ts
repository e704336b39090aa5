// A bounded cache of key objects that stays useful when more keys come in turn than it holds, and makes little garbage.
//
// Dropping the oldest for each new key would find none of them, if they come in turn. And a key object that has lived
// for some time keeps its 3 kB outside the heap until the next full collection, which a small heap hardly ever needs: the
// process would grow by all that were dropped. So a full cache seldom takes a new key, and
// only in the place of one that was not used since it was last looked at (the clock algorithm).

import type { Bin } from '../base/bytes.ts'

interface Entry<Key> {
  readonly key: Key
  used: boolean
}

/** A full cache looks at one of its entries for every so many offers. */
const LOOK_EVERY = 16

export class KeyCache<Key> {
  readonly #entries = new Map<Bin, Entry<Key>>()
  readonly #max: number
  #offers = 0

  constructor(max: number) {
    this.#max = max
  }

  get(bin: Bin): Key | undefined {
    const entry = this.#entries.get(bin)
    if (entry === undefined) return undefined
    entry.used = true
    return entry.key
  }

  /** Takes a key that it does not hold, if it has room or an entry that nobody used. */
  offer(bin: Bin, key: Key): void {
    if (this.#entries.size < this.#max) {
      this.#entries.set(bin, { key, used: false })
      return
    }
    if (++this.#offers % LOOK_EVERY !== 0) return
    const oldest = this.#entries.entries().next()
    if (oldest.done === true) return
    const [oldestBin, entry] = oldest.value
    this.#entries.delete(oldestBin)
    if (entry.used) {
      entry.used = false
      this.#entries.set(oldestBin, entry)
    } else this.#entries.set(bin, { key, used: false })
  }
}
