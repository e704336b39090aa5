// A device's identity: its key pair, its key file, and the state that keeps its heartbeats in order.
//
// Sequence numbers: max(last + 1, timestamp in seconds). So a device that lost its state still lies above everything
// that it said before, as long as its clock is right, and one whose clock was once wrong goes on from its last number.
// Seconds, not milliseconds: a finer number would tell when in the second the device beat, which the timestamp hides.

import { fromHex, toHex } from '../base/bytes.ts'
import type { Curve } from '../crypto/keys.ts'
import { keyToText } from '../crypto/keys.ts'
import type { KeyPair } from '../crypto/sign.ts'
import { generateKeyPair, keyPairFromSecret, SECRET_KEY_SIZE } from '../crypto/sign.ts'
import { DeviceError } from './error.ts'

/** Keep this beside the key, and give it back after a restart. Both are 0 for a device that never beat. */
export interface DeviceState {
  readonly lastSequence: number
  readonly lastTimestampS: number
}

export interface Stamp {
  readonly timestampS: number
  readonly sequence: number
}

/** The rules of a network that decide when a device may beat. */
export interface StampRules {
  readonly lifeMinIntervalMs: number
  readonly heartbeatMaxFutureMs: number
}

export interface DeviceIdentity {
  readonly keys: KeyPair
  /** `z…` */
  readonly keyText: string
  readonly state: DeviceState
  /** How long until the next heartbeat may be stamped, ms; 0 if at once. */
  waitMs(nowMs: number, rules: StampRules): number
  /** Takes the next timestamp and sequence; null if it is too early (`waitMs` is above 0). */
  stamp(nowMs: number, rules: StampRules): Stamp | null
}

export const DEFAULT_CURVE: Curve = 'p256'

const CURVES: readonly string[] = ['p256', 'ed25519', 'secp256k1'] satisfies Curve[]

/** A new device with a random key. */
export const createIdentity = (curve: Curve = DEFAULT_CURVE): DeviceIdentity => identityFromKeys(generateKeyPair(curve))

export function identityFromKeys(keys: KeyPair, state: DeviceState = { lastSequence: 0, lastTimestampS: 0 }): DeviceIdentity {
  for (const value of [state.lastSequence, state.lastTimestampS]) {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('a device state holds whole numbers of at least 0')
  }
  let current = state

  function waitMs(nowMs: number, rules: StampRules): number {
    const lastMs = current.lastTimestampS * 1_000
    // The network cannot have taken a timestamp so far ahead: the clock was wrong then, and it must not silence us now.
    if (lastMs > nowMs + rules.heartbeatMaxFutureMs) return 0
    return Math.max(0, lastMs + wholeSeconds(rules.lifeMinIntervalMs) * 1_000 - nowMs)
  }

  return {
    keys,
    keyText: keyToText(keys.publicKey),
    get state() {
      return current
    },
    waitMs,
    stamp(nowMs, rules) {
      if (waitMs(nowMs, rules) > 0) return null
      const timestampS = Math.floor(nowMs / 1_000)
      const sequence = Math.max(current.lastSequence + 1, timestampS)
      current = { lastSequence: sequence, lastTimestampS: timestampS }
      return { timestampS, sequence }
    },
  }
}

/** At least one: two heartbeats never share a second, whatever the network's minimum. */
const wholeSeconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1_000))

/** The content of a key file: one line of JSON. It holds the secret key: store it with mode 0600. */
export function identityToJson(identity: DeviceIdentity): string {
  const { curve, secretKey } = identity.keys
  return `${JSON.stringify({ curve, secretKey: toHex(secretKey), publicKey: identity.keyText })}\n`
}

const bad = (message: string): DeviceError => new DeviceError('bad_key_file', message)

/** Reads a key file's content. @throws DeviceError `bad_key_file` */
export function identityFromJson(text: string, state?: DeviceState): DeviceIdentity {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw bad('the key file is not JSON')
  }
  const { curve, secretKey, publicKey } = (json ?? {}) as Record<string, unknown>
  if (typeof curve !== 'string' || !CURVES.includes(curve)) throw bad(`the key file's curve must be one of ${CURVES.join(', ')}`)
  const secret = typeof secretKey === 'string' ? fromHex(secretKey) : null
  if (secret === null || secret.length !== SECRET_KEY_SIZE) throw bad("the key file's secretKey must be 64 hex digits")
  let keys: KeyPair
  try {
    keys = keyPairFromSecret(curve as Curve, secret)
  } catch {
    throw bad(`the key file's secretKey is no secret key of the curve ${curve}`)
  }
  if (publicKey !== keyToText(keys.publicKey)) throw bad("the key file's publicKey does not belong to its secretKey")
  return identityFromKeys(keys, state)
}
