// `pulse-node verify` on a chain of one million heartbeats: every signature, and every block executed again.

import { millionChain } from './chain.ts'
import type { Bench } from './context.ts'
import { size } from './context.ts'
import { runProgram } from './daemon.ts'
import { besideRaw } from './raw.ts'
import { maximum, median, minimum } from './stats.ts'

export const verifyBench: Bench = {
  name: 'verify',
  description: 'pulse-node verify on the same chain, whole process',
  async run(context) {
    const chain = await millionChain(context)
    const { result, raw } = await besideRaw(size(context, 1_000, 200), () => runProgram(context.program, ['verify', '--data-dir', chain.dataDir, '--json']))
    const { heartbeats } = JSON.parse(result.output) as { heartbeats: number }
    if (heartbeats !== chain.heartbeats) throw new Error(`verify saw ${heartbeats} heartbeats, not ${chain.heartbeats}`)
    const ratePerS = heartbeats / result.seconds
    return {
      figures: [
        { name: 'verified', value: ratePerS, unit: '/s' },
        { name: 'verified / raw rate of two cores', value: ratePerS / median(raw), unit: 'ratio', target: { atLeast: 0.7 } },
        { name: 'raw rate beside it', value: median(raw), unit: '/s', spread: [minimum(raw), maximum(raw)], repetitions: raw.length },
        { name: 'whole process', value: result.seconds, unit: 's' },
      ],
      notes: [],
    }
  },
}
