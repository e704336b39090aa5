import { startNode, until, sleep, running } from './network-support.ts'
const seed = await startNode({ name: 'seed' })
const nodes = [seed]
for (const name of ['n1', 'n2', 'n3', 'n4']) nodes.push(await startNode({ name, seeds: seed.addresses }))
await until('x', () => nodes.every((n) => n.network.peers().length === 4))
await sleep(1500)
const times: number[] = []
for (let i = 0; i < 60; i++) {
  const large = new Uint8Array(1024 * 1024).fill(i); large[5] = 7
  const before = nodes.map((n) => n.received.length)
  const start = performance.now()
  await nodes[i % 5]!.network.publish('blocks', large)
  while (!nodes.every((n, j) => j === i % 5 || n.received.length > before[j]!)) await new Promise((r) => setImmediate(r))
  times.push(performance.now() - start)
  for (const n of nodes) n.received.length = 0
  await sleep(30)
}
times.sort((a, b) => a - b)
console.log('1MiB p50', times[30], 'p99', times[58], 'max', times[59])
const small = 3000, N = 2000
const start = performance.now()
for (let i = 0; i < N; i++) { const m = new Uint8Array(small).fill(i); m[0] = i >> 8; m[1] = i; await nodes[i % 5]!.network.publish('heartbeats', m) ; if (i % 20 === 0) await new Promise((r) => setImmediate(r)) }
await until('all', () => nodes.every((n) => n.received.length >= N * 0.8), 20000)
await sleep(500)
console.log('small', N, (performance.now() - start) | 0, 'ms', nodes.map((n) => n.received.length))
const page = await nodes[0]!.metrics.registry.metrics()
console.log(page.split('\n').filter((l) => /transport_bytes|published_bytes|received_bytes|busy/.test(l) && !l.startsWith('#')).join('\n'))
console.log(process.memoryUsage().rss >> 20, 'MiB', nodes.map((n) => n.network.peers().map((p) => p.score)), nodes[0]!.network.peers().map((p) => p.latencyMs))
process.exit()
