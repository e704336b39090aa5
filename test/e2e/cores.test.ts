// Many cores, one chain: finality, lost messages, a partition, a node that was away.

import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import t from 'tap'
import type { Cluster } from './cores.ts'
import { createCluster } from './cores.ts'
import { makeBeat, newLife } from './lives.ts'

/** Lives beat at random members until the returned function is called. */
function beating(cluster: Cluster): () => void {
  const timer = setInterval(() => {
    const alive = cluster.members.filter(({ core }) => core !== null)
    const { core } = alive[Math.floor(Math.random() * alive.length)] ?? { core: null }
    if (core === null) return
    const network = { genesisHash: Buffer.from(core.info.genesisHash, 'hex'), witness: Buffer.from(core.info.witness, 'hex') }
    void core.heartbeats(makeBeat(network, newLife()).row, [null]).catch(() => {})
  }, 40)
  return () => clearInterval(timer)
}

const heightOf = (cluster: Cluster, index: number): number => cluster.members[index]!.blocks.at(-1)?.height ?? 0

async function until(what: string, holds: () => boolean, timeoutMs = 20_000): Promise<void> {
  const startedMs = performance.now()
  while (!holds()) {
    if (performance.now() - startedMs > timeoutMs) throw new Error(`not in time: ${what}`)
    await delay(20)
  }
}

/** Every height has one id on all members that know it. */
function assertAgreement(t: Test, cluster: Cluster): void {
  const ids = new Map<number, string>()
  for (const { name, blocks } of cluster.members) {
    for (const { height, id } of blocks) {
      if (ids.has(height) && ids.get(height) !== id) t.fail(`${name} has another block at height ${height}`)
      ids.set(height, id)
    }
  }
  t.ok(ids.size > 0, `${ids.size} heights agree`)
}

t.test('four members decide one chain although a fifth of all gossip is lost', async (t) => {
  const cluster = createCluster({ powers: [1, 1, 1, 1].map((p) => p * 1_000_000), random: Math.random })
  await Promise.all([0, 1, 2, 3].map((i) => cluster.start(i)))
  const quiet = beating(cluster)
  try {
    cluster.loss = 0.2
    await until('15 heights', () => [0, 1, 2, 3].every((i) => heightOf(cluster, i) >= 15), 30_000)
    const proposers = new Set(cluster.members[0]!.blocks.map(({ proposer }) => proposer))
    t.equal(proposers.size, 4, 'everybody proposes')
    assertAgreement(t, cluster)
  } finally {
    quiet()
    await cluster.close()
  }
})

t.test('two of four cut off: nobody decides; after healing all go on', async (t) => {
  const cluster = createCluster({ powers: [1, 1, 1, 1].map((p) => p * 1_000_000), random: Math.random })
  await Promise.all([0, 1, 2, 3].map((i) => cluster.start(i)))
  const quiet = beating(cluster)
  try {
    await until('5 heights', () => [0, 1, 2, 3].every((i) => heightOf(cluster, i) >= 5))
    cluster.partition([[0, 1], [2, 3]])
    await delay(500)
    const halted = Math.max(...[0, 1, 2, 3].map((i) => heightOf(cluster, i)))
    await delay(3_000)
    t.ok([0, 1, 2, 3].every((i) => heightOf(cluster, i) <= halted + 1), 'both sides halt')
    cluster.partition([[0, 1, 2, 3]])
    await until('5 more heights', () => [0, 1, 2, 3].every((i) => heightOf(cluster, i) >= halted + 5), 10_000)
    assertAgreement(t, cluster)
  } finally {
    quiet()
    await cluster.close()
  }
})

t.test('a member that was away catches up by itself and proposes again', async (t) => {
  const cluster = createCluster({ powers: [1, 1, 1, 1].map((p) => p * 1_000_000), random: Math.random })
  await Promise.all([0, 1, 2].map((i) => cluster.start(i)))
  const quiet = beating(cluster)
  try {
    await until('20 heights of three', () => [0, 1, 2].every((i) => heightOf(cluster, i) >= 20), 40_000)
    await cluster.start(3)
    await until('the fourth is there', () => heightOf(cluster, 3) >= heightOf(cluster, 0) - 1)
    const own = cluster.members[3]!.core!.info.validator
    await until('it proposes', () => cluster.members[0]!.blocks.some(({ proposer }) => proposer === own))
    assertAgreement(t, cluster)
  } finally {
    quiet()
    await cluster.close()
  }
})

t.test('what came in while a node was alone reaches the others when they come', async (t) => {
  // The first decides alone; the second hardly ever proposes.
  const cluster = createCluster({ powers: [1_000_000, 1], random: Math.random })
  try {
    await cluster.start(1)
    const { core, blocks } = cluster.members[1]!
    const network = { genesisHash: Buffer.from(core!.info.genesisHash, 'hex'), witness: Buffer.from(core!.info.witness, 'hex') }
    const [verdict] = await core!.heartbeats(makeBeat(network, newLife()).row, [null])
    t.ok(verdict?.accepted)
    await cluster.start(0)
    await until('a block with it', () => blocks.some(({ heartbeats }) => heartbeats === 1))
    assertAgreement(t, cluster)
  } finally {
    await cluster.close()
  }
})
