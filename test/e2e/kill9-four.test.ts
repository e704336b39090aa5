// Any one of four validators is killed with -9, by turns and under load: the chain goes on without it, it comes back,
// catches up and proposes again, and nothing that it ever signed contradicts anything else.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { eventually, readAll, request, runJson } from './harness.ts'
import { networkOf } from './lives.ts'
import { assertAgreement, Beating, several, statusOf } from './several.ts'
import { SignedMessages } from './signed.ts'

t.setTimeout(240_000)

const NODES = 4
const KILLS = 6
const INTERVAL_MS = 400
const LIVES = 50
const BEAT_MS = 150
/** All segments are kept, so that everything that was ever signed can be read at the end. */
const OPTIONS = { env: { PULSE_WAL_KEEP_SEGMENTS: '10000' } }

interface Record {
  readonly height: number
  readonly round: number
  readonly step: number
}

const recordOf = (dataDir: string): Record => JSON.parse(readFileSync(join(dataDir, 'last-signed.json'), 'utf8')) as Record
const isBehind = (a: Record, b: Record): boolean => a.height < b.height || (a.height === b.height && (a.round < b.round || (a.round === b.round && a.step < b.step)))

t.test('any one of four validators may be killed at any time: the chain goes on, and the node returns', async (t) => {
  const net = await several(t, NODES, { intervalMs: INTERVAL_MS })
  const urls = net.nodes.map(({ url }) => url)
  await Promise.all(net.nodes.map((_, i) => net.start(i, OPTIONS)))
  const beating = urls.map((url) => new Beating(url, LIVES, BEAT_MS))
  t.teardown(() => Promise.all(beating.map((each) => each.stop())))
  const { genesisHash } = await networkOf(urls[0]!)
  const signed = net.nodes.map(() => new SignedMessages(genesisHash))
  const heightOf = async (i: number): Promise<number> => (await statusOf(urls[i]!)).height
  await eventually('the first blocks', async () => (await heightOf(0)) >= 4)

  for (let kill = 0; kill < KILLS; kill++) {
    const victim = kill % NODES
    const other = (victim + 1) % NODES
    const { dataDir, name, validator } = net.nodes[victim]!
    const waitMs = Math.floor(Math.random() * INTERVAL_MS)
    await delay(waitMs)
    await net.running(victim).kill()
    const killedAt = await heightOf(other)
    const before = recordOf(dataDir)
    signed[victim]!.collect(dataDir)
    await eventually('the others go on', async () => (await heightOf(other)) >= killedAt + 2)

    await net.start(victim, OPTIONS)
    const backAt = await heightOf(other)
    await eventually(`${name} has caught up`, async () => (await heightOf(victim)) >= backAt && (await request(`${urls[victim]}/ready`)).status === 200)
    const mine = await eventually(`${name} proposes again`, async () => {
      const blocks = (await readAll(`${urls[other]}/v2/blocks`, 'blocks')) as { height: number; proposer: string }[]
      return blocks.find(({ height, proposer }) => height > backAt && proposer === validator)
    })
    const after = recordOf(dataDir)
    t.ok(isBehind(before, after), `its record goes on: ${JSON.stringify([before, after].map(({ height, round, step }) => [height, round, step]))}`)
    t.comment(`kill ${kill + 1}: ${name} at height ${killedAt}, after ${waitMs} ms; back at ${backAt}, proposed ${mine.height}`)
  }

  const common = await assertAgreement(t, urls, KILLS * 3)
  await Promise.all(beating.map((each) => each.stop()))
  const refused = new Set(beating.flatMap((each) => each.refused))
  // A heartbeat that a killed node had gossiped is known to the others, but not to its successor, nor to its sender.
  for (const harmless of ['draining', 'sequence_replayed', 'too_fast', 'duplicate']) refused.delete(harmless)
  t.same([...refused], [], 'nothing else was refused')
  t.ok(beating.every(({ accepted }) => accepted > LIVES), JSON.stringify(beating.map(({ accepted }) => accepted)))

  const lines = net.processes.flat(2).flatMap((node) => node.lines)
  const bad = lines.filter(({ level, msg }) => msg === 'Validator signed two different votes' || level === 'error' || level === 'fatal')
  t.same(bad, [], 'no node saw a validator sign twice, or failed')
  for (const [i, { dataDir }] of net.nodes.entries()) {
    t.equal((await net.running(i).stop()).code, 0)
    signed[i]!.collect(dataDir)
    t.same([signed[i]!.contradictions, signed[i]!.broken], [[], []], 'nothing that it signed contradicts anything else')
    t.ok(signed[i]!.count >= common, `${signed[i]!.count} signatures over ${common} heights were compared`)
  }
  const { code, json, err } = await runJson(['verify', '--data-dir', net.nodes[0]!.dataDir, '--verify-threads', '1'])
  t.same([code, json?.ok], [0, true], err)
})
