// Four validators as four processes on this machine, each verifying everything: what they commit together, how soon a
// heartbeat is final, what they say to each other for it, and what memory they take.

import type { Bench, Context } from './context.ts'
import { size } from './context.ts'
import type { Figure } from './figure.ts'
import { repeated } from './figure.ts'
import type { FourLoaded } from './four-load.ts'
import { NODES, runFour } from './four-load.ts'
import { refusals } from './load.ts'
import { besideRaw } from './raw.ts'
import { scheduleOf } from './schedule.ts'
import { maximum, median, minimum, quantile, sum } from './stats.ts'

const REPETITIONS = 3
/** Each life beats every so many seconds. */
const EVERY_S = 2
const INTERVAL_MS = 1_000
const SHORT_INTERVAL_MS = 500
/** What is offered, from the highest down. */
const OFFERS = [4_000, 3_500, 3_000, 2_500, 2_000, 1_500, 1_000]
const TARGET_PER_S = 1_500
const LIVES = 10_000
const LIVES_EVERY_S = 10
/** Sustained: so much of what is offered gets committed, and nothing is refused. */
const SUSTAINED = 0.98

function load(context: Context, ratePerS: number, seconds: number, more: { intervalMs?: number; everyS?: number; follow?: boolean } = {}): Promise<FourLoaded> {
  const { intervalMs = INTERVAL_MS, everyS = EVERY_S, follow = false } = more
  return runFour({
    program: context.program,
    directory: context.directory,
    schedule: scheduleOf(ratePerS / NODES, everyS, seconds),
    intervalMs,
    warmUpS: Math.min(5, seconds / 2),
    follow,
  })
}

const holds = ({ committedPerS, generator }: FourLoaded, offeredPerS: number): boolean =>
  Object.keys(generator.refused).length === 0 && committedPerS >= SUSTAINED * offeredPerS

/** @returns the highest offer that the four sustain for a short time, per second */
async function findRate(context: Context): Promise<{ offeredPerS: number; tried: string[] }> {
  const tried: string[] = []
  for (const offeredPerS of OFFERS) {
    const loaded = await load(context, offeredPerS, size(context, 20, 10))
    const held = holds(loaded, offeredPerS)
    tried.push(`${offeredPerS}/s ${held ? 'held' : `not held: ${Math.round(loaded.committedPerS)}/s committed`}`)
    context.say(tried.at(-1)!)
    if (held) return { offeredPerS, tried }
  }
  return { offeredPerS: OFFERS.at(-1)!, tried }
}

async function repeat(context: Context, run: () => Promise<FourLoaded>): Promise<FourLoaded[]> {
  const all: FourLoaded[] = []
  for (let i = 0; i < size(context, REPETITIONS, 1); i++) all.push(await run())
  return all
}

const per = (loaded: readonly FourLoaded[], of: (traffic: FourLoaded['traffic']) => number): number[] => loaded.map(({ traffic, committed }) => of(traffic) / committed)

function trafficFigures(name: string, loaded: readonly FourLoaded[]): Figure[] {
  return [
    repeated(`${name}: gossip messages published per heartbeat`, per(loaded, ({ published }) => published), 'ratio'),
    repeated(`${name}: first copies received per heartbeat, all nodes`, per(loaded, ({ received }) => received), 'ratio'),
    repeated(`${name}: requests per heartbeat`, per(loaded, ({ requests }) => requests), 'ratio'),
    repeated(`${name}: bytes on all connections per heartbeat`, per(loaded, ({ bytes }) => bytes), 'bytes'),
  ]
}

const told = (loaded: readonly FourLoaded[]): string[] => [
  ...new Set(loaded.flatMap(({ generator, complaints }) => [...refusals(generator), ...complaints.filter((line) => !line.includes('Seed not reached'))])),
]

export const fourBench: Bench = {
  name: 'four',
  description: `${NODES} validators as processes, each verifying everything and the witness of a quarter`,
  async run(context) {
    const { offeredPerS, tried } = await findRate(context)
    const seconds = size(context, 40, 10)
    const { result, raw } = await besideRaw(size(context, 1_000, 200), async () => {
      const fast = await repeat(context, () => load(context, offeredPerS, seconds))
      context.say('sustained rate measured')
      const prompt = await repeat(context, () => load(context, TARGET_PER_S / 2, seconds, { intervalMs: SHORT_INTERVAL_MS, follow: true }))
      context.say('finality measured')
      const lively = await load(context, LIVES / LIVES_EVERY_S, size(context, 60, 10), { everyS: LIVES_EVERY_S })
      return { fast, prompt, lively }
    })
    const { fast, prompt, lively } = result
    const rates = fast.map(({ committedPerS }) => committedPerS)
    const latencies = fast.flatMap(({ generator }) => generator.latenciesMs)
    const finality = (q: number): number[] => prompt.map(({ finalityMs }) => quantile(finalityMs, q))
    return {
      figures: [
        repeated('committed', rates, '/s', { atLeast: TARGET_PER_S }),
        { name: 'raw rate of two cores beside it', value: median(raw), unit: '/s', spread: [minimum(raw), maximum(raw)], repetitions: raw.length },
        { name: 'verified by all four / raw rate', value: (NODES * median(rates)) / median(raw), unit: 'ratio' },
        repeated('all nodes', fast.map(({ cores }) => sum(cores)), 'cores'),
        { name: 'answer to a request, p99', value: quantile(latencies, 0.99), unit: 'ms' },
        ...trafficFigures(`at ${offeredPerS}/s`, fast),
        repeated('acceptance to finality, p50', finality(0.5), 'ms', { atMost: 450 }),
        repeated('acceptance to finality, p99', finality(0.99), 'ms', { atMost: 1_000 }),
        repeated('of it, committed', prompt.map(({ committedPerS }) => committedPerS), '/s'),
        ...trafficFigures(`at ${TARGET_PER_S / 2}/s`, prompt),
        repeated('resident memory of a node, highest', lively.memory.map(({ peakMb }) => peakMb), 'MB', { atMost: 400 }),
        { name: 'of it, lives', value: size(context, LIVES, LIVES), unit: 'count' },
        { name: 'of it, committed', value: lively.committedPerS, unit: '/s' },
      ],
      notes: [
        `Tried ${tried.join(', ')}; then ${fast.length} runs of ${seconds} s, blocks every ${INTERVAL_MS / 1_000} s; extra rounds in a run: ${fast.map(({ extraRounds }) => extraRounds).join(', ')}.`,
        `Finality: ${TARGET_PER_S / 2}/s, blocks every ${SHORT_INTERVAL_MS} ms, from the answer to the announcement of the block on the WebSocket, both of the heartbeat's witness; ` +
          `half the interval is waiting. ${sum(prompt.map(({ finalityMs }) => finalityMs.length))} heartbeats; extra rounds in a run: ${prompt.map(({ extraRounds }) => extraRounds).join(', ')}.`,
        `Memory: of the four nodes, each life beating every ${LIVES_EVERY_S} s, for a minute.`,
        ...told([...fast, ...prompt, lively]),
      ],
    }
  },
}
