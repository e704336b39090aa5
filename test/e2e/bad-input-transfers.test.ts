// Bad transfers over HTTP against a living node: a stable code and message for each kind, nothing stored or remembered,
// and the good one in their place is taken.

import t from 'tap'
import type { Test } from 'tap'
import { join } from 'node:path'
import { MAX_BODY_BYTES } from '../../src/api/limits.ts'
import { concat, toBin } from '../../src/base/bytes.ts'
import { signingBytes } from '../../src/crypto/hash.ts'
import { COIN } from '../../src/protocol/params.ts'
import type { Transfer } from '../../src/protocol/transfer.ts'
import { encodeTransfer, transferMessage } from '../../src/protocol/transfer.ts'
import type { Target } from './bad-input.ts'
import { ALIVE_BLOCKS, assertProblem, base64, bodyOf, changed, startTarget } from './bad-input.ts'
import { read } from './harness.ts'
import type { Beat, Life } from './lives.ts'
import { beatOf, makeBeat, newLife, nowS } from './lives.ts'

t.setTimeout(240_000)

const file = t
const dir = join(t.testdir(), 'data')
let target: Target

t.test('a node', async () => {
  target = await startTarget(file, dir)
})

interface Wallet {
  readonly life: Life
  readonly recipient: Life
  readonly balance: bigint
  readonly nonce: number
}

/** A life that is alive and paid, and an existing account to send to. */
async function wallet(): Promise<Wallet> {
  const [life, recipient] = [newLife(), newLife('p256')]
  for (const one of [life, recipient]) {
    target.honest.add(one.keyText)
    await target.sendBeat(bodyOf(makeBeat(target.network, one)))
  }
  await target.commitAll()
  const { balance, nonce } = await read(`${target.node.url}/v2/accounts/${life.keyText}`)
  return { life, recipient, balance: BigInt(balance), nonce }
}

function transferOf({ life, recipient, nonce }: Wallet, more: Partial<Transfer> = {}): Transfer {
  const ordinary = { amount: COIN, nonce, expiryHeight: 1_000_000, memo: new Uint8Array(0) }
  return { sender: toBin(life.key), recipient: toBin(recipient.key), ...ordinary, ...more }
}

const signedBy = (life: Life, message: Uint8Array): Beat => beatOf(message, life.sign(message))
const signed = (from: Wallet, more: Partial<Transfer> = {}): Beat =>
  signedBy(from.life, transferMessage(target.network.genesisHash, transferOf(from, more)))

async function assertRefused(t: Test, name: string, status: number, code: string, body: unknown): Promise<void> {
  const before = await target.holdings()
  assertProblem(t, await target.sendTransfer(body), status, code, name)
  t.same(await target.holdings(), before, 'nothing is stored')
}

async function assertTaken(t: Test, transfer: Beat, name: string): Promise<void> {
  t.match(await target.sendTransfer(bodyOf(transfer)), { status: 200, json: { accepted: true, id: transfer.id } }, name)
}

t.test('each is refused, and the good one in their place is taken', async (t) => {
  const from = await wallet()
  const good = signed(from)
  const fields = encodeTransfer(transferOf(from))
  const { genesisHash } = target.network
  const prefixed = (bytes: Uint8Array): object => bodyOf(signedBy(from.life, signingBytes('pulse/transfer/1', genesisHash, bytes)))
  const elsewhere = signedBy(from.life, transferMessage(new Uint8Array(32).fill(1), transferOf(from)))
  const stranger = toBin(newLife().key)

  const malformed: Record<string, unknown> = {
    'no JSON': '{"message"',
    'a list': [bodyOf(good)],
    'a member too many': bodyOf(good, { fee: 1 }),
    'a number for a message': bodyOf(good, { message: 1 }),
    'a message that is too long': bodyOf(good, { message: base64(new Uint8Array(1_100)) }),
    'no signature': { message: base64(good.message) },
    'a byte more': prefixed(concat(fields, Uint8Array.of(0xff))),
    'a byte less': prefixed(fields.slice(0, -1)),
    'a memo that is no UTF-8': bodyOf(signed(from, { memo: Uint8Array.of(0xc3, 0x28) })),
    'a memo over the limit': bodyOf(signed(from, { memo: new Uint8Array(129).fill(65) })),
    'nothing to send': bodyOf(signed(from, { amount: 0n })),
    'a heartbeat': bodyOf(makeBeat(target.network, from.life)),
  }
  for (const [name, body] of Object.entries(malformed)) await assertRefused(t, name, 400, 'malformed', body)
  await assertRefused(t, 'a body over the limit', 413, 'too_large', JSON.stringify(bodyOf(good, { pad: 'x'.repeat(MAX_BODY_BYTES) })))

  const refused: readonly (readonly [name: string, code: string, transfer: Pick<Beat, 'message' | 'signature'>])[] = [
    ['another network', 'wrong_network', elsewhere],
    ['a flipped bit in the signature', 'bad_signature', { ...good, signature: changed(good.signature, 3) }],
    ['the signature of the recipient', 'bad_signature', { ...good, signature: from.recipient.sign(good.message) }],
    ['more than there is', 'insufficient_balance', signed(from, { amount: from.balance + 1n })],
    ['more than there can be', 'insufficient_balance', signed(from, { amount: 2n ** 64n - 1n })],
    ['a gap before its nonce', 'nonce_gap', signed(from, { nonce: from.nonce + 1 })],
    ['expired', 'expired', signed(from, { expiryHeight: 1 })],
    ['too little to open an account', 'below_minimum', signed(from, { recipient: stranger, amount: COIN / 100n - 1n })],
  ]
  for (const [name, code, transfer] of refused) await assertRefused(t, name, 422, code, bodyOf(transfer))

  await assertTaken(t, good, 'the good one in their place is taken')
  await assertRefused(t, 'the same again', 409, 'duplicate', bodyOf(good))
  await assertRefused(t, 'the same nonce, spent twice', 409, 'nonce_conflict', bodyOf(signed(from, { amount: COIN + 1n })))
  const next = { nonce: from.nonce + 1 }
  await assertRefused(t, 'what is promised is spent', 422, 'insufficient_balance', bodyOf(signed(from, { ...next, amount: from.balance })))
  await assertTaken(t, signed(from, { ...next, amount: from.balance - COIN }), 'all the rest may go')

  await target.commitAll()
  await assertRefused(t, 'committed long since', 409, 'nonce_used', bodyOf(good))
  await assertRefused(t, 'its nonce again', 409, 'nonce_used', bodyOf(signed(from, { amount: 1n })))
  t.match(await read(`${target.node.url}/v2/transactions/${good.id}`), { id: good.id, height: Number })
  const account = await read(`${target.node.url}/v2/accounts/${from.life.keyText}`)
  t.same([account.balance, account.nonce], ['0', from.nonce + 2], 'each was executed once')
})

t.test('the dead send nothing, until they beat again', async (t) => {
  const from = await wallet()
  const stranger: Wallet = { life: newLife(), recipient: from.recipient, balance: 0n, nonce: 0 }
  await assertRefused(t, 'a life that was never seen', 422, 'sender_not_alive', bodyOf(signed(stranger)))
  for (let block = 0; block <= ALIVE_BLOCKS; block++) await target.commitAll()
  const transfer = signed(from)
  await assertRefused(t, 'a life that fell silent', 422, 'sender_not_alive', bodyOf(transfer))
  // A second later than its last one, whatever the time is now.
  const s = nowS() + 1
  await target.assertAccepted(t, from.life, makeBeat(target.network, from.life, { timestampS: s, sequence: s }))
  await target.commitAll()
  await assertTaken(t, transfer, 'it was not remembered as bad')
})

t.test('after all this', async (t) => {
  const metrics = await (await fetch(`${target.node.url}/metrics`)).text()
  for (const reason of ['bad_signature', 'nonce_conflict', 'sender_not_alive']) {
    t.match(metrics, new RegExp(`reason="${reason}"`), `${reason} is counted`)
  }
  await target.assertUnharmed(t)
})
