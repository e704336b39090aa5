// Blocks of arbitrary bytes for tests of the store: what a height holds follows from the height alone.

import { createHash } from 'node:crypto'
import type { BlockCommit } from '../../src/chain/commit.ts'
import type { Failure } from '../../src/ops/failure.ts'

export const GENESIS_HASH = new Uint8Array(32).fill(7)

/** Bytes that look random, the same ones for the same seed. */
export function bytesOf(seed: string, size: number): Uint8Array {
  return new Uint8Array(createHash('shake256', { outputLength: size }).update(seed).digest())
}

export function commitOf(height: number, bodyBytes: number = 500): BlockCommit {
  const pages = height === 1 ? [0, 1, 2] : [height % 3]
  return {
    height,
    blockId: bytesOf(`id ${height}`, 32),
    header: bytesOf(`header ${height}`, 300),
    body: bytesOf(`body ${height}`, bodyBytes),
    certificate: bytesOf(`certificate ${height}`, 120),
    accountPages: pages.map((page) => ({ page, bytes: pageOf(page, height) })),
    state: bytesOf(`state ${height}`, 200),
    transactionIds: [0, 1].map((index) => transactionIdOf(height, index)),
  }
}

export const pageOf = (page: number, height: number): Uint8Array => bytesOf(`page ${page} ${height}`, 4_096)
export const transactionIdOf = (height: number, index: number): Uint8Array => bytesOf(`transaction ${height} ${index}`, 32)

/** What a promise is rejected with; throws if it isn't. */
export async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  return promise.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: Failure) => error,
  )
}
