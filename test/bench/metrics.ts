// Reads the node's metrics in Prometheus text format.

export interface Histogram {
  readonly count: number
  readonly sum: number
  /** Observations above this bound, which must be one of its buckets. */
  above(bound: number): number
}

/** @throws Error if there is no such histogram */
export function histogram(text: string, name: string): Histogram {
  const value = (line: string): number => {
    const found = new RegExp(`^${line.replace(/[{}".+]/g, '\\$&')} (\\S+)$`, 'm').exec(text)
    if (found === null) throw new Error(`the metrics have no ${line}`)
    return Number(found[1])
  }
  const count = value(`${name}_count`)
  return { count, sum: value(`${name}_sum`), above: (bound) => count - value(`${name}_bucket{le="${bound}"}`) }
}

/** Sum of all series of a counter; 0 if nothing was counted. */
export function total(text: string, name: string): number {
  return [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce((sum, [, value]) => sum + Number(value), 0)
}
