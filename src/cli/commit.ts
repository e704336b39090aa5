// Waiting until a transaction that was sent is in a block.

import type { Command } from 'commander'
import { Failure } from '../ops/failure.ts'
import type { Run } from './cli.ts'
import type { NodeClient } from './client.ts'
import { integerFlag } from './flags.ts'
import { waitUntil } from './wait.ts'

/** Blocks in which a transaction that needs nobody else may be committed. */
export const EXPIRY_BLOCKS = 100
const WAIT_S = 60
const POLL_MS = 250

export const addWaitFlags = (command: Command): Command =>
  command.option('--no-wait', 'do not wait for the commit').option('--seconds <n>', `wait at most so long (default: ${WAIT_S})`)

/** @returns the height of the block that holds it; null with `--no-wait` @throws Failure('refused') if it takes too long */
export async function committedAt(run: Run, client: NodeClient, id: string): Promise<number | null> {
  const seconds = integerFlag(run.options, '--seconds', 1, 100_000) ?? WAIT_S
  if (run.options['wait'] === false) return null
  const wait = { everyMs: POLL_MS, timeoutMs: seconds * 1_000 }
  const height = await waitUntil(run.clock, wait, async () => (await client.transaction(id))?.height ?? null)
  if (height !== null) return height
  throw new Failure('refused', `Not committed within ${seconds} s`, `It may still be, until it expires. The transaction is ${id}`)
}
