// A real heart's recording, replayed for a minute as if a watch measured it now: every heartbeat is accepted, committed
// and paid, all balances add up to what was minted, and the whole chain verifies offline.

import t from 'tap'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createClient } from '../../src/device/client.ts'
import { createIdentity } from '../../src/device/identity.ts'
import { createQueue } from '../../src/device/queue.ts'
import { createReplay } from '../../src/device/recording.ts'
import { readRecording } from '../../src/device/recording-node.ts'
import { runDevices } from '../../src/device/run.ts'
import { eventually, read, readAll, runJson, runProgram, startNode } from './harness.ts'

const recording = (name: string): string => fileURLToPath(new URL(`../../../shared/data/rr/${name}`, import.meta.url))
const BY_COMMAND = recording('nsr001.ms.gz')
const BY_SDK = recording('nsr002.ms.gz')
const skip = existsSync(BY_COMMAND) && existsSync(BY_SDK) ? false : 'skipped: ../shared is absent'

const SECONDS = 60
const EVERY_MS = 2_000
const EXPECTED = (SECONDS * 1_000) / EVERY_MS

t.setTimeout(180_000)

t.test('recordings replayed at life speed for a minute are accepted, committed and paid', { skip }, async (t) => {
  const home = t.testdir()
  const dir = join(home, 'data')
  // No development network: what is proven here is what a real network takes.
  t.equal((await runProgram(['init', '--production', '--network', 'recording', '--interval', '1000', '--data-dir', dir])).code, 0)
  const node = await startNode(t, dir)
  const made = await runJson(['device', 'new', 'watch.key'], { cwd: home })

  const refusals: string[] = []
  const accepted = new Set<string>()
  const identity = createIdentity()
  async function replayBySdk() {
    const client = createClient({ url: node.url })
    await client.readNode()
    const queue = createQueue({ client, onFailure: (error) => refusals.push(error.message) })
    const source = createReplay(await readRecording(BY_SDK), { speed: 1 })
    const stop = AbortSignal.timeout(SECONDS * 1_000)
    try {
      return await runDevices({
        sink: queue,
        devices: [{ identity, source }],
        everyMs: EVERY_MS,
        signal: stop,
        onVerdict: (verdict, { id }) => (verdict.accepted ? accepted.add(id) : refusals.push(verdict.code)),
      })
    } finally {
      queue.close()
    }
  }
  const [command, bySdk] = await Promise.all([
    runJson(
      ['device', 'replay', BY_COMMAND, '--url', node.url, '--key', 'watch.key', '--every', String(EVERY_MS), '--seconds', String(SECONDS)],
      { cwd: home, timeoutMs: 2 * SECONDS * 1_000 },
    ),
    replayBySdk(),
  ])
  t.equal(command.code, 0, command.err)
  t.same(refusals, [])
  for (const { made: beats, accepted: taken, refused, silent } of [command.json, bySdk]) {
    t.comment(`${beats} heartbeats made, ${taken} accepted, ${silent} moments without a beat`)
    t.ok(beats >= EXPECTED / 2 && beats <= EXPECTED + 2, 'it beat all the time')
    t.same([taken, refused], [beats, 0], 'every one was accepted')
  }
  t.equal(accepted.size, bySdk.accepted)

  // Without hearts nothing waits any more and the chain sleeps, so that all reads see one state.
  await eventually('nothing waits', async () => (await read(`${node.url}/status`)).mempool.heartbeats === 0)
  const status = await read(`${node.url}/status`)
  const blocks = await readAll(`${node.url}/v2/blocks`, 'blocks')
  const bodies = await Promise.all(blocks.map(({ height }) => readAll(`${node.url}/v2/blocks/${height}/heartbeats`, 'heartbeats')))
  const committed = bodies.flat()
  t.equal(new Set(committed.map(({ id }) => id)).size, committed.length, 'no heartbeat is in two blocks')
  const ours = committed.filter(({ device }) => device === identity.keyText)
  t.same(new Set(ours.map(({ id }) => id)), accepted, 'the blocks hold exactly what was accepted')
  t.equal(committed.filter(({ device }) => device === made.json.key).length, command.json.accepted)
  t.equal(committed.length, bySdk.accepted + command.json.accepted)

  const accounts = await readAll(`${node.url}/v2/accounts`, 'accounts')
  const sum = (amounts: string[]): bigint => amounts.reduce((total, amount) => total + BigInt(amount), 0n)
  const supply = BigInt(status.supply)
  t.same(new Set(accounts.map(({ key }) => key)), new Set([made.json.key, identity.keyText]))
  t.equal(sum(accounts.map(({ balance }) => balance)), supply, 'the balances add up to the supply, to the unit')
  t.equal(sum(accounts.map(({ earned }) => earned)), supply)
  t.equal(sum(blocks.map(({ reward }) => reward)), supply, 'and so do the rewards of the blocks')
  for (const { balance, lastHeartbeat } of accounts) t.ok(BigInt(balance) > 0n && lastHeartbeat.height > 0)
  for (const { height, lives, weightPpm, reward } of blocks) {
    t.ok(lives > 0 && weightPpm > 0 && BigInt(reward) > 0n, `block ${height} is paid`)
  }

  t.equal((await node.stop()).code, 0)
  const verified = await runJson(['verify', '--data-dir', dir])
  const { headId, stateRoot } = status
  const expected = { ok: true, height: status.height, headId, stateRoot, supply: status.supply, heartbeats: committed.length }
  t.match(verified, { code: 0, json: expected })
})
