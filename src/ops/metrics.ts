// The metrics registry: Prometheus naming rules enforced where a metric is made, and the event-loop lag.

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { assert } from '../base/assert.ts'
import type { Clock } from './clock.ts'

export interface MetricOptions<Label extends string = never> {
  readonly name: string
  readonly help: string
  readonly labelNames?: readonly Label[]
}

export interface GaugeOptions<Label extends string = never> extends MetricOptions<Label> {
  /** Called at each scrape, to set the value. */
  readonly collect?: (gauge: Gauge<Label>) => void
}

export interface HistogramOptions<Label extends string = never> extends MetricOptions<Label> {
  readonly buckets: readonly number[]
}

/** Metrics are made through this, so that their names follow the rules of `checkMetricName`; those of the API (api/metrics.ts) keep to them too. */
export interface Metrics {
  readonly registry: Registry
  counter<Label extends string = never>(options: MetricOptions<Label>): Counter<Label>
  gauge<Label extends string = never>(options: GaugeOptions<Label>): Gauge<Label>
  histogram<Label extends string = never>(options: HistogramOptions<Label>): Histogram<Label>
  /** Stops the lag timer. */
  close(): void
}

export interface CreateMetricsOptions {
  /** Put on every metric, such as the network's name. */
  readonly labels: Readonly<Record<string, string>>
  readonly clock: Clock
  /** The thread whose event loop is watched; the core's metric has a name of its own, so that both fit one page. */
  readonly thread?: 'main' | 'core'
  /** Node's own `process_…` and `nodejs_…` metrics too. */
  readonly processMetrics?: boolean
}

export type MetricKind = 'counter' | 'gauge' | 'histogram'

/** Base units only: a dashboard never has to guess. */
const UNITS = ['seconds', 'bytes', 'ratio', 'celsius', 'pulse']
const LAG_INTERVAL_MS = 100
const LAG_BUCKETS_S = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5]

export function createMetrics({ labels, clock, thread = 'main', processMetrics = false }: CreateMetricsOptions): Metrics {
  const registry = new Registry()
  registry.setDefaultLabels({ ...labels })
  if (processMetrics) collectDefaultMetrics({ register: registry })
  const common = <Label extends string>(kind: MetricKind, { name, help, labelNames = [] }: MetricOptions<Label>) => {
    const problem = checkMetricName(kind, name)
    assert(problem === null, `metric ${name}: ${problem}`)
    return { name, help, labelNames: [...labelNames], registers: [registry] }
  }
  const metrics: Omit<Metrics, 'close'> = {
    registry,
    counter: (options) => new Counter(common('counter', options)),
    gauge: (options) => {
      const { collect } = options
      if (collect === undefined) return new Gauge(common('gauge', options))
      return new Gauge({
        ...common('gauge', options),
        collect() {
          collect(this)
        },
      })
    },
    histogram: (options) => new Histogram({ ...common('histogram', options), buckets: [...options.buckets] }),
  }
  const lag = observeLag(metrics, clock, thread)
  return { ...metrics, close: () => lag.cancel() }
}

/** How much later than asked a timer fires: what every request in this thread waits as well. */
function observeLag(metrics: Pick<Metrics, 'histogram'>, clock: Clock, thread: 'main' | 'core'): { cancel(): void } {
  const name = thread === 'main' ? 'pulse_event_loop_lag_seconds' : 'pulse_core_loop_lag_seconds'
  const lag = metrics.histogram({ name, help: `Delay of the event loop of the ${thread} thread.`, buckets: LAG_BUCKETS_S })
  let dueMs = clock.monotonicMs() + LAG_INTERVAL_MS
  return clock.every(LAG_INTERVAL_MS, () => {
    const nowMs = clock.monotonicMs()
    lag.observe(Math.max(0, nowMs - dueMs) / 1_000)
    dueMs = nowMs + LAG_INTERVAL_MS
  })
}

/**
 * What is wrong with a metric's name, or null: `pulse_` and snake case; counters end in `_total`, others do not;
 * histograms end in their unit, and no name carries a unit that is not a base unit.
 */
export function checkMetricName(kind: MetricKind, name: string): string | null {
  if (!/^pulse(_[a-z][a-z0-9]*)+$/.test(name)) return 'must be pulse_ and words in snake case'
  const words = name.split('_')
  const isTotal = words.at(-1) === 'total'
  if (kind === 'counter' && !isTotal) return 'a counter ends in _total'
  if (kind !== 'counter' && isTotal) return 'only a counter ends in _total'
  if (kind === 'histogram' && !UNITS.includes(words.at(-1)!)) return `a histogram ends in its unit (${UNITS.join(', ')})`
  const scaled = words.find((word) => ['ms', 'milliseconds', 'minutes', 'kb', 'mb', 'percent', 'ppm'].includes(word))
  return scaled === undefined ? null : `${scaled} is no base unit`
}
