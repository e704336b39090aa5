// Devices that beat by themselves: their moments, their vitals, what becomes of their heartbeats.

import t from 'tap'
import { toHex } from '../../src/base/bytes.ts'
import { createClient } from '../../src/device/client.ts'
import { createHeart } from '../../src/device/heart.ts'
import type { DeviceHeartbeat } from '../../src/device/heartbeat.ts'
import type { DeviceState } from '../../src/device/identity.ts'
import { createIdentity, identityFromKeys } from '../../src/device/identity.ts'
import { createQueue } from '../../src/device/queue.ts'
import { createReplay, parseRecording } from '../../src/device/recording.ts'
import type { Device, RunOptions, RunSummary } from '../../src/device/run.ts'
import { runDevice, runDevices } from '../../src/device/run.ts'
import type { VitalsSource } from '../../src/device/source.ts'
import type { HeartbeatSink, HeartbeatVerdict } from '../../src/device/verdict.ts'
import { FakeNode, FakeTiming, NETWORK, settle, START_MS, VITALS } from './device-helpers.ts'

/** A sink in this process that takes everything. */
class Sink implements HeartbeatSink {
  readonly sent: DeviceHeartbeat[] = []
  readonly batches: number[] = []
  answer: (heartbeats: readonly DeviceHeartbeat[]) => Promise<HeartbeatVerdict[]>
  development = true
  readonly #timing: FakeTiming

  constructor(timing: FakeTiming) {
    this.#timing = timing
    this.answer = async (heartbeats) => heartbeats.map(({ id }) => ({ accepted: true, id, weightPpm: 1 }))
  }

  network = (): typeof NETWORK => ({ ...NETWORK, development: this.development })
  nowMs = (): number => this.#timing.nowMs()
  send = (heartbeats: readonly DeviceHeartbeat[]): Promise<HeartbeatVerdict[]> => {
    this.sent.push(...heartbeats)
    this.batches.push(heartbeats.length)
    return this.answer(heartbeats)
  }
}

/** A source that notes the spans it was asked for. */
function noting(): VitalsSource & { readonly spans: number[] } {
  const spans: number[] = []
  return { spans, ended: false, developmentOnly: false, next: (spanMs) => (spans.push(spanMs), VITALS) }
}

/** A sequence of numbers below 1 that looks like chance. */
function chance(): () => number {
  let state = 1
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}

/** Lets devices run for some virtual time and stops them. */
async function run(timing: FakeTiming, options: RunOptions & { devices: readonly Device[] }, durationMs: number): Promise<RunSummary> {
  const stop = new AbortController()
  const running = runDevices({ timing, random: chance(), signal: stop.signal, ...options })
  await timing.advance(durationMs)
  stop.abort()
  await timing.advance(10_000)
  return running
}

t.test('a device beats at once and then every interval', async (t) => {
  const timing = new FakeTiming()
  const sink = new Sink(timing)
  const source = noting()
  const summary = await run(timing, { sink, everyMs: 5_000, jitter: 0, devices: [{ identity: createIdentity('ed25519'), source }] }, 20_000)
  t.strictSame(sink.sent.map(({ timestampS }) => timestampS - START_MS / 1_000), [0, 5, 10, 15, 20])
  t.strictSame(source.spans, [5_000, 5_000, 5_000, 5_000, 5_000])
  t.strictSame(summary, { made: 5, accepted: 5, refused: 0, silent: 0 })
  t.equal(timing.pending, 0, 'no timer is left')
})

t.test('jitter shifts the moments, does not add up, and the spans still cover the time', async (t) => {
  const timing = new FakeTiming()
  const moments: number[] = []
  const sink = new Sink(timing)
  const source = noting()
  const onState = (): void => void moments.push(timing.elapsedMs())
  await run(timing, { sink, everyMs: 4_000, jitter: 0.25, onState, devices: [{ identity: createIdentity('ed25519'), source }] }, 400_000)
  t.ok(moments.length >= 100 && moments.length <= 102, String(moments.length))
  t.ok(moments.every((atMs, i) => Math.abs(atMs - 4_000 * i) <= 1_000))
  t.ok(new Set(moments.map((atMs) => Math.round(atMs) % 4_000)).size > 50)
  t.ok(Math.abs(source.spans.reduce((sum, spanMs) => sum + spanMs, 0) - (moments.at(-1)! + 4_000)) < 1e-6)
})

t.test('no device ever beats twice in a second, however short its interval', async (t) => {
  for (const everyMs of [1, 300, 900, 1_000, 1_100]) {
    const timing = new FakeTiming()
    timing.wallMs += 437
    const sink = new Sink(timing)
    await run(timing, { sink, everyMs, jitter: 0.4, devices: [{ identity: createIdentity('ed25519'), source: noting() }] }, 60_000)
    const seconds = sink.sent.map(({ timestampS }) => timestampS)
    t.equal(new Set(seconds).size, seconds.length, `every ${everyMs} ms`)
    t.strictSame(seconds, seconds.toSorted((a, b) => a - b))
    t.ok(seconds.length > 45, `${seconds.length} heartbeats`)
  }
})

t.test('through the queue a node accepts every heartbeat, also over an outage and with a wrong clock', async (t) => {
  const timing = new FakeTiming()
  const node = new FakeNode(timing)
  node.clockAheadMs = 3_600_000
  const client = createClient({ url: 'http://node.test', fetch: node.fetch, timing })
  await client.readNode()
  const sink = createQueue({ client, timing, random: chance() })
  const codes = new Set<string>()
  const devices = [1, 2, 3].map((seed) => ({ identity: createIdentity('ed25519'), source: createHeart({ seed }) }))
  const stop = new AbortController()
  const onVerdict = (verdict: HeartbeatVerdict): void => void codes.add(verdict.accepted ? 'accepted' : verdict.code)
  const running = runDevices({ sink, everyMs: 1_000, devices, timing, random: chance(), signal: stop.signal, onVerdict })
  await timing.advance(20_000)
  node.mode = 'down'
  await timing.advance(12_000)
  node.mode = 'up'
  await timing.advance(30_000)
  stop.abort()
  await timing.advance(5_000)
  const summary = await running
  t.strictSame([...codes], ['accepted'])
  t.equal(node.taken.length, summary.accepted)
  t.ok(summary.made >= 150, `${summary.made} made`)
  t.ok(summary.made - summary.accepted <= 3)
})

t.test('many devices are spread over the interval and sent in batches', async (t) => {
  const timing = new FakeTiming()
  const sink = new Sink(timing)
  const devices = Array.from({ length: 200 }, () => ({ identity: createIdentity('ed25519'), source: noting() }))
  const summary = await run(timing, { sink, everyMs: 2_000, devices }, 10_000)
  t.ok(summary.made >= 990 && summary.made <= 1_200, String(summary.made))
  t.ok(Math.max(...sink.batches) <= 32)
  t.ok(sink.batches.length < summary.made / 3, `${sink.batches.length} batches`)
  const perDevice = Map.groupBy(sink.sent, ({ message }) => toHex(message.subarray(64, 99)))
  t.equal(perDevice.size, 200)
  t.ok([...perDevice.values()].every((list) => list.length >= 4 && list.length <= 6))
})

t.test('a replay ends the run at its end, and all its beats are told', async (t) => {
  const timing = new FakeTiming()
  const sink = new Sink(timing)
  const rr = Array.from({ length: 100 }, (_, i) => 700 + i)
  const source = createReplay(parseRecording(rr.join('\n')), { speed: 10 })
  const running = runDevice({ identity: createIdentity('ed25519'), source, sink, everyMs: 2_000, timing, random: chance() })
  await timing.advance(60_000)
  const summary = await running
  t.strictSame(sink.sent.flatMap(({ vitals }) => vitals.rrMs), rr)
  t.ok(summary.made >= 4 && summary.made <= 5, 'each heartbeat covers 20 s of the recording')
  t.equal(timing.pending, 0)
})

t.test('where no heart beat ended, nothing is sent', async (t) => {
  const timing = new FakeTiming()
  const sink = new Sink(timing)
  const source = createReplay(parseRecording('1500\n'.repeat(40)))
  const summary = await run(timing, { sink, everyMs: 1_000, jitter: 0, devices: [{ identity: createIdentity('ed25519'), source }] }, 30_000)
  t.equal(summary.made + summary.silent, 31)
  t.equal(summary.silent, 11)
})

t.test('simulated hearts and fast replay run on development networks only', async (t) => {
  const timing = new FakeTiming()
  const sink = new Sink(timing)
  sink.development = false
  const identity = createIdentity('ed25519')
  const recording = parseRecording('800\n')
  const attempt = (source: VitalsSource): Promise<RunSummary> => runDevice({ identity, source, sink, everyMs: 1_000, timing })
  await t.rejects(attempt(createHeart({ seed: 1 })), { code: 'development_only' })
  await t.rejects(attempt(createReplay(recording, { speed: 2 })), { code: 'development_only' })
  const running = attempt(createReplay(recording))
  await timing.advance(5_000)
  t.equal((await running).made, 1, 'a recording at the speed of life may run')
})

t.test('the state is handed out before the heartbeat leaves, and continues after a restart', async (t) => {
  const timing = new FakeTiming()
  const sink = new Sink(timing)
  let state: DeviceState = { lastSequence: 5_000_000_000, lastTimestampS: 0 }
  const { keys } = createIdentity('ed25519')
  let stored = true
  sink.answer = async (heartbeats) => {
    stored &&= heartbeats.every(({ sequence }) => sequence <= state.lastSequence)
    return heartbeats.map(({ id }) => ({ accepted: true, id, weightPpm: 1 }))
  }
  for (let restart = 0; restart < 3; restart++) {
    const identity = identityFromKeys(keys, state)
    await run(timing, { sink, everyMs: 3_000, onState: (now) => (state = now), devices: [{ identity, source: noting() }] }, 6_500)
  }
  t.ok(stored)
  const sequences = sink.sent.map(({ sequence }) => sequence)
  t.strictSame(sequences, sequences.map((_, i) => 5_000_000_001 + i))
})

t.test('after a long pause there is one heartbeat, not many, with the vitals of the last minute', async (t) => {
  const timing = new FakeTiming()
  const sink = new Sink(timing)
  const source = noting()
  const blocked = Promise.withResolvers<void>()
  sink.answer = async (heartbeats) => {
    await blocked.promise
    return heartbeats.map(({ id }) => ({ accepted: true, id, weightPpm: 1 }))
  }
  const stop = new AbortController()
  const running = runDevice({ identity: createIdentity('ed25519'), source, sink, everyMs: 1_000, jitter: 0, timing, signal: stop.signal })
  await timing.advance(600_000)
  t.equal(sink.sent.length, 64, 'a sink that is stuck stops the devices')
  blocked.resolve()
  await timing.advance(500)
  t.equal(sink.sent.length, 65)
  t.equal(source.spans.at(-1), 60_000)
  stop.abort()
  await timing.advance(5_000)
  t.equal((await running).accepted, 65)
})

t.test('a sink that fails is a verdict, and the devices go on', async (t) => {
  const timing = new FakeTiming()
  const sink = new Sink(timing)
  sink.answer = async () => Promise.reject(new Error('the node is gone'))
  const verdicts: HeartbeatVerdict[] = []
  const devices = [{ identity: createIdentity('ed25519'), source: noting() }]
  const summary = await run(timing, { sink, everyMs: 2_000, devices, onVerdict: (verdict) => verdicts.push(verdict) }, 10_000)
  t.ok(summary.refused >= 5)
  t.match(verdicts[0], { accepted: false, code: 'send_failed', detail: 'the node is gone' })
})

t.test('verdicts come with their heartbeat and device', async (t) => {
  const timing = new FakeTiming()
  const sink = new Sink(timing)
  const refused = { accepted: false, code: 'too_fast', detail: '' } as const
  sink.answer = async (heartbeats) => heartbeats.map(({ id }, i) => (i === 0 ? { accepted: true, id, weightPpm: 1 } : refused))
  const devices = [1, 2, 3].map(() => ({ identity: createIdentity('ed25519'), source: noting() }))
  const seen: boolean[] = []
  const summary = await run(
    timing,
    {
      sink,
      everyMs: 1_000,
      devices,
      onVerdict: (verdict, heartbeat, device) => {
        seen.push(toHex(heartbeat.message.subarray(64, 99)) === toHex(device.identity.keys.publicKey))
        if (verdict.accepted) seen.push(verdict.id === heartbeat.id)
      },
    },
    5_000,
  )
  t.ok(seen.length > 10 && seen.every(Boolean))
  t.equal(summary.made, summary.accepted + summary.refused)
})

t.test('what a callback throws ends the run', async (t) => {
  const timing = new FakeTiming()
  const thrower = (): never => {
    throw new Error('a bug of the caller')
  }
  for (const callbacks of [{ onVerdict: thrower }, { onState: thrower }]) {
    const device = { identity: createIdentity('ed25519'), source: noting() }
    const running = runDevice({ ...device, sink: new Sink(timing), everyMs: 1_000, timing, ...callbacks })
    const ended = t.rejects(running, { message: 'a bug of the caller' })
    await timing.advance(5_000)
    await ended
  }
})

t.test('a stop waits for verdicts under way, but not for ever', async (t) => {
  const timing = new FakeTiming()
  const sink = new Sink(timing)
  sink.answer = () => new Promise(() => {})
  const stop = new AbortController()
  let done = false
  const device = { identity: createIdentity('ed25519'), source: noting() }
  const running = runDevice({ ...device, sink, everyMs: 1_000, timing, signal: stop.signal }).finally(() => {
    done = true
  })
  await timing.advance(100)
  stop.abort()
  await timing.advance(1_900)
  t.equal(done, false)
  await timing.advance(200)
  t.match(await running, { made: 1, accepted: 0, refused: 0 })
  await settle()
  t.equal(timing.pending, 0)
})

t.test('a run that was stopped before it began does nothing', async (t) => {
  const timing = new FakeTiming()
  const sink = new Sink(timing)
  const device = { identity: createIdentity('ed25519'), source: noting() }
  t.match(await runDevice({ ...device, sink, everyMs: 1_000, timing, signal: AbortSignal.abort() }), { made: 0 })
  t.equal(sink.sent.length, 0)
  for (const bad of [{ everyMs: 0 }, { everyMs: NaN }, { everyMs: 1_000, jitter: 0.6 }]) {
    await t.rejects(runDevice({ ...device, sink, timing, ...bad }), RangeError)
  }
})
