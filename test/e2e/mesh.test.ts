// Five nodes that know nothing but one seed, as processes: they find each other, stay together when the seed dies, and
// find each other again when all five are restarted and the seed is still dead.

import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { eventually, runJson } from './harness.ts'
import { assertAgreement, Beating, several, statusOf } from './several.ts'

t.setTimeout(120_000)

const OTHERS = [1, 2, 3, 4, 5]
const MESH_MS = 5_000
/** The peer store is written a second after a change. */
const STORED_MS = 1_500

t.test('five nodes mesh in five seconds by one seed, outlive it, and come back without it', async (t) => {
  // The seed is a validator too: five of six go on without it.
  const net = await several(t, 6, { intervalMs: 500 })
  const urls = net.nodes.map(({ url }) => url)
  const peers = (): Promise<number[]> => Promise.all(OTHERS.map(async (i) => (await statusOf(urls[i]!)).peers as number))
  const height = async (): Promise<number> => (await statusOf(urls[1]!)).height as number
  const seed = await net.start(0)
  await Promise.all(OTHERS.map((i) => net.start(i)))
  const startedMs = performance.now()
  await eventually('each knows the seed and the four others', async () => (await peers()).every((count) => count === OTHERS.length))
  const tookMs = Math.round(performance.now() - startedMs)
  t.ok(tookMs < MESH_MS, `${tookMs} ms after the last was up`)
  const beating = OTHERS.map((i) => new Beating(urls[i]!, 3, 300))
  t.teardown(() => Promise.all(beating.map((each) => each.stop())))
  await eventually('the first blocks', async () => (await height()) >= 3)

  await delay(STORED_MS)
  await seed.kill()
  await eventually('they have noticed', async () => (await peers()).every((count) => count === OTHERS.length - 1))
  const killedAt = await height()
  await eventually('the chain goes on without the seed', async () => (await height()) >= killedAt + 3)
  t.same(await peers(), OTHERS.map(() => OTHERS.length - 1), 'they stay together')

  await Promise.all(OTHERS.map((i) => net.running(i).stop()))
  await Promise.all(OTHERS.map((i) => net.start(i)))
  await eventually('they have found each other again', async () => (await peers()).every((count) => count === OTHERS.length - 1))
  for (const i of OTHERS) {
    const { json } = await runJson(['peers', '--url', urls[i]!])
    const others = OTHERS.filter((other) => other !== i).map((other) => net.nodes[other]!.peerId)
    t.same((json.peers as { id: string }[]).map(({ id }) => id).sort(), others.sort(), `${net.nodes[i]!.name} is connected with the others, and they are who they were`)
  }
  const from = await height()
  await eventually('the chain goes on', async () => (await height()) >= from + 3)
  await assertAgreement(t, urls.slice(1), from)
})
