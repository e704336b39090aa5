// The API as a part of the node: create, listen, close.

import { setTimeout as delay } from 'node:timers/promises'
import type { AddressInfo } from 'node:net'
import { Failure } from '../ops/failure.ts'
import type { ApiDependencies, ApiOptions } from './options.ts'
import { createServer } from './server.ts'

export interface Api {
  /** Throws Failure('port') if the address cannot be had. */
  listen(): Promise<{ readonly url: string }>
  /** Says that it stops, lets running requests end, says goodbye to WebSocket clients. Safe to call twice. */
  close(): Promise<void>
}

export async function createApi(options: ApiOptions, dependencies: ApiDependencies): Promise<Api> {
  let draining = false
  let closed: Promise<void> | null = null
  const { app, stream } = await createServer(options, dependencies, () => draining)

  async function close(): Promise<void> {
    draining = true
    if (app.server.listening) await delay(options.drainDelayMs)
    stream.close()
    const deadline = setTimeout(() => app.server.closeAllConnections(), options.drainTimeoutMs)
    await app.close()
    clearTimeout(deadline)
  }

  return {
    async listen() {
      const { host, port } = options
      try {
        await app.listen({ host, port })
      } catch (error) {
        await (closed ??= close())
        throw listenFailure(error, host, port)
      }
      const { address, family, port: actual } = app.server.address() as AddressInfo
      const name = address === '0.0.0.0' || address === '::' ? 'localhost' : family === 'IPv6' ? `[${address}]` : address
      return { url: `http://${name}:${actual}` }
    },
    close: () => (closed ??= close()),
  }
}

function listenFailure(error: unknown, host: string, port: number): unknown {
  const { code } = error as { code?: string }
  const where = `Port ${port} on ${host}`
  switch (code) {
    case 'EADDRINUSE':
      return new Failure('port', `${where} is taken by another process`, 'Stop it, or choose another port with --port.', { cause: error })
    case 'EACCES':
      return new Failure('port', `${where} may not be used without more rights`, 'Choose a port above 1023 with --port.', { cause: error })
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new Failure('port', `${host} is not an address of this machine`, 'Choose one that is with --host, or 0.0.0.0 for all.', { cause: error })
    default:
      return error
  }
}
