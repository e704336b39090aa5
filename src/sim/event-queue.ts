// What will happen, in order of (time, number of the call that scheduled it): a binary heap.

interface Scheduled {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

export class EventQueue {
  readonly #heap: Scheduled[] = []
  #order = 0

  /** When the next event happens; Infinity if there is none. */
  get nextMs(): number {
    return this.#heap[0]?.atMs ?? Infinity
  }

  push(atMs: number, run: () => void): void {
    const heap = this.#heap
    const added = { atMs, order: this.#order++, run }
    let at = heap.length
    heap.push(added)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(added, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = added
  }

  pop(): Scheduled | undefined {
    const heap = this.#heap
    const first = heap[0]
    const moved = heap.pop()
    if (first === undefined || moved === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, moved)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = moved
    return first
  }
}

const before = (a: Scheduled, b: Scheduled): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
