// Entry of a thread that verifies signatures with node:crypto and cached keys, as fast as it can: the yardstick.

import type { KeyObject } from 'node:crypto'
import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { HEARTBEAT_MESSAGE_SIZE } from '../../src/protocol/heartbeat.ts'

/** `p1363`: P-256 with r‖s in an options object, which Node 24 takes longer to look at; otherwise the fastest call there is. */
export type RawKind = 'p256' | 'p1363' | 'ed25519'

export interface RawJob {
  readonly kind: RawKind
  readonly durationMs: number
}

export interface RawResult {
  readonly verified: number
  readonly seconds: number
  /** Processor time of this thread. */
  readonly cpuSeconds: number
}

interface Signed {
  readonly key: KeyObject
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

const { keys } = workerData as { keys: number }

function ecdsa(dsaEncoding: 'der' | 'ieee-p1363'): Signed {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const message = randomBytes(HEARTBEAT_MESSAGE_SIZE)
  return { key: publicKey, message, signature: sign('sha256', message, { key: privateKey, dsaEncoding }) }
}

function eddsa(): Signed {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const message = randomBytes(HEARTBEAT_MESSAGE_SIZE)
  return { key: publicKey, message, signature: sign(null, message, privateKey) }
}

const many = (make: () => Signed): Signed[] => Array.from({ length: keys }, make)
const signed: Readonly<Record<RawKind, readonly Signed[]>> = { p256: many(() => ecdsa('der')), p1363: many(() => ecdsa('ieee-p1363')), ed25519: many(eddsa) }

const check: Readonly<Record<RawKind, (item: Signed) => boolean>> = {
  p256: ({ key, message, signature }) => verify('sha256', message, key, signature),
  p1363: ({ key, message, signature }) => verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature),
  ed25519: ({ key, message, signature }) => verify(null, message, key, signature),
}

parentPort!.on('message', ({ kind, durationMs }: RawJob) => {
  const list = signed[kind]
  const valid = check[kind]
  const startMs = performance.now()
  const cpu = process.threadCpuUsage()
  let verified = 0
  let nowMs = startMs
  while (nowMs - startMs < durationMs) {
    for (let i = 0; i < 64; i++) if (!valid(list[verified++ % list.length]!)) throw new Error('a good signature was refused')
    nowMs = performance.now()
  }
  const { user, system } = process.threadCpuUsage(cpu)
  parentPort!.postMessage({ verified, seconds: (nowMs - startMs) / 1_000, cpuSeconds: (user + system) / 1e6 } satisfies RawResult)
})
parentPort!.postMessage('ready')
