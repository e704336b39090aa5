// Two of four validators are cut off from the other two, on hosts of their own, without a word: packets are lost. Neither
// half has a quorum; both halt, say why, and go on soon after the cut is healed.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { initialise, newNodeKeys } from '../../src/cli/network.ts'
import { seedAddress, testnetGenesis } from '../../src/cli/testnet.ts'
import { rawKey } from '../../src/crypto/keys.ts'
import { peerIdOf } from '../../src/crypto/peer-id.ts'
import { eventually, request, RunningNode, runJson } from './harness.ts'
import { hosts, noHosts } from './namespaces.ts'
import { assertAgreement, Beating, statusOf } from './several.ts'

t.setTimeout(180_000)

const NODES = 4
const INTERVAL_MS = 500
const PORT = 8080
const P2P_PORT = 4001
const GO_ON_MS = 10_000
/** Longer than a stalled height is tolerated, so that connections are given up. */
const CUTS_MS = [3_000, 10_000]

t.test('two of four cut off: both halves halt and say why, and go on within ten seconds of healing', { skip: noHosts }, async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'pulse-cut-'))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  const network = await hosts(t, root, 2, 2)
  const keys = Array.from({ length: NODES }, newNodeKeys)
  const genesis = testnetGenesis(keys, { powers: undefined, intervalMs: INTERVAL_MS, nowMs: Date.now() })
  const seed = seedAddress(P2P_PORT, peerIdOf(rawKey(keys[0]!.node.publicKey, 'ed25519'))).replace('127.0.0.1', network.all[0]!.address)
  const nodes = network.all.map(({ address, under }, i) => {
    const dir = join(root, `node${i}`)
    initialise(dir, genesis, keys[i])
    writeFileSync(join(dir, 'config.json'), JSON.stringify({ host: address, port: PORT, p2pPort: P2P_PORT, seeds: i === 0 ? [] : [seed], verifyThreads: 1 }))
    const node = new RunningNode(dir, ['start', '--data-dir', dir, '--json'], { under })
    t.teardown(() => node.kill())
    return node
  })
  await Promise.all(nodes.map((node) => node.message('Node started')))
  const urls = await Promise.all(network.all.map((host) => host.reach(PORT)))
  const heights = (): Promise<number[]> => Promise.all(urls.map(async (url) => (await statusOf(url)).height as number))
  await eventually('all know all others', async () => (await Promise.all(urls.map(statusOf))).every(({ peers }) => peers === NODES - 1))
  const beating = urls.map((url) => new Beating(url, 5, 250))
  t.teardown(() => Promise.all(beating.map((each) => each.stop())))
  await eventually('the first blocks', async () => Math.min(...(await heights())) >= 4)

  for (const [turn, cutMs] of CUTS_MS.entries()) {
    await network.cut()
    const halted = await eventually('nobody is ready', async () => {
      const answers = await Promise.all(urls.map((url) => request(`${url}/ready`)))
      return answers.every(({ status }) => status === 503) && answers.map(({ json }) => json.reasons as string[])
    })
    const at = await heights()
    for (const [i, reasons] of halted.entries()) {
      t.match(reasons, [/^Height \d+ is not decided: validators with 50 % of the power are heard, more than two thirds are needed\. Not heard: [0-9a-f]{8}, [0-9a-f]{8}\.$/], `node${i}: ${reasons.join()}`)
      const { under, address } = network.all[i]!
      const { code, json } = await runJson(['status', '--url', `http://${address}:${PORT}`], { under })
      t.same([code, json.status.ready, json.status.reasons], [0, false, reasons], 'and `pulse-node status` says the same')
    }
    await delay(cutMs)
    t.same(await heights(), at, 'no half decides anything by itself')

    await network.heal()
    const healedMs = performance.now()
    await eventually('all go on', async () => Math.min(...(await heights())) > Math.max(...at))
    const tookMs = performance.now() - healedMs
    t.ok(tookMs < GO_ON_MS, `${Math.round(tookMs)} ms after a cut of ${cutMs} ms`)
    await eventually('all are ready', async () => (await Promise.all(urls.map((url) => request(`${url}/ready`)))).every(({ status }) => status === 200))
    for (const node of nodes) {
      t.equal(node.lines.filter(({ msg }) => msg === 'Chain halted').length, turn + 1, 'one line says that it halts')
      t.equal(node.lines.filter(({ msg }) => msg === 'Chain goes on').length, turn + 1, 'and one that it goes on')
    }
    t.comment(`cut ${turn + 1}: halted at ${Math.max(...at)}, went on ${Math.round(tookMs)} ms after it was healed`)
  }
  const from = Math.max(...(await heights()))
  await eventually('more blocks', async () => Math.min(...(await heights())) >= from + 4)
  await assertAgreement(t, urls, from + 4)
  const bad = nodes.flatMap(({ lines }) => lines).filter(({ level, msg }) => msg === 'Validator signed two different votes' || level === 'error' || level === 'fatal')
  t.same(bad, [])
})
