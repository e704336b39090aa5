// Frames over a libp2p stream, with back pressure and time limits on both sides.

import type { Frame, FrameParser } from './frames.ts'
import { createFrameParser, encodeFrame, FrameError } from './frames.ts'
import { READ_AHEAD_BYTES } from './limits.ts'
import type { Stream } from './libp2p-types.ts'

/** An answer waits for the peer once this much of it lies in the stream's buffer. */
const WRITE_AHEAD_BYTES = 256 * 1024
const DRAIN_EVENTS = ['drain', 'idle', 'close'] as const

export class StreamClosedError extends Error {
  override readonly name = 'StreamClosedError'
}

export class StreamTimeoutError extends Error {
  override readonly name = 'StreamTimeoutError'
}

export interface FrameReader {
  /** Null at the end of the stream. @throws FrameError, StreamClosedError (reset, or cut within a frame), StreamTimeoutError */
  next(timeoutMs: number): Promise<Frame | null>
  /** Everything that came, headers too, bytes. */
  readonly receivedBytes: number
  /** Stops listening. Does not close the stream. */
  release(): void
}

export function readFrames(stream: Stream, maxFrameBytes: number): FrameReader {
  const parser: FrameParser = createFrameParser(maxFrameBytes)
  const queue: Frame[] = []
  let queuedBytes = 0
  let receivedBytes = 0
  let ended = stream.readableEnded
  let failure: Error | null = null
  let wake: (() => void) | null = null

  const notify = (): void => {
    wake?.()
    wake = null
  }
  const onMessage = (event: { data: Uint8Array | { subarray(): Uint8Array } }): void => {
    if (failure !== null) return
    const bytes = event.data.subarray()
    receivedBytes += bytes.length
    try {
      for (const frame of parser.push(bytes)) {
        queue.push(frame)
        queuedBytes += frame.payload.length + 64
      }
    } catch (error) {
      failure = error as Error
    }
    if (failure !== null || queuedBytes > READ_AHEAD_BYTES) pause(stream)
    notify()
  }
  const onEnd = (): void => {
    ended = true
    notify()
  }
  const onClose = (event: { error?: Error }): void => {
    ended = true
    if (event.error !== undefined) failure ??= new StreamClosedError('the stream was reset')
    notify()
  }
  stream.addEventListener('message', onMessage)
  stream.addEventListener('end', onEnd)
  stream.addEventListener('remoteCloseWrite', checkEnd)
  stream.addEventListener('close', onClose)

  /** The other side has closed and everything has been delivered. */
  function checkEnd(): void {
    if (stream.readBufferLength === 0 && stream.remoteWriteStatus === 'closed') onEnd()
  }

  return {
    async next(timeoutMs) {
      const deadline = performance.now() + timeoutMs
      while (true) {
        const frame = queue.shift()
        if (frame !== undefined) {
          queuedBytes -= frame.payload.length + 64
          if (queuedBytes <= READ_AHEAD_BYTES) resume(stream)
          return frame
        }
        if (failure !== null) throw failure
        if (ended) {
          if (parser.partial) throw new StreamClosedError('the stream ended within a frame')
          return null
        }
        const leftMs = deadline - performance.now()
        if (leftMs <= 0) throw new StreamTimeoutError('nothing came in time')
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, leftMs)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
    },
    get receivedBytes() {
      return receivedBytes
    },
    release() {
      stream.removeEventListener('message', onMessage)
      stream.removeEventListener('end', onEnd)
      stream.removeEventListener('remoteCloseWrite', checkEnd)
      stream.removeEventListener('close', onClose)
    },
  }
}

/**
 * Returns when little of it is left in the buffer. (`stream.onDrain()` waits only the first time: its promise is never renewed.)
 * @throws StreamTimeoutError if the other side takes nothing for `stallMs`, StreamClosedError
 */
export async function writeFrame(stream: Stream, frame: Uint8Array, stallMs: number): Promise<void> {
  try {
    stream.send(frame)
  } catch (error) {
    throw new StreamClosedError('the stream was closed', { cause: error })
  }
  while (stream.writeBufferLength > WRITE_AHEAD_BYTES) {
    const before = stream.writeBufferLength
    await drained(stream, stallMs)
    if (stream.status !== 'open') throw new StreamClosedError('the stream was closed')
    if (stream.writeBufferLength >= before) throw new StreamTimeoutError('the other side takes nothing')
  }
}

function drained(stream: Stream, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      for (const name of DRAIN_EVENTS) stream.removeEventListener(name, onEvent)
      resolve()
    }
    // The stream sends on in a microtask after its event.
    const onEvent = (): void => void setImmediate(done)
    const timer = setTimeout(done, timeoutMs)
    for (const name of DRAIN_EVENTS) stream.addEventListener(name, onEvent)
  })
}

/** Writes what is left and closes our side; a stream that cannot is aborted, and so is one that the other side leaves open. */
export async function finish(stream: Stream, stallMs: number): Promise<void> {
  try {
    await stream.close({ signal: AbortSignal.timeout(stallMs) })
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error(String(error)))
  }
  if (stream.status === 'closed' || stream.status === 'aborted' || stream.status === 'reset') return
  const timer = setTimeout(() => stream.abort(new Error('left open')), stallMs)
  timer.unref()
  stream.addEventListener('close', () => clearTimeout(timer), { once: true })
}

/**
 * The request of a stream that the other side opened: one chunk. A stream that ends without one is no offence: its sender may have died.
 * @throws FrameError, StreamTimeoutError, StreamClosedError
 */
export async function nextRequest(reader: FrameReader, timeoutMs: number): Promise<Uint8Array> {
  const frame = await reader.next(timeoutMs)
  if (frame === null) throw new StreamClosedError('the stream ended without a request')
  if (frame.kind !== 'chunk') throw new FrameError('unknown_kind')
  return frame.payload
}

/**
 * Asks with one frame and gets one frame.
 * @throws FrameError, StreamTimeoutError, StreamClosedError, or what libp2p throws when a stream cannot be opened
 */
export async function exchange(stream: Stream, request: Uint8Array, maxAnswerBytes: number, timeoutMs: number): Promise<Uint8Array> {
  const reader = readFrames(stream, maxAnswerBytes)
  try {
    await writeFrame(stream, encodeFrame('chunk', request), timeoutMs)
    const frame = await reader.next(timeoutMs)
    if (frame === null) throw new StreamClosedError('the stream ended without an answer')
    if (frame.kind !== 'chunk') throw new FrameError('unknown_kind')
    void finish(stream, timeoutMs)
    return frame.payload
  } catch (error) {
    stream.abort(error as Error)
    throw error
  } finally {
    reader.release()
  }
}

function pause(stream: Stream): void {
  if (stream.readStatus === 'readable') stream.pause()
}

function resume(stream: Stream): void {
  if (stream.readStatus === 'paused') stream.resume()
}
