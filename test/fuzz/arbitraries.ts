// Valid messages of every kind, drawn by fast-check. Signatures are random bytes: codecs do not check them.

import { createHash } from 'node:crypto'
import fc from 'fast-check'
import type { Bin } from '../../src/base/bytes.ts'
import { concat, toBin } from '../../src/base/bytes.ts'
import { tagKey } from '../../src/crypto/keys.ts'
import type { Block, Body } from '../../src/protocol/block.ts'
import { heartbeatName } from '../../src/protocol/block.ts'
import type { Approval } from '../../src/protocol/approvals.ts'
import type { Bundle } from '../../src/protocol/bundle.ts'
import type { Certificate } from '../../src/protocol/certificate.ts'
import type { CompactProposal } from '../../src/protocol/compact.ts'
import { evidenceOf } from '../../src/protocol/evidence.ts'
import type { Genesis } from '../../src/protocol/genesis.ts'
import { GENESIS_VERSION } from '../../src/protocol/genesis.ts'
import type { Have } from '../../src/protocol/have.ts'
import type { Header } from '../../src/protocol/header.ts'
import type { Heartbeat, HeartbeatFields } from '../../src/protocol/heartbeat.ts'
import { decodeHeartbeat, encodeHeartbeatFields } from '../../src/protocol/heartbeat.ts'
import { MAX_LEVEL, MAX_MEMO_BYTES, MAX_ROUND, MAX_VALIDATORS } from '../../src/protocol/limits.ts'
import type { Params } from '../../src/protocol/params.ts'
import { DEFAULT_PARAMS, DEVELOPMENT_PARAMS, ParamsSsz } from '../../src/protocol/params.ts'
import type { Proposal } from '../../src/protocol/proposal.ts'
import type { GovernanceTransaction, Transaction, TransferTransaction } from '../../src/protocol/transaction.ts'
import {
  enrolmentTransaction, evidenceTransaction, joinTransaction, leaveTransaction, parametersTransaction, TRANSFER_KIND,
} from '../../src/protocol/transaction.ts'
import type { Transfer } from '../../src/protocol/transfer.ts'
import { signedTransfer } from '../../src/protocol/transfer.ts'
import type { Vote } from '../../src/protocol/vote.ts'

export const GENESIS_HASH = new Uint8Array(32).fill(0x6e)

export const nameOf = (bytes: Uint8Array): Bin => toBin(createHash('sha256').update(bytes).digest())

export const bytesOf = (size: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: size, maxLength: size })
export const binOf = (size: number): fc.Arbitrary<Bin> => bytesOf(size).map(toBin)

const booleanType = ParamsSsz.fields.enrolled

/** Safe integers, with both ends drawn often. */
export const uint53 = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 1, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER))
const uint32 = fc.oneof(fc.nat({ max: 2 ** 32 - 1 }), fc.constantFrom(0, 2 ** 31, 2 ** 32 - 1))
const uint64 = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(0n, 1n, 2n ** 53n, 2n ** 64n - 1n))
const round = fc.oneof(fc.nat({ max: MAX_ROUND }), fc.constantFrom(0, MAX_ROUND))

/** Canonical tagged keys of 35 bytes; whether they are points does not matter to codecs. */
export const taggedKey: fc.Arbitrary<Uint8Array> = fc.oneof(
  bytesOf(32).map((raw) => tagKey('ed25519', raw)),
  fc.tuple(fc.constantFrom('p256' as const, 'secp256k1' as const), fc.constantFrom(2, 3), bytesOf(32)).map(([curve, lead, x]) => tagKey(curve, concat(Uint8Array.of(lead), x))),
)

export const heartbeatFields: fc.Arbitrary<HeartbeatFields> = fc.record({
  deviceKey: taggedKey,
  timestampS: fc.oneof(fc.nat({ max: Math.floor(Number.MAX_SAFE_INTEGER / 1_000) }), fc.constantFrom(0, Math.floor(Number.MAX_SAFE_INTEGER / 1_000))),
  sequence: uint53,
  witness: bytesOf(32),
  rateLevel: fc.nat({ max: MAX_LEVEL }),
  motionLevel: fc.nat({ max: MAX_LEVEL }),
  evidence: bytesOf(32),
})

export const heartbeatRecord: fc.Arbitrary<Uint8Array> = fc.tuple(heartbeatFields, bytesOf(64)).map(([fields, signature]) => concat(encodeHeartbeatFields(fields), signature))

export const heartbeatOf = (record: Uint8Array): Heartbeat => decodeHeartbeat(record, heartbeatName(record, GENESIS_HASH, nameOf))!

const memo = fc.string({ unit: 'grapheme', maxLength: MAX_MEMO_BYTES }).map((text) => {
  const bytes = new Uint8Array(MAX_MEMO_BYTES)
  const { written } = new TextEncoder().encodeInto(text, bytes)
  return bytes.slice(0, written)
})

export const transfer: fc.Arbitrary<Transfer> = fc.record({
  sender: taggedKey.map(toBin),
  recipient: taggedKey.map(toBin),
  amount: uint64.map((amount) => amount || 1n),
  nonce: uint53,
  expiryHeight: uint53,
  memo,
})

export const transferTransaction: fc.Arbitrary<TransferTransaction> = fc
  .tuple(transfer, bytesOf(64))
  .map(([fields, signature]) => ({ kind: TRANSFER_KIND, transfer: signedTransfer(GENESIS_HASH, fields, signature) }))

export const vote: fc.Arbitrary<Vote> = fc.record({
  height: uint53,
  round,
  type: fc.constantFrom('prevote' as const, 'precommit' as const),
  blockId: fc.option(binOf(32).filter((id) => id !== '\0'.repeat(32))),
  validator: binOf(32),
  signature: bytesOf(64),
})

const ascending = <T>(values: T[], keyOf: (value: T) => string): T[] => values.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))

const approvals: fc.Arbitrary<Approval[]> = fc
  .uniqueArray(fc.record({ validator: binOf(32), signature: bytesOf(64) }), { maxLength: 4, selector: ({ validator }) => validator })
  .map((drawn) => ascending(drawn, ({ validator }) => validator))

/** Any values at all: the codec does not know what makes sense. */
const params: fc.Arbitrary<Params> = fc
  .tuple(...Object.entries(ParamsSsz.fields).map(([name, type]) => {
    const value = type === booleanType ? fc.boolean() : typeof type.defaultValue() === 'bigint' ? uint64 : type.fixedSize === 8 ? uint53 : uint32
    return (value as fc.Arbitrary<unknown>).map((drawn) => [name, drawn] as const)
  }))
  .map((members) => Object.fromEntries(members) as unknown as Params)

const enrolment = fc
  .record({ registrar: taggedKey.map(toBin), expiryHeight: uint53, devices: fc.uniqueArray(taggedKey.map(toBin), { minLength: 1, maxLength: 4 }), signature: bytesOf(64) })
  .map((drawn) => ({ ...drawn, devices: drawn.devices.sort() }))

const join = fc.record({
  key: binOf(32), nodeKey: binOf(32), base: uint53, signedAt: uint53, expiryHeight: uint53, signature: bytesOf(64), nodeSignature: bytesOf(64), approvals,
})

const leave = fc.record({ key: binOf(32), signedAt: uint53, expiryHeight: uint53, signature: bytesOf(64) })

const change = fc.record({ paramsRoot: binOf(32), paramsSince: uint53, activationHeight: uint53, expiryHeight: uint53, params, approvals })

const evidence = fc
  .tuple(vote, fc.option(binOf(32).filter((id) => id !== '\0'.repeat(32))), bytesOf(64))
  .map(([first, blockId, signature]) => evidenceOf(first, { ...first, blockId, signature }))
  .filter((drawn) => drawn !== null)

/** By name of the kind. */
export const governance = {
  enrolment: enrolment.map((drawn) => enrolmentTransaction(GENESIS_HASH, drawn)),
  join: join.map((drawn) => joinTransaction(GENESIS_HASH, drawn)),
  leave: leave.map((drawn) => leaveTransaction(GENESIS_HASH, drawn)),
  parameters: change.map((drawn) => parametersTransaction(GENESIS_HASH, drawn)),
  evidence: evidence.map(evidenceTransaction),
} satisfies Record<string, fc.Arbitrary<GovernanceTransaction>>

export const transaction: fc.Arbitrary<Transaction> = fc.oneof({ weight: 3, arbitrary: transferTransaction }, ...Object.values<fc.Arbitrary<Transaction>>(governance).map((arbitrary) => ({ weight: 1, arbitrary })))

export const proposal: fc.Arbitrary<Proposal> = fc
  .record({ height: uint53, round, validRound: fc.integer({ min: -1, max: MAX_ROUND }), blockId: binOf(32), proposer: binOf(32), signature: bytesOf(64) })
  .map((drawn) => ({ ...drawn, validRound: Math.min(drawn.validRound, drawn.round - 1) }))

export const certificate: fc.Arbitrary<Certificate> = fc.record({
  height: uint53,
  round,
  blockId: binOf(32),
  signatures: fc
    .uniqueArray(fc.nat({ max: 127 }), { maxLength: 12 })
    .chain((validators) => fc.tuple(...validators.sort((a, b) => a - b).map((validator) => bytesOf(64).map((signature) => ({ validator, signature }))))),
})

export const header: fc.Arbitrary<Header> = fc.record({
  version: uint32,
  height: uint53,
  parentId: binOf(32),
  timestampMs: uint53,
  proposer: binOf(32),
  bodyRoot: binOf(32),
  stateRoot: binOf(32),
  validatorsRoot: binOf(32),
  nextValidatorsRoot: binOf(32),
  paramsRoot: binOf(32),
  parentCertificateRoot: binOf(32),
  lives: uint32,
  weightPpm: uint53,
  cumulativeLifePpm: uint64,
})

export const body: fc.Arbitrary<Body> = fc.record({
  parentCertificate: fc.option(certificate),
  heartbeats: fc.array(heartbeatRecord.map(heartbeatOf), { maxLength: 5 }),
  transactions: fc.array(transaction, { maxLength: 4 }),
})

export const block: fc.Arbitrary<Block> = fc.record({ header, body })

export const bundle: fc.Arbitrary<Bundle> = fc
  .record({ witness: bytesOf(32), signature: bytesOf(64), records: fc.array(heartbeatRecord, { minLength: 1, maxLength: 4 }) })
  .map(({ witness, signature, records }) => ({ witness, signature, records: concat(...records.map((record) => withWitness(record, witness))) }))

function withWitness(record: Uint8Array, witness: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(record)
  changed.set(witness, 51)
  return changed
}

export const compact: fc.Arbitrary<CompactProposal> = fc.record({
  proposal,
  header,
  parentCertificate: fc.option(certificate),
  names: fc.array(binOf(32), { maxLength: 5 }),
  transactions: fc.array(transaction, { maxLength: 3 }),
})

const voters = fc.uniqueArray(fc.nat({ max: MAX_VALIDATORS - 1 }), { maxLength: 6 }).map((indices) => indices.sort((a, b) => a - b))

export const have: fc.Arbitrary<Have> = fc.record({
  height: uint53,
  rounds: fc
    .uniqueArray(
      fc.record({ round, prevotes: voters, precommits: voters, prevoteQuorum: fc.boolean(), precommitQuorum: fc.boolean(), proposal: fc.boolean() }),
      { maxLength: 4, selector: (shown) => shown.round },
    )
    .map((rounds) => rounds.sort((a, b) => a.round - b.round)),
})

const sortedKeys = fc.uniqueArray(taggedKey.map(toBin), { maxLength: 4 }).map((keys) => keys.sort())

export const genesis: fc.Arbitrary<Genesis> = fc.record({
  version: fc.constant(GENESIS_VERSION),
  network: fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,31}$/),
  timeMs: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  params: fc.constantFrom(DEFAULT_PARAMS, DEVELOPMENT_PARAMS, { ...DEFAULT_PARAMS, enrolled: true, rewardFloor: 0n, threshold: 7 }),
  validators: fc
    .uniqueArray(fc.record({ key: binOf(32), nodeKey: binOf(32), power: fc.integer({ min: 1_000_000, max: 2 ** 40 }) }), { minLength: 1, maxLength: 5, selector: ({ key }) => key })
    .map((validators) => validators.sort((a, b) => (a.key < b.key ? -1 : 1)).map((validator, i) => ({ ...validator, nodeKey: String.fromCharCode(i) + validator.nodeKey.slice(1) }))),
  registrars: sortedKeys,
  enrolled: sortedKeys,
})
