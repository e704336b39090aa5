// 100 000 lives that beat at the same time: how much memory does the node take?

import type { Bench } from './context.ts'
import { size } from './context.ts'
import { refusals, runLoad } from './load.ts'
import type { Memory } from './proc.ts'
import { memory } from './proc.ts'
import { median } from './stats.ts'

const LIVES = 100_000
/** Slow enough for a small machine to follow; a life counts as live for 12 blocks, which is a minute. */
const EVERY_S = 25
const INTERVAL_MS = 5_000

export const livesBench: Bench = {
  name: 'lives',
  description: `${LIVES} lives, each beating every ${EVERY_S} s, blocks every ${INTERVAL_MS / 1_000} s`,
  async run(context) {
    let used: Memory = { rssMb: NaN, peakMb: NaN }
    let live = NaN
    const loaded = await runLoad({
      program: context.program,
      directory: context.directory,
      schedule: { lives: size(context, LIVES, 5_000), everyS: EVERY_S, seconds: EVERY_S * size(context, 4, 1) },
      format: 'binary',
      intervalMs: INTERVAL_MS,
      warmUpS: 5,
      healthEveryMs: 50,
      async atEnd(daemon) {
        live = (await daemon.get<{ lives: number }>('/status')).lives
        used = memory(daemon.pid)
      },
    })
    return {
      figures: [
        { name: 'live lives at the end', value: live, unit: 'count' },
        { name: 'resident memory, highest', value: used.peakMb, unit: 'MB', target: { atMost: 600 } },
        { name: 'resident memory, at the end', value: used.rssMb, unit: 'MB' },
        { name: 'committed', value: loaded.committedPerS, unit: '/s' },
        { name: 'heartbeats in a block', value: median(loaded.blocks.map(({ heartbeats }) => heartbeats)), unit: 'count' },
        { name: 'node', value: loaded.nodeCores, unit: 'cores' },
      ],
      notes: [`${loaded.generator.accepted} of ${loaded.generator.sent} heartbeats accepted, ${loaded.committed} committed.`, ...refusals(loaded.generator), ...loaded.complaints],
    }
  },
}
