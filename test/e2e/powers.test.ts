// Four validators with 40, 30, 20 and 10 of the power: who can halt the chain, who cannot, and how often each proposes.

import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { eventually, readAll, request } from './harness.ts'
import { assertAgreement, Beating, several, statusOf } from './several.ts'

t.setTimeout(240_000)

const POWERS = [40, 30, 20, 10]
const INTERVAL_MS = 300
/** A whole turn of the rotation: each proposes as many of these blocks as it has tenths of the power. */
const TURN = 10
/** Longer than a stalled height is tolerated. */
const HALTED_MS = 3_000

t.test('powers of 40/30/20/10', async (t) => {
  const net = await several(t, POWERS.length, { intervalMs: INTERVAL_MS, powers: POWERS })
  const urls = net.nodes.map(({ url }) => url)
  await Promise.all(POWERS.map((_, i) => net.start(i)))
  const beating = urls.map((url) => new Beating(url, 5, 250))
  t.teardown(() => Promise.all(beating.map((each) => each.stop())))
  const heightOf = async (i: number): Promise<number> => (await statusOf(urls[i]!)).height
  const isReady = async (i: number): Promise<boolean> => (await request(`${urls[i]!}/ready`)).status === 200
  const allReady = (): Promise<unknown> => eventually('all are ready', async () => (await Promise.all(POWERS.map((_, i) => isReady(i)))).every(Boolean))
  await allReady()

  await t.test('each proposes in proportion', async (t) => {
    const from = await heightOf(0)
    await eventually('four turns', async () => (await heightOf(0)) >= from + 4 * TURN)
    const blocks = ((await readAll(`${urls[0]!}/v2/blocks`, 'blocks'))).filter(({ height }) => height > from && height <= from + 4 * TURN)
    const proposed = net.nodes.map(({ validator }) => blocks.filter(({ proposer }) => proposer === validator).length)
    const later = blocks.filter(({ certificate }) => certificate.round > 0).length
    t.comment(`of ${blocks.length} blocks: ${proposed.join(', ')}; ${later} in a later round`)
    // A round that is lost costs its proposer a block and gives it to another.
    for (const [i, power] of POWERS.entries()) t.ok(Math.abs(proposed[i]! - (4 * TURN * power) / 100) <= 1 + later, `${power} %: ${proposed[i]}`)
  })

  for (const { without, halts } of [
    { without: [1], halts: false },
    { without: [2, 3], halts: false },
    { without: [0], halts: true },
    { without: [1, 3], halts: true },
  ]) {
    const names = without.map((i) => `${POWERS[i]} %`).join(' and ')
    await t.test(`without ${names} the chain ${halts ? 'halts' : 'goes on'}`, async (t) => {
      const [watcher] = POWERS.map((_, i) => i).filter((i) => !without.includes(i)) as [number]
      await Promise.all(without.map((i) => net.running(i).kill()))
      const at = await heightOf(watcher)
      if (halts) {
        const reasons = await eventually('the others say why', async () => {
          const { status, json } = await request(`${urls[watcher]!}/ready`)
          return status === 503 && (json.reasons as string[]).find((reason) => reason.includes('of the power are heard'))
        })
        const left = POWERS.reduce((sum, power, i) => sum + (without.includes(i) ? 0 : power), 0)
        t.match(reasons, `validators with ${left} % of the power are heard`)
        const halted = await heightOf(watcher)
        await delay(HALTED_MS)
        t.equal(await heightOf(watcher), halted)
      } else await eventually('five more blocks', async () => (await heightOf(watcher)) >= at + 5)
      const before = await heightOf(watcher)
      await Promise.all(without.map((i) => net.start(i)))
      await allReady()
      await eventually('blocks by all', async () => (await heightOf(watcher)) >= before + 3)
    })
  }
  await assertAgreement(t, urls, 4 * TURN)
})
