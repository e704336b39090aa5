// Nodes find each other, stay together without their seed, and come back without it.

import type { Socket } from 'node:net'
import net from 'node:net'
import t from 'tap'
import { Failure } from '../../src/ops/failure.ts'
import type { TestNode } from './network-support.ts'
import { counts, meshed, newDirectory, sleep, startNode, stopAll, stopNode, until } from './network-support.ts'

t.teardown(() => {
  setTimeout(() => process.exit(), 100).unref()
})
t.after(stopAll)

t.test('five nodes that know one seed form a mesh, outlive the seed, and find each other again without it', async (t) => {
  const directory = newDirectory()
  const names = ['seed', 'a', 'b', 'c', 'd', 'e']
  const seed = await startNode({ name: 'seed', directory })
  const others: TestNode[] = []
  for (const name of names.slice(1)) others.push(await startNode({ name, directory, seeds: seed.addresses }))
  await until('all are connected with each other', () => meshed([seed, ...others]), 5_000)
  t.same(counts([seed, ...others]), [5, 5, 5, 5, 5, 5])
  await until('gossip reaches all', () => others.every((node) => node.network.peers().length === 5))

  const before = await passes(others[0]!, others.slice(1), 'before')
  t.ok(before, 'gossip passes')

  // The store is written a second after a change.
  await sleep(1_500)
  await stopNode(seed)
  await until('they have noticed', () => others.every((node) => node.network.peers().length === 4))
  t.ok(meshed(others), 'they stay together')
  t.ok(others.every((node) => node.gone.includes(seed.id)), 'and each was told that it is gone')
  t.ok(await passes(others[0]!, others.slice(1), 'without the seed'))

  const ports = others.map((node) => Number(/tcp\/(\d+)/.exec(node.addresses[0]!)![1]))
  await Promise.all(others.map(stopNode))
  const again: TestNode[] = []
  for (const [i, name] of names.slice(1).entries()) again.push(await startNode({ name, directory, port: ports[i]!, seeds: seed.addresses }))
  t.same(again.map(({ id }) => id), others.map(({ id }) => id), 'their identities are kept')
  await until('they have found each other by the store', () => meshed(again), 10_000)
  t.ok(await passes(again[4]!, again.slice(0, 4), 'again'))
  t.equal(again[0]!.lines.filter(({ msg }) => msg === 'Seed not reached, trying on').length, 1, 'one line about the dead seed')

  const back = await startNode({ name: 'seed', directory, port: Number(/tcp\/(\d+)/.exec(seed.addresses[0]!)![1]) })
  await until('the seed is dialled again when it comes back', () => meshed([back, ...again]), 10_000)
})

t.test('two that dial each other at once keep talking when one of their connections is cut, and when all are', async (t) => {
  const sockets = catchSockets()
  const a = await startNode({ name: 'twin a', port: 0 })
  const port = Number(/tcp\/(\d+)/.exec(a.addresses[0]!)![1])
  await stopNode(a)
  const directory = newDirectory()
  const b = await startNode({ name: 'twin b', directory, seeds: [`/ip4/127.0.0.1/tcp/${port}`] })
  const a2 = await startNode({ name: 'twin a', port, seeds: b.addresses })
  await until('they are connected', () => meshed([a2, b]))
  t.ok(await passes(a2, [b], 'first'))
  t.ok(await passes(b, [a2], 'first'))
  await sleep(1_000)
  const open = sockets.filter((socket) => !socket.destroyed && socket.readyState === 'open')
  t.ok(open.length >= 1, `${open.length} connections`)
  const gone = a2.gone.length
  open[0]!.destroy()
  if (open.length > 1) {
    await sleep(200)
    t.equal(a2.gone.length, gone, 'the other connection keeps them together')
  }
  await until('they are connected', () => meshed([a2, b]))
  t.ok(await passes(a2, [b], 'second'))
  t.ok(await passes(b, [a2], 'second'))
  for (const socket of sockets) socket.destroy()
  await until('both have noticed', () => a2.gone.length > gone && b.gone.length > 0)
  await until('they are connected again', () => meshed([a2, b]))
  t.ok(await passes(a2, [b], 'third'))
  t.ok(await passes(b, [a2], 'third'))
  t.notOk([...a2.lines, ...b.lines].some(({ msg }) => /deaf/.test(msg)), 'without help of the watchdog')
})

t.test('a port that is taken is a failure that says so', async (t) => {
  const first = await startNode({ name: 'first' })
  const port = Number(/tcp\/(\d+)/.exec(first.addresses[0]!)![1])
  const failure = await startNode({ name: 'second', port }).then(() => null, (error: unknown) => error)
  t.ok(failure instanceof Failure)
  t.match(failure, { code: 'port', message: `The address 127.0.0.1 port ${port} for other nodes is taken` })
})

/** Every socket that is opened from now on, by whoever dials. */
function catchSockets(): Socket[] {
  const sockets: Socket[] = []
  const connect = net.connect.bind(net) as (...options: unknown[]) => Socket
  net.connect = ((...options: unknown[]) => {
    const socket = connect(...options)
    sockets.push(socket)
    return socket
  })
  return sockets
}

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
