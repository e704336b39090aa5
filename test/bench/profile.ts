// Profiles the node under the load of the bench `wire`: which functions each of its threads spends its time in.
//
//   node test/bench/profile.ts [heartbeats per second] [seconds]

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runLoad } from './load.ts'
import { threadsCpuMs } from './proc.ts'
import type { Cost } from './profile-summary.ts'
import { readProfiles } from './profile-summary.ts'
import { scheduleOf } from './schedule.ts'

const SHOWN = 20
/** Starting, and waiting until the generator has signed. */
const START_MS = 1_000
const THREADS = ['main thread', 'core thread']

const [rateText = '5000', secondsText = '30', program = fileURLToPath(new URL('../../bin/pulse-node', import.meta.url))] = process.argv.slice(2)
const directory = mkdtempSync(join(tmpdir(), 'pulse-profile-'))
try {
  const schedule = scheduleOf(Number(rateText), 2, Number(secondsText))
  let threads: [id: number, ms: number][] = []
  const loaded = await runLoad({
    program,
    directory,
    schedule,
    format: 'binary',
    intervalMs: 1_000,
    warmUpS: 4,
    healthEveryMs: 50,
    nodeFlags: ['--cpu-prof', `--cpu-prof-dir=${join(directory, 'profiles')}`],
    async atEnd({ pid }) {
      threads = [...threadsCpuMs(pid)]
    },
  })
  const perHeartbeatUs = (ms: number): string => ((1_000 * ms) / loaded.committed).toFixed(1)
  print(`${loaded.committed} heartbeats committed, ${Math.round(loaded.committedPerS)}/s`)
  print('processor time by thread of the system, µs per heartbeat: ' + threads.filter(([, ms]) => ms >= 100).map(([id, ms]) => `${id} ${perHeartbeatUs(ms)}`).join(', '))
  for (const { thread, busyMs, self, inclusive } of readProfiles(join(directory, 'profiles'), START_MS)) {
    print(`\n${THREADS[thread] ?? `verification thread ${thread - 1}`}: ${perHeartbeatUs(busyMs)} µs per heartbeat`)
    printCosts('in the function itself', self)
    printCosts('with what it calls (ours only)', inclusive)
  }

  function printCosts(title: string, costs: readonly Cost[]): void {
    print(`  ${title}`)
    for (const { ms, place } of costs.slice(0, SHOWN)) print(`  ${perHeartbeatUs(ms).padStart(8)} µs  ${place}`)
  }
} finally {
  rmSync(directory, { recursive: true, force: true })
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
