// Compares the chains of several stopped nodes: block ids and state roots at every common height, and each node's
// accounts against its head. Every two nodes must have the same; the first database is what the others are held against.

import { binToHex, equalBytes, toHex } from '../base/bytes.ts'
import { corruptChain } from '../chain/seal.ts'
import type { ChainStore } from '../chain/store.ts'
import { openChainStore } from '../chain/store.ts'
import { dataDir as pathsOf } from '../ops/datadir.ts'
import { Failure } from '../ops/failure.ts'
import { readGenesis } from '../ops/genesis-file.ts'
import { genesisHash } from '../protocol/genesis.ts'
import { headerId } from '../protocol/header.ts'
import { decodeStoredHeader, encodedHeaderOf } from './header-codec.ts'
import { loadChain } from './ledger-store.ts'

export interface ComparedNode {
  readonly dataDir: string
  readonly height: number
  /** hex; null before the first block */
  readonly headId: string | null
  /** Root of the accounts after its head, hex. It agrees with the state root of the head, or opening it would have failed. */
  readonly accountsRoot: string
}

/** The first height at which a node has another block than the first one. */
export interface Difference {
  readonly height: number
  readonly dataDir: string
  readonly other: string
  /** What differs there: another block always has another id; its state may be the same. */
  readonly blockId: readonly [string, string]
  readonly stateRoot: readonly [string, string]
}

export interface Comparison {
  readonly nodes: readonly ComparedNode[]
  /** Up to here all of them reach. */
  readonly commonHeight: number
  /** One for each node that differs from the first. */
  readonly differences: readonly Difference[]
  /** Nodes at the same height whose accounts differ although their blocks do not. */
  readonly otherAccounts: readonly string[]
}

/** Headers that are read at once. */
const STEP = 1_000

/** @throws Failure `config` for fewer than two, `genesis`, `wrong_network`, `locked`, `corrupt` with the node's directory in its cause */
export async function compareChains(dataDirs: readonly string[], onProgress: (done: number, total: number) => void): Promise<Comparison> {
  if (new Set(dataDirs).size < 2) throw new Failure('config', 'There is nothing to compare', 'Name two data directories or more.')
  const opened: { readonly dataDir: string; readonly store: ChainStore; readonly network: Uint8Array; readonly node: ComparedNode }[] = []
  try {
    for (const dataDir of dataDirs) opened.push(await open(dataDir))
    const foreign = opened.find(({ network }) => !equalBytes(network, opened[0]!.network))
    if (foreign !== undefined) throw new Failure('wrong_network', `${foreign.dataDir} belongs to another network than ${opened[0]!.dataDir}`, 'Compare nodes of one network.')
    const [first, ...others] = opened
    const differences: Difference[] = []
    for (const other of others) {
      const difference = await firstDifference(first!, other, onProgress)
      if (difference !== null) differences.push(difference)
    }
    const same = others.filter(({ dataDir }) => !differences.some((difference) => difference.other === dataDir))
    return {
      nodes: opened.map(({ node }) => node),
      commonHeight: Math.min(...opened.map(({ node }) => node.height)),
      differences,
      otherAccounts: same.filter(({ node }) => node.height === first!.node.height && node.accountsRoot !== first!.node.accountsRoot).map(({ dataDir }) => dataDir),
    }
  } finally {
    for (const { store } of opened) await store.close()
  }
}

async function open(dataDir: string): Promise<{ dataDir: string; store: ChainStore; network: Uint8Array; node: ComparedNode }> {
  const paths = pathsOf(dataDir)
  const genesis = readGenesis(paths.genesis)
  const network = genesisHash(genesis)
  const store = await openChainStore({ path: paths.db, genesisHash: network, createIfMissing: false })
  try {
    const { ledger } = await loadChain(store, genesis)
    const node = { dataDir, height: store.head, headId: store.headId === undefined ? null : toHex(store.headId), accountsRoot: toHex(ledger.accountsRoot) }
    return { dataDir, store, network, node }
  } catch (error) {
    await store.close()
    throw error instanceof Failure ? new Failure(error.code, `${dataDir}: ${error.message}`, error.remedy, { cause: error }) : error
  }
}

interface Opened {
  readonly dataDir: string
  readonly store: ChainStore
}

/** Equal encodings have equal ids and state roots, so only those that differ are decoded. */
async function firstDifference(a: Opened, b: Opened, onProgress: (done: number, total: number) => void): Promise<Difference | null> {
  const last = Math.min(a.store.head, b.store.head)
  for (let from = 1; from <= last; from += STEP) {
    const count = Math.min(STEP, last - from + 1)
    const [ours, theirs] = await Promise.all([a.store.headers(from, count), b.store.headers(from, count)])
    for (let i = 0; i < count; i++) {
      if (equalBytes(encodedHeaderOf(ours[i]!), encodedHeaderOf(theirs[i]!))) continue
      const height = from + i
      const [mine, other] = [read(ours[i]!, a.dataDir, height), read(theirs[i]!, b.dataDir, height)]
      return { height, dataDir: a.dataDir, other: b.dataDir, blockId: [mine.id, other.id], stateRoot: [mine.stateRoot, other.stateRoot] }
    }
    onProgress(from + count - 1, last)
  }
  return null
}

function read(stored: Uint8Array, dataDir: string, height: number): { id: string; stateRoot: string } {
  const decoded = decodeStoredHeader(stored)
  if (decoded === null) throw corruptChain(`block ${height} of ${dataDir} cannot be read`)
  return { id: binToHex(headerId(decoded.header)), stateRoot: binToHex(decoded.header.stateRoot) }
}
