// A message of 1 MiB, as large as a proposal gets, to five nodes: the network layer alone, one process each.

import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Bench } from './context.ts'
import { size } from './context.ts'
import { repeated } from './figure.ts'
import type { PeerMessage, PeerOptions, PeerOrder } from './gossip-peer.ts'
import { median, quantile } from './stats.ts'

const PEERS = 5
const SIZE_BYTES = 1024 * 1024
/** Long enough for one to be over before the next. */
const EVERY_MS = 250
const GIVE_UP_MS = 20_000

interface Peer {
  readonly child: ChildProcess
  readonly addresses: readonly string[]
  peers: number
}

/** By message: when it was sent, and when it came to each of the others. */
type Journeys = Map<string, { sentMs: number; receivedMs: number[] }>

async function startPeer(options: PeerOptions, journeys: Journeys): Promise<Peer> {
  const child = fork(new URL('./gossip-peer.ts', import.meta.url))
  const started = Promise.withResolvers<readonly string[]>()
  const peer = { child, addresses: [] as readonly string[], peers: 0 }
  const journeyOf = (id: string) => journeys.get(id) ?? journeys.set(id, { sentMs: NaN, receivedMs: [] }).get(id)!
  child.on('message', (message: PeerMessage) => {
    switch (message.kind) {
      case 'started':
        started.resolve(message.addresses)
        break
      case 'peers':
        peer.peers = message.count
        break
      case 'published':
        journeyOf(message.id).sentMs = message.atMs
        break
      case 'received':
        journeyOf(message.id).receivedMs.push(message.atMs)
    }
  })
  child.on('exit', () => started.reject(new Error('a peer has ended too early')))
  child.send({ kind: 'start', options } satisfies PeerOrder)
  peer.addresses = await started.promise
  return peer
}

async function measure(directory: string, rounds: number, messages: number): Promise<number[][]> {
  const journeys: Journeys = new Map()
  const seed = await startPeer({ name: 'peer0', directory, seeds: [] }, journeys)
  const others = await Promise.all(Array.from({ length: PEERS - 1 }, (_, i) => startPeer({ name: `peer${i + 1}`, directory, seeds: seed.addresses }, journeys)))
  const all = [seed, ...others]
  try {
    const untilMs = performance.now() + GIVE_UP_MS
    while (all.some(({ peers }) => peers < PEERS - 1)) {
      if (performance.now() > untilMs) throw new Error('the peers have not found each other')
      await delay(50)
    }
    // Subscriptions follow the handshake, and the first messages warm all of it up.
    await delay(2_000)
    const elapsed: number[][] = []
    for (let round = -1; round < rounds; round++) {
      journeys.clear()
      for (let i = 0; i < messages; i++) {
        all[i % PEERS]!.child.send({ kind: 'publish', sizeBytes: SIZE_BYTES } satisfies PeerOrder)
        await delay(EVERY_MS)
      }
      await delay(1_000)
      const arrived = [...journeys.values()].flatMap(({ sentMs, receivedMs }) => receivedMs.map((atMs) => atMs - sentMs))
      if (arrived.length !== messages * (PEERS - 1)) throw new Error(`${messages} messages arrived ${arrived.length} times, not ${messages * (PEERS - 1)}`)
      if (round >= 0) elapsed.push(arrived)
    }
    return elapsed
  } finally {
    for (const { child } of all) child.send({ kind: 'stop' } satisfies PeerOrder)
  }
}

export const gossipBench: Bench = {
  name: 'gossip',
  description: `a message of 1 MiB to ${PEERS} nodes, one every ${EVERY_MS} ms, each of them by turns`,
  async run(context) {
    const rounds = size(context, 5, 2)
    const messages = size(context, 50, 10)
    const elapsed = await measure(mkdtempSync(join(context.directory, 'gossip-')), rounds, messages)
    return {
      figures: [
        repeated('publish to receipt, p50', elapsed.map((each) => median(each)), 'ms'),
        repeated('publish to receipt, p99', elapsed.map((each) => quantile(each, 0.99)), 'ms', { atMost: 100 }),
        repeated('publish to receipt, longest', elapsed.map((each) => Math.max(...each)), 'ms'),
      ],
      notes: [`Each repetition is ${messages} messages to ${PEERS - 1} others: ${messages * (PEERS - 1)} receipts, none lost.`],
    }
  },
}
