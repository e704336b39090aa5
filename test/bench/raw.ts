// Raw verification rate: what two cores can verify when they do nothing else. Other benches are measured against it,
// so they sample it right before and right after themselves.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Bench } from './context.ts'
import { size } from './context.ts'
import { repeated } from './figure.ts'
import type { RawJob, RawKind, RawResult } from './raw-worker.ts'

const THREADS = 2
/** Signers of each thread: far fewer than a node knows, so that memory is no part of the yardstick. */
const KEYS = 512

export interface RawProbe {
  /** @param threads 1 or 2. @returns verifications per second of each slice, all threads together */
  measure(kind: RawKind, threads: number, slices: number, sliceMs: number): Promise<number[]>
  close(): Promise<void>
}

export async function openRawProbe(): Promise<RawProbe> {
  const workers = Array.from({ length: THREADS }, () => new Worker(new URL('./raw-worker.ts', import.meta.url), { workerData: { keys: KEYS } }))
  await Promise.all(workers.map((worker) => once(worker, 'message')))

  async function slice(kind: RawKind, threads: number, durationMs: number): Promise<number> {
    const results = await Promise.all(
      workers.slice(0, threads).map(async (worker) => {
        worker.postMessage({ kind, durationMs } satisfies RawJob)
        const [result] = (await once(worker, 'message')) as [RawResult]
        return result
      }),
    )
    return results.reduce((total, { verified, seconds }) => total + verified / seconds, 0)
  }

  return {
    async measure(kind, threads, slices, sliceMs) {
      const rates: number[] = []
      for (let i = 0; i < slices; i++) rates.push(await slice(kind, threads, sliceMs))
      return rates
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.terminate()))
    },
  }
}

/** Runs something between two samples of the raw P-256 rate. @returns its result and all slices of both samples, per second */
export async function besideRaw<T>(sliceMs: number, run: () => Promise<T>): Promise<{ result: T; raw: number[] }> {
  const probe = await openRawProbe()
  try {
    const before = await probe.measure('p256', THREADS, 5, sliceMs)
    const result = await run()
    const after = await probe.measure('p256', THREADS, 5, sliceMs)
    return { result, raw: [...before, ...after] }
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
      const rates: Record<string, number[]> = {}
      for (let i = 0; i < size(context, 9, 3); i++) {
        for (const kind of ['p256', 'p1363', 'ed25519'] as const) {
          for (const threads of [THREADS, 1]) (rates[`${kind} ${threads}`] ??= []).push(...(await probe.measure(kind, threads, 1, sliceMs)))
        }
      }
      return {
        figures: [
          repeated('P-256, two threads', rates['p256 2']!, '/s'),
          repeated('P-256, one thread', rates['p256 1']!, '/s'),
          repeated('P-256 with r‖s in an options object, two threads', rates['p1363 2']!, '/s'),
          repeated('P-256 with r‖s in an options object, one thread', rates['p1363 1']!, '/s'),
          repeated('Ed25519, two threads', rates['ed25519 2']!, '/s'),
          repeated('Ed25519, one thread', rates['ed25519 1']!, '/s'),
        ],
        notes: [],
      }
    } finally {
      await probe.close()
    }
  },
}
