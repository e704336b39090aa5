// The main thread's end of the core thread.

import type { TransferListItem } from 'node:worker_threads'
import type { BlockView } from '../api/backend.ts'
import type { Logger } from '../ops/logger.ts'
import type { Core, CoreInfo, CoreOptions } from './core.ts'
import type { CoreMessage, CoreThreadData } from './core-thread.ts'
import type { PeerPort } from './peer-port.ts'
import { NO_PEERS } from './peer-port.ts'
import { answerCall, createCaller, unpackError } from './rpc.ts'
import { startThread } from './thread.ts'

/** Every method of the core, as a call into its thread. */
type Remote<T> = { readonly [Name in keyof T]: T[Name] extends (...args: infer Args) => infer Value ? (...args: Args) => Promise<Awaited<Value>> : never }

export type CoreMethods = Remote<Omit<Core, 'info'>>

export interface CoreClient {
  /** Resolves when the core is up. @throws the failure that kept it from starting */
  readonly started: Promise<CoreInfo>
  /** Resolves if the core cannot go on. */
  readonly failed: Promise<Error>
  readonly methods: CoreMethods
  onCommitted(listener: (block: BlockView) => void): void
  /** Gives the core its peers; before that it is alone. */
  connect(peers: PeerPort): void
  /** Ends the thread; `methods.stop` comes first. */
  terminate(): Promise<void>
}

/** A larger young generation takes memory that it does not need: a heartbeat outlives it anyhow, until its block. */
const CORE_HEAP = { maxYoungGenerationSizeMb: 16 } as const

export function startCore(options: CoreOptions, logger: Logger): CoreClient {
  const worker = startThread('core-thread', { options, logLevel: logger.level } satisfies CoreThreadData, CORE_HEAP)
  const caller = createCaller(worker)
  const started = Promise.withResolvers<CoreInfo>()
  const failed = Promise.withResolvers<Error>()
  const listeners = new Set<(block: BlockView) => void>()
  let peers = NO_PEERS
  let terminating = false

  function fail(error: Error): void {
    started.reject(error)
    failed.resolve(error)
    caller.fail(error)
  }
  started.promise.catch(() => {})
  worker.on('message', (message: CoreMessage) => {
    if (caller.receive(message) || answerCall(worker, { request: (...args: Parameters<PeerPort['request']>) => peers.request(...args) }, message)) return
    if (message.kind === 'ready') started.resolve(message.info)
    else if (message.kind === 'committed') for (const listener of listeners) listener(message.block)
    else if (message.kind === 'publish') peers.publish(message.topic, message.data)
    else if (message.kind === 'report') peers.report(message.peer, message.reason, message.penalty)
    else if (message.kind === 'log') logger[message.level](message.message, message.fields)
    else fail(unpackError(message.error))
  })
  worker.on('error', fail)
  worker.on('exit', () => {
    if (!terminating) fail(new Error('the core thread has ended'))
  })

  const methods = new Proxy({} as CoreMethods, {
    get: (_, method: string) => (...args: unknown[]) => caller.call(method, args, transferable(method, args)),
  })
  return {
    started: started.promise,
    failed: failed.promise,
    methods,
    onCommitted: (listener) => void listeners.add(listener),
    connect: (port) => void (peers = port),
    async terminate() {
      terminating = true
      await worker.terminate()
    },
  }
}

/** Batches of heartbeats own their memory and move; everything else is copied. */
function transferable(method: string, args: readonly unknown[]): TransferListItem[] {
  const [first] = args
  return method === 'heartbeats' && first instanceof Uint8Array ? [first.buffer as ArrayBuffer] : []
}
