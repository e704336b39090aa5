// The core of a node in the test's own process: engine, store, log and signer, without threads of its own for the API.

import type { BlockView } from '../../src/api/backend.ts'
import type { Genesis } from '../../src/protocol/genesis.ts'
import { genesisFromJson } from '../../src/protocol/genesis.ts'
import type { Core } from '../../src/node/core.ts'
import { createCore } from '../../src/node/core.ts'
import { dataDir } from '../../src/ops/datadir.ts'
import { silentLogger } from '../../src/ops/logger.ts'
import { configWith } from '../../src/ops/settings.ts'
import { readFileSync } from 'node:fs'
import { makeBeat, newLife } from './lives.ts'

export interface LivingCore {
  readonly core: Core
  /** Resolves when a block of this height or above is committed. */
  height(height: number): Promise<void>
  stop(): Promise<void>
}

export interface Observers {
  onBlock?(block: BlockView): void
  onWrite?(label: string): void
}

export function genesisOf(dir: string): Genesis {
  const genesis = genesisFromJson(readFileSync(dataDir(dir).genesis, 'utf8'))
  if (!genesis.ok) throw new Error(genesis.error[0])
  return genesis.value
}

/** Opens the data directory and keeps its chain going: after each block another life beats. */
export async function livingCore(dir: string, { onBlock = () => {}, onWrite }: Observers = {}): Promise<LivingCore> {
  const waiting: { readonly height: number; readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = []
  let last = 0
  let stopped = false
  const settle = (): void => {
    for (const one of waiting) if (one.height <= last) one.resolve()
  }
  // Every segment is kept, so that all that was signed can be read again.
  const config = configWith({ verifyThreads: 1, walKeepSegments: 10_000 })
  const events = {
    committed(block: BlockView): void {
      onBlock(block)
      last = block.height
      settle()
      beat()
    },
    failed: (error: unknown): void => waiting.forEach(({ reject }) => reject(error)),
  }
  // The first block may be announced while the core is being made: its log is replayed then.
  let core: Core | null = null
  function beat(): void {
    if (core === null || stopped) return
    const network = { genesisHash: Buffer.from(core.info.genesisHash, 'hex'), witness: Buffer.from(core.info.witness, 'hex') }
    void core.heartbeats(makeBeat(network, newLife()).row, [null])
  }
  core = await createCore({ paths: dataDir(dir), genesis: genesisOf(dir), config }, silentLogger(), events, onWrite)
  beat()
  return {
    core,
    height(height) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      waiting.push({ height, resolve, reject })
      settle()
      return promise
    },
    async stop() {
      stopped = true
      await core.stop()
    },
  }
}

export const blockIds = async (core: Core): Promise<Map<number, string>> =>
  new Map((await core.blocks(null, 200)).map(({ height, id }) => [height, id]))
