// The seeds' supervisor: each seed that is not connected is dialled again and again, for ever, with a backoff that stays short.
// A failure never bans anybody and never throws; the operator hears of the first one and of the way back.

import type { Clock, Timer } from '../ops/clock.ts'
import type { Logger } from '../ops/logger.ts'
import type { Address } from './address.ts'
import { parseAddress } from './address.ts'
import { backoffMs, MAX_BACKOFF_MS } from './backoff.ts'
import type { Dial } from './dialer.ts'
import type { Resolver } from './dns.ts'
import { resolveAddress } from './dns.ts'
import { MAX_SEEDS } from './limits.ts'

export interface SeedsDependencies {
  readonly logger: Logger
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly resolver: Resolver
  readonly dial: Dial
  readonly ownPeer: string
  /** Whether there is a connection with this peer. */
  readonly isConnected: (peer: string) => boolean
}

export interface SeedState {
  readonly address: string
  /** Base58 peer id; null until it is known. */
  readonly peer: string | null
  readonly connected: boolean
  /** Dials in a row that failed. */
  readonly failures: number
  readonly isSelf: boolean
}

export interface Seeds {
  start(): void
  stop(): void
  states(): SeedState[]
}

interface Seed {
  readonly address: Address
  peer: string | null
  failures: number
  isSelf: boolean
  /** It took the last dial. */
  answered: boolean
  wasConnected: boolean
  timer: Timer | null
}

/** How often a connected seed is looked after. */
const CHECK_MS = 1_000

/** Seeds that cannot be read are left out with a warning: the configuration has checked their form already. */
export function createSeeds(texts: readonly string[], dependencies: SeedsDependencies): Seeds {
  const { logger, clock, random, resolver, dial, ownPeer, isConnected } = dependencies
  const seeds: Seed[] = []
  let running = false

  for (const text of texts.slice(0, MAX_SEEDS)) {
    const address = parseAddress(text)
    if (address === null) {
      logger.warn('Seed left out: not an address that can be dialled', { seed: text })
    } else if (!seeds.some((seed) => seed.address.text === address.text)) {
      seeds.push({ address, peer: address.peer, failures: 0, isSelf: address.peer === ownPeer, answered: false, wasConnected: false, timer: null })
    }
  }

  function again(seed: Seed, delayMs: number): void {
    if (running && !seed.isSelf) seed.timer = clock.after(delayMs, () => void check(seed))
  }

  async function check(seed: Seed): Promise<void> {
    if (seed.peer !== null && isConnected(seed.peer)) {
      up(seed)
      again(seed, CHECK_MS)
      return
    }
    if (seed.wasConnected) logger.info('Seed lost', { seed: seed.address.text })
    else if (seed.answered) {
      seed.answered = false
      fail(seed, 'it hangs up at once: this node may be banned there, or belong to another network')
      return
    }
    seed.wasConnected = false
    const dialled = await attempt(seed)
    if (!running) return
    switch (dialled.result) {
      case 'ok':
        seed.peer = dialled.peer
        seed.answered = true
        again(seed, CHECK_MS)
        return
      case 'self':
        seed.isSelf = true
        logger.info('Seed is this node', { seed: seed.address.text })
        return
      case 'denied':
        // Banned, or of another network: that has been said already, and it ends some time.
        again(seed, MAX_BACKOFF_MS)
        return
      case 'failed':
        fail(seed, dialled.error)
    }
  }

  function fail(seed: Seed, error: string): void {
    seed.failures++
    if (seed.failures === 1) logger.warn('Seed not reached, trying on', { seed: seed.address.text, error })
    again(seed, backoffMs(seed.failures, random()))
  }

  async function attempt(seed: Seed): Promise<Awaited<ReturnType<Dial>>> {
    try {
      const addresses = await resolveAddress(seed.address, resolver)
      if (addresses.length === 0) return { result: 'failed', error: 'the name has no addresses' }
      const others = addresses.filter(({ peer }) => peer !== ownPeer)
      return others.length === 0 ? { result: 'self', error: 'own peer id' } : await dial(others.map(({ text }) => text))
    } catch (error) {
      return { result: 'failed', error: String(error).slice(0, 200) }
    }
  }

  function up(seed: Seed): void {
    if (!seed.wasConnected) logger.info('Seed connected', { seed: seed.address.text, failures: seed.failures })
    seed.wasConnected = true
    seed.answered = false
    seed.failures = 0
  }

  return {
    start() {
      running = true
      for (const seed of seeds) again(seed, 0)
    },
    stop() {
      running = false
      for (const seed of seeds) seed.timer?.cancel()
    },
    states: () =>
      seeds.map(({ address, peer, failures, isSelf }) => {
        return { address: address.text, peer, connected: peer !== null && isConnected(peer), failures, isSelf }
      }),
  }
}
