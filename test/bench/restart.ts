// A start on a chain of one million heartbeats: from the start of the process until /ready says yes. And what the
// chain takes on disk.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { millionChain } from './chain.ts'
import type { Bench } from './context.ts'
import { diskBytes, runProgram } from './daemon.ts'
import { repeated } from './figure.ts'
import { freePort } from '../ports.ts'

const REPETITIONS = 5
const POLL_MS = 5
const GIVE_UP_MS = 60_000

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    request({ host: '127.0.0.1', port, path: '/ready', agent: false }, (incoming) => {
      incoming.resume()
      resolve(incoming.statusCode === 200)
    })
      .on('error', () => resolve(false))
      .end()
  })
}

/** @returns seconds from the start of the process to ready */
async function startOnce(program: string, dataDir: string): Promise<number> {
  const port = await freePort()
  const startedMs = performance.now()
  const child = spawn(process.execPath, [program, 'start', '--data-dir', dataDir, '--host', '127.0.0.1', '--port', String(port), '--p2p-port', '0', '--log-level', 'error'], { stdio: 'inherit' })
  const exited = once(child, 'exit')
  while (!(await isReady(port))) {
    if (child.exitCode !== null) throw new Error(`the node ended with code ${child.exitCode}`)
    if (performance.now() - startedMs > GIVE_UP_MS) throw new Error('the node did not become ready')
    await delay(POLL_MS)
  }
  const seconds = (performance.now() - startedMs) / 1_000
  child.kill('SIGTERM')
  await exited
  return seconds
}

async function startRepeatedly(program: string, dataDir: string): Promise<number[]> {
  const seconds: number[] = []
  for (let i = 0; i < REPETITIONS; i++) seconds.push(await startOnce(program, dataDir))
  return seconds
}

export const restartBench: Bench = {
  name: 'restart',
  description: 'start of the process to /ready on a chain of 1 000 000 heartbeats, 50 000 lives, 100 blocks; size of that chain',
  async run(context) {
    const chain = await millionChain(context)
    const empty = join(context.directory, 'empty')
    await runProgram(context.program, ['init', '--data-dir', empty])
    const db = diskBytes(join(chain.dataDir, 'db'))
    const wal = diskBytes(join(chain.dataDir, 'wal'))
    const onEmpty = await startRepeatedly(context.program, empty)
    const onChain = await startRepeatedly(context.program, chain.dataDir)
    const dbAfter = diskBytes(join(chain.dataDir, 'db'))
    return {
      figures: [
        repeated('ready on the long chain', onChain, 's', { atMost: 1.5 }),
        repeated('ready on an empty chain', onEmpty, 's'),
        { name: 'disk per committed heartbeat, database and log', value: (db + wal) / chain.heartbeats, unit: 'bytes', target: { atMost: 200 } },
        { name: 'of it the write-ahead log', value: wal / chain.heartbeats, unit: 'bytes' },
        { name: 'the database alone after the restarts', value: dbAfter / chain.heartbeats, unit: 'bytes' },
        { name: 'blocks alone, no door and no verification', value: chain.heartbeats / chain.commitSeconds, unit: '/s' },
      ],
      notes: [`The chain has ${chain.heartbeats} heartbeats of ${chain.lives} lives in ${chain.blocks} blocks.`],
    }
  },
}
