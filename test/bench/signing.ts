// Signs a whole schedule of heartbeats before it is sent, on all cores.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { HEARTBEAT_ROW_SIZE } from '../../src/protocol/heartbeat.ts'
import type { Schedule } from './schedule.ts'
import { beatsOf } from './schedule.ts'
import type { SignAnswer, SignOrder, SignWorkerData } from './sign-worker.ts'
import { VITALS_SIZE } from './vitals-record.ts'

const THREADS = 2
const CALIBRATION_MS = 500
/** Signing may turn out slower than it was a moment ago: then all is signed again for later. */
const RESERVES = [1.3, 2, 4]
const RESERVE_S = 2

export interface SignedBeats {
  /** Second of the first beats, unix time. */
  readonly startS: number
  /** 245 bytes per beat, those of one witness after those of the other, each in order of time. */
  readonly rows: Uint8Array<SharedArrayBuffer>
  /** A vitals record per beat. */
  readonly vitals: Uint8Array<SharedArrayBuffer>
}

/**
 * Makes the lives of a schedule, as many for each witness, and signs all their heartbeats.
 * @param startS the first second; null picks one that lies just behind the end of the signing, so that it can be met
 * @throws Error if that end cannot be foreseen
 */
export async function signBeats(schedule: Schedule, genesisHash: Uint8Array, witnesses: readonly Uint8Array[], startS: number | null): Promise<SignedBeats> {
  const beats = witnesses.length * beatsOf(schedule)
  const lives = witnesses.length * schedule.lives
  const rows = new SharedArrayBuffer(beats * HEARTBEAT_ROW_SIZE)
  const vitals = new SharedArrayBuffer(beats * VITALS_SIZE)
  const bounds = Array.from({ length: THREADS + 1 }, (_, i) => Math.round((lives * i) / THREADS))
  const workers = Array.from({ length: THREADS }, (_, i) => {
    const workerData: SignWorkerData = { schedule, from: bounds[i]!, to: bounds[i + 1]!, genesisHash, witnesses, rows, vitals }
    return new Worker(new URL('./sign-worker.ts', import.meta.url), { workerData })
  })
  const ask = (order: SignOrder): Promise<SignAnswer[]> =>
    Promise.all(
      workers.map(async (worker) => {
        worker.postMessage(order)
        return (await once(worker, 'message'))[0] as SignAnswer
      }),
    )
  try {
    await Promise.all(workers.map((worker) => once(worker, 'message')))
    if (startS !== null) {
      await ask({ kind: 'sign', startS })
      return { startS, rows: new Uint8Array(rows), vitals: new Uint8Array(vitals) }
    }
    for (const reserve of RESERVES) {
      const rates = await ask({ kind: 'calibrate', durationMs: CALIBRATION_MS })
      const slowest = Math.min(...rates.map(({ rate }) => rate))
      const start = Math.ceil(Date.now() / 1_000 + (reserve * beats) / (THREADS * slowest) + RESERVE_S)
      await ask({ kind: 'sign', startS: start })
      if (Date.now() < start * 1_000) return { startS: start, rows: new Uint8Array(rows), vitals: new Uint8Array(vitals) }
    }
    throw new Error(`signing ${beats} heartbeats took longer than foreseen: is the machine busy?`)
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}
