// Heartbeats that wait for a block: per device, in order of their sequence.

import type { Bin } from '../base/bytes.ts'
import type { KeyBin } from '../crypto/keys.ts'
import type { Heartbeat } from '../protocol/heartbeat.ts'
import { HEARTBEAT_RECORD_SIZE, sameStatement } from '../protocol/heartbeat.ts'
import type { Reason } from '../protocol/reason.ts'

export interface HeartbeatPoolOptions {
  readonly maxHeartbeats: number
  readonly maxBytes: number
  /** Of one device: what it sends within the age limit, or less. */
  readonly maxPerDevice: number
}

/** What is known of a life beside the pool: its last committed heartbeat. */
export interface LastBeat {
  readonly sequence: number
  readonly timestampS: number
}

export class HeartbeatPool {
  readonly #options: HeartbeatPoolOptions
  readonly #byDevice = new Map<KeyBin, Heartbeat[]>()
  readonly #byName = new Map<Bin, { readonly heartbeat: Heartbeat; readonly arrivedMs: number }>()
  /** None that waits has an earlier timestamp. */
  #oldestS = Infinity

  constructor(options: HeartbeatPoolOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#byName.size
  }

  /** The waiting heartbeat that proposals and blocks list under this name. */
  find(name: Bin): Heartbeat | undefined {
    return this.#byName.get(name)?.heartbeat
  }

  get sizeBytes(): number {
    return this.count * HEARTBEAT_RECORD_SIZE
  }

  /** Distinct devices with a waiting heartbeat. */
  get devices(): number {
    return this.#byDevice.size
  }

  /** Why a heartbeat may not wait here, or null. Needs no verified signature and remembers nothing. */
  check(heartbeat: Heartbeat, minIntervalMs: number): Reason | null {
    const waiting = this.#byDevice.get(heartbeat.device)
    if (waiting !== undefined) {
      const position = positionOf(waiting, heartbeat.sequence)
      const after = waiting[position]
      if (after?.sequence === heartbeat.sequence) return sameStatement(after, heartbeat) ? 'duplicate' : 'equivocation'
      const before = waiting[position - 1]
      if (before !== undefined && (heartbeat.timestampS - before.timestampS) * 1_000 < minIntervalMs) return 'too_fast'
      if (after !== undefined && (after.timestampS - heartbeat.timestampS) * 1_000 < minIntervalMs) return 'too_fast'
      if (waiting.length >= this.#options.maxPerDevice) return 'too_fast'
    }
    const full = this.count >= this.#options.maxHeartbeats || this.sizeBytes + HEARTBEAT_RECORD_SIZE > this.#options.maxBytes
    return full ? 'mempool_full' : null
  }

  /** What has waited here since that moment or longer. */
  *heldBefore(arrivedMs: number): Iterable<Heartbeat> {
    for (const held of this.#byName.values()) if (held.arrivedMs <= arrivedMs) yield held.heartbeat
  }

  /** The heartbeat must have passed `check`. */
  add(heartbeat: Heartbeat, nowMs: number): void {
    const waiting = this.#byDevice.get(heartbeat.device)
    if (waiting === undefined) this.#byDevice.set(heartbeat.device, [heartbeat])
    else waiting.splice(positionOf(waiting, heartbeat.sequence), 0, heartbeat)
    this.#byName.set(heartbeat.name, { heartbeat, arrivedMs: nowMs })
    this.#oldestS = Math.min(this.#oldestS, heartbeat.timestampS)
  }

  /**
   * At most `max` heartbeats with a timestamp from `oldestS` to `newestS`, sorted by (device key, sequence) as blocks want them. If
   * there are more, one of each device comes before the others, so that no life keeps another out; of both the oldest first.
   * That cuts no device's series in its middle, since its timestamps ascend with its sequence.
   */
  reap(max: number, oldestS: number, newestS: number): Heartbeat[] {
    const devices: KeyBin[] = []
    let count = 0
    for (const [device, waiting] of this.#byDevice) {
      const before = count
      for (const { timestampS } of waiting) if (timestampS >= oldestS && timestampS <= newestS) count++
      if (count > before) devices.push(device)
    }
    // Only devices are sorted, as plain strings: what waits of each is in order already.
    devices.sort()
    const eligible = devices.map((device) => this.#byDevice.get(device)!.filter(({ timestampS }) => timestampS >= oldestS && timestampS <= newestS))
    if (count <= max) return eligible.flat()
    const isFirst = oldest(max, eligible.map((waiting) => waiting.slice(0, 1)))
    const isOther = oldest(Math.max(0, max - eligible.length), eligible.map((waiting) => waiting.slice(1)))
    return eligible.flatMap((waiting) => waiting.filter((heartbeat, i) => (i === 0 ? isFirst(heartbeat) : isOther(heartbeat))))
  }

  /** Drops what is older than `oldestS`: no block can hold it any more. Costs nothing until there is some. @returns how many */
  expire(oldestS: number): number {
    if (oldestS <= this.#oldestS) return 0
    const before = this.count
    let oldest = Infinity
    for (const [device, waiting] of this.#byDevice) {
      const first = waiting.find(({ timestampS }) => timestampS >= oldestS)
      if (first !== waiting[0]) this.#keep(device, ({ timestampS }) => timestampS >= oldestS)
      if (first !== undefined) oldest = Math.min(oldest, first.timestampS)
    }
    this.#oldestS = oldest
    return before - this.count
  }

  /** Drops what can no longer be committed: too old, or overtaken by a committed heartbeat. @returns how many */
  prune(oldestS: number, devices: Iterable<KeyBin>, lastBeat: (device: KeyBin) => LastBeat | null, minIntervalMs: number): number {
    const before = this.count
    for (const device of devices) {
      const last = lastBeat(device)
      if (last !== null) this.#keep(device, ({ sequence, timestampS }) => sequence > last.sequence && (timestampS - last.timestampS) * 1_000 >= minIntervalMs)
    }
    this.expire(oldestS)
    return before - this.count
  }

  #keep(device: KeyBin, wanted: (heartbeat: Heartbeat) => boolean): void {
    const waiting = this.#byDevice.get(device)
    if (waiting === undefined) return
    const kept: Heartbeat[] = []
    for (const heartbeat of waiting) {
      if (wanted(heartbeat)) kept.push(heartbeat)
      else this.#byName.delete(heartbeat.name)
    }
    if (kept.length === 0) this.#byDevice.delete(device)
    else this.#byDevice.set(device, kept)
  }
}

/** Picks the `max` oldest; to be asked once for each of them, in order. */
function oldest(max: number, lists: readonly (readonly Heartbeat[])[]): (heartbeat: Heartbeat) => boolean {
  const perSecond = new Map<number, number>()
  for (const list of lists) for (const { timestampS } of list) perSecond.set(timestampS, (perSecond.get(timestampS) ?? 0) + 1)
  let left = max
  for (const [second, count] of [...perSecond].sort(([a], [b]) => a - b)) {
    if (count >= left) return ({ timestampS }) => timestampS < second || (timestampS === second && left-- > 0)
    left -= count
  }
  return () => true
}

/** Where a sequence stands or would be inserted. Devices wait with a handful at most. */
function positionOf(waiting: readonly Heartbeat[], sequence: number): number {
  let position = waiting.length
  while (position > 0 && waiting[position - 1]!.sequence >= sequence) position--
  return position
}

