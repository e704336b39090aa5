// Raw verification rate: what two cores can verify when they do nothing else. Other benches are measured against it,
// so they sample it right before and right after themselves.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Bench } from './context.ts'
import { size } from './context.ts'
import { repeated } from './figure.ts'
import type { RawJob, RawKind, RawResult } from './raw-worker.ts'
import { sum } from './stats.ts'

const THREADS = 2
/** Signers of each thread: far fewer than a node knows, so that memory is no part of the yardstick. */
const KEYS = 512

export interface RawSlice {
  /** All threads together. */
  readonly perS: number
  /** Processor time of one verification: much the same on a busy machine. */
  readonly cpuUs: number
}

export interface RawProbe {
  /** @param threads 1 or 2 */
  measure(kind: RawKind, threads: number, slices: number, sliceMs: number): Promise<RawSlice[]>
  close(): Promise<void>
}

export async function openRawProbe(): Promise<RawProbe> {
  const workers = Array.from({ length: THREADS }, () => new Worker(new URL('./raw-worker.ts', import.meta.url), { workerData: { keys: KEYS } }))
  await Promise.all(workers.map((worker) => once(worker, 'message')))

  async function slice(kind: RawKind, threads: number, durationMs: number): Promise<RawSlice> {
    const results = await Promise.all(
      workers.slice(0, threads).map(async (worker) => {
        worker.postMessage({ kind, durationMs } satisfies RawJob)
        const [result] = (await once(worker, 'message')) as [RawResult]
        return result
      }),
    )
    const verified = sum(results.map((result) => result.verified))
    return {
      perS: sum(results.map((result) => result.verified / result.seconds)),
      cpuUs: (1e6 * sum(results.map(({ cpuSeconds }) => cpuSeconds))) / verified,
    }
  }

  return {
    async measure(kind, threads, slices, sliceMs) {
      const all: RawSlice[] = []
      for (let i = 0; i < slices; i++) all.push(await slice(kind, threads, sliceMs))
      return all
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.terminate()))
    },
  }
}

/** Runs something between two samples of the raw P-256 rate. @returns its result and the rates of both samples, per second */
export async function besideRaw<T>(sliceMs: number, run: () => Promise<T>): Promise<{ result: T; raw: number[] }> {
  const probe = await openRawProbe()
  try {
    const before = await probe.measure('p256', THREADS, 5, sliceMs)
    const result = await run()
    const after = await probe.measure('p256', THREADS, 5, sliceMs)
    return { result, raw: [...before, ...after].map(({ perS }) => perS) }
  } finally {
    await probe.close()
  }
}

export const rawBench: Bench = {
  name: 'raw',
  description: 'verification of 181-byte messages with node:crypto and cached keys, nothing else running',
  async run(context) {
    const probe = await openRawProbe()
    try {
      const sliceMs = size(context, 1_000, 200)
      // One round of all kinds after the other, so that a slow moment of the machine hits them alike.
      const slices: Record<string, RawSlice[]> = {}
      for (let i = 0; i < size(context, 9, 3); i++) {
        for (const kind of ['p256', 'p1363', 'ed25519'] as const) {
          for (const threads of [THREADS, 1]) (slices[`${kind} ${threads}`] ??= []).push(...(await probe.measure(kind, threads, 1, sliceMs)))
        }
      }
      const figures = ([['P-256', 'p256'], ['P-256 with r‖s in an options object', 'p1363'], ['Ed25519', 'ed25519']] as const).flatMap(([name, kind]) => {
        const [both, one] = [slices[`${kind} ${THREADS}`]!, slices[`${kind} 1`]!]
        return [
          repeated(`${name}, two threads`, both.map(({ perS }) => perS), '/s'),
          repeated(`${name}, one thread`, one.map(({ perS }) => perS), '/s'),
          repeated(`${name}, processor time of one`, both.map(({ cpuUs }) => cpuUs), 'µs'),
        ]
      })
      return {
        figures,
        notes: [],
      }
    } finally {
      await probe.close()
    }
  },
}
