// The lives of the host: they beat, now and then twice, late or with a sequence that they have used. Their heartbeats are
// whole but unsigned: signatures are checked outside of the engine.

import { concat, toBin } from '../base/bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import type { KeyBin } from '../crypto/keys.ts'
import type { Verified } from '../crypto/verified.ts'
import { markVerified } from '../crypto/verified.ts'
import type { Heartbeat } from '../protocol/heartbeat.ts'
import { decodeHeartbeat, encodeHeartbeatFields, heartbeatMessage, rowOfRecord } from '../protocol/heartbeat.ts'
import { MAX_LEVEL } from '../protocol/limits.ts'
import type { Host } from './host.ts'
import { OUTSIDE } from './network.ts'
import type { Prng } from './prng.ts'
import { fakeSignature } from './signer.ts'

export interface Life {
  readonly key: KeyBin
  readonly keyBytes: Uint8Array
  /** What its clock is ahead of the true time. */
  readonly skewMs: number
  /** Node key of its witness. */
  witness: Uint8Array
  sequence: number
  lastTimestampS: number
}

const MAX_PAUSE_MS = 2_500
const MAX_LIFE_SKEW_MS = 800
/** A life that rests for so long that it counts as gone. */
const REST_PPM = 20_000
const MAX_REST_MS = 25_000
/** A life that beats through another node from now on. */
const MOVE_PPM = 10_000
/** A heartbeat that is not what it should be. */
const ODD_PPM = 60_000

export class Hearts {
  readonly lives: readonly Life[]
  /** Nobody beats before this time. */
  asleepUntilMs = 0
  readonly #host: Host
  readonly #witnesses: readonly Uint8Array[]
  readonly #prng: Prng

  /** @param keys tagged keys of the lives. @param witnesses node keys; a life moves from one to the other now and then */
  constructor(host: Host, keys: readonly Uint8Array[], witnesses: readonly Uint8Array[], prng: Prng) {
    this.#host = host
    this.#prng = prng
    this.#witnesses = witnesses
    this.lives = keys.map((keyBytes) => ({
      key: toBin(keyBytes),
      keyBytes,
      skewMs: prng.between(-MAX_LIFE_SKEW_MS, MAX_LIFE_SKEW_MS),
      witness: prng.pick(witnesses),
      sequence: 0,
      lastTimestampS: 0,
    }))
    for (const life of this.lives) this.#beatAgain(life)
  }

  #beatAgain(life: Life): void {
    const restMs = this.#prng.chance(REST_PPM) ? this.#prng.between(5_000, MAX_REST_MS) : 0
    this.#host.after(restMs + this.#prng.between(900, MAX_PAUSE_MS), () => {
      if (this.#host.nowMs >= this.asleepUntilMs) this.#beat(life)
      this.#beatAgain(life)
    })
  }

  #beat(life: Life): void {
    const timestampS = Math.floor((this.#host.nowMs + life.skewMs) / 1_000)
    if (timestampS <= life.lastTimestampS) return
    life.sequence += this.#prng.between(1, 3)
    if (this.#prng.chance(MOVE_PPM)) life.witness = this.#prng.pick(this.#witnesses)
    life.lastTimestampS = timestampS
    const heartbeat = this.#heartbeat(life, life.sequence, timestampS)
    const twin = this.#prng.chance(ODD_PPM) ? this.#odd(life, timestampS) : null
    for (const node of this.#host.nodes) {
      const heartbeats = twin === null ? [heartbeat] : this.#prng.pick([[heartbeat], [twin], [heartbeat, twin], [twin, heartbeat]])
      this.#host.send(OUTSIDE, node, { kind: 'heartbeats', heartbeats })
    }
  }

  /** Another one with the same sequence or time, an old one again, one from far away. */
  #odd(life: Life, timestampS: number): Verified<Heartbeat> {
    switch (this.#prng.below(5)) {
      case 0:
        return this.#heartbeat(life, life.sequence, timestampS)
      case 1:
        return this.#heartbeat(life, life.sequence + 1, timestampS)
      case 2:
        return this.#heartbeat(life, Math.max(life.sequence - 1, 0), timestampS + 1)
      case 3:
        return this.#heartbeat(life, life.sequence + 2, timestampS - 40)
      default:
        return this.#heartbeat(life, life.sequence + 2, timestampS + this.#prng.between(4, 20))
    }
  }

  #heartbeat({ keyBytes, witness }: Life, sequence: number, timestampS: number): Verified<Heartbeat> {
    const { genesisHash } = this.#host
    const fields = encodeHeartbeatFields({
      deviceKey: keyBytes,
      timestampS,
      sequence,
      witness,
      rateLevel: this.#prng.below(MAX_LEVEL + 1),
      motionLevel: this.#prng.below(MAX_LEVEL + 1),
      evidence: this.#prng.bytes(32),
    })
    const record = concat(fields, fakeSignature(keyBytes, heartbeatMessage(genesisHash, fields)))
    return markVerified(decodeHeartbeat(record, toBin(sha256(rowOfRecord(record, genesisHash))))!)
  }
}
