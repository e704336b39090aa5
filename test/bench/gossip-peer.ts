// Entry of a process with the network layer alone: publishes what it is told to, and says when what arrives. Its keys are
// made of its name, and whatever arrives is forwarded.

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { keyPairFromSecret } from '../../src/crypto/sign.ts'
import { createNetwork } from '../../src/network/network.ts'
import { systemClock } from '../../src/ops/clock.ts'
import { silentLogger } from '../../src/ops/logger.ts'
import { createMetrics } from '../../src/ops/metrics.ts'

export interface PeerOptions {
  readonly name: string
  readonly directory: string
  readonly seeds: readonly string[]
}

export type PeerOrder = { readonly kind: 'start'; readonly options: PeerOptions } | { readonly kind: 'publish'; readonly sizeBytes: number } | { readonly kind: 'stop' }

/** Times in ms since 1970, with fractions. */
export type PeerMessage =
  | { readonly kind: 'started'; readonly addresses: readonly string[] }
  | { readonly kind: 'peers'; readonly count: number }
  | { readonly kind: 'published'; readonly id: string; readonly atMs: number }
  | { readonly kind: 'received'; readonly id: string; readonly atMs: number }

const hashOf = (data: string | Uint8Array): Buffer => createHash('sha256').update(data).digest()
const nowMs = (): number => performance.timeOrigin + performance.now()
const say = (message: PeerMessage): void => void process.send!(message)
/** Told apart by their first bytes, so that nobody hashes a mebibyte while the clock runs. */
const idOf = (data: Uint8Array): string => Buffer.from(data.subarray(0, 16)).toString('hex')

async function start({ name, directory, seeds }: PeerOptions) {
  const network = await createNetwork(
    {
      keys: keyPairFromSecret('ed25519', hashOf(name)),
      genesisHash: hashOf('bench'),
      network: 'pulse-bench',
      version: '0.0.0',
      host: '127.0.0.1',
      port: 0,
      announce: [],
      seeds,
      peersFile: join(directory, `${name}-peers.json`),
    },
    {
      logger: silentLogger(),
      clock: systemClock,
      metrics: createMetrics({ labels: {}, clock: systemClock }),
      handlers: {
        gossip(_topic, data) {
          say({ kind: 'received', id: idOf(data), atMs: nowMs() })
          return Promise.resolve({ verdict: 'accept' })
        },
        request: () => Promise.resolve(null),
        status: () => ({ height: 1, headId: hashOf('head') }),
        peerStatus: () => say({ kind: 'peers', count: network.peers().length }),
        peerGone: () => say({ kind: 'peers', count: network.peers().length }),
      },
    },
  )
  const { multiaddrs } = await network.start()
  say({ kind: 'started', addresses: multiaddrs })
  return network
}

let started: Awaited<ReturnType<typeof start>> | null = null
let count = 0

process.on('message', (order: PeerOrder) => {
  if (order.kind === 'start') void start(order.options).then((network) => (started = network))
  else if (order.kind === 'stop') process.exit(0)
  else {
    const data = new Uint8Array(order.sizeBytes)
    data.set(hashOf(`${process.pid} ${count++}`))
    const atMs = nowMs()
    void started!.publish('consensus', data)
    say({ kind: 'published', id: idOf(data), atMs })
  }
})
