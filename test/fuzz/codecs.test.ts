// Codecs: everything that is encoded reads back, and every other sequence of bytes is refused. For each kind of message
// "decode, then encode" must give the very bytes that came in, or nothing: then no value has two encodings.

import fc from 'fast-check'
import type { Test } from 'tap'
import t from 'tap'
import { concat, equalBytes, toBin, toHex, writeUint32, writeUint64 } from '../../src/base/bytes.ts'
import type { Result } from '../../src/base/result.ts'
import { domainTag, signingBytes } from '../../src/crypto/hash.ts'
import { decodeBlock, encodeBlock } from '../../src/protocol/block.ts'
import { decodeBundle, encodeBundle } from '../../src/protocol/bundle.ts'
import { decodeCertificate, encodeCertificate } from '../../src/protocol/certificate.ts'
import { decodeCompactProposal, encodeCompactProposal } from '../../src/protocol/compact.ts'
import { decodeHave, encodeHave } from '../../src/protocol/have.ts'
import { decodeHeader, encodeHeader } from '../../src/protocol/header.ts'
import {
  decodeHeartbeat, encodeHeartbeatFields, HEARTBEAT_FIELDS_SIZE, heartbeatDeviceKey, heartbeatEvidence, heartbeatFields, heartbeatMessage, heartbeatSignature,
  heartbeatWitness, recordOfRow, rowOfRecord,
} from '../../src/protocol/heartbeat.ts'
import { decodeProposal, encodeProposal, PROPOSAL_SIZE } from '../../src/protocol/proposal.ts'
import type { Transaction } from '../../src/protocol/transaction.ts'
import { decodeTransaction, encodeTransaction, transactionFromMessage, transactionSignatures } from '../../src/protocol/transaction.ts'
import { decodeTransfer, encodeTransfer, transferMessage } from '../../src/protocol/transfer.ts'
import { decodeVote, encodeVote } from '../../src/protocol/vote.ts'
import * as arbitrary from './arbitraries.ts'
import { holds } from './holds.ts'

const { GENESIS_HASH, nameOf } = arbitrary

interface Codec {
  readonly valid: fc.Arbitrary<Uint8Array>
  /** Decodes and encodes again; null if the bytes are refused. */
  readonly again: (bytes: Uint8Array) => Uint8Array | null
  /** Where 8-byte integers that must be safe lie. */
  readonly uint53At: readonly number[]
  /** Where offsets lie. */
  readonly offsetsAt: readonly number[]
}

function transactionAgain(bytes: Uint8Array): Uint8Array | null {
  const transaction = decodeTransaction(bytes, GENESIS_HASH)
  return transaction === null ? null : encodeTransaction(transaction)
}

const codecs: Readonly<Record<string, Codec>> = {
  'heartbeat record': {
    valid: arbitrary.heartbeatRecord,
    again: (bytes) => {
      const heartbeat = decodeHeartbeat(bytes, '')
      if (heartbeat === null) return null
      const { record, timestampS, sequence, rateLevel, motionLevel } = heartbeat
      const fields = { timestampS, sequence, rateLevel, motionLevel, deviceKey: heartbeatDeviceKey(record), witness: heartbeatWitness(record), evidence: heartbeatEvidence(record) }
      return concat(encodeHeartbeatFields(fields), heartbeatSignature(record))
    },
    uint53At: [35, 43],
    offsetsAt: [],
  },
  transfer: {
    valid: arbitrary.transfer.map(encodeTransfer),
    again: (bytes) => {
      const transfer = decodeTransfer(bytes)
      return transfer === null ? null : encodeTransfer(transfer)
    },
    uint53At: [78, 86],
    offsetsAt: [94],
  },
  'transfer in a block': { valid: arbitrary.transferTransaction.map(encodeTransaction), again: transactionAgain, uint53At: [65 + 78, 65 + 86], offsetsAt: [65 + 94] },
  enrolment: { valid: arbitrary.governance.enrolment.map(encodeTransaction), again: transactionAgain, uint53At: [36], offsetsAt: [44] },
  join: { valid: arbitrary.governance.join.map(encodeTransaction), again: transactionAgain, uint53At: [65, 73, 81], offsetsAt: [217] },
  leave: { valid: arbitrary.governance.leave.map(encodeTransaction), again: transactionAgain, uint53At: [33, 41], offsetsAt: [] },
  // 35 parameters in 198 bytes begin at 57; blockIntervalMs and trustPeriodMs are the first and the last of them.
  'change of parameters': { valid: arbitrary.governance.parameters.map(encodeTransaction), again: transactionAgain, uint53At: [33, 41, 49, 57, 247], offsetsAt: [255] },
  evidence: { valid: arbitrary.governance.evidence.map(encodeTransaction), again: transactionAgain, uint53At: [], offsetsAt: [] },
  vote: {
    valid: arbitrary.vote.map(encodeVote),
    again: (bytes) => {
      const vote = decodeVote(bytes)
      return vote.ok ? encodeVote(vote.value) : null
    },
    uint53At: [0],
    offsetsAt: [],
  },
  proposal: {
    valid: arbitrary.proposal.map(encodeProposal),
    again: (bytes) => {
      const proposal = decodeProposal(bytes)
      return proposal.ok ? encodeProposal(proposal.value) : null
    },
    uint53At: [0],
    offsetsAt: [],
  },
  certificate: {
    valid: arbitrary.certificate.map(encodeCertificate),
    again: (bytes) => {
      const certificate = decodeCertificate(bytes)
      return certificate.ok ? encodeCertificate(certificate.value) : null
    },
    uint53At: [0],
    offsetsAt: [44, 48],
  },
  header: {
    valid: arbitrary.header.map(encodeHeader),
    again: (bytes) => {
      const header = decodeHeader(bytes)
      return header.ok ? encodeHeader(header.value) : null
    },
    uint53At: [4, 44, 280],
    offsetsAt: [],
  },
  block: {
    valid: arbitrary.block.map(encodeBlock),
    again: (bytes) => {
      const block = decodeBlock(bytes, GENESIS_HASH, nameOf)
      return block.ok ? encodeBlock(block.value) : null
    },
    uint53At: [4, 44, 280],
    offsetsAt: [296, 300, 304],
  },
  bundle: {
    valid: arbitrary.bundle.map(encodeBundle),
    again: (bytes) => {
      const bundle = decodeBundle(bytes)
      return bundle.ok ? encodeBundle(bundle.value) : null
    },
    uint53At: [],
    offsetsAt: [],
  },
  'compact proposal': {
    valid: arbitrary.compact.map(encodeCompactProposal),
    again: (bytes) => {
      const compact = decodeCompactProposal(bytes, GENESIS_HASH)
      return compact.ok ? encodeCompactProposal(compact.value) : null
    },
    uint53At: [0, PROPOSAL_SIZE + 4, PROPOSAL_SIZE + 44, PROPOSAL_SIZE + 280],
    offsetsAt: [0, 4, 8].map((offset) => PROPOSAL_SIZE + 296 + offset),
  },
  have: {
    valid: arbitrary.have.map(encodeHave),
    again: (bytes) => {
      const have = decodeHave(bytes)
      return have.ok ? encodeHave(have.value) : null
    },
    uint53At: [0],
    offsetsAt: [8],
  },
}

/** Refused, or the same bytes again. */
const canonical = (codec: Codec, bytes: Uint8Array): boolean => {
  const again = codec.again(bytes)
  return again === null || equalBytes(again, bytes)
}

const withByte = (bytes: Uint8Array, offset: number, value: number): Uint8Array => {
  const changed = Uint8Array.from(bytes)
  changed[offset] = value
  return changed
}

const withBytes = (bytes: Uint8Array, offset: number, value: Uint8Array): Uint8Array => {
  const changed = Uint8Array.from(bytes)
  changed.set(value.subarray(0, Math.max(0, bytes.length - offset)), offset)
  return changed
}

/** Checks many byte strings as one test point; names the first one that fails. */
function all(t: Test, sentence: string, cases: Iterable<Uint8Array>, check: (bytes: Uint8Array) => boolean): void {
  let count = 0
  for (const bytes of cases) {
    count++
    if (!check(bytes)) return void t.fail(sentence, { case: count, bytes: toHex(bytes) })
  }
  t.ok(count > 0, `${sentence} (${count})`)
}

function* truncations(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let size = 0; size < bytes.length; size++) yield bytes.slice(0, size)
}

function* extensions(bytes: Uint8Array): Iterable<Uint8Array> {
  for (const value of [0, 1, 0x7f, 0xff]) for (const count of [1, 2, 4, 8, 32, 64, 181]) yield concat(bytes, new Uint8Array(count).fill(value))
}

function* bitFlips(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let bit = 0; bit < 8 * bytes.length; bit++) yield withByte(bytes, bit >> 3, bytes[bit >> 3]! ^ (1 << (bit & 7)))
}

function* wordChanges(bytes: Uint8Array): Iterable<Uint8Array> {
  const word = new Uint8Array(4)
  for (let offset = 0; offset + 4 <= bytes.length; offset++) {
    for (const value of [0, 1, bytes.length, bytes.length - 1, 0x7fff_ffff, 0xffff_ffff]) {
      writeUint32(word, 0, value)
      yield withBytes(bytes, offset, word)
    }
  }
}

function* insertionsAndRemovals(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset++) {
    yield concat(bytes.subarray(0, offset), Uint8Array.of(0), bytes.subarray(offset))
    yield concat(bytes.subarray(0, offset), bytes.subarray(offset + 1))
  }
}

/** Not worth trying everything on. */
const large = new Set(['block', 'compact proposal', 'bundle'])

function* otherValues(bytes: Uint8Array, offset: number, known: readonly number[]): Iterable<Uint8Array> {
  for (let value = 0; value < 256; value++) if (!known.includes(value)) yield withByte(bytes, offset, value)
}

const errorOf = (result: Result<unknown, string>): string | null => (result.ok ? null : result.error)

for (const [kind, codec] of Object.entries(codecs)) {
  const { valid, again, uint53At, offsetsAt } = codec

  t.test(`${kind}: what is encoded reads back to the same bytes`, async (t) => {
    holds(t, 'round trip', fc.property(valid, (bytes) => equalBytes(again(bytes) ?? new Uint8Array(), bytes)), { numRuns: 200 })
  })

  t.test(`${kind}: whatever is not canonical is refused`, async (t) => {
    for (const bytes of fc.sample(valid, { numRuns: large.has(kind) ? 1 : 4 })) {
      all(t, 'every truncation', truncations(bytes), (changed) => canonical(codec, changed))
      all(t, 'extensions', extensions(bytes), (changed) => canonical(codec, changed))
      all(t, 'every flipped bit', bitFlips(bytes), (changed) => canonical(codec, changed))
      all(t, 'every inserted and removed byte', insertionsAndRemovals(bytes), (changed) => canonical(codec, changed))
      if (!large.has(kind)) all(t, 'changed words', wordChanges(bytes), (changed) => canonical(codec, changed))
    }
  })

  if (uint53At.length > 0) t.test(`${kind}: integers above 2^53 - 1 are refused`, async (t) => {
    const [bytes] = fc.sample(valid, 1)
    for (const offset of uint53At) {
      // Powers of two survive a double unharmed, so "the same bytes again" would not notice them.
      for (const bits of [53n, 54n, 60n, 63n]) {
        const large = new Uint8Array(8)
        new DataView(large.buffer).setBigUint64(0, 1n << bits, true)
        t.equal(again(withBytes(bytes!, offset, large)), null, `2^${bits} at ${offset}`)
      }
      const low = new Uint8Array(8)
      low[0] = 77
      t.not(again(withBytes(bytes!, offset, low)), null, `77 at ${offset} is fine`)
    }
  })

  if (offsetsAt.length > 0) t.test(`${kind}: offsets have one value`, async (t) => {
    for (const bytes of fc.sample(valid, 5)) {
      for (const offset of offsetsAt) {
        const there = new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true)
        for (const value of [0, there - 64, there - 1, there + 1, there + 4, there + 64, bytes.length, bytes.length + 1, 0xffff_ffff]) {
          if (value === there || value < 0) continue
          const word = new Uint8Array(4)
          writeUint32(word, 0, value)
          t.ok(canonical(codec, withBytes(bytes, offset, word)), `${value} in place of ${there} at ${offset}`)
        }
      }
    }
  })

  t.test(`${kind}: no bytes make the decoder throw`, async (t) => {
    holds(t, 'random bytes', fc.property(fc.uint8Array({ maxLength: 1_200 }), (bytes) => canonical(codec, bytes)), { numRuns: 1_000 })
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 })
    holds(
      t,
      'damaged bytes',
      fc.property(valid, damage, (bytes, changes) => canonical(codec, changes.reduce((value, [at, byte]) => withByte(value, at % bytes.length, byte), bytes))),
      { numRuns: 500 },
    )
    holds(
      t,
      'spliced bytes',
      fc.property(valid, valid, fc.nat(), fc.nat(), (a, b, from, to) => canonical(codec, concat(a.subarray(0, from % a.length), b.subarray(to % b.length)))),
      { numRuns: 500 },
    )
  })
}

t.test('a row that a device sends becomes a record only in its own domain and network', async (t) => {
  for (const record of fc.sample(arbitrary.heartbeatRecord, 5)) {
    const message = heartbeatMessage(GENESIS_HASH, heartbeatFields(record))
    const row = rowOfRecord(record, GENESIS_HASH)
    t.same(row, concat(message, heartbeatSignature(record)), 'a row is the signed bytes and the signature')
    t.same(recordOfRow(row, GENESIS_HASH), { ok: true, value: record })
    t.same(recordOfRow(rowOfRecord(record, new Uint8Array(32)), GENESIS_HASH), { ok: false, error: 'wrong_network' })
    t.same(recordOfRow(signingBytes('pulse/transfer/1', GENESIS_HASH, record), GENESIS_HASH), { ok: false, error: 'malformed' })
    all(t, 'every other size is refused', [...truncations(row), ...extensions(row)], (bytes) => !recordOfRow(bytes, GENESIS_HASH).ok)
    const prefixBits = [...bitFlips(row)].slice(0, 8 * 64)
    all(t, 'every bit of the domain counts', prefixBits.slice(0, 8 * 32), (bytes) => errorOf(recordOfRow(bytes, GENESIS_HASH)) === 'malformed')
    all(t, 'every bit of the genesis hash counts', prefixBits.slice(8 * 32), (bytes) => errorOf(recordOfRow(bytes, GENESIS_HASH)) === 'wrong_network')
  }
  t.equal(HEARTBEAT_FIELDS_SIZE, 117)
})

t.test('a transfer that a sender posts is read in its own domain and network only', async (t) => {
  const signature = new Uint8Array(64).fill(1)
  for (const transfer of fc.sample(arbitrary.transfer, 20)) {
    const message = transferMessage(GENESIS_HASH, transfer)
    const read = transactionFromMessage(message, signature, GENESIS_HASH)
    if (!read.ok) return void t.fail('a valid transfer is refused')
    t.same(encodeTransaction(read.value), concat(Uint8Array.of(1), signature, encodeTransfer(transfer)))
    t.same(transactionSignatures(read.value, GENESIS_HASH), [{ key: Buffer.from(transfer.sender, 'latin1'), message, signature }])
    t.equal(read.value.transfer.id, nameOf(message), 'the id is the hash of the signed bytes')
    t.same(transactionFromMessage(transferMessage(new Uint8Array(32), transfer), signature, GENESIS_HASH), { ok: false, error: 'wrong_network' })
    t.same(transactionFromMessage(concat(domainTag('pulse/vote/1'), message.subarray(32)), signature, GENESIS_HASH), { ok: false, error: 'malformed' })
    t.same(transactionFromMessage(message, signature.subarray(1), GENESIS_HASH), { ok: false, error: 'malformed' })
    all(t, 'what is shorter than the fixed fields is refused', truncations(message.subarray(0, 64 + 98)), (bytes) => !transactionFromMessage(bytes, signature, GENESIS_HASH).ok)
  }
  holds(
    t,
    'random messages',
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.uint8Array({ maxLength: 70 }), (message, signature) => {
      return !transactionFromMessage(message, signature, GENESIS_HASH).ok && !recordOfRow(concat(message, signature), GENESIS_HASH).ok
    }),
  )
})

t.test('a memo must be UTF-8, an amount above zero, a kind known', async (t) => {
  const [transfer] = fc.sample(arbitrary.transfer, 1)
  for (const memo of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0x80]]) {
    t.equal(decodeTransfer(encodeTransfer({ ...transfer!, memo: Uint8Array.from(memo) })), null, `memo ${toHex(Uint8Array.from(memo))}`)
  }
  t.not(decodeTransfer(encodeTransfer({ ...transfer!, memo: new TextEncoder().encode('\ufeff💓\0') })), null)
  t.equal(decodeTransfer(encodeTransfer({ ...transfer!, amount: 0n })), null)
  for (const [i, kind] of [arbitrary.transferTransaction, ...Object.values<fc.Arbitrary<Transaction>>(arbitrary.governance)].entries()) {
    const [encoded] = fc.sample(kind.map(encodeTransaction), 1)
    all(t, 'other and unknown kinds', otherValues(encoded!, 0, [i + 1]), (bytes) => decodeTransaction(bytes, GENESIS_HASH) === null)
  }
})

t.test('votes have two types and certificates one bit list', async (t) => {
  const [encoded] = fc.sample(arbitrary.vote.map(encodeVote), 1)
  all(t, 'unknown types', otherValues(encoded!, 12, [1, 2]), (bytes) => !decodeVote(bytes).ok)
  const certificate = { height: 5, round: 1, blockId: toBin(new Uint8Array(32).fill(3)), signatures: [0, 2, 9].map((validator) => ({ validator, signature: new Uint8Array(64).fill(validator) })) }
  const bytes = encodeCertificate(certificate)
  t.same(decodeCertificate(bytes), { ok: true, value: certificate })
  // 84 bytes of fixed part, then two bytes of bits: signers 0, 2, 9 and the end mark at 10.
  t.same(bytes.slice(52, 54), Uint8Array.of(0b101, 0b110))
  const bits = (...list: number[]): Uint8Array => {
    const changed = concat(bytes.subarray(0, 52), Uint8Array.from(list), bytes.subarray(54))
    writeUint32(changed, 48, 52 + list.length)
    return changed
  }
  t.ok(decodeCertificate(bits(0b101, 0b110)).ok)
  t.notOk(decodeCertificate(bits(0b101, 0b1010)).ok, 'a bit list that goes on after its last signer')
  t.notOk(decodeCertificate(bits(0b101, 0b010, 1)).ok, 'one that goes on for a byte')
  t.notOk(decodeCertificate(bits(0b111, 0b110)).ok, 'more signers than signatures')
  t.notOk(decodeCertificate(bits(0b100, 0b110)).ok, 'fewer signers than signatures')
  t.notOk(decodeCertificate(bits(0b101, 0)).ok, 'no end mark')
})

t.test('a proposal points to an earlier round only', async (t) => {
  const [proposal] = fc.sample(arbitrary.proposal, 1)
  for (const [round, validRound, verdict] of [[0, -1, true], [0, 0, false], [3, 2, true], [3, 3, false], [3, 4, false]] as const) {
    t.equal(decodeProposal(encodeProposal({ ...proposal!, round, validRound })).ok, verdict, `round ${round}, valid round ${validRound}`)
  }
})

t.test('the time of a heartbeat stays a safe integer in milliseconds', async (t) => {
  const [record] = fc.sample(arbitrary.heartbeatRecord, 1)
  const last = Math.floor(Number.MAX_SAFE_INTEGER / 1_000)
  for (const [timestampS, verdict] of [[0, true], [last, true], [last + 1, false]] as const) {
    const time = new Uint8Array(8)
    writeUint64(time, 0, timestampS)
    t.equal(decodeHeartbeat(withBytes(record!, 35, time), '') !== null, verdict, `${timestampS} s`)
  }
})

t.test('the checks of this file can fail', async (t) => {
  const sloppy: Codec = { ...codecs['vote']!, again: (bytes) => (bytes.length < 141 ? null : codecs['vote']!.again(bytes.subarray(0, 141))) }
  const [vote] = fc.sample(sloppy.valid, 1)
  t.equal(vote!.length, 141)
  t.notOk([...extensions(vote!)].every((bytes) => canonical(sloppy, bytes)), 'a decoder that ignores trailing bytes is caught')
  const masked: Codec = { ...codecs['vote']!, again: (bytes) => codecs['vote']!.again(withByte(bytes, 12, bytes[12]! & 3)) }
  t.notOk([...bitFlips(vote!)].every((bytes) => canonical(masked, bytes)), 'a decoder that ignores a bit is caught')
})
