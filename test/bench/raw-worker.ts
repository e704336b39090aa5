// Entry of a thread that verifies signatures with node:crypto and cached keys, as fast as it can: the yardstick.

import type { KeyObject } from 'node:crypto'
import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { HEARTBEAT_MESSAGE_SIZE } from '../../src/protocol/heartbeat.ts'

export interface RawJob {
  readonly curve: 'p256' | 'ed25519'
  readonly durationMs: number
}

export interface RawResult {
  readonly verified: number
  readonly seconds: number
}

interface Signed {
  readonly key: KeyObject
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

const { keys } = workerData as { keys: number }
const signed: Readonly<Record<RawJob['curve'], readonly Signed[]>> = {
  p256: Array.from({ length: keys }, () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const message = randomBytes(HEARTBEAT_MESSAGE_SIZE)
    return { key: pair.publicKey, message, signature: sign('sha256', message, { key: pair.privateKey, dsaEncoding: 'ieee-p1363' }) }
  }),
  ed25519: Array.from({ length: keys }, () => {
    const pair = generateKeyPairSync('ed25519')
    const message = randomBytes(HEARTBEAT_MESSAGE_SIZE)
    return { key: pair.publicKey, message, signature: sign(null, message, pair.privateKey) }
  }),
}

const check = {
  p256: ({ key, message, signature }: Signed): boolean => verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature),
  ed25519: ({ key, message, signature }: Signed): boolean => verify(null, message, key, signature),
} as const

parentPort!.on('message', ({ curve, durationMs }: RawJob) => {
  const list = signed[curve]
  const valid = check[curve]
  const startMs = performance.now()
  let verified = 0
  let nowMs = startMs
  while (nowMs - startMs < durationMs) {
    for (let i = 0; i < 64; i++) if (!valid(list[verified++ % list.length]!)) throw new Error('a good signature was refused')
    nowMs = performance.now()
  }
  parentPort!.postMessage({ verified, seconds: (nowMs - startMs) / 1_000 } satisfies RawResult)
})
parentPort!.postMessage('ready')
