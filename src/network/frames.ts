// Frames on a stream: 1 byte kind, 4 bytes length (little-endian), payload. A request is one chunk; an answer is chunks and an
// end, or a refusal. Explicit ends tell a whole answer from a cut one. Pure; reqresp.ts and handshake.ts bring the streams.

import { readUint32, writeUint32 } from '../base/bytes.ts'

export type FrameKind = 'chunk' | 'end' | 'refused'

export interface Frame {
  readonly kind: FrameKind
  readonly payload: Uint8Array
}

export const FRAME_HEADER_BYTES = 5
const KINDS: readonly FrameKind[] = ['end', 'chunk', 'refused']
const EMPTY = new Uint8Array(0)

export type FrameProblem = 'unknown_kind' | 'too_long' | 'not_empty'

/** The other side sent something that is no frame. */
export class FrameError extends Error {
  override readonly name = 'FrameError'
  readonly problem: FrameProblem

  constructor(problem: FrameProblem) {
    super(`not a frame: ${problem}`)
    this.problem = problem
  }
}

export function encodeFrame(kind: FrameKind, payload: Uint8Array = EMPTY): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + payload.length)
  bytes[0] = KINDS.indexOf(kind)
  writeUint32(bytes, 1, payload.length)
  bytes.set(payload, FRAME_HEADER_BYTES)
  return bytes
}

export interface FrameParser {
  /** @returns the frames that these bytes complete @throws FrameError; the parser is of no use afterwards */
  push(bytes: Uint8Array): Frame[]
  /** Whether a frame has begun and not ended. */
  readonly partial: boolean
}

const FIRST_CAPACITY = 1_024

/** Holds at most one frame of `maxFrameBytes` and what was just pushed, however small the pieces in which it comes. */
export function createFrameParser(maxFrameBytes: number): FrameParser {
  let held = EMPTY
  let used = 0

  function append(bytes: Uint8Array): void {
    if (used + bytes.length > held.length) {
      const grown = new Uint8Array(Math.max(FIRST_CAPACITY, used + bytes.length, Math.min(2 * held.length, maxFrameBytes + FIRST_CAPACITY)))
      grown.set(held.subarray(0, used))
      held = grown
    }
    held.set(bytes, used)
    used += bytes.length
  }

  function frameAt(offset: number): Frame | null {
    if (used - offset < FRAME_HEADER_BYTES) return null
    const kind = KINDS[held[offset]!]
    const length = readUint32(held, offset + 1)
    if (kind === undefined) throw new FrameError('unknown_kind')
    if (length > maxFrameBytes) throw new FrameError('too_long')
    if (kind !== 'chunk' && length > 0) throw new FrameError('not_empty')
    const start = offset + FRAME_HEADER_BYTES
    return used - start < length ? null : { kind, payload: held.slice(start, start + length) }
  }

  return {
    push(bytes) {
      append(bytes)
      const frames: Frame[] = []
      let offset = 0
      for (let frame = frameAt(0); frame !== null; frame = frameAt(offset)) {
        frames.push(frame)
        offset += FRAME_HEADER_BYTES + frame.payload.length
      }
      if (offset > 0) {
        held.copyWithin(0, offset, used)
        used -= offset
        if (used === 0) held = EMPTY
      }
      return frames
    },
    get partial() {
      return used > 0
    },
  }
}
