// Every maximum of protocol/limits.ts, at the limit and one past it. The table has a line for each export: a new limit
// without a line does not compile, and fails.

import fc from 'fast-check'
import t from 'tap'
import { concat, equalBytes, fromBin, toBin } from '../../src/base/bytes.ts'
import { extendRoot, merkleize, mixInLength } from '../../src/crypto/merkle.ts'
import { tagKey } from '../../src/crypto/keys.ts'
import type { Body } from '../../src/protocol/block.ts'
import { bodyRoot, decodeBlock, encodeBlock } from '../../src/protocol/block.ts'
import { decodeBundle, encodeBundle } from '../../src/protocol/bundle.ts'
import type { Certificate } from '../../src/protocol/certificate.ts'
import { decodeCertificate, encodeCertificate } from '../../src/protocol/certificate.ts'
import type { Genesis, GenesisValidator } from '../../src/protocol/genesis.ts'
import { checkGenesis, GENESIS_VERSION } from '../../src/protocol/genesis.ts'
import { decodeHave, encodeHave } from '../../src/protocol/have.ts'
import { decodeHeartbeat } from '../../src/protocol/heartbeat.ts'
import { DEFAULT_LIMITS, MAX_GOSSIP_RPC_BYTES } from '../../src/network/limits.ts'
import * as limits from '../../src/protocol/limits.ts'
import { checkParams, DEFAULT_PARAMS } from '../../src/protocol/params.ts'
import { decodeProposal, encodeProposal } from '../../src/protocol/proposal.ts'
import { ByteListType, bytes32, ListCompositeType } from '../../src/protocol/ssz.ts'
import type { Transaction, TransferTransaction } from '../../src/protocol/transaction.ts'
import { decodeTransaction, encodeTransaction, enrolmentTransaction, parametersTransaction } from '../../src/protocol/transaction.ts'
import { decodeTransfer, encodeTransfer } from '../../src/protocol/transfer.ts'
import { vitalsInRange } from '../../src/protocol/vitals.ts'
import { decodeVote, encodeVote } from '../../src/protocol/vote.ts'
import * as arbitrary from '../fuzz/arbitraries.ts'

const one = <T>(values: fc.Arbitrary<T>): T => fc.sample(values, { numRuns: 1, seed: 1 })[0]!
const header = one(arbitrary.header)
const record = one(arbitrary.heartbeatRecord)
const heartbeat = arbitrary.heartbeatOf(record)
const transaction = one(arbitrary.transferTransaction)

/** 32 bytes that differ for each number and sort by it. */
const numbered = (i: number): string => String.fromCharCode(i >> 16, (i >> 8) & 255, i & 255).padEnd(32, '.')
const numberedKey = (i: number): string => toBin(tagKey('ed25519', fromBin(numbered(i))))
const validators = (count: number, power = 1_000_000): GenesisValidator[] => Array.from({ length: count }, (_, i) => ({ key: numbered(i), nodeKey: numbered(i), power }))

const GENESIS: Genesis = { version: GENESIS_VERSION, network: 'limits', timeMs: 1, params: DEFAULT_PARAMS, validators: validators(1), registrars: [], enrolled: [] }
const genesisIsFine = (change: Partial<Genesis>): boolean => checkGenesis({ ...GENESIS, ...change }).length === 0
const paramIsFine = (change: Partial<typeof DEFAULT_PARAMS>): boolean => checkParams({ ...DEFAULT_PARAMS, ...change }).length === 0

const blockReads = (body: Partial<Body>): boolean => {
  const block = { header, body: { parentCertificate: null, heartbeats: [], transactions: [], ...body } }
  return decodeBlock(encodeBlock(block), arbitrary.GENESIS_HASH, () => '').ok
}

const certificateReads = (count: number, change: Partial<Certificate> = {}): boolean => {
  const signatures = Array.from({ length: count }, (_, validator) => ({ validator, signature: new Uint8Array(64) }))
  return decodeCertificate(encodeCertificate({ height: 1, round: 0, blockId: numbered(1), signatures, ...change })).ok
}

const roundReads = (round: number): boolean[] => [
  decodeHave(encodeHave({ height: 1, rounds: [{ round, prevotes: [], precommits: [], prevoteQuorum: false, precommitQuorum: false, proposal: false }] })).ok,
  decodeVote(encodeVote({ ...one(arbitrary.vote), round })).ok,
  decodeProposal(encodeProposal({ ...one(arbitrary.proposal), round, validRound: -1 })).ok,
  certificateReads(1, { round }),
]

const vitals = { rrMs: [800], motionMilliG: [0], temperatureCentiC: 0 }
const repeat = (value: number, count: number): number[] => new Array<number>(count).fill(value)

const withMemo = (sizeBytes: number): TransferTransaction => ({ ...transaction, transfer: { ...transaction.transfer, memo: new Uint8Array(sizeBytes).fill(0x61) } })
const TRANSACTION_OVERHEAD = encodeTransaction(withMemo(0)).length

const withDevices = (count: number): Transaction => {
  const devices = Array.from({ length: count }, (_, i) => numberedKey(i))
  return enrolmentTransaction(arbitrary.GENESIS_HASH, { registrar: numberedKey(0), expiryHeight: 1, devices, signature: new Uint8Array(64) })
}

const withApprovals = (count: number): Transaction => {
  const approvals = Array.from({ length: count }, (_, i) => ({ validator: numbered(i), signature: new Uint8Array(64) }))
  return parametersTransaction(arbitrary.GENESIS_HASH, { paramsRoot: numbered(0), paramsSince: 0, activationHeight: 1, expiryHeight: 1, params: DEFAULT_PARAMS, approvals })
}

const transactionReads = (transaction: Transaction): boolean => decodeTransaction(encodeTransaction(transaction), arbitrary.GENESIS_HASH) !== null

const withLevels = (rate: number, motion: number): Uint8Array => {
  const changed = Uint8Array.from(record)
  changed[83] = rate
  changed[84] = motion
  return changed
}

/** For each limit a check that is called with the limit (it must say yes) and with one more (it must say no). */
const table: Readonly<Record<keyof typeof limits, (size: number) => boolean | readonly boolean[]>> = {
  MAX_BLOCK_HEARTBEATS: (count) => [blockReads({ heartbeats: new Array<typeof heartbeat>(count).fill(heartbeat) }), paramIsFine({ maxHeartbeats: count })],
  MAX_BLOCK_TRANSACTIONS: (count) => [
    blockReads({ transactions: new Array<Transaction>(count).fill(transaction) }),
    paramIsFine({ maxTransactions: count }),
    paramIsFine({ maxCreations: count }),
  ],
  // 32 768 heartbeats and 8 192 of the largest transfers are a little less than this: later kinds of transactions are larger.
  MAX_BODY_BYTES: (size) => paramIsFine({ maxBodyBytes: size }),
  MAX_BLOCK_BYTES: (size) => {
    // Any bytes of that size are no block; what counts is that the larger ones are not even looked at.
    let looked = false
    const bytes = new Proxy(new Uint8Array(8), {
      get: (target, name) => {
        if (name === 'length') return size
        looked = true
        const value: unknown = Reflect.get(target, name, target)
        return value
      },
    })
    decodeBlock(bytes, arbitrary.GENESIS_HASH, () => '')
    return looked
  },
  MAX_BUNDLE_HEARTBEATS: (count) => {
    const { witness, signature, records } = one(arbitrary.bundle)
    const first = records.subarray(0, record.length)
    return decodeBundle(encodeBundle({ witness, signature, records: concat(...new Array<Uint8Array>(count).fill(first)) })).ok
  },
  MAX_TRANSACTION_BYTES: (size) => {
    // Nothing that large decodes, so what counts is that the larger ones are not even looked at.
    let looked = false
    const bytes = new Proxy(new Uint8Array(1), {
      get: (target, name) => {
        if (name === 'length') return size
        looked = true
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) as unknown : value
      },
    })
    decodeTransaction(bytes, arbitrary.GENESIS_HASH)
    const encoded = encodeTransaction(withMemo(size - TRANSACTION_OVERHEAD))
    const ssz = new ListCompositeType(new ByteListType(limits.MAX_TRANSACTION_BYTES), limits.MAX_BLOCK_TRANSACTIONS)
    try {
      // Through the list type, since no kind of transaction is that large yet.
      ssz.deserialize(ssz.serialize([encoded]))
    } catch {
      return [false, looked]
    }
    const namesRoot = mixInLength(merkleize(new Uint8Array(), 15), 0)
    const expected = mixInLength(merkleize(concat(namesRoot, ssz.hashTreeRoot([encoded])), 1), 0)
    return [equalBytes(mixInLength(bodyRoot({ heartbeats: [], transactions: [withMemo(size - TRANSACTION_OVERHEAD)] }), 0), expected), looked]
  },
  MAX_MEMO_BYTES: (size) => [
    decodeTransfer(encodeTransfer(withMemo(size).transfer)) !== null,
    decodeTransaction(encodeTransaction(withMemo(size)), arbitrary.GENESIS_HASH) !== null,
  ],
  MAX_VALIDATORS: (count) => [certificateReads(count), genesisIsFine({ validators: validators(count) }), transactionReads(withApprovals(count))],
  MAX_ENROLMENT_DEVICES: (count) => transactionReads(withDevices(count)),
  MAX_LIFE_WINDOW_EPOCHS: (count) => paramIsFine({ lifeWindowEpochs: count }),
  MAX_REGISTRARS: (count) => genesisIsFine({ registrars: Array.from({ length: count }, (_, i) => numberedKey(i)) }),
  MAX_GENESIS_ACCOUNTS: (count) => genesisIsFine({ enrolled: Array.from({ length: count }, (_, i) => numberedKey(i)) }),
  // No tree of that size fits a machine: its root has the depth of the SSZ list's, and no other.
  ACCOUNT_TREE_DEPTH: (depth) => {
    const chunk = new Uint8Array(32).fill(1)
    return equalBytes(mixInLength(extendRoot(chunk, 0, depth), 1), new ListCompositeType(bytes32, 2 ** 32).hashTreeRoot([chunk]))
  },
  MAX_ROUND: roundReads,
  MAX_ROUNDS_SHOWN: (count) => {
    const shown = { prevotes: [], precommits: [], prevoteQuorum: false, precommitQuorum: false, proposal: false }
    return decodeHave(encodeHave({ height: 1, rounds: Array.from({ length: count }, (_, round) => ({ round, ...shown })) })).ok
  },
  // Bases, and lives that make up twice as much: the total of all powers stays below it.
  MAX_TOTAL_POWER: (power) => 4 * limits.MAX_TOTAL_BASE === power && 3 * limits.MAX_TOTAL_BASE + limits.MAX_VALIDATORS < power && Number.isSafeInteger(3 * power),
  MAX_TOTAL_BASE: (power) => [genesisIsFine({ validators: validators(1, power) }), genesisIsFine({ validators: [...validators(1, power - 1), { key: 'z'.repeat(32), nodeKey: 'z'.repeat(32), power: 1 }] })],
  MAX_LEVEL: (level) => [decodeHeartbeat(withLevels(level, 0), '') !== null, decodeHeartbeat(withLevels(0, level), '') !== null],
  MAX_NETWORK_NAME_BYTES: (size) => genesisIsFine({ network: 'n'.repeat(size) }),
  MAX_RR_INTERVALS: (count) => vitalsInRange({ ...vitals, rrMs: repeat(800, count) }),
  MAX_MOTION_SAMPLES: (count) => vitalsInRange({ ...vitals, motionMilliG: repeat(1, count) }),
}

t.test('no limit is forgotten', async (t) => {
  t.strictSame(Object.keys(table).sort(), Object.keys(limits).sort())
})

for (const [name, check] of Object.entries(table)) {
  const limit = limits[name as keyof typeof limits]
  t.test(`${name}: ${limit} and no more`, async (t) => {
    for (const [i, verdict] of [check(limit)].flat().entries()) t.equal(verdict, true, `at the limit (${i})`)
    for (const [i, verdict] of [check(limit + 1)].flat().entries()) t.equal(verdict, false, `one past it (${i})`)
  })
}

t.test('the largest transaction of each kind fits its maximum', async (t) => {
  const sizes = [withApprovals(limits.MAX_VALIDATORS), withDevices(limits.MAX_ENROLMENT_DEVICES), withMemo(limits.MAX_MEMO_BYTES)].map((each) => encodeTransaction(each).length)
  t.strictSame(sizes, [1 + 258 + 128 * 96, 1 + 111 + 256 * 35, 1 + 64 + 98 + 128])
  t.ok(sizes.every((size) => size <= limits.MAX_TRANSACTION_BYTES))
})

t.test('the largest body of heartbeats and transfers fits its maximum', async (t) => {
  const heartbeatBytes = limits.MAX_BLOCK_HEARTBEATS * record.length
  const transactionBytes = limits.MAX_BLOCK_TRANSACTIONS * (4 + TRANSACTION_OVERHEAD + limits.MAX_MEMO_BYTES)
  const certificateBytes = 4 + encodeCertificate({
    height: 1, round: 0, blockId: numbered(1), signatures: Array.from({ length: limits.MAX_VALIDATORS }, (_, validator) => ({ validator, signature: new Uint8Array(64) })),
  }).length
  t.ok(heartbeatBytes + transactionBytes + certificateBytes <= limits.MAX_BODY_BYTES)
})

t.test('a proposal of the largest body of heartbeats and transfers fits a gossip message', async (t) => {
  const names = limits.MAX_BLOCK_HEARTBEATS * 32
  const transfers = limits.MAX_BLOCK_TRANSACTIONS * (4 + TRANSACTION_OVERHEAD + limits.MAX_MEMO_BYTES)
  // Header, proposal, and a certificate by all.
  const rest = 16_384
  t.ok(1 + names + transfers + rest <= DEFAULT_LIMITS.maxMessageBytes.consensus)
  t.ok(DEFAULT_LIMITS.maxMessageBytes.consensus < MAX_GOSSIP_RPC_BYTES)
})
