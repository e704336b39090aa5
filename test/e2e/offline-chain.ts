// Chains made without waiting: blocks one after the other as fast as the machine builds them, with true signatures of
// lives and of all validators.

import { createPrivateKey, sign as nodeSign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { concat, toBin } from '../../src/base/bytes.ts'
import { openChainStore } from '../../src/chain/store.ts'
import { rawKey } from '../../src/crypto/keys.ts'
import type { KeyPair } from '../../src/crypto/sign.ts'
import type { ExecutedBlock } from '../../src/ledger/blocks.ts'
import { buildBlock } from '../../src/ledger/blocks.ts'
import { applyExecution } from '../../src/ledger/execute.ts'
import type { Ledger } from '../../src/ledger/state.ts'
import { genesisLedger } from '../../src/ledger/state.ts'
import { validatorsAt } from '../../src/ledger/validators-at.ts'
import { digest } from '../../src/node/digest.ts'
import { blockCommit } from '../../src/node/ledger-store.ts'
import type { Certificate } from '../../src/protocol/certificate.ts'
import { certificateMessage } from '../../src/protocol/certificate.ts'
import type { Genesis } from '../../src/protocol/genesis.ts'
import type { Header } from '../../src/protocol/header.ts'
import { headerId } from '../../src/protocol/header.ts'
import type { Heartbeat } from '../../src/protocol/heartbeat.ts'
import { decodeHeartbeat, recordOfRow } from '../../src/protocol/heartbeat.ts'
import type { Transaction } from '../../src/protocol/transaction.ts'
import type { Life } from './lives.ts'
import { makeBeat, newLife } from './lives.ts'

export interface OfflineOptions {
  readonly genesis: Genesis
  /** All of them sign. */
  readonly validators: readonly KeyPair[]
  readonly blocks: number
  /** Heartbeats of each block. */
  readonly heartbeats?: number
  /** Changes a heartbeat, or the header, before the block is certified: nobody honest would certify that. */
  readonly heartbeat?: (heartbeat: Heartbeat, height: number) => Heartbeat
  readonly header?: (header: Header, height: number) => Header
  readonly transactions?: (ledger: Ledger, height: number) => readonly Transaction[]
  readonly curve?: 'p256' | 'ed25519'
}

export interface OfflineBlock {
  /** Before the block; it moves on with the next one. */
  readonly ledger: Ledger
  readonly executed: ExecutedBlock
  readonly certificate: Certificate
}

/** Blocks of a second: each has lives of its own, since a life beats once in a second. */
const GROUPS = 10
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

const privateKeyOf = ({ secretKey }: KeyPair): KeyObject => createPrivateKey({ key: Buffer.concat([PKCS8, secretKey]), format: 'der', type: 'pkcs8' })

export function signerOf(keys: KeyPair): (message: Uint8Array) => Uint8Array {
  const key = privateKeyOf(keys)
  return (message) => new Uint8Array(nodeSign(null, message, key))
}

export function* offlineBlocks({ genesis, validators, blocks, heartbeats = 1, heartbeat = (as) => as, header = (as) => as, transactions = () => [], curve = 'ed25519' }: OfflineOptions): Generator<OfflineBlock> {
  const signers = new Map(validators.map((keys) => [toBin(rawKey(keys.publicKey, 'ed25519')), signerOf(keys)]))
  const lives: Life[] = Array.from({ length: GROUPS * heartbeats }, () => newLife(curve))
  let ledger = genesisLedger(genesis)
  const network = { genesisHash: ledger.genesisHash, witness: new Uint8Array(32) }
  let parentCertificate: Certificate | null = null
  for (let height = 1; height <= blocks; height++) {
    const timestampMs = ledger.timestampMs + Math.max(ledger.params.blockIntervalMs, 1_000 / GROUPS)
    const beats = lives.slice((height % GROUPS) * heartbeats, ((height % GROUPS) + 1) * heartbeats).map((life) => {
      const { row } = makeBeat(network, life, { timestampS: Math.floor(timestampMs / 1_000), sequence: height })
      const record = recordOfRow(row, ledger.genesisHash)
      return heartbeat(decodeHeartbeat((record as { value: Uint8Array }).value, digest(row))!, height)
    })
    beats.sort((a, b) => (a.device < b.device ? -1 : 1))
    const proposer = ledger.validators[0]!.key
    const built = buildBlock(ledger, { timestampMs, proposer, parentCertificate, heartbeats: beats, transactions: transactions(ledger, height) })
    if (built === null) throw new Error(`block ${height} is not justified`)
    const changed = header(built.block.header, height)
    const executed: ExecutedBlock = changed === built.block.header ? built : { ...built, id: headerId(changed), block: { ...built.block, header: changed } }
    const certificate = certify(ledger, executed, signers)
    yield { ledger, executed, certificate }
    ledger = applyExecution(ledger, executed.execution, executed.id)
    parentCertificate = certificate
  }
}

function certify(ledger: Ledger, { id, block }: ExecutedBlock, signers: ReadonlyMap<string, (message: Uint8Array) => Uint8Array>): Certificate {
  const statement = { height: block.header.height, round: 0, blockId: id, signatures: [] }
  const message = certificateMessage(ledger.genesisHash, statement)
  const signatures = validatorsAt(ledger, block.header.height)!.flatMap(({ key }, validator) => {
    const sign = signers.get(key)
    return sign === undefined ? [] : [{ validator, signature: sign(message) }]
  })
  return { ...statement, signatures }
}

/** Writes the chain into new databases. */
export async function writeChain(databases: readonly string[], options: OfflineOptions): Promise<{ height: number; headId: string }> {
  const { genesisHash } = genesisLedger(options.genesis)
  const stores = await Promise.all(databases.map((path) => openChainStore({ path, genesisHash, createIfMissing: true })))
  let headId = ''
  for (const { ledger, executed, certificate } of offlineBlocks(options)) {
    const commit = blockCommit(ledger, executed, certificate)
    await Promise.all(stores.map((store) => store.commit(commit)))
    headId = executed.id
  }
  await Promise.all(stores.map((store) => store.close()))
  return { height: options.blocks, headId }
}

export const frameOf = (certificate: Uint8Array, block: Uint8Array): Uint8Array => {
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, certificate.length, true)
  return concat(length, certificate, block)
}
