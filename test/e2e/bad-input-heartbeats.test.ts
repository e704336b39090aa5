// Bad heartbeats over HTTP against a living node: a stable code and message for each kind, and nothing stored or
// remembered. The proof of the latter: after each bad one the good one in its place, with the same number, is accepted.

import t from 'tap'
import { join } from 'node:path'
import { MAX_BATCH, MAX_BODY_BYTES } from '../../src/api/limits.ts'
import { concat } from '../../src/base/bytes.ts'
import { signingBytes } from '../../src/crypto/hash.ts'
import { tagKey } from '../../src/crypto/keys.ts'
import type { HeartbeatFields } from '../../src/protocol/heartbeat.ts'
import type { Reason } from '../../src/protocol/reason.ts'
import type { Vitals } from '../../src/protocol/vitals.ts'
import { evidenceOf, levelsOf } from '../../src/protocol/vitals.ts'
import type { Target } from './bad-input.ts'
import { assertProblem, base64, bodyOf, changed, startTarget, THRESHOLD } from './bad-input.ts'
import { postBytes, request } from './harness.ts'
import type { Beat, Life } from './lives.ts'
import { beatOf, makeBeat as makeBeatOn, mirrored, newLife, nowS } from './lives.ts'

t.setTimeout(240_000)

const file = t
const dir = join(t.testdir(), 'data')
let target: Target

t.test('a node', async () => {
  target = await startTarget(file, dir)
})

const VITALS: Vitals = { rrMs: [800, 810, 790], motionMilliG: [20, 40], temperatureCentiC: 3650 }
const NONCE = new Uint8Array(16).fill(9)
const WITH_VITALS = { vitals: VITALS, nonce: base64(NONCE) }

const makeBeat = (life: Life, fields: Partial<HeartbeatFields> = {}): Beat => makeBeatOn(target.network, life, fields)
/** A heartbeat that commits to the vitals. */
const makeVital = (life: Life, fields: Partial<HeartbeatFields> = {}): Beat =>
  makeBeat(life, { ...levelsOf(VITALS), evidence: evidenceOf(VITALS, NONCE), ...fields })
/** Signs again after a change of the message, so that the change is all that is wrong. */
const resigned = (life: Life, message: Uint8Array): object => bodyOf(beatOf(message, life.sign(message)))

interface Case {
  readonly name: string
  readonly status: number
  readonly code: Reason
  /** The body to send, of a life that was never seen. */
  readonly bad: (good: Beat, life: Life) => unknown
  readonly curve?: 'p256' | 'ed25519'
  /** The good one commits to vitals, and they are sent with it. */
  readonly isVital?: boolean
}

const malformed = (name: string, bad: Case['bad']): Case => ({ name, status: 400, code: 'malformed', bad })
const tooLarge = (name: string, bad: Case['bad']): Case => ({ name, status: 413, code: 'too_large', bad })
const refused = (name: string, code: Reason, of: (life: Life) => Beat): Case => ({
  name,
  status: 422,
  code,
  bad: (_good, life) => bodyOf(of(life)),
})
const vital = (name: string, code: Reason, sent: object, fields: Partial<HeartbeatFields> = {}): Case => ({
  name,
  status: 422,
  code,
  bad: (_good, life) => bodyOf(makeVital(life, fields), { ...WITH_VITALS, ...sent }),
  isVital: true,
})
const forged = (name: string, curve: 'p256' | 'ed25519', signature: (good: Beat, life: Life) => Uint8Array): Case => ({
  name,
  status: 422,
  code: 'bad_signature',
  curve,
  bad: (good, life) => bodyOf({ message: good.message, signature: signature(good, life) }),
})

const CASES: readonly Case[] = [
  malformed('nothing', () => ''),
  malformed('no JSON', (good) => JSON.stringify(bodyOf(good)).slice(0, -1)),
  malformed('a list', (good) => [bodyOf(good)]),
  malformed('null', () => 'null'),
  malformed('a number', () => '7'),
  malformed('no signature', (good) => ({ message: base64(good.message) })),
  malformed('a member too many', (good) => bodyOf(good, { admin: true })),
  malformed('a message that is a number', (good) => bodyOf(good, { message: 5 })),
  malformed('a message that is a list', (good) => bodyOf(good, { message: [base64(good.message)] })),
  malformed('hex in place of base64', (good) => bodyOf(good, { message: Buffer.from(good.message).toString('hex') })),
  malformed('base64 with a space', (good) => bodyOf(good, { message: base64(good.message).replace(/.$/, ' ') })),
  malformed('base64 without padding', (good) => bodyOf(good, { signature: base64(good.signature).replace(/=+$/, '') })),
  malformed('a message without its last byte', (good, life) => resigned(life, good.message.slice(0, -1))),
  malformed('a message with one byte more', (good, life) => resigned(life, concat(good.message, new Uint8Array(1)))),
  malformed('a short signature', (good) => bodyOf({ message: good.message, signature: good.signature.slice(1) })),
  malformed('the domain of a transfer', (good, life) =>
    resigned(life, signingBytes('pulse/transfer/1', target.network.genesisHash, good.message.slice(64)))),
  malformed('a key of an unknown curve', (good, life) => resigned(life, changed(good.message, 64, 0x77))),
  malformed('a rate level of 8', (_good, life) => bodyOf(makeBeat(life, { rateLevel: 8 }))),
  malformed('a motion level of 255', (_good, life) => bodyOf(makeBeat(life, { motionLevel: 255 }))),
  malformed('a sequence above 2^53', (good, life) => resigned(life, changed(good.message, 114, 0x40))),
  malformed('a timestamp above 2^53', (good, life) => resigned(life, changed(good.message, 106, 0x80))),
  malformed('a nonce without vitals', (good) => bodyOf(good, { nonce: base64(NONCE) })),
  malformed('vitals without a nonce', (good) => bodyOf(good, { vitals: VITALS })),
  malformed('vitals that are a text', (good) => bodyOf(good, { ...WITH_VITALS, vitals: 'fine' })),
  tooLarge('a body over the limit', (good) => JSON.stringify(bodyOf(good, { pad: 'x'.repeat(MAX_BODY_BYTES) }))),
  tooLarge('a batch over the limit', (good) => ({ heartbeats: Array(MAX_BATCH + 1).fill(bodyOf(good)) })),
  refused('another network', 'wrong_network', (life) => makeBeatOn({ ...target.network, genesisHash: new Uint8Array(32).fill(1) }, life)),
  refused('another witness', 'wrong_witness', (life) => makeBeat(life, { witness: new Uint8Array(32).fill(1) })),
  refused('stale', 'too_old', (life) => makeBeat(life, { timestampS: nowS() - 40 })),
  refused('of 1970', 'too_old', (life) => makeBeat(life, { timestampS: 0, sequence: nowS() })),
  refused('from the future', 'from_future', (life) => makeBeat(life, { timestampS: nowS() + 60 })),
  vital('an RR interval of 100 ms', 'out_of_range', { vitals: { ...VITALS, rrMs: [800, 100] } }),
  vital('half a milli-g', 'out_of_range', { vitals: { ...VITALS, motionMilliG: [0.5] } }),
  vital('65 RR intervals', 'out_of_range', { vitals: { ...VITALS, rrMs: Array(65).fill(800) } }),
  vital('other vitals than signed', 'evidence_mismatch', { vitals: { ...VITALS, temperatureCentiC: 3651 } }),
  vital('another nonce than signed', 'evidence_mismatch', { nonce: base64(new Uint8Array(16)) }),
  vital('a higher rate level than the vitals give', 'levels_mismatch', {}, { rateLevel: 7 }),
  vital('a higher motion level than the vitals give', 'levels_mismatch', {}, { motionLevel: 7 }),
  forged('a flipped bit', 'ed25519', (good) => changed(good.signature, 10)),
  forged('a flipped bit, P-256', 'p256', (good) => changed(good.signature, 10)),
  forged('high S', 'p256', (good) => mirrored(good.signature)),
  forged('zeros', 'p256', () => new Uint8Array(64)),
  forged('ones', 'ed25519', () => new Uint8Array(64).fill(255)),
  forged('the signature of another life', 'ed25519', (good) => newLife().sign(good.message)),
  forged('the signature of another message', 'p256', (_good, life) => life.sign(new Uint8Array(181))),
]

t.test('each is refused, and the good one in its place is taken', async (t) => {
  let taken = 0
  for (const { name, status, code, curve, bad, isVital = false } of CASES) {
    const life = newLife(curve)
    const good = isVital ? makeVital(life) : makeBeat(life)
    const before = await target.holdings()
    assertProblem(t, await target.sendBeat(bad(good, life)), status, code, name)
    t.same(await target.holdings(), before, 'nothing is stored')
    await target.assertAccepted(t, life, good, isVital ? WITH_VITALS : {})
    if (++taken % (THRESHOLD - 1) === 0) await target.commitAll()
  }
})

t.test('other content types', async (t) => {
  const life = newLife()
  const good = makeBeat(life)
  const url = `${target.node.url}/v2/heartbeats`
  const body = JSON.stringify(bodyOf(good))
  for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
    const answer = await request(url, { method: 'POST', headers: { 'content-type': type }, body })
    assertProblem(t, answer, 415, 'unsupported_media_type', type)
  }
  assertProblem(t, await postBytes(url, good.row.slice(1)), 400, 'malformed', 'bytes that are no rows')
  await target.assertAccepted(t, life, good)
})

t.test('a key that is no point of its curve verifies nothing', async (t) => {
  const offCurve = tagKey('p256', concat(Uint8Array.of(2), new Uint8Array(32).fill(255)))
  const smallOrder = tagKey('ed25519', concat(Uint8Array.of(1), new Uint8Array(31)))
  const before = await target.holdings()
  for (const deviceKey of [offCurve, smallOrder]) {
    const { message } = makeBeat(newLife(), { deviceKey })
    const answer = await target.sendBeat(bodyOf({ message, signature: new Uint8Array(64).fill(1) }))
    assertProblem(t, answer, 422, 'bad_signature', 'no such key')
  }
  t.same(await target.holdings(), before)
})

t.test('repetition, equivocation, haste and replay', async (t) => {
  await target.commitAll()
  const life = newLife()
  const s = nowS()
  const at = (timestampS: number, sequence: number, fill = 0): Beat =>
    makeBeat(life, { timestampS, sequence, evidence: new Uint8Array(32).fill(fill) })
  const assertRefused = async (status: number, code: Reason, beat: Beat, name: string): Promise<void> =>
    assertProblem(t, await target.sendBeat(bodyOf(beat)), status, code, name)

  await target.assertAccepted(t, life, at(s, s))
  const before = await target.holdings()
  await assertRefused(409, 'duplicate', at(s, s), 'the same again')
  await assertRefused(409, 'equivocation', at(s, s, 1), 'another under its number')
  await assertRefused(429, 'too_fast', at(s, s + 1), 'another in its second')
  t.same(await target.holdings(), before, 'the first one stays the only one')
  await target.assertAccepted(t, life, at(s + 1, s + 1))

  await target.commitAll()
  const after = await target.holdings()
  await assertRefused(409, 'sequence_replayed', at(s, s), 'committed long since')
  await assertRefused(409, 'sequence_replayed', at(s + 1, s + 1), 'the last one, committed as well')
  await assertRefused(409, 'sequence_replayed', at(s + 2, s - 1), 'an older number in a new second')
  await assertRefused(429, 'too_fast', at(s + 1, s + 9), 'a new number in a committed second')
  t.same(await target.holdings(), after)
  await target.assertAccepted(t, life, at(s + 2, s + 2))
})

t.test('forgeries in the name of a life take nothing of its allowance', async (t) => {
  await target.commitAll()
  const life = newLife('p256')
  const good = makeBeat(life)
  const rows = Array.from({ length: 100 }, (_, i) => concat(good.message, changed(good.signature, i % 64)))
  const { json } = await postBytes(`${target.node.url}/v2/heartbeats`, concat(...rows))
  t.same(new Set(json.verdicts.map(({ code }: { code: string }) => code)), new Set(['bad_signature']))
  await target.assertAccepted(t, life, good)
})

t.test('in a batch the bad ones do not hold up the good ones', async (t) => {
  await target.commitAll()
  const [a, b] = [newLife(), newLife('p256')]
  const s = nowS()
  const stamp = { timestampS: s, sequence: s }
  const [goodA, goodB] = [makeBeat(a, stamp), makeBeat(b, stamp)]
  const forgery = { message: goodA.message, signature: goodB.signature }
  const other = makeBeat(a, { ...stamp, evidence: new Uint8Array(32).fill(3) })
  const { status, json } = await target.sendBeat({ heartbeats: [5, ...[forgery, goodA, goodA, other, goodB].map((beat) => bodyOf(beat))] })
  t.equal(status, 200)
  const verdicts = json.verdicts.map(({ accepted, code }: { accepted: boolean; code?: string }) => code ?? accepted)
  t.same(verdicts, ['malformed', 'bad_signature', true, 'duplicate', 'equivocation', true])
  for (const life of [a, b]) target.honest.add(life.keyText)
})

t.test('after all this', async (t) => {
  const metrics = await (await fetch(`${target.node.url}/metrics`)).text()
  for (const reason of ['bad_signature', 'too_old', 'equivocation']) {
    t.match(metrics, new RegExp(`reason="${reason}"`), `${reason} is counted`)
  }
  await target.assertUnharmed(t)
})
