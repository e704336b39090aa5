// WebSocket clients: their frames are answered, and they are told of blocks and status. A client that reads too slowly
// is dropped, so that nothing waits for it in memory; one that sends too fast is read more slowly.

import type { WebSocket } from 'ws'
import type { NodeEvent } from './backend.ts'
import { parseFrame, readFrame, refOf } from './frame.ts'
import { Problem } from './problem.ts'
import type { ApiContext } from './routes/context.ts'
import type { Topic } from './schema/stream.ts'
import { submit } from './submission.ts'

/** Frames of one client that are being answered before no more are read from it. */
const MAX_IN_FLIGHT = 8
/** How long a client has to answer a close. */
const CLOSE_TIMEOUT_MS = 2_000
/** The close codes of RFC 6455 and its registry that we use. */
const GOING_AWAY = 1001
const TRY_AGAIN_LATER = 1013

const TOPIC_OF = { block: 'blocks', status: 'status' } as const satisfies Record<NodeEvent['type'], Topic>

interface Client {
  readonly socket: WebSocket
  readonly address: string
  topics: ReadonlySet<Topic>
  inFlight: number
  /** Heard of since the last ping. */
  alive: boolean
}

export interface Stream {
  readonly size: number
  attach(socket: WebSocket, address: string): void
  /** Says goodbye to every client and stops. */
  close(): void
}

export function createStream({ backend, options, metrics, writeLimiter, logger, draining }: ApiContext): Stream {
  const clients = new Set<Client>()

  const unsubscribe = backend.subscribe((event) => {
    const topic = TOPIC_OF[event.type]
    let text: string | null = null
    for (const client of clients) if (client.topics.has(topic)) send(client, (text ??= JSON.stringify(event)))
  })

  const pinger = setInterval(() => {
    for (const client of clients) {
      // A client whose frames we have not answered is not read from, so its pongs cannot be seen.
      if (!client.alive && client.inFlight === 0) client.socket.terminate()
      else client.socket.ping()
      client.alive = false
    }
  }, options.pingIntervalMs)
  pinger.unref()

  function send(client: Client, text: string): void {
    const { socket } = client
    if (socket.readyState !== socket.OPEN) return
    if (socket.bufferedAmount + text.length <= options.maxBufferedBytes) return socket.send(text)
    metrics.lagged()
    socket.send('{"type":"lagged"}')
    end(socket, TRY_AGAIN_LATER, 'lagged')
  }

  async function answer(client: Client, data: Buffer, isBinary: boolean): Promise<void> {
    let ref: string | undefined
    try {
      if (draining()) throw new Problem('draining')
      if (writeLimiter.take(client.address, performance.now()) > 0) throw new Problem('rate_limited')
      const parsed = parseFrame(data, isBinary)
      ref = refOf(parsed)
      const frame = readFrame(parsed)
      if (frame.type === 'subscribe') {
        client.topics = new Set(frame.topics)
        return send(client, JSON.stringify({ type: 'subscribed', ref, topics: [...client.topics] }))
      }
      metrics.heartbeats('websocket', frame.submission.refusals.length)
      send(client, JSON.stringify({ type: 'verdicts', ref, verdicts: await submit(backend, frame.submission) }))
    } catch (error) {
      if (!(error instanceof Problem)) logger.error({ err: error }, 'Frame failed')
      const { code, detail } = (error instanceof Problem ? error : new Problem('internal')).body
      send(client, JSON.stringify({ type: 'error', ref, code, detail }))
    }
  }

  return {
    get size() {
      return clients.size
    },

    attach(socket, address) {
      const client: Client = { socket, address, topics: new Set(), inFlight: 0, alive: true }
      clients.add(client)
      metrics.clients(clients.size)
      socket.on('pong', () => (client.alive = true))
      socket.on('message', (data: Buffer, isBinary) => {
        client.alive = true
        if (++client.inFlight === MAX_IN_FLIGHT) socket.pause()
        void answer(client, data, isBinary).then(() => {
          if (--client.inFlight < MAX_IN_FLIGHT && socket.isPaused) socket.resume()
        })
      })
      socket.on('close', () => {
        clients.delete(client)
        metrics.clients(clients.size)
      })
    },

    close() {
      unsubscribe()
      clearInterval(pinger)
      for (const { socket } of clients) end(socket, GOING_AWAY, 'The node is stopping.')
    },
  }
}

function end(socket: WebSocket, code: number, reason: string): void {
  socket.resume()
  socket.close(code, reason)
  setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref()
}
