// A process that catches up from another one: /ready, status and log say so while it does, also when its only peer dies
// in the middle, and it goes on by itself when the peer is back.

import { join } from 'node:path'
import t from 'tap'
import { initialise } from '../../src/cli/network.ts'
import { eventually, read, request, runProgram, startNode } from './harness.ts'
import { writeChain } from './offline-chain.ts'
import { freePort } from '../ports.ts'

t.setTimeout(180_000)

const BLOCKS = 1_500

t.test('a new node says that it catches up, and how it goes, until it is there', async (t) => {
  const root = t.testdir()
  const dirs = [join(root, 'peer'), join(root, 'new')] as const
  const { genesis, paths, validator } = initialise(dirs[0], { network: 'pulse-sync', development: true, intervalMs: 1_000, nowMs: Date.now() - (BLOCKS + 100) * 1_000 })
  initialise(dirs[1], genesis)
  await writeChain([paths.db], { genesis, validators: [validator], blocks: BLOCKS, heartbeats: 5 })
  const port = await freePort()
  const peerFlags = ['--p2p-port', String(port)]
  const peer = await startNode(t, dirs[0], peerFlags)
  const node = await startNode(t, dirs[1], ['--seed', `/ip4/127.0.0.1/tcp/${port}`])
  await eventually('it has begun', async () => (await read(`${node.url}/status`)).height > 0)
  await peer.kill()

  await eventually('what came is stored', async () => (await read(`${node.url}/status`)).sync?.blocksPerS === 0)
  const { height, syncing, sync } = await read(`${node.url}/status`)
  t.ok(height > 0 && height < BLOCKS, `${height} of ${BLOCKS}`)
  t.match({ syncing, sync }, { syncing: true, sync: { target: BLOCKS, etaS: null, bottleneck: 'network' } })
  const reason = `The node catches up: height ${height} of ${BLOCKS}, nothing has come yet.`
  await eventually('/ready says so', async () => {
    const { status, json } = await request(`${node.url}/ready`)
    return status === 503 && json.reasons[0] === reason
  })
  t.match((await runProgram(['status', '--url', node.url])).out, new RegExp(`catching up +to height ${BLOCKS}, nothing has come yet\nat +0 blocks/s, 0 heartbeats/s, limited by network\n`))
  const line = await node.line(({ msg, bottleneck }) => msg === 'Catching up' && bottleneck !== undefined, 'a line of progress')
  t.match(line, { level: 'info', target: BLOCKS, blocksPerS: Number, heartbeatsPerS: Number })

  await startNode(t, dirs[0], peerFlags)
  await node.message('Caught up')
  t.equal((await read(`${node.url}/status`)).height, BLOCKS)
  t.equal((await read(`${node.url}/status`)).sync, null)
  await eventually('it is ready', async () => (await request(`${node.url}/ready`)).status === 200)
  t.equal(node.announced.size, 0, 'not a line for each block')
  t.equal((await node.stop()).code, 0)
  const compared = await runProgram(['verify', '--data-dir', dirs[1], '--json'])
  t.equal(compared.code, 0, compared.err)
})
