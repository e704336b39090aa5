// Nodes find each other, stay together without their seed, and come back without it.

import t from 'tap'
import type { TestNode } from './network-support.ts'
import { counts, meshed, newDirectory, sleep, startNode, stopAll, stopNode, until } from './network-support.ts'

t.teardown(() => {
  setTimeout(() => process.exit(), 100).unref()
})
t.after(stopAll)

t.test('five nodes that know one seed form a mesh, outlive the seed, and find each other again without it', async (t) => {
  const directory = newDirectory()
  const names = ['seed', 'a', 'b', 'c', 'd']
  const seed = await startNode({ name: 'seed', directory })
  const others: TestNode[] = []
  for (const name of names.slice(1)) others.push(await startNode({ name, directory, seeds: seed.addresses }))
  await until('all five are connected with each other', () => meshed([seed, ...others]), 5_000)
  t.same(counts([seed, ...others]), [4, 4, 4, 4, 4])
  await until('gossip reaches all', () => others.every((node) => node.network.peers().length === 4))

  const before = await passes(others[0]!, others.slice(1), 'before')
  t.ok(before, 'gossip passes')

  // The store is written a second after a change.
  await sleep(1_500)
  await stopNode(seed)
  await until('they have noticed', () => others.every((node) => node.network.peers().length === 3))
  t.ok(meshed(others), 'they stay together')
  t.ok(others.every((node) => node.gone.includes(seed.id)), 'and each was told that it is gone')
  t.ok(await passes(others[0]!, others.slice(1), 'without the seed'))

  const ports = others.map((node) => Number(/tcp\/(\d+)/.exec(node.addresses[0]!)![1]))
  await Promise.all(others.map(stopNode))
  const again: TestNode[] = []
  for (const [i, name] of names.slice(1).entries()) again.push(await startNode({ name, directory, port: ports[i]!, seeds: seed.addresses }))
  t.same(again.map(({ id }) => id), others.map(({ id }) => id), 'their identities are kept')
  await until('they have found each other by the store', () => meshed(again), 10_000)
  t.ok(await passes(again[3]!, again.slice(0, 3), 'again'))
  t.equal(again[0]!.lines.filter(({ msg }) => msg === 'Seed not reached, trying on').length, 1, 'one line about the dead seed')

  const back = await startNode({ name: 'seed', directory, port: Number(/tcp\/(\d+)/.exec(seed.addresses[0]!)![1]) })
  await until('the seed is dialled again when it comes back', () => meshed([back, ...again]), 10_000)
})

/** Whether a message that is published now reaches them. A few are tried: streams may still be opening. */
async function passes(from: TestNode, to: readonly TestNode[], text: string): Promise<boolean> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const data = new TextEncoder().encode(`${text} ${attempt}`)
    await from.network.publish('consensus', data)
    await sleep(200)
    if (to.every((node) => node.received.some((message) => Buffer.from(message.data).equals(data)))) return true
  }
  return false
}
