// Runs in a machine's network: prints what a URL answers; with a height, waits until the chain has reached it and prints
// when that was, of the monotonic clock, s. Asks every 20 ms until it is answered.
//
//   inside-get.ts URL           inside-get.ts --until-height N URL           inside-get.ts --until-ok URL

import { parseArgs } from 'node:util'

const TIMEOUT_MS = 60_000
const { values, positionals } = parseArgs({ allowPositionals: true, options: { 'until-height': { type: 'string' }, 'until-ok': { type: 'boolean' } } })
const url = positionals[0]!
const height = values['until-height'] === undefined ? null : Number(values['until-height'])
const waits = height !== null || values['until-ok'] === true

async function ask(): Promise<string | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) })
    const text = await response.text()
    if (!waits) return text
    const reached = height === null || (JSON.parse(text) as { height: number }).height >= height
    return response.ok && reached ? String(Number(process.hrtime.bigint()) / 1e9) : null
  } catch (error) {
    if (waits) return null
    throw error
  }
}

const endMs = performance.now() + TIMEOUT_MS
for (;;) {
  const answer = await ask()
  if (answer !== null) {
    console.log(answer)
    break
  }
  if (performance.now() > endMs) {
    console.error(`no such answer within ${TIMEOUT_MS / 1_000} s`)
    process.exit(1)
  }
  await new Promise((resolve) => setTimeout(resolve, 20))
}
