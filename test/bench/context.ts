// What every bench gets, and the order in which they run.

import type { Report } from './figure.ts'

export interface Context {
  /** The program that is measured: bin/pulse-node of a built tree. */
  readonly program: string
  /** Temporary; removed after the run. */
  readonly directory: string
  /** Short durations and small chains: to see that a bench works, not to measure. */
  readonly quick: boolean
  /** A line for whoever waits. */
  say(line: string): void
  /** Made at most once in a run, by whichever bench asks first. */
  shared<T>(name: string, make: () => Promise<T>): Promise<T>
}

export interface Bench {
  readonly name: string
  readonly description: string
  run(context: Context): Promise<Omit<Report, 'bench' | 'seconds'>>
}

/** The first while measuring, the second in a quick run. */
export const size = (context: Context, measured: number, quick: number): number => (context.quick ? quick : measured)

export function createShared(): Context['shared'] {
  const made = new Map<string, Promise<unknown>>()
  return <T>(name: string, make: () => Promise<T>): Promise<T> => {
    const known = made.get(name)
    if (known !== undefined) return known as Promise<T>
    const making = make()
    made.set(name, making)
    return making
  }
}
