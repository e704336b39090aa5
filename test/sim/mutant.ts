// A worker that runs the simulator on a source that has been changed: how tests break a rule on purpose. The product has no
// switch for that.

import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'

/** Replaces a text that must occur exactly once in a file of src/. */
export interface Change {
  readonly file: string
  readonly find: string
  readonly replace: string
}

export interface MutantOrder {
  readonly changes: readonly Change[]
  readonly firstSeed: number
  readonly seeds: number
  /** Honest validators; 4 if left out. */
  readonly nodes?: number
}

/** The first violation that was found. */
export interface MutantFinding {
  readonly seed: number
  readonly kind: string
  readonly text: string
}

const root = new URL('../../src/', import.meta.url)

function changed(source: string, { file, find, replace }: Change): string {
  if (source.split(find).length !== 2) throw new Error(`${file} does not hold exactly once: ${find}`)
  return source.replace(find, () => replace)
}

async function run({ changes, firstSeed, seeds, ...options }: MutantOrder): Promise<MutantFinding | null> {
  for (const change of changes) changed(readFileSync(new URL(change.file, root), 'utf8'), change)
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      const wanted = changes.filter(({ file }) => url === new URL(file, root).href)
      return wanted.length === 0 ? loaded : { ...loaded, source: wanted.reduce(changed, String(loaded.source)) }
    },
  })
  const { simulate } = await import('../../src/sim/simulate.ts')
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const [violation] = simulate({ seed, ...options }).violations
    if (violation !== undefined) return { seed, kind: violation.kind, text: violation.text }
  }
  return null
}

if (parentPort !== null) parentPort.postMessage(await run(workerData as MutantOrder))
