// Rates over the last ten seconds, and what the next block waits for.

import t from 'tap'
import { createProgressMeter } from '../../src/node/sync-progress.ts'

t.test('rates and the time to go follow from the last ten seconds', async (t) => {
  const meter = createProgressMeter(() => {})
  meter.reset(0)
  for (let ms = 0; ms < 60_000; ms += 100) meter.committed(ms < 30_000 ? 1_000 : 20, ms)
  t.match(meter.progress(500, 59_999), { blocksPerS: 10, heartbeatsPerS: 200, etaS: 50 })
  t.match(meter.progress(500, 80_000), { blocksPerS: 0, heartbeatsPerS: 0, etaS: null }, 'nothing moves')
})

t.test('in the first seconds the rate is that of the time that has passed', async (t) => {
  const meter = createProgressMeter(() => {})
  meter.reset(100_000)
  for (let i = 0; i < 40; i++) meter.committed(5, 100_000 + i * 100)
  t.match(meter.progress(100, 104_000), { blocksPerS: 10, heartbeatsPerS: 50, etaS: 10 })
})

t.test('the bottleneck is what was waited for most; the stage that lasts counts too', async (t) => {
  const waited: [string, number][] = []
  const meter = createProgressMeter((stage, seconds) => waited.push([stage, seconds]))
  meter.reset(0)
  meter.stage('network', 0)
  meter.stage('verification', 2_000)
  meter.stage('execution', 5_000)
  meter.stage('disk', 5_500)
  t.equal(meter.progress(1, 6_000).bottleneck, 'verification')
  t.equal(meter.progress(1, 9_500).bottleneck, 'disk')
  meter.stage(null, 9_500)
  t.equal(meter.progress(1, 60_000).bottleneck, 'network', 'nothing is known: nothing has come')
  t.same(waited.slice(0, 3), [['network', 2], ['verification', 3], ['execution', 0.5]])
})
