// Networks, heartbeats, transfers and blocks for tests of the ledger. Signatures are bytes that only look like some, and
// keys need not be points: the ledger verifies neither.

import { createHash } from 'node:crypto'
import type { Bin } from '../../src/base/bytes.ts'
import { concat, toBin, toHex } from '../../src/base/bytes.ts'
import type { KeyBin } from '../../src/crypto/keys.ts'
import { tagKey } from '../../src/crypto/keys.ts'
import type { Account } from '../../src/ledger/account.ts'
import type { BlockError, Candidate, ExecutedBlock } from '../../src/ledger/blocks.ts'
import { buildBlock, validateBlock } from '../../src/ledger/blocks.ts'
import { applyExecution } from '../../src/ledger/execute.ts'
import type { Ledger } from '../../src/ledger/state.ts'
import { genesisLedger } from '../../src/ledger/state.ts'
import { heartbeatName } from '../../src/protocol/block.ts'
import type { Block } from '../../src/protocol/block.ts'
import type { Certificate } from '../../src/protocol/certificate.ts'
import type { Genesis } from '../../src/protocol/genesis.ts'
import { genesisHash } from '../../src/protocol/genesis.ts'
import type { Heartbeat } from '../../src/protocol/heartbeat.ts'
import { decodeHeartbeat, encodeHeartbeatFields } from '../../src/protocol/heartbeat.ts'
import type { Params } from '../../src/protocol/params.ts'
import { DEVELOPMENT_PARAMS } from '../../src/protocol/params.ts'
import type { TransferTransaction } from '../../src/protocol/transaction.ts'
import { TRANSFER_KIND } from '../../src/protocol/transaction.ts'
import type { Transfer } from '../../src/protocol/transfer.ts'
import { signedTransfer } from '../../src/protocol/transfer.ts'

export const digest = (bytes: Uint8Array): Bin => toBin(createHash('sha256').update(bytes).digest())

/** Bytes that look random, the same ones for the same seed. */
export const bytesOf = (seed: string, size: number): Uint8Array => new Uint8Array(createHash('shake256', { outputLength: size }).update(seed).digest())

const devices = new Map<number, KeyBin>()

/** Key of device n; the keys' order has nothing to do with n. */
export function device(n: number): KeyBin {
  let key = devices.get(n)
  if (key === undefined) devices.set(n, (key = toBin(tagKey('p256', concat(Uint8Array.of(2 + (n % 2)), bytesOf(`device ${n}`, 32))))))
  return key
}

/** A multiple of whole seconds, so that tests can count in both units. */
export const GENESIS_TIME_MS = 1_700_000_000_000

export function genesisOf(params: Partial<Params> = {}, more: Partial<Genesis> = {}): Genesis {
  return {
    version: 1,
    network: 'pulse-test',
    timeMs: GENESIS_TIME_MS,
    params: { ...DEVELOPMENT_PARAMS, ...params },
    validators: ['A', 'B', 'C'].map((letter) => ({ key: letter.repeat(32), nodeKey: letter.toLowerCase().repeat(32), power: 1_000_000 })),
    registrars: [],
    enrolled: [],
    ...more,
  }
}

export interface BeatFields {
  /** A number of `device`, or a key. */
  readonly of: number | KeyBin
  readonly timestampS: number
  readonly sequence: number
  readonly rateLevel?: number
  readonly motionLevel?: number
  readonly witness?: string
  readonly evidence?: string
  /** Another salt is another signature below the same statement. */
  readonly salt?: string
}

export function beatOn(hash: Uint8Array, { of, timestampS, sequence, rateLevel = 3, motionLevel = 2, witness = '', evidence = '', salt = '' }: BeatFields): Heartbeat {
  const key = typeof of === 'number' ? device(of) : of
  const fields = encodeHeartbeatFields({
    deviceKey: Uint8Array.from(key, (character) => character.charCodeAt(0)),
    timestampS,
    sequence,
    witness: bytesOf(`witness ${witness}`, 32),
    rateLevel,
    motionLevel,
    evidence: bytesOf(`evidence ${evidence}`, 32),
  })
  const record = concat(fields, bytesOf(`signature ${sequence} ${salt}`, 64))
  return decodeHeartbeat(record, heartbeatName(record, hash, digest))!
}

export interface TransferFields extends Partial<Omit<Transfer, 'sender' | 'recipient'>> {
  readonly from: number | KeyBin
  readonly to: number | KeyBin
  readonly salt?: string
}

export function transferOn(hash: Uint8Array, { from, to, amount = 1n, nonce = 0, expiryHeight = 1_000_000, memo = new Uint8Array(0), salt = '' }: TransferFields): TransferTransaction {
  const [sender, recipient] = [from, to].map((who) => (typeof who === 'number' ? device(who) : who)) as [KeyBin, KeyBin]
  return { kind: TRANSFER_KIND, transfer: signedTransfer(hash, { sender, recipient, amount, nonce, expiryHeight, memo }, bytesOf(`transfer ${salt}`, 64)) }
}

/** A network of these parameters, with makers of what belongs to it. */
export function networkOf(params: Partial<Params> = {}, more: Partial<Genesis> = {}) {
  const genesis = genesisOf(params, more)
  const hash = genesisHash(genesis)
  return {
    genesis,
    params: genesis.params,
    hash,
    ledger: (): Ledger => genesisLedger(genesis),
    beat: (fields: BeatFields): Heartbeat => beatOn(hash, fields),
    transfer: (fields: TransferFields): TransferTransaction => transferOn(hash, fields),
  }
}

export type Network = ReturnType<typeof networkOf>

/** As blocks want them: by (device key, sequence). */
export function sorted(heartbeats: readonly Heartbeat[]): Heartbeat[] {
  return [...heartbeats].sort((a, b) => (a.device === b.device ? a.sequence - b.sequence : a.device < b.device ? -1 : 1))
}

/** A certificate for the head; null before the first block. */
export function certificateOf({ height, headId }: Ledger): Certificate | null {
  return height === 0 ? null : { height, round: 0, blockId: headId, signatures: [{ validator: 0, signature: bytesOf(`precommit ${height}`, 64) }] }
}

export function candidateOn(ledger: Ledger, content: Partial<Candidate>): Candidate {
  return {
    timestampMs: ledger.timestampMs + ledger.params.blockIntervalMs,
    proposer: ledger.validators[0]!.key,
    parentCertificate: certificateOf(ledger),
    heartbeats: [],
    transactions: [],
    ...content,
  }
}

/** A block with this content on top; one interval later unless said otherwise. Throws if it is not justified. */
export function build(ledger: Ledger, content: Partial<Candidate>): ExecutedBlock {
  const built = buildBlock(ledger, candidateOn(ledger, content))
  if (built === null) throw new Error('the block is not justified')
  return built
}

export const commit = (ledger: Ledger, { execution, id }: ExecutedBlock): Ledger => applyExecution(ledger, execution, id)

/** Builds, and commits what was built. Throws if an item was left out. */
export function grow(ledger: Ledger, content: Partial<Candidate>): Ledger {
  const built = build(ledger, content)
  const { heartbeats, transactions } = built.execution
  if (heartbeats.length !== (content.heartbeats ?? []).length || transactions.length !== (content.transactions ?? []).length) throw new Error('an item was left out')
  return commit(ledger, built)
}

/** In words: `ok`, `too_early`, `header stateRoot`, `heartbeat 3 too_fast`, … */
export function verdict(ledger: Ledger, block: Block): string {
  const result = validateBlock(ledger, block)
  return result.ok ? 'ok' : inWords(result.error)
}

function inWords(error: BlockError): string {
  if (error.code === 'header') return `header ${error.field}`
  return error.code === 'item' ? `${error.error.item} ${error.error.position} ${error.error.reason}` : error.code
}

export const accountsOf = ({ accounts }: Ledger): Account[] => Array.from({ length: accounts.count }, (_, index) => accounts.get(index)!)

export const balances = (ledger: Ledger): bigint => accountsOf(ledger).reduce((sum, { balance }) => sum + balance, 0n)

/** Values as text: equal if and only if they hold the same, whatever the order of members and whoever made them. */
export function asText(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => {
    if (typeof member === 'bigint') return `${member}n`
    if (member instanceof Uint8Array) return `bytes ${toHex(member)}`
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}
