// A validator that was away for 2 000 blocks comes back without help, by both modes of --verify: it fetches, executes,
// says meanwhile why it is not ready, and then takes part in consensus again.

import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import type { Cluster } from './cores.ts'
import { createCluster } from './cores.ts'
import { makeBeat, newLife } from './lives.ts'
import { writeChain } from './offline-chain.ts'
import { compareChains } from '../../src/node/compare-chains.ts'
import { dataDir } from '../../src/ops/datadir.ts'
import { readKeyFile } from '../../src/ops/keyfile.ts'

t.setTimeout(540_000)

const INTERVAL_MS = 100

/** Lives beat at all members that are there, until the returned function is called. */
function beating({ members }: Cluster, everyMs: number): () => void {
  const timer = setInterval(() => {
    for (const { core } of members) {
      if (core === null) continue
      const network = { genesisHash: Buffer.from(core.info.genesisHash, 'hex'), witness: Buffer.from(core.info.witness, 'hex') }
      void core.heartbeats(makeBeat(network, newLife()).row, [null]).catch(() => {})
    }
  }, everyMs)
  return () => clearInterval(timer)
}

async function until(what: string, holds: () => boolean, timeoutMs: number): Promise<void> {
  const startedMs = performance.now()
  while (!holds()) {
    if (performance.now() - startedMs > timeoutMs) throw new Error(`not in time: ${what}`)
    await delay(20)
  }
}

const heightOf = (cluster: Cluster, index: number): number => cluster.members[index]!.core?.status().height ?? 0

for (const [verify, away] of [['full', 2_000], ['certificates', 300]] as const) {
  t.test(`a node that was away for ${away} blocks is back without help (--verify ${verify})`, async (t) => {
    const timeMs = Date.now() - away * INTERVAL_MS - 10_000
    const cluster = createCluster({ powers: [1, 1, 1, 1].map((power) => power * 1_000_000), params: { blockIntervalMs: INTERVAL_MS }, timeMs, config: { verify }, random: Math.random })
    const { members, genesis } = cluster
    const validators = members.map(({ dir }) => readKeyFile(dataDir(dir).validatorKey, 'ed25519'))
    await writeChain(members.slice(0, 3).map(({ dir }) => dataDir(dir).db), { genesis, validators, blocks: away, heartbeats: 2 })
    let quiet = (): void => {}
    try {
      await Promise.all([0, 1, 2].map((i) => cluster.start(i)))
      quiet = beating(cluster, 1_500)
      await cluster.start(3)
      const { core } = members[3]!
      await until('it knows that it is behind', () => core!.status().syncing, 30_000)
      t.match(core!.reasons(), [/^The node catches up: height \d+ of \d+, /], 'not ready, with the reason')
      const { sync } = core!.status()
      t.ok(sync !== null && sync.target >= away)
      await until('it is back', () => heightOf(cluster, 3) > away && !core!.status().syncing, 300_000)
      t.same(core!.reasons(), [])
      t.equal(core!.status().sync, null)
      const { validator } = core!.info
      const came = heightOf(cluster, 3)
      await until('it proposes', () => members[0]!.blocks.some(({ height, proposer }) => height > came && proposer === validator), 30_000)
      t.match(await core!.metricsText(), /pulse_sync_answers_total\{[^}]*result="ok"[^}]*\} [1-9]/)
      quiet()
      await Promise.all(members.map((_, i) => cluster.stop(i)))
      const compared = await compareChains(members.map(({ dir }) => dir), () => {})
      t.same([compared.differences, compared.otherAccounts], [[], []])
      t.ok(compared.commonHeight > away)
    } finally {
      quiet()
      await cluster.close()
    }
  })
}

t.test('every block of a sync is announced as it is, one after the other, and not before it is stored', async (t) => {
  const blocks = 40
  const cluster = createCluster({ powers: [1_000_000, 1_000_000], params: { blockIntervalMs: INTERVAL_MS }, timeMs: Date.now() - blocks * INTERVAL_MS - 10_000, random: Math.random })
  const { members, genesis } = cluster
  const validators = members.map(({ dir }) => readKeyFile(dataDir(dir).validatorKey, 'ed25519'))
  await writeChain([dataDir(members[0]!.dir).db], { genesis, validators, blocks, heartbeats: 2 })
  try {
    await cluster.start(0)
    const head = await members[0]!.core!.block('latest')
    // What it tells others of itself.
    members[0]!.blocks.push(head!)
    await cluster.start(1)
    await until('it has caught up', () => heightOf(cluster, 1) >= blocks, 60_000)
    t.same(members[1]!.blocks.map(({ height }) => height), Array.from({ length: blocks }, (_, i) => i + 1))
    t.same(members[1]!.blocks.at(-1), head)
  } finally {
    await cluster.close()
  }
})

t.test('a validator that was cut off leaves consensus, catches up, and takes part again, without a restart', async (t) => {
  const cluster = createCluster({ powers: [1, 1, 1, 1].map((power) => power * 1_000_000), params: { blockIntervalMs: INTERVAL_MS }, random: Math.random })
  const { members } = cluster
  let quiet = (): void => {}
  try {
    await Promise.all([0, 1, 2, 3].map((i) => cluster.start(i)))
    quiet = beating(cluster, 150)
    await until('all decide', () => [0, 1, 2, 3].every((i) => heightOf(cluster, i) >= 3), 30_000)
    cluster.partition([[0, 1, 2], [3]])
    await delay(300)
    const left = heightOf(cluster, 3)
    await until('the others go on', () => heightOf(cluster, 0) >= left + 20, 60_000)
    t.ok(heightOf(cluster, 3) <= left + 1)
    let wasSyncing = false
    cluster.partition([[0, 1, 2, 3]])
    await until('it is back', () => {
      const { syncing, height } = members[3]!.core!.status()
      wasSyncing ||= syncing
      return height >= left + 20 && !syncing
    }, 60_000)
    t.ok(wasSyncing, 'by fetching')
    const came = heightOf(cluster, 3)
    const { validator } = members[3]!.core!.info
    await until('it proposes', () => members[0]!.blocks.some(({ height, proposer }) => height > came && proposer === validator), 30_000)
    const ids = new Map(members[0]!.blocks.map(({ height, id }) => [height, id]))
    t.ok(members[3]!.blocks.every(({ height, id }) => (ids.get(height) ?? id) === id), 'the same blocks')
  } finally {
    quiet()
    await cluster.close()
  }
})
