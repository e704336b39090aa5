// The door: every reason is reached in order from cheap to costly, and nothing stays of what was refused.

import t from 'tap'
import { concat, fromBin, toBin, toHex } from '../../src/base/bytes.ts'
import type { KeyPair } from '../../src/crypto/sign.ts'
import { createEngine, DEFAULT_MEMPOOL_LIMITS } from '../../src/engine/engine.ts'
import type { MempoolLimits } from '../../src/engine/engine.ts'
import type { Effect } from '../../src/engine/effect.ts'
import { step } from '../../src/engine/step.ts'
import type { Ledger } from '../../src/ledger/state.ts'
import { createDeviceLimiter } from '../../src/node/device-limiter.ts'
import type { ItemVerdict, VitalsWithNonce } from '../../src/node/ingress.ts'
import { createIngress } from '../../src/node/ingress.ts'
import type { Heartbeat } from '../../src/protocol/heartbeat.ts'
import { HEARTBEAT_MESSAGE_SIZE, HEARTBEAT_RECORD_SIZE } from '../../src/protocol/heartbeat.ts'
import type { Reason } from '../../src/protocol/reason.ts'
import type { Transaction } from '../../src/protocol/transaction.ts'
import { evidenceOf, levelsOf } from '../../src/protocol/vitals.ts'
import { inlinePool } from './inline-pool.ts'
import { bytesOf, digest, GENESIS_TIME_MS, grow, networkOf } from './ledger-fixture.ts'
import { beatBy, keyOf, keysOf, rawKeyOf, rowBy, transferBy, WITNESS } from './ledger-signed.ts'
import type { SignedFields } from './ledger-signed.ts'

const NOW_MS = GENESIS_TIME_MS + 1_000
const NOW_S = NOW_MS / 1_000

interface Options {
  readonly mempool?: Partial<MempoolLimits>
  readonly perSecond?: number
  readonly burst?: number
  readonly enrolled?: boolean
  /** Of the threads that verify. */
  readonly waiting?: number
  readonly delayMs?: number
}

const { hash: HASH, ...network } = networkOf()

/** A door before a real engine: height 1 holds a heartbeat of device 0, with sequence 10 at NOW_S, and pays it. */
function door({ mempool = {}, perSecond = 1_000, burst = 1_000, enrolled = false, waiting = 0, delayMs = 0 }: Options = {}) {
  const started: Ledger = grow(network.ledger(), { heartbeats: [beatBy(keysOf(0), HASH, { timestampS: NOW_S, sequence: 10 })] })
  const ledger: Ledger = enrolled ? { ...started, params: { ...started.params, enrolled } } : started
  const engine = createEngine({ ledger, headCertificate: null, self: null, mempool: { ...DEFAULT_MEMPOOL_LIMITS, ...mempool }, signedHeight: 0, trusted: true })
  const { pool, heartbeats, signatures } = inlinePool({ waiting, delayMs })
  const asked = (): number => heartbeats() + signatures()
  const observed: string[] = []
  const told: { heartbeats: Heartbeat[]; transactions: Transaction[] } = { heartbeats: [], transactions: [] }
  let nowMs = NOW_MS + 1_000
  let ticket = 0
  const ingress = createIngress({
    engine,
    pool,
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs, after: () => ({ cancel: () => {} }), every: () => ({ cancel: () => {} }) },
    witness: rawKeyOf(WITNESS),
    limiters: { heartbeats: createDeviceLimiter({ perSecond, burst, maxDevices: 1_000 }), transfers: createDeviceLimiter({ perSecond, burst, maxDevices: 1_000 }) },
    runner: {
      async submit(make) {
        const answer = step(engine, make(++ticket), nowMs).find((effect): effect is Extract<Effect, { kind: 'verdicts' }> => effect.kind === 'verdicts')
        return answer!.verdicts
      },
    },
    outgoing: {
      heartbeats: (heartbeats) => void told.heartbeats.push(...heartbeats),
      transaction: (transaction) => void told.transactions.push(transaction),
    },
    observe: (kind, reason, count) => void observed.push(`${kind} ${reason ?? 'accepted'} ${count}`),
  })
  return { ...ingress, engine, asked, observed, told, setNow: (ms: number) => (nowMs = ms) }
}

const row = (device: number, fields: Partial<SignedFields> = {}): Uint8Array => rowBy(keysOf(device), HASH, { timestampS: NOW_S + 1, sequence: 11, ...fields })
const flipped = (bytes: Uint8Array, at: number): Uint8Array => Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ 1 : byte))
const code = (verdict: ItemVerdict | undefined): Reason | 'accepted' => (verdict!.accepted ? 'accepted' : verdict!.reason)

/** The verdicts on rows without vitals. */
const codes = async (at: ReturnType<typeof door>, ...rows: Uint8Array[]): Promise<string[]> => (await at.heartbeats(concat(...rows), rows.map(() => null))).map(code)

const VITALS = { rrMs: [800, 810, 790], motionMilliG: [300, 320], temperatureCentiC: 3_312 }
const NONCE = bytesOf('nonce', 16)
const LEVELS = levelsOf(VITALS)

t.test('an accepted heartbeat waits, is told to peers, and is answered with its id and weight', async (t) => {
  const at = door()
  const accepted = row(1)
  const [verdict] = await at.heartbeats(accepted, [null])
  const message = accepted.subarray(0, HEARTBEAT_MESSAGE_SIZE)
  t.strictSame(verdict, { accepted: true, id: toHex(fromBin(digest(message))), weightPpm: Math.floor((400_000 * 428_571 + 300_000 * 285_714) / 1_000_000) })
  const waiting = at.engine.heartbeats.find(digest(accepted))!
  t.strictSame(waiting.record, accepted.subarray(64))
  t.strictSame(at.told.heartbeats, [waiting])
  t.strictSame(at.observed, ['heartbeat accepted 1'])
})

t.test('nothing is verified behind too many others, or behind others that wait too long', async (t) => {
  for (const [busy, free] of [[{ waiting: 32_768 }, { waiting: 32_767 }], [{ delayMs: 1_501 }, { delayMs: 1_500 }]]) {
    const at = door(busy)
    t.strictSame(await codes(at, row(1)), ['mempool_full'])
    t.equal(at.asked(), 0)
    t.strictSame(await codes(door(free), row(1)), ['accepted'])
  }
})

t.test('every heartbeat gets the verdict that fits, from cheap to costly', async (t) => {
  const evidence = evidenceOf(VITALS, NONCE)
  const measured = { ...LEVELS, evidence }
  const vitals = (change: Partial<VitalsWithNonce> = {}): VitalsWithNonce => ({ ...VITALS, nonce: NONCE, ...change })
  const rows: [desc: string, row: Uint8Array, vitals: VitalsWithNonce | null, expected: Reason | 'accepted', verified: boolean][] = [
    ['another domain', flipped(row(1), 0), null, 'malformed', false],
    ['another network', flipped(row(1), 40), null, 'wrong_network', false],
    ['an unknown curve', flipped(row(1), 65), null, 'malformed', false],
    ['level 8', row(1, { rateLevel: 8 }), null, 'malformed', false],
    ['another witness', row(1, { witness: bytesOf('another', 32) }), null, 'wrong_witness', false],
    ['vitals out of range', row(1, measured), vitals({ rrMs: [100] }), 'out_of_range', false],
    ['other vitals', row(1, measured), vitals({ rrMs: [800, 810, 791] }), 'evidence_mismatch', false],
    ['another nonce', row(1, measured), vitals({ nonce: new Uint8Array(16) }), 'evidence_mismatch', false],
    ['another rate level', row(1, { ...measured, rateLevel: LEVELS.rateLevel ^ 1 }), vitals(), 'levels_mismatch', false],
    ['another motion level', row(1, { ...measured, motionLevel: LEVELS.motionLevel ^ 1 }), vitals(), 'levels_mismatch', false],
    ['too old', row(1, { timestampS: NOW_S - 30 }), null, 'too_old', false],
    ['from the future', row(1, { timestampS: NOW_S + 7 }), null, 'from_future', false],
    ['a committed sequence', row(0, { sequence: 10 }), null, 'sequence_replayed', false],
    ['too soon after the committed one', row(0, { timestampS: NOW_S }), null, 'too_fast', false],
    ['a wrong signature', flipped(row(1), 200), null, 'bad_signature', true],
    ['another evidence below the signature', flipped(row(1), 150), null, 'bad_signature', true],
    ['good vitals', row(1, measured), vitals(), 'accepted', true],
    ['no vitals', row(1), null, 'accepted', true],
    ['the oldest that may come', row(1, { timestampS: NOW_S - 29 }), null, 'accepted', true],
    ['the youngest that may come', row(1, { timestampS: NOW_S + 6 }), null, 'accepted', true],
  ]
  for (const [desc, bytes, measurements, expected, verified] of rows) {
    const at = door()
    t.equal(code((await at.heartbeats(bytes, [measurements]))[0]), expected, desc)
    t.equal(at.asked(), verified ? 1 : 0, `${desc}: ${verified ? 'the signature is looked at' : 'no signature is looked at'}`)
    t.equal(at.engine.heartbeats.count, expected === 'accepted' ? 1 : 0)
    t.equal(at.told.heartbeats.length, expected === 'accepted' ? 1 : 0)
    t.strictSame(at.observed, [`heartbeat ${expected} 1`])
  }
  t.strictSame(await codes(door({ enrolled: true }), row(1)), ['not_enrolled'])
})

t.test('a whole batch gets its verdicts in order, duplicates within it too', async (t) => {
  const at = door({ mempool: { maxHeartbeats: 4 } })
  const next = row(1, { sequence: 12, timestampS: NOW_S + 2 })
  const rows = [row(1), flipped(row(2), 244), row(1), row(3), row(1, { rateLevel: 5 }), flipped(row(4), 0), row(1, { sequence: 12 }), next, row(5), row(6)]
  t.strictSame(await codes(at, ...rows), ['accepted', 'bad_signature', 'duplicate', 'accepted', 'equivocation', 'malformed', 'too_fast', 'accepted', 'accepted', 'mempool_full'])
  t.equal(at.engine.heartbeats.count, 4)
  t.equal(at.told.heartbeats.length, 4)
  const before = at.asked()
  t.strictSame(await codes(at, row(1), row(6), row(1, { rateLevel: 5 })), ['duplicate', 'mempool_full', 'equivocation'])
  t.equal(at.asked(), before, 'what the pool would refuse needs no signature')
  t.strictSame(await codes(at), [], 'an empty batch')
})

t.test('a forged heartbeat shuts nobody out', async (t) => {
  const at = door({ burst: 1, perSecond: 1 })
  const forged = [200, 201, 202].map((byte) => flipped(row(1), byte))
  t.strictSame(await codes(at, ...forged), ['bad_signature', 'bad_signature', 'bad_signature'])
  t.strictSame(await codes(at, row(1)), ['accepted'], 'neither its sequence nor its budget was touched')
})

t.test('a device has a budget, spent by true signatures only', async (t) => {
  const at = door({ perSecond: 2, burst: 2 })
  const series = [1, 2, 3].map((s) => row(1, { sequence: 20 + s, timestampS: NOW_S + s }))
  t.strictSame(await codes(at, series[0]!, flipped(series[1]!, 210), series[1]!, series[2]!), ['accepted', 'bad_signature', 'accepted', 'too_fast'])
  t.strictSame(await codes(at, row(2)), ['accepted'])
  at.setNow(NOW_MS + 1_500)
  t.strictSame(await codes(at, series[2]!), ['accepted'])
})

t.test('what waits does not hold on to the batch that it came in', async (t) => {
  const at = door()
  const rows = [...Array.from({ length: 50 }, () => flipped(row(2), 230)), row(1), row(3)]
  const verdicts = await codes(at, ...rows)
  t.strictSame(verdicts.slice(50), ['accepted', 'accepted'])
  for (const bytes of [row(1), row(3)]) t.equal(at.engine.heartbeats.find(digest(bytes))!.record.buffer.byteLength, 2 * HEARTBEAT_RECORD_SIZE)
})

t.test('a node that drains refuses all', async (t) => {
  const at = door()
  at.drain()
  t.strictSame(await codes(at, row(1), flipped(row(1), 0)), ['draining', 'draining'])
  const { message, signature } = transferBy(keysOf(0), HASH, { recipient: keyOf(keysOf(0)), amount: 1n, nonce: 0, expiryHeight: 9 })
  t.equal(code(await at.transaction(message, signature)), 'draining')
  t.strictSame([at.asked(), at.engine.heartbeats.count, at.engine.transfers.count], [0, 0, 0])
  t.strictSame(at.observed, ['heartbeat draining 1', 'heartbeat draining 1', 'transaction draining 1'])
})

t.test('a runner that has stopped answers for nobody', async (t) => {
  const { pool } = inlinePool()
  const { engine } = door()
  const ingress = createIngress({
    engine, pool, witness: rawKeyOf(WITNESS), observe: () => {},
    clock: { nowMs: () => NOW_MS, monotonicMs: () => 0, after: () => ({ cancel: () => {} }), every: () => ({ cancel: () => {} }) },
    limiters: { heartbeats: { take: () => true }, transfers: { take: () => true } },
    runner: { submit: async () => [] },
    outgoing: { heartbeats: (list) => t.equal(list.length, 0), transaction: () => t.fail('nothing was accepted') },
  })
  t.strictSame((await ingress.heartbeats(row(1), [null])).map(code), ['draining'])
  const { message, signature } = transferBy(keysOf(0), HASH, { recipient: keyOf(keysOf(0)), amount: 1n, nonce: 0, expiryHeight: 9 })
  t.equal(code(await ingress.transaction(message, signature)), 'draining')
})

t.test('transfers', async (t) => {
  const self = keyOf(keysOf(0))
  const base = { recipient: self, amount: 5n, nonce: 0, expiryHeight: 9 }
  const made = (fields: Partial<typeof base> = {}, keys: KeyPair = keysOf(0), hash = HASH) => transferBy(keys, hash, { ...base, ...fields })
  const damaged = (at: number) => ({ ...made(), message: flipped(made().message, at) })
  const rows: [desc: string, submitted: { message: Uint8Array; signature: Uint8Array }, expected: Reason | 'accepted', verified: boolean][] = [
    ['a good one', made(), 'accepted', true],
    ['another domain', damaged(0), 'malformed', false],
    ['another network', made({}, keysOf(0), new Uint8Array(32)), 'wrong_network', false],
    ['an offset that is not 98', damaged(64 + 94), 'malformed', false],
    ['a message that is cut off', { ...made(), message: made().message.subarray(0, 100) }, 'malformed', false],
    ['half a signature', { ...made(), signature: made().signature.subarray(0, 32) }, 'malformed', false],
    ['expired', made({ expiryHeight: 1 }), 'expired', false],
    ['of nobody', made({}, keysOf(7)), 'sender_not_alive', false],
    ['a gap', made({ nonce: 1 }), 'nonce_gap', false],
    ['more than there is', made({ amount: 100n * 10n ** 8n + 1n }), 'insufficient_balance', false],
    ['too little for a new account', made({ recipient: keyOf(keysOf(7)) }), 'below_minimum', false],
    ['a wrong signature', { ...made(), signature: flipped(made().signature, 40) }, 'bad_signature', true],
    ['signed by another', { ...made(), signature: made({}, keysOf(3)).signature }, 'bad_signature', true],
  ]
  for (const [desc, { message, signature }, expected, verified] of rows) {
    const at = door()
    const verdict = await at.transaction(message, signature)
    t.equal(code(verdict), expected, desc)
    t.equal(at.asked(), verified ? 1 : 0, desc)
    t.strictSame([at.engine.transfers.count, at.told.transactions.length], expected === 'accepted' ? [1, 1] : [0, 0])
    t.strictSame(at.observed, [`transaction ${expected} 1`])
    if (verdict.accepted) t.equal(verdict.id, toHex(fromBin(digest(message))))
  }
  const at = door({ mempool: { maxPerSender: 2 } })
  const submit = async (fields: Partial<typeof base>): Promise<string> => {
    const { message, signature } = made(fields)
    return code(await at.transaction(message, signature))
  }
  const verdicts: string[] = []
  for (const fields of [{}, {}, { amount: 6n }, { nonce: 1 }, { nonce: 2 }]) verdicts.push(await submit(fields))
  t.strictSame(verdicts, ['accepted', 'duplicate', 'nonce_conflict', 'accepted', 'mempool_full'])
  t.equal(at.engine.transfers.find(toBin(fromBin(digest(made().message))))!.transfer.sender, self)
})
