// Reads what `node --cpu-prof` writes: which functions a thread spent its time in.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[]
}

export interface ThreadProfile {
  /** 0 is the main thread, 1 the core thread, then the verification threads. */
  readonly thread: number
  readonly busyMs: number
  readonly totalMs: number
  /** By time in the function itself and, for our own functions, in what they call too; longest first. */
  readonly self: readonly Cost[]
  readonly inclusive: readonly Cost[]
}

export interface Cost {
  readonly place: string
  readonly ms: number
}

/** @param skipMs of each profile's beginning: starting up is not what one wants to see */
export function readProfiles(directory: string, skipMs: number): ThreadProfile[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.cpuprofile'))
    .map((name) => summarise(Number(name.split('.')[4]), JSON.parse(readFileSync(join(directory, name), 'utf8')) as CpuProfile, skipMs))
    .sort((a, b) => a.thread - b.thread)
}

function summarise(thread: number, { nodes, samples, timeDeltas }: CpuProfile, skipMs: number): ThreadProfile {
  const places = new Map(nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => [id, { name: functionName || '(anonymous)', at: shortened(url, lineNumber), own: /\/(dist|src)\//.test(url) && !url.includes('node_modules') }]))
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)))
  const self = new Map<string, number>()
  const inclusive = new Map<string, number>()
  let elapsedUs = 0
  let totalUs = 0
  let busyUs = 0
  samples.forEach((sample, i) => {
    // A delta belongs to the sample before it; the difference does not show over thousands.
    const us = timeDeltas[i]!
    elapsedUs += us
    if (elapsedUs < skipMs * 1_000) return
    totalUs += us
    const { name, at } = places.get(sample)!
    if (name === '(idle)') return
    busyUs += us
    self.set(`${name} ${at}`, (self.get(`${name} ${at}`) ?? 0) + us)
    const seen = new Set<string>()
    for (let id: number | undefined = sample; id !== undefined; id = parents.get(id)) {
      const place = places.get(id)!
      if (place.own) seen.add(`${place.name} ${place.at}`)
    }
    for (const place of seen) inclusive.set(place, (inclusive.get(place) ?? 0) + us)
  })
  return { thread, busyMs: busyUs / 1_000, totalMs: totalUs / 1_000, self: longest(self), inclusive: longest(inclusive) }
}

const longest = (costs: ReadonlyMap<string, number>): Cost[] =>
  [...costs].map(([place, us]) => ({ place, ms: us / 1_000 })).sort((a, b) => b.ms - a.ms)

function shortened(url: string, line: number): string {
  const path = /(?:dist|src|node_modules)\/(.*)$/.exec(url)?.[1] ?? url
  return path === '' ? '' : `${path}:${line + 1}`
}
