// Blocks of 20 000 heartbeats: how long do they keep the API's thread from answering?

import type { Bench } from './context.ts'
import { size } from './context.ts'
import { refusals, runLoad } from './load.ts'
import { median } from './stats.ts'

const HEARTBEATS = 20_000
/** A block takes what one interval brought: every life beats once in it. */
const INTERVAL_MS = 5_000
const HEALTH_EVERY_MS = 10

export const blockBench: Bench = {
  name: 'block',
  description: `blocks of ${HEARTBEATS} heartbeats (as many lives, one block in ${INTERVAL_MS / 1_000} s), GET /health every ${HEALTH_EVERY_MS} ms`,
  async run(context) {
    const everyS = INTERVAL_MS / 1_000
    const loaded = await runLoad({
      program: context.program,
      directory: context.directory,
      schedule: { lives: size(context, HEARTBEATS, 2_000), everyS, seconds: size(context, 60, 20) },
      format: 'binary',
      intervalMs: INTERVAL_MS,
      warmUpS: 2 * everyS,
      healthEveryMs: HEALTH_EVERY_MS,
    })
    const heartbeats = loaded.blocks.map((block) => block.heartbeats)
    return {
      figures: [
        { name: 'heartbeats in a block', value: median(heartbeats), unit: 'count', spread: [Math.min(...heartbeats), Math.max(...heartbeats)], repetitions: heartbeats.length },
        { name: '/health, longest', value: loaded.health.maxMs, unit: 'ms', target: { atMost: 200 } },
        { name: '/health, p99', value: loaded.health.p99Ms, unit: 'ms' },
        { name: 'event loop of the API more than 200 ms late', value: loaded.lagOver200Ms, unit: 'count', target: { atMost: 0 } },
      ],
      notes: [`/health was asked ${loaded.health.asked} times.`, ...refusals(loaded.generator), ...loaded.complaints],
    }
  },
}
