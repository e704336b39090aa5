// The testnet as a person runs it: four processes, one is killed and comes back, all stop together.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import t from 'tap'
import type { NodeRow } from '../../src/cli/testnet-watch.ts'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import type { LogLine } from './harness.ts'
import { eventually, read, readAll, request, RunningNode, runJson, runProgram } from './harness.ts'
import { assertAgreement } from './several.ts'
import { freePorts, isFree } from '../ports.ts'

t.setTimeout(180_000)

const NODES = 4

const rowsOf = (line: LogLine): readonly NodeRow[] => line['nodes'] as readonly NodeRow[]
const heights = (rows: readonly NodeRow[]): number[] => rows.map(({ height }) => height ?? 0)

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Starts a testnet and waits for its first line; at the end of the test nothing of it is left, whatever has happened. */
async function startTestnet(t: Test, dir: string, args: readonly string[]): Promise<{ testnet: RunningNode; pids: readonly number[] }> {
  const testnet = new RunningNode(dir, ['testnet', '--json', '--dir', dir, ...args], {})
  t.teardown(() => testnet.stop('SIGTERM'))
  const pids = rowsOf(await testnet.line(() => true, 'the first line')).map(({ pid }) => pid!)
  t.teardown(() => pids.filter(lives).forEach((pid) => process.kill(pid, 'SIGKILL')))
  return { testnet, pids }
}

t.test('four nodes agree, go on without one that is killed, and take it back', async (t) => {
  const dir = join(t.testdir(), 'net')
  const base = await freePorts(2 * NODES)
  const ports = ['--base-port', String(base), '--base-p2p-port', String(base + NODES)]
  const { testnet, pids } = await startTestnet(t, dir, ['--nodes', String(NODES), '--interval', '500', ...ports])
  const urls = Array.from({ length: NODES }, (_, i) => `http://127.0.0.1:${base + i}`)

  const grown = rowsOf(await testnet.line((line) => Math.min(...heights(rowsOf(line))) >= 10, 'height 10 on all nodes'))
  t.same(grown.map(({ name, url, pid, state }) => [name, url, pid, state]), urls.map((url, i) => [`node${i}`, url, pids[i], 'ready']))
  for (const { peers, power, base: own, totalPower } of grown) t.match({ peers, power, own, totalPower }, { peers: 3, power: 1_000_000, own: 1_000_000, totalPower: 4_000_000 })
  t.ok(grown.every(({ lives, finalityMs }) => lives !== null && lives >= 3 && finalityMs !== null), JSON.stringify(grown))
  await assertAgreement(t, urls, 10)

  process.kill(pids[2]!, 'SIGKILL')
  const down = rowsOf(await testnet.line((line) => rowsOf(line)[2]!.state === 'down', 'node2 shown as down'))
  t.match(down[2], { pid: null, round: null, lives: null })
  const killedAt = Math.max(...heights(down))
  const without = rowsOf(await testnet.line((line) => rowsOf(line).every(({ height }, i) => i === 2 || (height ?? 0) >= killedAt + 5), 'five more heights of three'))
  t.match(without.map(({ state }) => state), ['ready', 'ready', 'down', 'ready'])

  // As the introduction of the testnet says: nothing but the data directory is named.
  const again = new RunningNode(join(dir, 'node2'), ['start', '--data-dir', join(dir, 'node2')], {})
  t.teardown(() => again.stop('SIGTERM'))
  const back = rowsOf(
    await testnet.line((line) => {
      const rows = rowsOf(line)
      return rows[2]!.state === 'ready' && rows[2]!.height! > Math.max(...heights(without)) && rows[2]!.height! >= Math.max(...heights(rows)) - 1
    }, 'node2 caught up'),
  )
  t.equal(back[2]!.pid, null, 'it is not the process that the testnet started')
  const { validator } = (await read(`${urls[2]}/v2/node`)) as { validator: string }
  const from = back[2]!.height!
  await eventually('node2 proposes again', async () => {
    const blocks = (await readAll(`${urls[0]}/v2/blocks`, 'blocks')) as { height: number; proposer: string }[]
    return blocks.some(({ height, proposer }) => height > from && proposer === validator)
  })
  const common = await assertAgreement(t, urls, from)

  const stopped = await testnet.stop('SIGINT')
  t.same([stopped.code, stopped.signal, stopped.err], [EXIT_CODES.ok, null, ''])
  t.same(pids.filter(lives), [], 'no process of it is left')
  t.equal((await request(`${urls[2]}/health`)).status, 200, 'the one that was started by hand goes on')
  t.equal((await again.stop('SIGTERM')).code, EXIT_CODES.ok)
  for (const i of [0, 2]) {
    const verified = await runJson(['verify', '--data-dir', join(dir, `node${i}`)])
    t.ok(verified.code === 0 && verified.json.height >= common, `node${i}: ${verified.err}`)
  }

  const { testnet: on } = await startTestnet(t, dir, [])
  await on.line((line) => Math.min(...heights(rowsOf(line))) > common, 'the same network goes on')
  await assertAgreement(t, urls, common + 1)
  t.equal((await on.stop('SIGTERM')).code, EXIT_CODES.ok)
})

t.test('a node that cannot start stops the others, and says why', async (t) => {
  const dir = join(t.testdir(), 'net')
  const base = await freePorts(4)
  const args = ['testnet', '--dir', dir, '--base-port', String(base), '--base-p2p-port', String(base + 2)]
  const first = await runProgram([...args, '--nodes', '2', '--seconds', '1'])
  t.equal(first.code, EXIT_CODES.ok, first.err)
  for (const line of first.out.split('\n').filter((line) => !line.includes(dir))) t.ok(line.length <= 80, line)
  t.match(first.out, `pulse-node start --data-dir ${join(dir, 'node')}`)

  writeFileSync(join(dir, 'node1', 'last-signed.json'), 'x')
  const second = await runProgram(args)
  t.equal(second.code, EXIT_CODES.signer)
  t.match(second.err, /^pulse-node: node1: The last-signed record [^\n]* is not JSON\. [^\n]+ \(signer\)\n$/)
  t.ok((await Promise.all([0, 1, 2, 3].map((i) => isFree(base + i)))).every(Boolean), 'nothing listens any more')
})
