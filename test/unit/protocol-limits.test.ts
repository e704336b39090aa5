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
import * as limits from '../../src/protocol/limits.ts'
import { checkParams, DEFAULT_PARAMS } from '../../src/protocol/params.ts'
import { decodeProposal, encodeProposal } from '../../src/protocol/proposal.ts'
import { ByteListType, bytes32, ListCompositeType } from '../../src/protocol/ssz.ts'
import type { Transaction } from '../../src/protocol/transaction.ts'
import { decodeTransaction, encodeTransaction } from '../../src/protocol/transaction.ts'
import { decodeTransfer, encodeTransfer } from '../../src/protocol/transfer.ts'
import { vitalsInRange } from '../../src/protocol/vitals.ts'
import { decodeVote, encodeVote } from '../../src/protocol/vote.ts'
import * as arbitrary from '../fuzz/arbitraries.ts'

const one = <T>(values: fc.Arbitrary<T>): T => fc.sample(values, { numRuns: 1, seed: 1 })[0]!
const header = one(arbitrary.header)
const record = one(arbitrary.heartbeatRecord)
const heartbeat = arbitrary.heartbeatOf(record)
const transaction = one(arbitrary.transaction)

/** 32 bytes that differ for each number and sort by it. */
const numbered = (i: number): string => String.fromCharCode(i >> 16, (i >> 8) & 255, i & 255).padEnd(32, '.')
const numberedKey = (i: number): string => toBin(tagKey('ed25519', fromBin(numbered(i))))
const validators = (count: number, power = 1): GenesisValidator[] => Array.from({ length: count }, (_, i) => ({ key: numbered(i), nodeKey: numbered(i), power }))

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

const withMemo = (sizeBytes: number): Transaction => ({ ...transaction, transfer: { ...transaction.transfer, memo: new Uint8Array(sizeBytes).fill(0x61) } })
const TRANSACTION_OVERHEAD = encodeTransaction(withMemo(0)).length

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
    const encoded = encodeTransaction(withMemo(size - TRANSACTION_OVERHEAD))
    const ssz = new ListCompositeType(new ByteListType(limits.MAX_TRANSACTION_BYTES), limits.MAX_BLOCK_TRANSACTIONS)
    try {
      // Through the list type, since no kind of transaction is that large yet.
      ssz.deserialize(ssz.serialize([encoded]))
    } catch {
      return false
    }
    const namesRoot = mixInLength(merkleize(new Uint8Array(), 15), 0)
    const expected = mixInLength(merkleize(concat(namesRoot, ssz.hashTreeRoot([encoded])), 1), 0)
    return equalBytes(mixInLength(bodyRoot({ heartbeats: [], transactions: [withMemo(size - TRANSACTION_OVERHEAD)] }), 0), expected)
  },
  MAX_MEMO_BYTES: (size) => [
    decodeTransfer(encodeTransfer(withMemo(size).transfer)) !== null,
    decodeTransaction(encodeTransaction(withMemo(size)), arbitrary.GENESIS_HASH) !== null,
  ],
  MAX_VALIDATORS: (count) => [certificateReads(count), genesisIsFine({ validators: validators(count) })],
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
  // The total must stay below it.
  MAX_TOTAL_POWER: (power) => [genesisIsFine({ validators: validators(1, power - 1) }), genesisIsFine({ validators: validators(2, Math.floor((power - 1) / 2)) })],
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

t.test('the largest body of today fits its maximum', async (t) => {
  const heartbeatBytes = limits.MAX_BLOCK_HEARTBEATS * record.length
  const transactionBytes = limits.MAX_BLOCK_TRANSACTIONS * (4 + TRANSACTION_OVERHEAD + limits.MAX_MEMO_BYTES)
  const certificateBytes = 4 + encodeCertificate({
    height: 1, round: 0, blockId: numbered(1), signatures: Array.from({ length: limits.MAX_VALIDATORS }, (_, validator) => ({ validator, signature: new Uint8Array(64) })),
  }).length
  t.ok(heartbeatBytes + transactionBytes + certificateBytes <= limits.MAX_BODY_BYTES)
})
