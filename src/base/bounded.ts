// Containers with a maximum. Nothing in this project grows with what strangers send.

/** A Map of at most `max` entries that drops the entry set longest ago. */
export class BoundedMap<K, V> {
  readonly #entries = new Map<K, V>()
  // A new iterator steps over the hole of every entry that was deleted, up to 100 µs in a large map. So one serves
  // many evictions: what lies before it is gone. It is renewed now and then, since it keeps outgrown tables alive.
  #oldest: Iterator<K> | null = null
  #setsUntilRenewal = 0
  readonly max: number

  constructor(max: number) {
    this.max = max
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: K): V | undefined {
    return this.#entries.get(key)
  }

  has(key: K): boolean {
    return this.#entries.has(key)
  }

  set(key: K, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#setsUntilRenewal-- === 0) {
      this.#oldest = null
      this.#setsUntilRenewal = this.max
    }
    if (this.#entries.size > this.max) {
      const oldest = (this.#oldest ??= this.#entries.keys()).next()
      if (oldest.done !== true) this.#entries.delete(oldest.value)
    }
  }

  delete(key: K): boolean {
    return this.#entries.delete(key)
  }

  values(): IterableIterator<V> {
    return this.#entries.values()
  }
}
