// Hand-written codecs and roots against SSZ containers of the same fields, and against hashes that are computed naively.

import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { concat, equalBytes, fromBin, toBin, toHex } from '../../src/base/bytes.ts'
import type { Body } from '../../src/protocol/block.ts'
import { bodyRoot, decodeBlock, encodeBlock, heartbeatName, namesRoot } from '../../src/protocol/block.ts'
import { certificateMessage, certificateRoot, CertificateSsz, certificateToSsz, hasQuorum } from '../../src/protocol/certificate.ts'
import type { Header } from '../../src/protocol/header.ts'
import { headerId, HeaderSsz, headerToSsz } from '../../src/protocol/header.ts'
import { HEARTBEAT_RECORD_SIZE, heartbeatDeviceKey, heartbeatEvidence, heartbeatFields, heartbeatMessage, heartbeatSignature, heartbeatWitness, sameStatement } from '../../src/protocol/heartbeat.ts'
import { DEFAULT_PARAMS, paramsRoot, ParamsSsz } from '../../src/protocol/params.ts'
import { proposalMessage } from '../../src/protocol/proposal.ts'
import { bigUint64, ByteListType, bytes32, bytes35, bytes64, ContainerType, ListCompositeType, uint64, uint8 } from '../../src/protocol/ssz.ts'
import { encodeTransaction, isGovernance, transactionId } from '../../src/protocol/transaction.ts'
import { decodeTransfer, encodeTransfer } from '../../src/protocol/transfer.ts'
import { isMoreThanThird, isQuorum, totalPower, validatorsRoot } from '../../src/protocol/validators.ts'
import { voteMessage } from '../../src/protocol/vote.ts'
import * as arbitrary from '../fuzz/arbitraries.ts'
import { holds } from '../fuzz/holds.ts'

const { GENESIS_HASH, nameOf } = arbitrary
const sha256 = (...parts: readonly Uint8Array[]): Uint8Array => createHash('sha256').update(concat(...parts)).digest()

t.test('a heartbeat record is the SSZ container of its fields', async (t) => {
  const type = new ContainerType({
    deviceKey: bytes35, timestampS: uint64, sequence: uint64, witness: bytes32, rateLevel: uint8, motionLevel: uint8, evidence: bytes32, signature: bytes64,
  })
  t.equal(type.fixedSize, HEARTBEAT_RECORD_SIZE)
  holds(
    t,
    'both encode alike, and both read alike',
    fc.property(arbitrary.heartbeatRecord, (record) => {
      const { timestampS, sequence, rateLevel, motionLevel, device } = arbitrary.heartbeatOf(record)
      const [deviceKey, witness, evidence, signature] = [heartbeatDeviceKey(record), heartbeatWitness(record), heartbeatEvidence(record), heartbeatSignature(record)]
      const value = { deviceKey, timestampS, sequence, witness, rateLevel, motionLevel, evidence, signature }
      return equalBytes(type.serialize(value), record) && type.equals(type.deserialize(record), value) && device === toBin(deviceKey)
    }),
  )
})

t.test('a transfer is the SSZ container of its fields', async (t) => {
  const type = new ContainerType({ sender: bytes35, recipient: bytes35, amount: bigUint64, nonce: uint64, expiryHeight: uint64, memo: new ByteListType(128) })
  const toSsz = (transfer: NonNullable<ReturnType<typeof decodeTransfer>>) => ({ ...transfer, sender: fromBin(transfer.sender), recipient: fromBin(transfer.recipient) })
  holds(t, 'both encode alike', fc.property(arbitrary.transfer, (transfer) => equalBytes(type.serialize(toSsz(transfer)), encodeTransfer(transfer))))
  const damaged = fc.tuple(arbitrary.transfer.map(encodeTransfer), fc.nat(), fc.nat(255)).map(([bytes, at, value]) => {
    const changed = Uint8Array.from(bytes)
    changed[at % bytes.length] = value
    return changed
  })
  holds(
    t,
    'what ours reads, SSZ reads alike',
    fc.property(damaged, (bytes) => {
      const transfer = decodeTransfer(bytes)
      return transfer === null || type.equals(type.deserialize(bytes), toSsz(transfer))
    }),
    { numRuns: 500 },
  )
})

const BodySsz = new ContainerType({
  heartbeats: new ListCompositeType(bytes32, 32_768),
  transactions: new ListCompositeType(new ByteListType(16_384), 8_192),
})

t.test('body and names have the roots of SSZ lists', async (t) => {
  const sszRoot = ({ heartbeats, transactions }: Pick<Body, 'heartbeats' | 'transactions'>): Uint8Array =>
    BodySsz.hashTreeRoot({ heartbeats: heartbeats.map(({ name }) => fromBin(name)), transactions: transactions.map(encodeTransaction) })
  holds(t, 'drawn bodies', fc.property(arbitrary.body, (body) => equalBytes(bodyRoot(body), sszRoot(body))))
  const pool = fc.sample(arbitrary.heartbeatRecord, 33).map(arbitrary.heartbeatOf)
  for (const count of [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33]) {
    const heartbeats = pool.slice(0, count)
    t.same(bodyRoot({ heartbeats, transactions: [] }), sszRoot({ heartbeats, transactions: [] }), `${count} heartbeats`)
    t.same(namesRoot(heartbeats), BodySsz.fields.heartbeats.hashTreeRoot(heartbeats.map(({ name }) => fromBin(name))))
  }
  const transactions = fc.sample(arbitrary.transaction, 33)
  for (const count of [1, 2, 3, 5, 33]) {
    const body = { heartbeats: [], transactions: transactions.slice(0, count) }
    t.same(bodyRoot(body), sszRoot(body), `${count} transactions`)
  }
  const swapped = [pool[1]!, pool[0]!]
  t.notSame(namesRoot(pool.slice(0, 2)), namesRoot(swapped), 'order counts')
  t.notSame(namesRoot([]), namesRoot(pool.slice(0, 1)))
})

t.test('a heartbeat is named by the hash of its signed bytes and signature', async (t) => {
  for (const record of fc.sample(arbitrary.heartbeatRecord, 10)) {
    const message = heartbeatMessage(GENESIS_HASH, heartbeatFields(record))
    t.equal(heartbeatName(record, GENESIS_HASH, nameOf), toBin(sha256(message, heartbeatSignature(record))))
    const other = Uint8Array.from(record)
    other[180]! ^= 1
    t.not(heartbeatName(other, GENESIS_HASH, nameOf), heartbeatName(record, GENESIS_HASH, nameOf), 'another signature, another name')
    t.ok(sameStatement(arbitrary.heartbeatOf(record), arbitrary.heartbeatOf(other)), 'but the same statement')
    other[84]! ^= 1
    t.notOk(sameStatement(arbitrary.heartbeatOf(record), arbitrary.heartbeatOf(other)))
  }
})

/** Little-endian, padded to a chunk. */
function chunk(value: Uint8Array | bigint): Uint8Array {
  const bytes = new Uint8Array(32)
  if (typeof value === 'bigint') new DataView(bytes.buffer).setBigUint64(0, value, true)
  else bytes.set(value)
  return bytes
}

function naiveRoot(leaves: readonly Uint8Array[], depth: number): Uint8Array {
  let level = Array.from({ length: 2 ** depth }, (_, i): Uint8Array => leaves[i] ?? new Uint8Array(32))
  while (level.length > 1) level = Array.from({ length: level.length / 2 }, (_, i) => sha256(level[2 * i]!, level[2 * i + 1]!))
  return level[0]!
}

t.test('a block id is the hash tree root of its header: sixteen leaves, fourteen of them used', async (t) => {
  holds(
    t,
    'equals a tree that is built naively',
    fc.property(arbitrary.header, (header) => {
      const leaves = [
        chunk(BigInt(header.version)), chunk(BigInt(header.height)), chunk(fromBin(header.parentId)), chunk(BigInt(header.timestampMs)), chunk(fromBin(header.proposer)),
        chunk(fromBin(header.bodyRoot)), chunk(fromBin(header.stateRoot)), chunk(fromBin(header.validatorsRoot)), chunk(fromBin(header.nextValidatorsRoot)),
        chunk(fromBin(header.paramsRoot)), chunk(fromBin(header.parentCertificateRoot)), chunk(BigInt(header.lives)), chunk(BigInt(header.weightPpm)),
        chunk(header.cumulativeLifePpm),
      ]
      return headerId(header) === toBin(naiveRoot(leaves, 4))
    }),
  )
  const [header] = fc.sample(arbitrary.header, 1)
  const ids = new Set([headerId(header!)])
  for (const name of Object.keys(HeaderSsz.fields) as (keyof Header)[]) {
    const value = header![name]
    const changed = typeof value === 'string' ? `${value.slice(0, 31)}${value[31] === 'a' ? 'b' : 'a'}` : typeof value === 'bigint' ? value ^ 1n : value === 0 ? 1 : value - 1
    ids.add(headerId({ ...header!, [name]: changed }))
  }
  t.equal(ids.size, 15, 'every field is part of the id')
  t.same(Object.keys(HeaderSsz.fields).sort(), Object.keys(headerToSsz(header!)).sort())
})

t.test('every parameter is part of the root, and none is forgotten', async (t) => {
  t.same(Object.keys(ParamsSsz.fields), Object.keys(DEFAULT_PARAMS))
  const roots = new Set([toHex(paramsRoot(DEFAULT_PARAMS))])
  for (const [name, value] of Object.entries(DEFAULT_PARAMS) as [string, number | bigint | boolean][]) {
    const changed = typeof value === 'boolean' ? !value : typeof value === 'bigint' ? value + 1n : value + 1
    roots.add(toHex(paramsRoot({ ...DEFAULT_PARAMS, [name]: changed })))
  }
  t.equal(roots.size, Object.keys(DEFAULT_PARAMS).length + 1)
})

t.test('what is signed: votes and proposals', async (t) => {
  const blockId = toBin(new Uint8Array(32).fill(0xab))
  const tag = (name: string): Uint8Array => chunk(new TextEncoder().encode(name))
  const integers = (...parts: readonly (readonly [value: number, size: number])[]): Uint8Array => {
    return concat(...parts.map(([value, size]) => chunk(BigInt(value)).slice(0, size)))
  }
  const vote = { height: 7, round: 3, type: 'precommit', blockId } as const
  t.same(voteMessage(GENESIS_HASH, vote), concat(tag('pulse/vote/1'), GENESIS_HASH, integers([7, 8], [3, 4], [2, 1]), fromBin(blockId)))
  t.same(
    voteMessage(GENESIS_HASH, { ...vote, type: 'prevote', blockId: null }),
    concat(tag('pulse/vote/1'), GENESIS_HASH, integers([7, 8], [3, 4], [1, 1]), new Uint8Array(32)),
    'nil is the zero hash',
  )
  const proposal = { height: 7, round: 3, validRound: -1, blockId }
  t.same(proposalMessage(GENESIS_HASH, proposal), concat(tag('pulse/proposal/1'), GENESIS_HASH, integers([7, 8], [3, 4], [0, 4]), fromBin(blockId)))
  t.same(proposalMessage(GENESIS_HASH, { ...proposal, validRound: 2 }), concat(tag('pulse/proposal/1'), GENESIS_HASH, integers([7, 8], [3, 4], [3, 4]), fromBin(blockId)))
  t.same(certificateMessage(GENESIS_HASH, { height: 7, round: 3, blockId, signatures: [] }), voteMessage(GENESIS_HASH, vote), 'a certificate holds precommits')
})

t.test('a block carries its parent certificate beside what its root commits to', async (t) => {
  holds(
    t,
    'blocks read back',
    fc.property(arbitrary.block, (block) => {
      const read = decodeBlock(encodeBlock(block), GENESIS_HASH, nameOf)
      return read.ok && headerId(read.value.header) === headerId(block.header) && equalBytes(bodyRoot(read.value.body), bodyRoot(block.body)) &&
        equalBytes(certificateRoot(read.value.body.parentCertificate), certificateRoot(block.body.parentCertificate))
    }),
  )
  const [certificate] = fc.sample(arbitrary.certificate, 1)
  t.same(certificateRoot(null), new Uint8Array(32))
  t.same(certificateRoot(certificate!), CertificateSsz.hashTreeRoot(certificateToSsz(certificate!)))
  const [transaction] = fc.sample(arbitrary.transferTransaction, 1)
  t.equal(transactionId(transaction!), transaction!.transfer.id)
  t.notOk(isGovernance(transaction!))
})

t.test('quorums are counted by multiplying', async (t) => {
  const validators = [1, 1, 1, 3].map((power, i) => ({ key: toBin(new Uint8Array(32).fill(i)), nodeKey: toBin(new Uint8Array(32).fill(i)), power }))
  t.equal(totalPower(validators), 6)
  t.notOk(isQuorum(4, 6), 'two thirds are not enough')
  t.ok(isQuorum(5, 6))
  t.notOk(isMoreThanThird(2, 6), 'one third is not more than one third')
  t.ok(isMoreThanThird(3, 6))
  holds(
    t,
    'exact up to 2^50',
    fc.property(fc.integer({ min: 1, max: 2 ** 50 - 1 }), fc.nat({ max: 10 }), (total, near) => {
      const power = Math.max(0, Math.min(total, Math.floor((2 * total) / 3) + near - 5))
      return isQuorum(power, total) === 3n * BigInt(power) > 2n * BigInt(total) && isMoreThanThird(power, total) === 3n * BigInt(power) > BigInt(total)
    }),
  )
  const certificate = (signers: readonly number[]) => ({ height: 1, round: 0, blockId: '', signatures: signers.map((validator) => ({ validator, signature: new Uint8Array(64) })) })
  t.ok(hasQuorum(certificate([0, 1, 3]), validators))
  t.notOk(hasQuorum(certificate([0, 1, 2]), validators))
  t.notOk(hasQuorum(certificate([1, 3]), validators), 'exactly two thirds')
  t.notOk(hasQuorum(certificate([0, 1, 3, 4]), validators), 'a signer that is no validator')
  t.notSame(validatorsRoot(validators), validatorsRoot(validators.map((validator) => ({ ...validator, power: validator.power + 1 }))))
})
