// Wire to committed: how many heartbeats per second go all the way through one node, from HTTP to a block on disk, with
// the generator on the same machine. First the rate that the node sustains is found in short runs, then it is held for
// a minute; committed heartbeats are counted in the blocks.

import type { Bench, Context } from './context.ts'
import { size } from './context.ts'
import type { Figure } from './figure.ts'
import type { Loaded } from './load.ts'
import { refusals, runLoad } from './load.ts'
import { besideRaw, openRawProbe } from './raw.ts'
import { scheduleOf } from './schedule.ts'
import { median, quantile } from './stats.ts'

/** Each life beats every so many seconds. */
const EVERY_S = 2
const INTERVAL_MS = 1_000
const TARGET_RATIO = 0.3
/** What is offered, as a fraction of the raw rate, from the highest down. */
const OFFERS = [0.6, 0.54, 0.48, 0.42, 0.36, 0.3, 0.24]
/** Sustained: so much of what is offered gets committed, and nothing is refused. */
const SUSTAINED = 0.98
/** … and whoever asks is answered before the next block, in most cases. */
const MAX_P99_MS = 1_000

function load(context: Context, format: 'binary' | 'json', ratePerS: number, seconds: number): Promise<Loaded> {
  return runLoad({
    program: context.program,
    directory: context.directory,
    schedule: scheduleOf(ratePerS, EVERY_S, seconds),
    format,
    intervalMs: INTERVAL_MS,
    warmUpS: Math.min(8, seconds / 2),
    healthEveryMs: 20,
  })
}

function sustained({ committedPerS, generator }: Loaded, offeredPerS: number): boolean {
  const nothingRefused = Object.keys(generator.refused).length === 0
  return nothingRefused && committedPerS >= SUSTAINED * offeredPerS && quantile(generator.latenciesMs, 0.99) <= MAX_P99_MS
}

/** @returns the highest offer that the node sustains for a short time, per second */
async function findRate(context: Context, format: 'binary' | 'json', rawPerS: number): Promise<{ offeredPerS: number; tried: string[] }> {
  const tried: string[] = []
  for (const offer of OFFERS) {
    const offeredPerS = Math.round(offer * rawPerS)
    const loaded = await load(context, format, offeredPerS, size(context, 20, 8))
    const holds = sustained(loaded, offeredPerS)
    tried.push(`${offeredPerS}/s (${offer.toFixed(2)}) ${holds ? 'held' : `not held: ${Math.round(loaded.committedPerS)}/s committed`}`)
    context.say(`${format}: ${tried.at(-1)}`)
    if (holds) return { offeredPerS, tried }
  }
  return { offeredPerS: Math.round(OFFERS.at(-1)! * rawPerS), tried }
}

async function measure(context: Context, format: 'binary' | 'json', seconds: number): Promise<{ figures: Figure[]; notes: string[] }> {
  const probe = await openRawProbe()
  const roughPerS = median((await probe.measure('p256', 2, 5, size(context, 500, 200))).map(({ perS }) => perS))
  await probe.close()
  const { offeredPerS, tried } = await findRate(context, format, roughPerS)
  const { result, raw } = await besideRaw(size(context, 1_000, 200), () => load(context, format, offeredPerS, seconds))
  const { generator, health, blocks } = result
  const rawPerS = median(raw)
  const named = (name: string): string => `${format}: ${name}`
  const ratio = result.committedPerS / rawPerS
  return {
    figures: [
      { name: named('committed'), value: result.committedPerS, unit: '/s' },
      { name: named('committed / raw rate of two cores'), value: ratio, unit: 'ratio', ...(format === 'binary' ? { target: { atLeast: TARGET_RATIO } } : {}) },
      { name: named('offered'), value: offeredPerS, unit: '/s' },
      { name: named('raw rate beside it'), value: rawPerS, unit: '/s', spread: [Math.min(...raw), Math.max(...raw)], repetitions: raw.length },
      { name: named('answer to a batch, p50'), value: median(generator.latenciesMs), unit: 'ms' },
      { name: named('answer to a batch, p99'), value: quantile(generator.latenciesMs, 0.99), unit: 'ms' },
      { name: named('/health, p99'), value: health.p99Ms, unit: 'ms' },
      { name: named('/health, longest'), value: health.maxMs, unit: 'ms' },
      { name: named('node'), value: result.nodeCores, unit: 'cores' },
      { name: named('node, processor time per heartbeat'), value: (1e6 * result.nodeCores) / result.committedPerS, unit: 'µs' },
      { name: named('generator'), value: generator.cpuMs / generator.durationMs, unit: 'cores' },
    ],
    notes: [
      `${format}: tried ${tried.join(', ')}.`,
      `${format}: ${generator.accepted} of ${generator.sent} heartbeats accepted, ${result.committed} committed, ${blocks.length} blocks measured, requests left at most ${Math.round(generator.latenessMs)} ms late.`,
      `${format}: the event loop of the API was more than 200 ms late ${result.lagOver200Ms} times.`,
      ...refusals(generator),
      ...result.complaints,
    ],
  }
}

export const wireBench: Bench = {
  name: 'wire',
  description: 'HTTP to committed block, one solo node with 1 s blocks, batches of up to 1 000',
  async run(context) {
    const binary = await measure(context, 'binary', size(context, 60, 10))
    const json = await measure(context, 'json', size(context, 30, 10))
    return { figures: [...binary.figures, ...json.figures], notes: [...binary.notes, ...json.notes] }
  },
}
