import t from 'tap'
import type { Clock } from '../../src/ops/clock.ts'
import type { MetricKind } from '../../src/ops/metrics.ts'
import { checkMetricName, createMetrics } from '../../src/ops/metrics.ts'

function manualClock(): Clock & { tick(ms: number): void; cancelled: boolean } {
  let nowMs = 0
  let call: (() => void) | null = null
  return {
    cancelled: false,
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    after: () => ({ cancel: () => undefined }),
    every(_, tick) {
      call = tick
      return { cancel: () => (this.cancelled = true) }
    },
    tick(ms) {
      nowMs += ms
      call!()
    },
  }
}

t.test('metric names follow the rules of Prometheus', async (t) => {
  const cases: [MetricKind, string, RegExp | null][] = [
    ['counter', 'pulse_heartbeats_rejected_total', null],
    ['gauge', 'pulse_mempool_heartbeats', null],
    ['gauge', 'pulse_mempool_bytes', null],
    ['histogram', 'pulse_block_confirmation_seconds', null],
    ['counter', 'pulse_heartbeats', /_total/],
    ['gauge', 'pulse_blocks_total', /only a counter/],
    ['histogram', 'pulse_block_confirmation', /unit/],
    ['histogram', 'pulse_lag_ms', /unit/],
    ['gauge', 'pulse_lag_ms', /ms is no base unit/],
    ['gauge', 'pulse_weight_ppm', /ppm is no base unit/],
    ['gauge', 'mempool_bytes', /pulse_/],
    ['gauge', 'pulse_Mempool', /snake case/],
    ['gauge', 'pulse__mempool', /snake case/],
    ['gauge', 'pulse', /pulse_/],
  ]
  for (const [kind, name, problem] of cases) {
    const found = checkMetricName(kind, name)
    if (problem === null) t.equal(found, null, name)
    else t.match(found, problem, name)
  }
})

t.test('a metric with a wrong name cannot be made', async (t) => {
  const metrics = createMetrics({ labels: {}, clock: manualClock() })
  t.throws(() => metrics.counter({ name: 'pulse_blocks', help: 'Blocks.' }), { message: /a counter ends in _total/ })
  t.throws(() => metrics.gauge({ name: 'pulse_lag_ms', help: 'Lag.' }), { message: /no base unit/ })
})

t.test('every metric carries the default labels; a gauge may be read at the scrape', async (t) => {
  const metrics = createMetrics({ labels: { network: 'pulse-dev' }, clock: manualClock() })
  metrics.counter({ name: 'pulse_rejected_total', help: 'Rejects.', labelNames: ['reason'] as const }).inc({ reason: 'too_old' }, 2)
  let height = 1
  metrics.gauge({ name: 'pulse_height', help: 'Height.', collect: (gauge) => gauge.set(height) })
  height = 7
  const text = await metrics.registry.metrics()
  t.match(text, 'pulse_rejected_total{reason="too_old",network="pulse-dev"} 2')
  t.match(text, 'pulse_height{network="pulse-dev"} 7')
})

t.test('the delay of the event loop is a histogram in seconds', async (t) => {
  const clock = manualClock()
  const metrics = createMetrics({ labels: {}, clock })
  for (const ms of [100, 100, 350]) clock.tick(ms)
  const text = await metrics.registry.metrics()
  t.match(text, 'pulse_event_loop_lag_seconds_bucket{le="0.001"} 2')
  t.match(text, 'pulse_event_loop_lag_seconds_bucket{le="0.2"} 2')
  t.match(text, 'pulse_event_loop_lag_seconds_bucket{le="0.5"} 3')
  t.match(text, 'pulse_event_loop_lag_seconds_sum 0.25')
  metrics.close()
  t.ok(clock.cancelled)
})
