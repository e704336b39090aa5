// What a node finds again after a crash: its blocks, and of its write-ahead log what was flushed.

import { assert } from '../base/assert.ts'
import type { Verified } from '../crypto/verified.ts'
import type { LoggedEntry } from '../engine/input.ts'
import { validateBlock } from '../ledger/blocks.ts'
import { applyExecution } from '../ledger/execute.ts'
import type { Ledger } from '../ledger/state.ts'
import { genesisLedger } from '../ledger/state.ts'
import type { Block } from '../protocol/block.ts'
import type { Certificate } from '../protocol/certificate.ts'
import type { Genesis } from '../protocol/genesis.ts'

export interface StoredBlock {
  readonly block: Verified<Block>
  readonly certificate: Verified<Certificate>
}

/** The log of one height. */
export class MemoryWal {
  #height = 0
  #flushed: LoggedEntry[] = []
  #waiting: LoggedEntry[] = []

  append(entry: LoggedEntry): void {
    this.#waiting.push(entry)
  }

  /** What one flush writes is there whole or not at all. */
  flush(): void {
    this.#flushed.push(...this.#waiting)
    this.#waiting = []
  }

  /** Directs what follows to this height. */
  begin(height: number): void {
    if (height !== this.#height) this.#flushed = []
    this.#waiting = []
    this.#height = height
  }

  replay(height: number): readonly LoggedEntry[] {
    return height === this.#height ? [...this.#flushed] : []
  }

  /** All that was appended since `begin`, flushed or not. */
  entries(): readonly LoggedEntry[] {
    return [...this.#flushed, ...this.#waiting]
  }

  crash(): void {
    this.#waiting = []
  }

  backup(): { readonly height: number; readonly entries: readonly LoggedEntry[] } {
    return { height: this.#height, entries: [...this.#flushed] }
  }

  restore({ height, entries }: ReturnType<MemoryWal['backup']>): void {
    this.#height = height
    this.#flushed = [...entries]
    this.#waiting = []
  }
}

export class BlockStore {
  readonly #blocks: StoredBlock[] = []

  get head(): number {
    return this.#blocks.length
  }

  at(height: number): StoredBlock | undefined {
    return this.#blocks[height - 1]
  }

  push(stored: StoredBlock): void {
    assert(stored.block.header.height === this.head + 1, 'the store takes the next height only')
    this.#blocks.push(stored)
  }

  /** What a backup of that height holds. */
  restore(head: number): void {
    this.#blocks.length = head
  }

  /** The ledger after the last block, by executing all of them again. */
  load(genesis: Genesis): { ledger: Ledger; headCertificate: Certificate | null } {
    let ledger = genesisLedger(genesis)
    for (const { block } of this.#blocks) {
      const executed = validateBlock(ledger, block)
      assert(executed.ok, 'a stored block is valid')
      ledger = applyExecution(ledger, executed.value.execution, executed.value.id)
    }
    return { ledger, headCertificate: this.#blocks.at(-1)?.certificate ?? null }
  }
}
