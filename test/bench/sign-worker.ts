// Entry of a thread that makes lives and signs all their heartbeats beforehand, with node:crypto (the pure signer of
// src/crypto would take twenty times as long). Rows go into shared memory, in order of time.

import { generateKeyPairSync, hash, randomBytes, randomInt, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { tagKey } from '../../src/crypto/keys.ts'
import { encodeHeartbeatFields, HEARTBEAT_MESSAGE_SIZE, HEARTBEAT_ROW_SIZE, heartbeatMessage } from '../../src/protocol/heartbeat.ts'
import { encodeVitals, levelsOf, NONCE_SIZE } from '../../src/protocol/vitals.ts'
import type { Schedule } from './schedule.ts'
import { beatOf, beatsOf } from './schedule.ts'
import type { VitalsRecord } from './vitals-record.ts'
import { VITALS_SIZE, writeVitals } from './vitals-record.ts'

export interface SignWorkerData {
  readonly schedule: Schedule
  /** This thread's lives; `schedule.lives` of them for each witness, in their order. */
  readonly from: number
  readonly to: number
  readonly genesisHash: Uint8Array
  readonly witnesses: readonly Uint8Array[]
  /** 245 bytes per beat. */
  readonly rows: SharedArrayBuffer
  /** Vitals and nonce per beat. */
  readonly vitals: SharedArrayBuffer
}

export type SignOrder =
  /** Signs for a moment and throws it away. */
  | { readonly kind: 'calibrate'; readonly durationMs: number }
  | { readonly kind: 'sign'; readonly startS: number }

export interface SignAnswer {
  /** Signatures per second, of a calibration. */
  readonly rate: number
}

interface Signer {
  readonly secret: KeyObject
  readonly publicKey: Uint8Array
}

const { schedule, from, to, genesisHash, witnesses, rows, vitals } = workerData as SignWorkerData
const rowBytes = new Uint8Array(rows)
const vitalsBytes = new Uint8Array(vitals)
const signers = Array.from({ length: to - from }, newSigner)

parentPort!.on('message', (order: SignOrder) => {
  parentPort!.postMessage({ rate: order.kind === 'calibrate' ? calibrate(order.durationMs) : signAll(order.startS) } satisfies SignAnswer)
})
parentPort!.postMessage('ready')

function newSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x, y } = publicKey.export({ format: 'jwk' })
  const point = new Uint8Array(33)
  point[0] = 2 + (Buffer.from(y!, 'base64url').at(-1)! & 1)
  point.set(Buffer.from(x!, 'base64url'), 1)
  return { secret: privateKey, publicKey: tagKey('p256', point) }
}

function signAll(startS: number): number {
  for (let life = from; life < to; life++) {
    const signer = signers[life - from]!
    const node = Math.floor(life / schedule.lives)
    for (let window = 0; window < schedule.seconds / schedule.everyS; window++) {
      const { second, position: inNode } = beatOf(schedule, life % schedule.lives, window)
      const position = node * beatsOf(schedule) + inNode
      const record = randomVitals()
      writeVitals(vitalsBytes, position * VITALS_SIZE, record)
      rowBytes.set(row(signer, witnesses[node]!, startS + second, window + 1, record), position * HEARTBEAT_ROW_SIZE)
    }
  }
  return 0
}

function calibrate(durationMs: number): number {
  const startMs = performance.now()
  let signed = 0
  while (performance.now() - startMs < durationMs) row(signers[signed++ % signers.length]!, witnesses[0]!, 1_700_000_000, signed, randomVitals())
  return (signed * 1_000) / (performance.now() - startMs)
}

function row({ secret, publicKey }: Signer, witness: Uint8Array, timestampS: number, sequence: number, { vitals: measured, nonce }: VitalsRecord): Uint8Array {
  const evidence = hash('sha256', Buffer.concat([nonce, encodeVitals(measured)]), 'buffer')
  const fields = encodeHeartbeatFields({ deviceKey: publicKey, timestampS, sequence, witness, ...levelsOf(measured), evidence })
  const bytes = new Uint8Array(HEARTBEAT_ROW_SIZE)
  const message = heartbeatMessage(genesisHash, fields)
  bytes.set(message, 0)
  bytes.set(lowS(sign('sha256', message, { key: secret, dsaEncoding: 'ieee-p1363' })), HEARTBEAT_MESSAGE_SIZE)
  return bytes
}

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** OpenSSL picks either half; the protocol takes the lower one. */
function lowS(signature: Buffer): Uint8Array {
  const s = BigInt(`0x${signature.toString('hex', 32)}`)
  if (2n * s > ORDER) signature.write((ORDER - s).toString(16).padStart(64, '0'), 32, 'hex')
  return signature
}

/** A heart at 55 to 120 beats per minute on a body that moves a little: five seconds of it. */
function randomVitals(): VitalsRecord {
  const rr = randomInt(500, 1_100)
  const motion = randomInt(0, 1_500)
  const near = (value: number, by: number): number[] => Array.from({ length: 4 }, () => value + randomInt(0, by))
  return { vitals: { rrMs: near(rr, 60), motionMilliG: near(motion, 100), temperatureCentiC: randomInt(3_300, 3_700) }, nonce: randomBytes(NONCE_SIZE) }
}
