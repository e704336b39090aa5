// Bad input over HTTP against a living node: a stable code and message for each kind, and nothing stored or remembered.
// The proof of the latter: after each bad message the good one in its place, with the same id or number, is accepted.

import t from 'tap'
import type { Test } from 'tap'
import { connect } from 'node:net'
import { join } from 'node:path'
import { readFileSync, writeFileSync } from 'node:fs'
import { MAX_BATCH, MAX_BODY_BYTES } from '../../src/api/limits.ts'
import { concat, toBin } from '../../src/base/bytes.ts'
import { signingBytes } from '../../src/crypto/hash.ts'
import { tagKey } from '../../src/crypto/keys.ts'
import { COIN } from '../../src/protocol/params.ts'

import type { HeartbeatFields } from '../../src/protocol/heartbeat.ts'
import type { Reason } from '../../src/protocol/reason.ts'
import { REASONS } from '../../src/protocol/reason.ts'
import { encodeTransfer, transferMessage } from '../../src/protocol/transfer.ts'
import type { Transfer } from '../../src/protocol/transfer.ts'
import type { Vitals } from '../../src/protocol/vitals.ts'
import { evidenceOf, levelsOf } from '../../src/protocol/vitals.ts'
import type { Answer, Json, RunningNode } from './harness.ts'
import { eventually, postBytes, postJson, read, readAll, request, runJson, runProgram, startNode } from './harness.ts'
import type { Beat, Life, NetworkFacts } from './lives.ts'
import { beatOf, makeBeat, mirrored, networkOf, newLife, nowS } from './lives.ts'

t.setTimeout(240_000)

/** Blocks need this many lives: what fewer of them send waits until the test lets it go. */
const THRESHOLD = 3
const ALIVE_BLOCKS = 3

/** Ends with this file, not with the test that starts it. */
const file = t
const home = t.testdir()
const dir = join(home, 'data')
let node: RunningNode
let network: NetworkFacts
/** Every life with a good message; no other may ever have an account. */
const honest = new Set<string>()

t.test('a node whose blocks need three lives', async (t) => {
  t.equal((await runProgram(['init', '--data-dir', dir, '--threshold', String(THRESHOLD), '--interval', '200'])).code, 0)
  const path = join(dir, 'genesis.json')
  writeFileSync(path, readFileSync(path, 'utf8').replace(/"aliveBlocks": \d+/, `"aliveBlocks": ${ALIVE_BLOCKS}`))
  node = await startNode(file, dir)
  network = await networkOf(node.url)
})

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const bodyOf = ({ message, signature }: Pick<Beat, 'message' | 'signature'>, more: object = {}): object => ({ message: base64(message), signature: base64(signature), ...more })
const send = (body: unknown): Promise<Answer> => postJson(`${node.url}/v2/heartbeats`, body)

/** What the node holds: nothing of it may change by bad input. */
async function holdings() {
  const { height, headId, accounts, mempool } = await read(`${node.url}/status`)
  return { height, headId, accounts, mempool }
}

async function assertAccepted(t: Test, life: Life, beat: Beat, more: object = {}): Promise<void> {
  const { status, json } = await send(bodyOf(beat, more))
  t.match({ status, json }, { status: 200, json: { accepted: true, id: beat.id } }, 'the good one in its place is accepted')
  honest.add(life.keyText)
}

/** The message must be the documented text of a protocol reason; otherwise one sentence or more. */
function assertProblem(t: Test, { status, json, headers }: Answer, expected: number, code: string, name: string): void {
  t.match({ status, json }, { status: expected, json: { type: 'about:blank', title: String, status: expected, code, detail: /^.+\.$/ } }, name)
  t.match(headers.get('content-type'), /^application\/problem\+json/)
  t.equal(headers.get('x-content-type-options'), 'nosniff')
  t.equal(headers.has('retry-after'), expected === 429 || expected === 503)
}

/** Lets everything that waits into a block. */
async function commitAll(): Promise<void> {
  const crowd = Array.from({ length: THRESHOLD }, () => newLife())
  for (const life of crowd) honest.add(life.keyText)
  const { json } = await postBytes(`${node.url}/v2/heartbeats`, concat(...crowd.map((life) => makeBeat(network, life).row)))
  if (!json.verdicts.every(({ accepted }: { accepted: boolean }) => accepted)) throw new Error(JSON.stringify(json))
  await eventually('all that waits is committed', async () => {
    const { mempool } = await read(`${node.url}/status`)
    return mempool.heartbeats === 0 && mempool.transactions === 0
  })
}

const VITALS: Vitals = { rrMs: [800, 810, 790], motionMilliG: [20, 40], temperatureCentiC: 3650 }
const NONCE = new Uint8Array(16).fill(9)
const committing = (): Partial<HeartbeatFields> => ({ ...levelsOf(VITALS), evidence: evidenceOf(VITALS, NONCE) })

interface BadBeat {
  readonly name: string
  readonly status: number
  readonly code: Reason | 'unsupported_media_type'
  /** The good one beside it; of a life that was never seen. */
  readonly good?: (life: Life) => Beat
  /** @returns the body to send */
  readonly bad: (good: Beat, life: Life) => unknown
  readonly curve?: 'p256' | 'ed25519'
  /** What goes with the good one. */
  readonly more?: object
}

/** Signs again after a change of the message, so that the change is all that is wrong. */
const resigned = (life: Life, message: Uint8Array): object => bodyOf(beatOf(message, life.sign(message)))
const changed = (bytes: Uint8Array, at: number, value?: number): Uint8Array => bytes.map((byte, i) => (i === at ? (value ?? byte ^ 1) : byte))

const malformed = (name: string, bad: BadBeat['bad']): BadBeat => ({ name, status: 400, code: 'malformed', bad })
const forged = (name: string, curve: 'p256' | 'ed25519', signature: (good: Beat, life: Life) => Uint8Array): BadBeat => ({
  name,
  status: 422,
  code: 'bad_signature',
  curve,
  bad: (good, life) => bodyOf({ message: good.message, signature: signature(good, life) }),
})
const vitals = (name: string, code: Reason, of: (life: Life) => { fields: Partial<HeartbeatFields>; sent: object }): BadBeat => ({
  name,
  status: 422,
  code,
  good: (life) => makeBeat(network, life, committing()),
  bad(_good, life) {
    const { fields, sent } = of(life)
    return bodyOf(makeBeat(network, life, { ...committing(), ...fields }), { vitals: VITALS, nonce: base64(NONCE), ...sent })
  },
  more: { vitals: VITALS, nonce: base64(NONCE) },
})
const stamped = (name: string, status: number, code: Reason, of: (life: Life) => Beat): BadBeat => ({ name, status, code, bad: (_good, life) => bodyOf(of(life)) })

const BAD_BEATS: readonly BadBeat[] = [
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
  malformed('the domain of a transfer', (good, life) => resigned(life, signingBytes('pulse/transfer/1', network.genesisHash, good.message.slice(64)))),
  malformed('a key of an unknown curve', (good, life) => resigned(life, changed(good.message, 64, 0x77))),
  malformed('a rate level of 8', (_good, life) => bodyOf(makeBeat(network, life, { rateLevel: 8 }))),
  malformed('a motion level of 255', (_good, life) => bodyOf(makeBeat(network, life, { motionLevel: 255 }))),
  malformed('a sequence above 2^53', (good, life) => resigned(life, changed(good.message, 114, 0x40))),
  malformed('a timestamp above 2^53', (good, life) => resigned(life, changed(good.message, 106, 0x80))),
  malformed('a nonce without vitals', (good) => bodyOf(good, { nonce: base64(NONCE) })),
  malformed('vitals without a nonce', (good) => bodyOf(good, { vitals: VITALS })),
  malformed('vitals that are a text', (good) => bodyOf(good, { vitals: 'fine', nonce: base64(NONCE) })),
  { name: 'a body over the limit', status: 413, code: 'too_large', bad: (good) => JSON.stringify(bodyOf(good, { pad: 'x'.repeat(MAX_BODY_BYTES) })) },
  { name: 'a batch over the limit', status: 413, code: 'too_large', bad: (good) => ({ heartbeats: Array(MAX_BATCH + 1).fill(bodyOf(good)) }) },
  stamped('another network', 422, 'wrong_network', (life) => makeBeat({ ...network, genesisHash: new Uint8Array(32).fill(1) }, life)),
  stamped('another witness', 422, 'wrong_witness', (life) => makeBeat(network, life, { witness: new Uint8Array(32).fill(1) })),
  stamped('stale', 422, 'too_old', (life) => makeBeat(network, life, { timestampS: nowS() - 40 })),
  stamped('from 1970', 422, 'too_old', (life) => makeBeat(network, life, { timestampS: 0, sequence: nowS() })),
  stamped('from the future', 422, 'from_future', (life) => makeBeat(network, life, { timestampS: nowS() + 60 })),
  vitals('an RR interval of 100 ms', 'out_of_range', () => ({ fields: {}, sent: { vitals: { ...VITALS, rrMs: [800, 100] } } })),
  vitals('half a milli-g', 'out_of_range', () => ({ fields: {}, sent: { vitals: { ...VITALS, motionMilliG: [0.5] } } })),
  vitals('65 RR intervals', 'out_of_range', () => ({ fields: {}, sent: { vitals: { ...VITALS, rrMs: Array(65).fill(800) } } })),
  vitals('other vitals than signed', 'evidence_mismatch', () => ({ fields: {}, sent: { vitals: { ...VITALS, temperatureCentiC: 3651 } } })),
  vitals('another nonce than signed', 'evidence_mismatch', () => ({ fields: {}, sent: { nonce: base64(new Uint8Array(16)) } })),
  vitals('a higher rate level than the vitals give', 'levels_mismatch', () => ({ fields: { rateLevel: 7 }, sent: {} })),
  vitals('a higher motion level than the vitals give', 'levels_mismatch', () => ({ fields: { motionLevel: 7 }, sent: {} })),
  forged('a flipped bit', 'ed25519', (good) => changed(good.signature, 10)),
  forged('a flipped bit, P-256', 'p256', (good) => changed(good.signature, 10)),
  forged('high S', 'p256', (good) => mirrored(good.signature)),
  forged('zeros', 'p256', () => new Uint8Array(64)),
  forged('ones', 'ed25519', () => new Uint8Array(64).fill(255)),
  forged('the signature of another life', 'ed25519', (good) => newLife().sign(good.message)),
  forged('the signature of another message', 'p256', (_good, life) => life.sign(new Uint8Array(181))),
]

t.test('bad heartbeats are refused, and the good one in their place is taken', async (t) => {
  for (const { name, status, code, curve, good: makeGood, bad, more = {} } of BAD_BEATS) {
    const life = newLife(curve)
    const good = makeGood?.(life) ?? makeBeat(network, life)
    const before = await holdings()
    const answer = await send(bad(good, life))
    assertProblem(t, answer, status, code, name)
    if (status === 422) t.equal(answer.json.detail, code === 'out_of_range' ? answer.json.detail : REASONS[code as Reason].text)
    t.same(await holdings(), before, 'nothing is stored')
    await assertAccepted(t, life, good, more)
    if (honest.size % THRESHOLD === 0) await commitAll()
  }
})

t.test('other content types', async (t) => {
  const life = newLife()
  const good = makeBeat(network, life)
  for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
    const body = JSON.stringify(bodyOf(good))
    assertProblem(t, await request(`${node.url}/v2/heartbeats`, { method: 'POST', headers: { 'content-type': type }, body }), 415, 'unsupported_media_type', type)
  }
  assertProblem(t, await postBytes(`${node.url}/v2/heartbeats`, good.row.slice(1)), 400, 'malformed', 'bytes that are no rows')
  await assertAccepted(t, life, good)
})

t.test('a key that is no point of its curve verifies nothing', async (t) => {
  const offCurve = tagKey('p256', concat(Uint8Array.of(2), new Uint8Array(32).fill(255)))
  const smallOrder = tagKey('ed25519', concat(Uint8Array.of(1), new Uint8Array(31)))
  const before = await holdings()
  for (const key of [offCurve, smallOrder]) {
    const message = makeBeat(network, newLife(), { deviceKey: key }).message
    assertProblem(t, await send(bodyOf({ message, signature: new Uint8Array(64).fill(1) })), 422, 'bad_signature', 'no such key')
  }
  t.same(await holdings(), before)
})

t.test('repetition, equivocation, haste and replay', async (t) => {
  await commitAll()
  const life = newLife()
  const first = makeBeat(network, life)
  const sequence = nowS()
  await assertAccepted(t, life, first)
  const before = await holdings()
  assertProblem(t, await send(bodyOf(first)), 409, 'duplicate', 'the same again')
  assertProblem(t, await send(bodyOf(makeBeat(network, life, { timestampS: sequence, sequence, evidence: new Uint8Array(32).fill(1) }))), 409, 'equivocation', 'another under its number')
  assertProblem(t, await send(bodyOf(makeBeat(network, life, { timestampS: sequence, sequence: sequence + 1 }))), 429, 'too_fast', 'another in its second')
  t.same(await holdings(), before, 'the first one stays the only one')
  const later = makeBeat(network, life, { timestampS: sequence + 1, sequence: sequence + 1 })
  await assertAccepted(t, life, later)
  await commitAll()
  const after = await holdings()
  assertProblem(t, await send(bodyOf(first)), 409, 'sequence_replayed', 'committed long since')
  assertProblem(t, await send(bodyOf(later)), 409, 'sequence_replayed', 'the last one, committed as well')
  assertProblem(t, await send(bodyOf(makeBeat(network, life, { timestampS: sequence + 2, sequence: sequence - 1 }))), 409, 'sequence_replayed', 'an older number in a new second')
  assertProblem(t, await send(bodyOf(makeBeat(network, life, { timestampS: sequence + 1, sequence: sequence + 9 }))), 429, 'too_fast', 'a new number in a committed second')
  t.same(await holdings(), after)
  await assertAccepted(t, life, makeBeat(network, life, { timestampS: sequence + 2, sequence: sequence + 2 }))
})

t.test('forgeries in the name of a life take nothing of its allowance', async (t) => {
  await commitAll()
  const life = newLife('p256')
  const good = makeBeat(network, life)
  const rows = Array.from({ length: 100 }, (_, i) => concat(good.message, changed(good.signature, i % 64)))
  const { json } = await postBytes(`${node.url}/v2/heartbeats`, concat(...rows))
  t.same(new Set(json.verdicts.map(({ code }: { code: string }) => code)), new Set(['bad_signature']))
  await assertAccepted(t, life, good)
})

t.test('in a batch the bad ones do not hold up the good ones', async (t) => {
  await commitAll()
  const [a, b] = [newLife(), newLife('p256')]
  const [goodA, goodB] = [makeBeat(network, a), makeBeat(network, b)]
  const heartbeats = [
    5, bodyOf({ message: goodA.message, signature: goodB.signature }), bodyOf(goodA), bodyOf(goodA),
    bodyOf(makeBeat(network, a, { evidence: new Uint8Array(32).fill(3) })), bodyOf(goodB),
  ]
  const { status, json } = await send({ heartbeats })
  t.equal(status, 200)
  t.same(json.verdicts.map(({ accepted, code }: { accepted: boolean; code?: string }) => code ?? accepted), ['malformed', 'bad_signature', true, 'duplicate', 'equivocation', true])
  for (const life of [a, b]) honest.add(life.keyText)
  await commitAll()
})

interface Wallet {
  readonly life: Life
  readonly recipient: Life
  balance: bigint
  nonce: number
}

/** A life that is alive and paid, and an existing account to send to. */
async function wallet(): Promise<Wallet> {
  const [life, recipient] = [newLife(), newLife('p256')]
  for (const one of [life, recipient]) {
    honest.add(one.keyText)
    await send(bodyOf(makeBeat(network, one)))
  }
  await commitAll()
  const { balance, nonce } = await read(`${node.url}/v2/accounts/${life.keyText}`)
  return { life, recipient, balance: BigInt(balance), nonce }
}

const transferOf = ({ life, recipient, nonce }: Wallet, more: Partial<Transfer> = {}): Transfer => ({
  sender: toBin(life.key), recipient: toBin(recipient.key), amount: COIN, nonce, expiryHeight: 1_000_000, memo: new Uint8Array(0), ...more,
})
const signedBy = (life: Life, message: Uint8Array): Beat => beatOf(message, life.sign(message))
const signedTransfer = (from: Wallet, more: Partial<Transfer> = {}): Beat => signedBy(from.life, transferMessage(network.genesisHash, transferOf(from, more)))
const sendTransfer = (body: unknown): Promise<Answer> => postJson(`${node.url}/v2/transactions`, body)

/** @param good what must be accepted afterwards */
async function assertRefusedTransfer(t: Test, name: string, status: number, code: string, body: unknown): Promise<void> {
  const before = await holdings()
  assertProblem(t, await sendTransfer(body), status, code, name)
  t.same(await holdings(), before, 'nothing is stored')
}

t.test('bad transfers are refused, and the good one in their place is taken', async (t) => {
  const from = await wallet()
  const good = signedTransfer(from)
  const fields = encodeTransfer(transferOf(from))
  const prefixed = (bytes: Uint8Array): object => bodyOf(signedBy(from.life, signingBytes('pulse/transfer/1', network.genesisHash, bytes)))
  const cases: (readonly [name: string, status: number, code: string, body: unknown])[] = [
    ['no JSON', 400, 'malformed', '{"message"'],
    ['a list', 400, 'malformed', [bodyOf(good)]],
    ['a member too many', 400, 'malformed', bodyOf(good, { fee: 1 })],
    ['a number for a message', 400, 'malformed', bodyOf(good, { message: 1 })],
    ['no signature', 400, 'malformed', { message: base64(good.message) }],
    ['a body over the limit', 413, 'too_large', JSON.stringify(bodyOf(good, { pad: 'x'.repeat(MAX_BODY_BYTES) }))],
    ['a byte more', 400, 'malformed', prefixed(concat(fields, Uint8Array.of(0xff)))],
    ['a byte less', 400, 'malformed', prefixed(fields.slice(0, -1))],
    ['a memo that is no UTF-8', 400, 'malformed', bodyOf(signedTransfer(from, { memo: Uint8Array.of(0xc3, 0x28) }))],
    ['a memo over the limit', 400, 'malformed', bodyOf(signedTransfer(from, { memo: new Uint8Array(129).fill(65) }))],
    ['nothing to send', 400, 'malformed', bodyOf(signedTransfer(from, { amount: 0n }))],
    ['a heartbeat', 400, 'malformed', bodyOf(makeBeat(network, from.life))],
    ['another network', 422, 'wrong_network', bodyOf(signedBy(from.life, transferMessage(new Uint8Array(32).fill(1), transferOf(from))))],
    ['a flipped bit in the signature', 422, 'bad_signature', bodyOf({ ...good, signature: changed(good.signature, 3) })],
    ['the signature of the recipient', 422, 'bad_signature', bodyOf({ ...good, signature: from.recipient.sign(good.message) })],
    ['more than there is', 422, 'insufficient_balance', bodyOf(signedTransfer(from, { amount: from.balance + 1n }))],
    ['more than there can be', 422, 'insufficient_balance', bodyOf(signedTransfer(from, { amount: 2n ** 64n - 1n }))],
    ['a gap before its nonce', 422, 'nonce_gap', bodyOf(signedTransfer(from, { nonce: from.nonce + 1 }))],
    ['expired', 422, 'expired', bodyOf(signedTransfer(from, { expiryHeight: 1 }))],
    ['too little to open an account', 422, 'below_minimum', bodyOf(signedTransfer(from, { recipient: toBin(newLife().key), amount: COIN / 100n - 1n }))],
  ]
  for (const [name, status, code, body] of cases) await assertRefusedTransfer(t, name, status, code, body)

  t.match(await sendTransfer(bodyOf(good)), { status: 200, json: { accepted: true, id: good.id } }, 'the good one in their place is taken')
  await assertRefusedTransfer(t, 'the same again', 409, 'duplicate', bodyOf(good))
  await assertRefusedTransfer(t, 'the same nonce, spent twice', 409, 'nonce_conflict', bodyOf(signedTransfer(from, { amount: COIN + 1n })))
  const rest = { nonce: from.nonce + 1, amount: from.balance }
  await assertRefusedTransfer(t, 'what is promised counts as spent', 422, 'insufficient_balance', bodyOf(signedTransfer(from, rest)))
  const exact = signedTransfer(from, { ...rest, amount: from.balance - COIN })
  t.match(await sendTransfer(bodyOf(exact)), { status: 200, json: { id: exact.id } }, 'all the rest may go')

  await commitAll()
  await assertRefusedTransfer(t, 'committed long since', 409, 'nonce_used', bodyOf(good))
  await assertRefusedTransfer(t, 'its nonce again', 409, 'nonce_used', bodyOf(signedTransfer(from, { amount: 1n })))
  t.match(await read(`${node.url}/v2/transactions/${good.id}`), { id: good.id, height: Number })
  const account = await read(`${node.url}/v2/accounts/${from.life.keyText}`)
  t.same([account.balance, account.nonce], ['0', from.nonce + 2], 'each was executed once')
})

t.test('the dead send nothing, until they beat again', async (t) => {
  const from = await wallet()
  const stranger: Wallet = { life: newLife(), recipient: from.recipient, balance: 0n, nonce: 0 }
  await assertRefusedTransfer(t, 'a life that was never seen', 422, 'sender_not_alive', bodyOf(signedTransfer(stranger)))
  for (let block = 0; block <= ALIVE_BLOCKS; block++) await commitAll()
  const transfer = signedTransfer(from)
  await assertRefusedTransfer(t, 'a life that fell silent', 422, 'sender_not_alive', bodyOf(transfer))
  t.equal((await send(bodyOf(makeBeat(network, from.life, { sequence: nowS() + 1 })))).status, 200)
  await commitAll()
  t.match(await sendTransfer(bodyOf(transfer)), { status: 200, json: { accepted: true, id: transfer.id } })
  await commitAll()
})

t.test('unknown routes and methods', async (t) => {
  for (const path of ['/v2', '/v2/heartbeat', '/v3/blocks', '/admin', '/.env', '/v2/blocks/1/secrets', '//v2/blocks']) {
    assertProblem(t, await request(node.url + path), 404, 'not_found', path)
  }
  for (const [method, path, allow] of [
    ['GET', '/v2/heartbeats', 'POST'],
    ['DELETE', '/v2/blocks/1', 'GET, HEAD'],
    ['PUT', '/status', 'GET, HEAD'],
    ['POST', '/v2/accounts', 'GET, HEAD'],
    ['PATCH', '/v2/transactions', 'POST'],
  ] as const) {
    const answer = await request(node.url + path, { method })
    assertProblem(t, answer, 405, 'method_not_allowed', `${method} ${path}`)
    t.equal(answer.headers.get('allow'), allow)
  }
})

function assertNotSentBack(t: Test, { headers, json }: Answer, text: string): void {
  if (text.length > 3 && /\W/.test(text)) t.notOk(json.detail.includes(text.slice(0, 12)), 'it is not sent back')
  t.equal(headers.get('set-cookie'), null)
}

t.test('script, path and query strings in parameters', async (t) => {
  const strings = [
    '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', '../../../../etc/passwd', '..%2f..%2fetc%2fpasswd', '....//etc/passwd', 'C:\\Windows\\system.ini',
    "' OR '1'='1", '1; DROP TABLE blocks', '$' + '{7*7}', '{{7*7}}', '`id`', '$(id)', '\u0000', '\r\nset-cookie: a=b', '__proto__', 'constructor', 'NaN', '-1', '0', '1e3', '0x10', '１', 'latest ', 'x'.repeat(5_000),
  ]
  const before = await holdings()
  for (const text of strings) {
    const encoded = encodeURIComponent(text)
    for (const path of [`/v2/blocks/${encoded}`, `/v2/blocks/${encoded}/heartbeats`, `/v2/accounts/${encoded}`, `/v2/transactions/${encoded}`]) {
      const answer = await request(node.url + path)
      t.ok([400, 404, 414, 431].includes(answer.status), `${answer.status} for ${path.slice(0, 80)}`)
      t.match(answer.headers.get('content-type'), /^application\/problem\+json/)
      assertNotSentBack(t, answer, text)
    }
    for (const query of [`?limit=${encoded}`, `?cursor=${encoded}`, `?${encoded}=1`]) {
      if (text === '0' && query.startsWith('?cursor')) continue
      const answer = await request(`${node.url}/v2/accounts${query}`)
      assertProblem(t, answer, 400, 'malformed', query.slice(0, 80))
      assertNotSentBack(t, answer, text)
    }
  }
  for (const query of ['?limit=0', '?limit=201', '?limit=1&limit=2', '?cursor=1.5', '?limit=']) assertProblem(t, await request(`${node.url}/v2/blocks${query}`), 400, 'malformed', query)
  t.same(await holdings(), before)
})

t.test('what is no HTTP at all', async (t) => {
  const { port } = new URL(node.url)
  for (const text of ['hello\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', '\u0016\u0003\u0001', 'POST /v2/heartbeats HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n']) {
    const socket = connect(Number(port), '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk) => (answer += chunk.toString()))
    const closed = new Promise((resolve) => socket.on('close', resolve).on('error', () => {}))
    socket.write(text)
    await closed
    t.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n[^]*"code":"malformed"/, JSON.stringify(text))
  }
})

t.test('frames of a WebSocket', async (t) => {
  await commitAll()
  const socket = new WebSocket(`${node.url.replace('http', 'ws')}/v2/ws`)
  t.teardown(() => socket.close())
  await new Promise((resolve) => socket.addEventListener('open', resolve))
  const ask = (frame: string | Uint8Array<ArrayBuffer>): Promise<Json> => {
    const { promise, resolve } = Promise.withResolvers()
    socket.addEventListener('message', ({ data }) => resolve(JSON.parse(data as string)), { once: true })
    socket.send(frame)
    return promise
  }
  const life = newLife('p256')
  const good = makeBeat(network, life)
  const before = await holdings()
  for (const frame of ['{', '[]', '{"type":"shutdown"}', '{"type":"heartbeats","heartbeats":[]}', '{"type":"subscribe","topics":["secrets"]}', new Uint8Array([1, 2, 3])]) {
    t.match(await ask(frame), { type: 'error', code: 'malformed', detail: /^.+\.$/ }, String(frame))
  }
  const forgery = { type: 'heartbeat', ref: 'a', ...bodyOf({ message: good.message, signature: mirrored(good.signature) }) }
  t.match(await ask(JSON.stringify(forgery)), { type: 'verdicts', ref: 'a', verdicts: [{ accepted: false, code: 'bad_signature', detail: REASONS.bad_signature.text }] })
  t.same(await holdings(), before, 'nothing is stored')
  t.match(await ask(JSON.stringify({ type: 'heartbeat', ref: 'b', ...bodyOf(good) })), { ref: 'b', verdicts: [{ accepted: true, id: good.id }] })
  honest.add(life.keyText)
})

t.test('after all this the node is well, and holds nothing but what was good', async (t) => {
  await commitAll()
  for (const path of ['/health', '/ready', '/health/database', '/health/blockchain']) t.equal((await request(node.url + path)).status, 200, path)
  const accounts = await readAll(`${node.url}/v2/accounts`, 'accounts')
  t.same(new Set(accounts.map(({ key }) => key)), honest, 'no account of anybody else')
  const { supply } = await read(`${node.url}/status`)
  t.equal(accounts.reduce((sum, { balance }) => sum + BigInt(balance), 0n), BigInt(supply))
  const metrics = await (await fetch(`${node.url}/metrics`)).text()
  for (const reason of ['bad_signature', 'too_old', 'equivocation', 'nonce_conflict']) t.match(metrics, new RegExp(`reason="${reason}"`), `${reason} is counted`)
  t.same(node.lines.filter(({ level }) => level === 'error' || level === 'fatal'), [], 'nothing of it was an error of the node')
  t.equal((await node.stop()).code, 0)
  t.match(await runJson(['verify', '--data-dir', dir]), { code: 0, json: { ok: true, supply } })
})

