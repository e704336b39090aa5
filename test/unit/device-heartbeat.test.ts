// Heartbeats and transfers that the SDK makes are what the protocol reads.

import fc from 'fast-check'
import t from 'tap'
import { concat, fromBin, toBin, toHex } from '../../src/base/bytes.ts'
import { sha256, SIGNING_PREFIX_SIZE } from '../../src/crypto/hash.ts'
import type { Curve } from '../../src/crypto/keys.ts'
import { generateKeyPair } from '../../src/crypto/sign.ts'
import { verifySignature } from '../../src/crypto/verify.ts'
import { beat, makeHeartbeat } from '../../src/device/heartbeat.ts'
import { createIdentity } from '../../src/device/identity.ts'
import { makeTransfer } from '../../src/device/transfer.ts'
import {
  decodeHeartbeat,
  HEARTBEAT_MESSAGE_SIZE,
  heartbeatDeviceKey,
  heartbeatEvidence,
  heartbeatWitness,
  recordOfRow,
} from '../../src/protocol/heartbeat.ts'
import { MAX_MEMO_BYTES, MAX_MOTION_SAMPLES, MAX_RR_INTERVALS } from '../../src/protocol/limits.ts'
import { decodeTransfer, signedTransfer } from '../../src/protocol/transfer.ts'
import type { Vitals } from '../../src/protocol/vitals.ts'
import { evidenceOf, levelsOf, NONCE_SIZE } from '../../src/protocol/vitals.ts'
import { GENESIS, NETWORK, START_MS, VITALS, WITNESS } from './device-helpers.ts'

const CURVES: readonly Curve[] = ['p256', 'ed25519', 'secp256k1']

const vitalsArbitrary: fc.Arbitrary<Vitals> = fc.record({
  rrMs: fc.array(fc.integer({ min: 200, max: 3_000 }), { minLength: 1, maxLength: MAX_RR_INTERVALS }),
  motionMilliG: fc.array(fc.integer({ min: 0, max: 16_000 }), { maxLength: MAX_MOTION_SAMPLES }),
  temperatureCentiC: fc.integer({ min: 0, max: 0xffff }),
})

t.test('heartbeats of all curves verify, and say what they were made of', async (t) => {
  for (const curve of CURVES) {
    const keys = generateKeyPair(curve)
    fc.assert(
      fc.property(vitalsArbitrary, fc.nat(), fc.nat(), (vitals, timestampS, sequence) => {
        const made = makeHeartbeat({ keys, genesisHash: GENESIS, witness: WITNESS, timestampS, sequence, vitals })
        t.equal(made.message.length, HEARTBEAT_MESSAGE_SIZE)
        t.ok(verifySignature(made.message, made.signature, keys.publicKey))
        const record = recordOfRow(concat(made.message, made.signature), GENESIS)
        if (!record.ok) return false
        const decoded = decodeHeartbeat(record.value, '')!
        t.match(decoded, { timestampS, sequence, ...levelsOf(vitals) })
        t.strictSame(heartbeatDeviceKey(record.value), keys.publicKey)
        t.strictSame(heartbeatWitness(record.value), WITNESS)
        t.strictSame(heartbeatEvidence(record.value), evidenceOf(vitals, made.nonce))
        t.equal(made.id, toHex(sha256(made.message)))
        t.match(made, { vitals, timestampS, sequence })
        return true
      }),
      { numRuns: 15 },
    )
  }
})

t.test('each heartbeat has a nonce of its own', async (t) => {
  const keys = generateKeyPair('ed25519')
  const input = { keys, genesisHash: GENESIS, witness: WITNESS, timestampS: 1, sequence: 1, vitals: VITALS }
  const nonces = Array.from({ length: 20 }, () => makeHeartbeat(input).nonce)
  t.ok(nonces.every((nonce) => nonce.length === NONCE_SIZE))
  t.equal(new Set(nonces.map(toHex)).size, nonces.length)
})

t.test('what the protocol would refuse is not signed', async (t) => {
  const good = { keys: generateKeyPair('ed25519'), genesisHash: GENESIS, witness: WITNESS, timestampS: 1, sequence: 1, vitals: VITALS }
  const bad: readonly Partial<typeof good & { nonce: Uint8Array }>[] = [
    { vitals: { ...VITALS, rrMs: [] } },
    { vitals: { ...VITALS, rrMs: [199] } },
    { vitals: { ...VITALS, rrMs: [3_001] } },
    { vitals: { ...VITALS, rrMs: [800.5] } },
    { vitals: { ...VITALS, rrMs: Array<number>(MAX_RR_INTERVALS + 1).fill(800) } },
    { vitals: { ...VITALS, motionMilliG: Array<number>(MAX_MOTION_SAMPLES + 1).fill(0) } },
    { genesisHash: GENESIS.subarray(1) },
    { witness: new Uint8Array(33) },
    { timestampS: 1.5 },
    { sequence: -1 },
    { sequence: 2 ** 53 },
    { nonce: new Uint8Array(15) },
  ]
  for (const change of bad) t.throws(() => makeHeartbeat({ ...good, ...change }), RangeError, JSON.stringify(change))
  t.doesNotThrow(() => makeHeartbeat(good))
})

t.test('beat stamps with the present second, once', async (t) => {
  const identity = createIdentity('ed25519')
  const first = beat(identity, NETWORK, VITALS, START_MS + 700)
  t.equal(first?.timestampS, START_MS / 1_000)
  t.equal(beat(identity, NETWORK, VITALS, START_MS + 999), null)
  t.throws(() => beat(identity, NETWORK, { ...VITALS, rrMs: [] }, START_MS + 1_000), RangeError)
  t.equal(beat(identity, NETWORK, VITALS, START_MS + 1_000)?.sequence, first!.sequence + 1, 'vitals out of range used up no second')
})

t.test('transfers of all curves verify, and decode to what was asked for', async (t) => {
  for (const curve of CURVES) {
    const keys = generateKeyPair(curve)
    const recipient = createIdentity(curve)
    const order = { genesisHash: GENESIS, keys, amount: 2n ** 64n - 1n, nonce: 3, expiryHeight: 99, memo: 'thé'.repeat(32) }
    const made = makeTransfer({ ...order, recipient: recipient.keyText })
    t.ok(verifySignature(made.message, made.signature, keys.publicKey))
    const decoded = decodeTransfer(made.message.subarray(SIGNING_PREFIX_SIZE))!
    t.strictSame(decoded, {
      sender: toBin(keys.publicKey),
      recipient: toBin(recipient.keys.publicKey),
      amount: order.amount,
      nonce: 3,
      expiryHeight: 99,
      memo: new TextEncoder().encode(order.memo),
    })
    t.equal(made.id, toHex(fromBin(signedTransfer(GENESIS, decoded, made.signature).id)))
    t.strictSame(makeTransfer({ ...order, recipient: recipient.keys.publicKey }), made, 'the recipient may be given as bytes')
  }
})

t.test('a transfer with a field out of range is not signed', async (t) => {
  const keys = generateKeyPair('ed25519')
  const recipient = createIdentity().keyText
  const good = { genesisHash: GENESIS, keys, recipient, amount: 1n, nonce: 0, expiryHeight: 1, memo: 'm'.repeat(MAX_MEMO_BYTES) }
  t.doesNotThrow(() => makeTransfer(good))
  const bad: readonly Partial<typeof good>[] = [
    { recipient: 'z123' },
    { recipient: keys.publicKey.subarray(1) as unknown as string },
    { amount: 0n },
    { amount: 2n ** 64n },
    { nonce: -1 },
    { expiryHeight: 0.5 },
    { memo: 'm'.repeat(MAX_MEMO_BYTES + 1) },
    { memo: 'é'.repeat(MAX_MEMO_BYTES / 2) + 'm' },
    { genesisHash: new Uint8Array(31) },
  ]
  for (const [i, change] of bad.entries()) t.throws(() => makeTransfer({ ...good, ...change }), RangeError, `case ${i}`)
})
