// Entry of the core thread: makes the core and serves it to the main thread.

import type { Topic } from '../network/topics.ts'
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import type { Logger, LogLevel } from '../ops/logger.ts'
import type { BlockView } from '../api/backend.ts'
import type { CoreInfo, CoreOptions } from './core.ts'
import { createCore } from './core.ts'
import type { PeerPort } from './peer-port.ts'
import type { ThrownError } from './rpc.ts'
import { answerCall, createCaller, packError } from './rpc.ts'

export interface CoreThreadData {
  readonly options: CoreOptions
  readonly logLevel: LogLevel
}

/** What the core thread says unasked. */
export type CoreMessage =
  | { readonly kind: 'ready'; readonly info: CoreInfo }
  | { readonly kind: 'committed'; readonly block: BlockView }
  /** The core cannot start or go on. */
  | { readonly kind: 'failed'; readonly error: ThrownError }
  | { readonly kind: 'publish'; readonly topic: Topic; readonly data: Uint8Array }
  | { readonly kind: 'report'; readonly peer: string; readonly reason: string; readonly penalty: number }
  | { readonly kind: 'log'; readonly level: LoudLevel; readonly message: string; readonly fields: Record<string, unknown> | undefined }

export type LoudLevel = Exclude<LogLevel, 'silent'>

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const satisfies readonly LogLevel[]

const port = parentPort
assert(port !== null, 'this file runs in a worker thread')
const { options, logLevel } = workerData as CoreThreadData

const say = (message: CoreMessage): void => port.postMessage(message)

/** Lines go to the main thread's logger, so that there is one stream of them, in order. */
function forwardingLogger(level: LogLevel): Logger {
  const at = (own: LoudLevel) => (message: string, fields?: Record<string, unknown>) => {
    if (LEVELS.indexOf(own) >= LEVELS.indexOf(level)) say({ kind: 'log', level: own, message, fields })
  }
  const logger: Logger = {
    level,
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    child: () => logger,
  }
  return logger
}

/** The network is in the main thread: what it should do is said, what it should answer is called. */
const network = createCaller(port)
const peers: PeerPort = {
  publish: (topic, data) => say({ kind: 'publish', topic, data }),
  report: (peer, reason, penalty) => say({ kind: 'report', peer, reason, penalty }),
  request: async (...args) => (await network.call('request', args)) as Uint8Array[],
}

try {
  const events = {
    committed: (block: BlockView) => say({ kind: 'committed', block }),
    failed: (error: unknown) => say({ kind: 'failed', error: packError(error) }),
  }
  const core = await createCore(options, forwardingLogger(logLevel), events, undefined, peers)
  const { info, ...methods } = core
  port.on('message', (message) => {
    if (!network.receive(message)) answerCall(port, methods, message)
  })
  say({ kind: 'ready', info })
} catch (error) {
  say({ kind: 'failed', error: packError(error) })
}
