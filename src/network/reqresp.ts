// Requests and their answers: one stream each, limits on sizes, time and how many at once.

import type { Libp2p } from 'libp2p'
import { Counts, Rate } from './counts.ts'
import { encodeFrame, FRAME_HEADER_BYTES, FrameError } from './frames.ts'
import type { Connection, Stream } from './libp2p-types.ts'
import type { NetworkLimits } from './limits.ts'
import type { NetworkMetrics } from './metrics.ts'
import type { Peers } from './peers.ts'
import type { Penalty } from './score.ts'
import { finish, nextRequest, readFrames, StreamClosedError, StreamTimeoutError, writeFrame } from './streams.ts'
import { protocolName, REQUEST_PROTOCOLS } from './topics.ts'
import type { RequestProtocol } from './topics.ts'

export type RequestProblem = 'not_connected' | 'busy' | 'refused' | 'timeout' | 'too_large' | 'garbled' | 'closed'

/** A request that was not answered in full. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly problem: RequestProblem

  constructor(problem: RequestProblem, options?: ErrorOptions) {
    super(`the request was not answered: ${problem}`, options)
    this.problem = problem
  }
}

export interface RequestOptions {
  /** Of the whole answer, with 5 bytes for each frame. */
  readonly maxBytes: number
  /** Spent waiting for the peer, in all; the time that the consumer takes between chunks does not count. */
  readonly timeoutMs: number
}

/** Null refuses. The chunks become the frames of the answer. */
export type Serve = (protocol: RequestProtocol, data: Uint8Array, from: string) => Answer
export type Answer = Promise<readonly Uint8Array[] | null> | AsyncIterable<Uint8Array>

export interface ReqRespDependencies {
  readonly node: Libp2p
  readonly limits: NetworkLimits
  readonly peers: Peers
  readonly metrics: NetworkMetrics
  readonly serve: Serve
  readonly charge: (peer: string, reason: Penalty) => void
  /** The handler threw: our own fault. */
  readonly failed: (protocol: RequestProtocol, error: unknown) => void
}

export interface ReqResp {
  start(): Promise<void>
  request(peer: string, protocol: RequestProtocol, data: Uint8Array, options?: RequestOptions): AsyncIterable<Uint8Array>
}

export function createReqResp({ node, limits, peers, metrics, serve, charge, failed }: ReqRespDependencies): ReqResp {
  const serving = new Counts(limits.maxServedPerPeer, limits.maxServedTotal)
  const rate = new Rate(limits.maxRequestsPerSecond, 1_000)
  const asking = new Counts(limits.maxAskedPerPeer, Infinity)

  async function onStream(protocol: RequestProtocol, stream: Stream, connection: Connection): Promise<void> {
    const from = connection.remotePeer.toString()
    if (!rate.take(from) || !serving.take(from)) {
      charge(from, 'too_many_requests')
      metrics.served(protocol, 'busy')
      await writeFrame(stream, encodeFrame('refused'), limits.stallMs).catch(() => undefined)
      await finish(stream, limits.stallMs)
      return
    }
    try {
      if (!(await peers.waitMet(from))) throw new StreamClosedError('no handshake')
      metrics.served(protocol, await answer(protocol, stream, from))
      await finish(stream, limits.stallMs)
    } catch (error) {
      stream.abort(error as Error)
      metrics.served(protocol, problemOf(error))
      if (error instanceof FrameError) charge(from, 'garbage')
      else if (error instanceof StreamTimeoutError) charge(from, 'slow')
      else if (!(error instanceof StreamClosedError)) failed(protocol, error)
    } finally {
      serving.give(from)
    }
  }

  async function answer(protocol: RequestProtocol, stream: Stream, from: string): Promise<'ok' | 'refused'> {
    const request = await readRequest(stream, limits)
    const result = serve(protocol, request, from)
    const chunks = result instanceof Promise ? await result : result
    if (chunks === null) {
      await writeFrame(stream, encodeFrame('refused'), limits.stallMs)
      return 'refused'
    }
    const deadlineMs = performance.now() + limits.answerMs
    let sent = 0
    for await (const chunk of chunks) {
      sent += FRAME_HEADER_BYTES + chunk.length
      const isOver = chunk.length > limits.maxFrameBytes || sent > limits.maxAnswerBytes
      if (isOver) throw new RangeError(`the answer to ${protocol} is over the limit`)
      const leftMs = deadlineMs - performance.now()
      if (leftMs <= 0) throw new StreamTimeoutError('the answer takes too long')
      await writeFrame(stream, encodeFrame('chunk', chunk), Math.min(leftMs, limits.stallMs))
      metrics.requestBytes('out', chunk.length)
    }
    await writeFrame(stream, encodeFrame('end'), limits.stallMs)
    return 'ok'
  }

  type Chunks = AsyncGenerator<Uint8Array>
  async function* request(peer: string, protocol: RequestProtocol, data: Uint8Array, options: RequestOptions): Chunks {
    const connection = peers.isMet(peer) ? peers.get(peer)?.connections.at(-1) : undefined
    if (connection === undefined) throw new RequestError('not_connected')
    const { maxRequestBytes } = limits
    if (data.length > maxRequestBytes) throw new RangeError(`a request has at most ${maxRequestBytes} bytes, not ${data.length}`)
    if (!asking.take(peer)) throw new RequestError('busy')
    let stream: Stream | null = null
    let whole = false
    try {
      const startMs = performance.now()
      const signal = AbortSignal.timeout(options.timeoutMs)
      const opening = connection.newStream(protocolName(protocol), { signal, maxOutboundStreams: limits.maxAskedPerPeer })
      stream = await opening.catch((error: unknown) => {
        throw new (signal.aborted ? StreamTimeoutError : StreamClosedError)('no stream', { cause: error })
      })
      const reader = readFrames(stream, limits.maxFrameBytes)
      try {
        await writeFrame(stream, encodeFrame('chunk', data), options.timeoutMs)
        let leftMs = options.timeoutMs - (performance.now() - startMs)
        let taken = 0
        while (true) {
          const waitMs = performance.now()
          const frame = await reader.next(leftMs)
          leftMs -= performance.now() - waitMs
          if (frame === null) throw new StreamClosedError('the answer was cut off')
          if (frame.kind === 'refused') throw new RequestError('refused')
          if (frame.kind === 'end') break
          taken += FRAME_HEADER_BYTES + frame.payload.length
          if (taken > options.maxBytes) throw new RequestError('too_large')
          metrics.requestBytes('in', frame.payload.length)
          yield frame.payload
        }
        whole = true
        metrics.asked(protocol, 'ok')
        void finish(stream, limits.stallMs)
      } finally {
        reader.release()
      }
    } catch (error) {
      const problem = problemOf(error)
      metrics.asked(protocol, problem)
      if (problem === 'garbled') charge(peer, 'garbage')
      if (problem === 'too_large') charge(peer, 'oversized_answer')
      if (problem === 'timeout') charge(peer, 'slow')
      throw error instanceof RequestError ? error : new RequestError(problem, { cause: error })
    } finally {
      if (!whole) stream?.abort(new Error('request given up'))
      asking.give(peer)
    }
  }

  return {
    async start() {
      for (const protocol of REQUEST_PROTOCOLS) {
        await node.handle(protocolName(protocol), (stream, connection) => void onStream(protocol, stream, connection), {
          maxInboundStreams: 2 * limits.maxServedPerPeer,
          maxOutboundStreams: limits.maxAskedPerPeer,
        })
      }
    },
    request: (peer, protocol, data, options) =>
      request(peer, protocol, data, options ?? { maxBytes: limits.maxAnswerBytes, timeoutMs: limits.answerMs }),
  }
}

async function readRequest(stream: Stream, limits: NetworkLimits): Promise<Uint8Array> {
  const reader = readFrames(stream, limits.maxRequestBytes)
  try {
    return await nextRequest(reader, limits.requestReadMs)
  } finally {
    reader.release()
  }
}

function problemOf(error: unknown): RequestProblem {
  if (error instanceof RequestError) return error.problem
  if (error instanceof FrameError) return 'garbled'
  return error instanceof StreamTimeoutError ? 'timeout' : 'closed'
}
