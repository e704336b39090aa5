// The world, as those who live in it see it.

import type { Message } from './message.ts'
import type { Field } from './trace.ts'

export interface Host {
  /** True time, Unix ms. */
  readonly nowMs: number
  readonly genesisHash: Uint8Array
  /** Indices of all nodes, in validator order. */
  readonly nodes: readonly number[]
  after(delayMs: number, run: () => void): void
  /** Through the network, which may lose it. @param from a node, or OUTSIDE */
  send(from: number, to: number, message: Message): void
  /** @param node its index; −1 for the world */
  trace(node: number, kind: string, ...fields: readonly Field[]): void
}
