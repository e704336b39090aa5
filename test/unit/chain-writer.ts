// A process of its own for tests of the store: `node chain-writer.ts loop|hold|fill|look PATH`.
//   loop  commits block after block and prints each height when it is acknowledged
//   hold  opens the store and waits
//   look  opens the store, prints its head and closes it
//   fill  commits until the disk is full, tries once more, and prints both failures and the head

import { writeSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { openChainStore } from '../../src/chain/store.ts'
import type { Failure } from '../../src/ops/failure.ts'
import { GENESIS_HASH, commitOf } from './chain-fixture.ts'

const [mode, path] = process.argv.slice(2) as ['loop' | 'hold' | 'fill' | 'look', string]
const say = (text: string): void => void writeSync(1, text + '\n')

try {
  const store = await openChainStore({ path, genesisHash: GENESIS_HASH, createIfMissing: true })
  say(`open ${store.head}`)
  if (mode === 'look') {
    await store.close()
    process.exit()
  }
  if (mode === 'hold') await setTimeout(60_000)
  try {
    for (;;) {
      await store.commit(commitOf(store.head + 1, mode === 'fill' ? 50_000 : 3_000))
      if (mode === 'loop') say(String(store.head))
    }
  } catch (error) {
    report(error)
    await store.commit(commitOf(store.head + 1, 100)).catch(report)
    say(`head ${store.head}`)
    await store.close()
  }
} catch (error) {
  report(error)
}

function report(error: unknown): void {
  say(`failed ${(error as Failure).code} ${(error as Failure).line ?? error}`)
}
