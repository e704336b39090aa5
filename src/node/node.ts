// The composition root: what a node is made of, how it starts, and how it stops, on one page.

import { createApi } from '../api/api.ts'
import type { NodeEvent } from '../api/backend.ts'
import { DEFAULT_API_OPTIONS } from '../api/options.ts'
import type { Admin, AdminHandlers } from '../ops/admin.ts'
import { adminSocketOf, createAdmin } from '../ops/admin.ts'
import { systemClock } from '../ops/clock.ts'
import { withCredentials } from '../ops/credentials.ts'
import { prepareDataDir } from '../ops/datadir.ts'
import { Failure } from '../ops/failure.ts'
import type { Logger } from '../ops/logger.ts'
import { createMetrics } from '../ops/metrics.ts'
import type { Progress } from '../ops/notify.ts'
import type { Config } from '../ops/settings.ts'
import { version } from '../ops/version.ts'
import type { Network } from '../network/network.ts'
import type { Genesis } from '../protocol/genesis.ts'
import { genesisHash } from '../protocol/genesis.ts'
import { createBackend } from './backend.ts'
import type { CoreInfo } from './core.ts'
import { startCore } from './core-client.ts'
import { joinNetwork } from './join.ts'
import type { PeerHead } from './peer-port.ts'

export interface NodeOptions {
  readonly config: Config
  readonly genesis: Genesis
  readonly logger: Logger
  /** Where credentials of systemd are named. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

export interface Node {
  /** @throws Failure; then everything that was opened is closed again */
  start(): Promise<{ readonly url: string }>
  /** Refuses what is new, answers what is running, finishes the block that is being stored. May be called at any time, more than once. */
  stop(): Promise<void>
  /** Resolves if the node must stop. */
  readonly failed: Promise<Failure>
  /** Resolves if every thread, the database and the disk have made progress just now. */
  progress(): Promise<Progress>
}

/** How often the core is asked whether it goes on. */
const REFRESH_MS = 500

export async function createNode({ config, genesis, logger, env = {} }: NodeOptions): Promise<Node> {
  const clock = systemClock
  const paths = withCredentials(prepareDataDir(config.dataDir), env)
  const core = startCore({ paths, genesis, config }, logger)
  const metrics = createMetrics({ labels: {}, clock, thread: 'main', processMetrics: true })
  const listeners = new Set<(event: NodeEvent) => void>()
  /** Why the node is not ready: `own` of this thread, `core` as the core last said. */
  const reasons: { own: readonly string[]; core: readonly string[] } = { own: ['The node is starting.'], core: [] }
  const refresh = clock.every(REFRESH_MS, () => void core.methods.reasons().then((said) => (reasons.core = said), () => {}))
  let head: PeerHead = { height: 0, headId: genesisHash(genesis) }
  core.onCommitted(({ height, id }) => (head = { height, headId: Buffer.from(id, 'hex') }))
  let joining: Promise<Network> | null = null
  let network: Network | null = null
  let api: Awaited<ReturnType<typeof createApi>> | null = null
  let admin: Admin | null = null
  let stopping: Promise<void> | null = null

  async function loadChain(): Promise<CoreInfo> {
    const info = await core.started
    const { height, headId } = await core.methods.status()
    if (height > head.height) head = { height, headId: Buffer.from(headId, 'hex') }
    return info
  }

  async function start(): Promise<{ url: string }> {
    try {
      const loaded = loadChain()
      joining = joinNetwork({ config, paths, genesis, core, loaded, head: () => head, logger, clock, metrics })
      joining.catch(() => {})
      const info = await loaded
      const backend = createBackend({
        version: version(),
        genesis,
        info,
        core: core.methods,
        clock,
        peers: () => (network?.peers() ?? []).map(({ reasons: charges, ...peer }) => ({ ...peer, reasons: [...charges] })),
        addresses: () => network?.addresses() ?? [],
        readiness() {
          const all = [...reasons.own, ...reasons.core]
          return { ready: all.length === 0, reasons: all }
        },
        subscribe(listener) {
          listeners.add(listener)
          return () => void listeners.delete(listener)
        },
      })
      core.onCommitted((block) => {
        for (const listener of listeners) listener({ type: 'block', block })
        if (listeners.size > 0) void backend.status().then((status) => listeners.forEach((listener) => listener({ type: 'status', status })), () => {})
      })
      api = await createApi(apiOptions(config), { backend, logger: pinoLike(logger.child('api')), registry: metrics.registry })
      const listening = await api.listen()
      network = await joining
      admin = createAdmin({ path: adminSocketOf(paths.root), handlers: adminHandlers(network, listening.url) })
      await admin.listen()
      reasons.own = []
      return listening
    } catch (error) {
      await stop()
      throw error
    }
  }

  async function shutDown(): Promise<void> {
    reasons.own = ['The node is stopping.']
    refresh.cancel()
    // A core that has failed cannot answer; what it had to say was said.
    await core.methods.drain().catch(() => {})
    await api?.close()
    await admin?.close()
    await joining?.then((joined) => joined.stop(), () => {})
    await core.methods.stop().catch((error: unknown) => logger.debug('Core was gone already', { error }))
    await core.terminate()
    metrics.close()
  }

  const stop = (): Promise<void> => (stopping ??= shutDown())

  async function progress(): Promise<Progress> {
    const { height } = await core.methods.progress()
    return { height, peers: network?.peers().length ?? 0, reasons: [...reasons.own, ...reasons.core] }
  }

  return { start, stop, failed: core.failed.then(asFailure), progress }
}

const adminHandlers = (network: Network, url: string): AdminHandlers => ({
  node: () => ({ url }),
  peers: () => ({ peers: network.peers(), bans: network.bans() }),
  why: (id) => network.why(id),
  ban: (id, seconds, reason) => network.ban(id, seconds, reason),
  unban: (id) => network.unban(id),
})

function asFailure(error: Error): Failure {
  if (error instanceof Failure) return error
  return new Failure('internal', error.message, 'This is a bug: please report it with the log.', { cause: error })
}

function apiOptions(config: Config) {
  return {
    ...DEFAULT_API_OPTIONS,
    host: config.host,
    port: config.port,
    trustedProxies: config.trustedProxies,
    writes: { perSecond: config.writesPerSecond, burst: config.writesPerSecond },
    reads: { perSecond: config.readsPerSecond, burst: 2 * config.readsPerSecond },
    maxClients: config.wsClients,
  }
}

/** Fields first, as pino has it. */
const pinoLike = (logger: Logger) => ({
  info: (fields: object, message: string) => logger.info(message, { ...fields }),
  warn: (fields: object, message: string) => logger.warn(message, { ...fields }),
  error: (fields: object, message: string) => logger.error(message, { ...fields }),
})
