// Device keys, their files, and the stamps that keep heartbeats in order.

import fc from 'fast-check'
import t from 'tap'
import { toHex } from '../../src/base/bytes.ts'
import type { Curve } from '../../src/crypto/keys.ts'
import { keyCurve, keyFromText } from '../../src/crypto/keys.ts'
import { generateKeyPair } from '../../src/crypto/sign.ts'
import { createIdentity, identityFromJson, identityFromKeys, identityToJson } from '../../src/device/identity.ts'
import { NETWORK, START_MS } from './device-helpers.ts'

const CURVES: readonly Curve[] = ['p256', 'ed25519', 'secp256k1']

t.test('a device key survives its key file on every curve', async (t) => {
  t.equal(createIdentity().keys.curve, 'p256', 'P-256 is the default')
  for (const curve of CURVES) {
    const identity = createIdentity(curve)
    const state = { lastSequence: 7, lastTimestampS: 9 }
    const restored = identityFromJson(identityToJson(identity), state)
    t.strictSame(restored.keys, identity.keys)
    t.equal(restored.keyText, identity.keyText)
    t.strictSame(restored.state, state)
    t.equal(keyCurve(keyFromText(identity.keyText)!), curve)
    t.strictSame(Object.keys(JSON.parse(identityToJson(identity))), ['curve', 'secretKey', 'publicKey'])
  }
})

t.test('a key file that is wrong is refused with the reason', async (t) => {
  const good = JSON.parse(identityToJson(createIdentity())) as Record<string, unknown>
  const other = JSON.parse(identityToJson(createIdentity())) as Record<string, unknown>
  const cases: readonly [string, unknown, RegExp][] = [
    ['no JSON', undefined, /not JSON/],
    ['null', null, /curve/],
    ['unknown curve', { ...good, curve: 'p521' }, /curve must be one of/],
    ['inherited name as curve', { ...good, curve: 'constructor' }, /curve must be one of/],
    ['short secret', { ...good, secretKey: 'abcd' }, /64 hex digits/],
    ['secret that is no hex', { ...good, secretKey: 'zz'.repeat(32) }, /64 hex digits/],
    ['secret zero', { ...good, secretKey: '00'.repeat(32) }, /no secret key of the curve p256/],
    ['secret not below the order', { ...good, secretKey: 'ff'.repeat(32) }, /no secret key/],
    ["another key's public key", { ...good, publicKey: other.publicKey }, /does not belong/],
    ['no public key', { ...good, publicKey: undefined }, /does not belong/],
    ['the right secret on another curve', { ...good, curve: 'secp256k1' }, /does not belong/],
  ]
  for (const [name, json, message] of cases) {
    t.throws(() => identityFromJson(json === undefined ? '{' : JSON.stringify(json)), { code: 'bad_key_file', message }, name)
  }
})

t.test('the message of a refused key file does not hold the secret', async (t) => {
  const file = identityToJson(createIdentity('ed25519'))
  const { secretKey } = JSON.parse(file) as { secretKey: string }
  try {
    identityFromJson(file.replace('ed25519', 'p256'))
    t.fail('must throw')
  } catch (error) {
    t.notOk(String((error as Error).stack).includes(secretKey))
  }
})

t.test('sequence numbers are the seconds of the timestamp, and always above the last one', async (t) => {
  const keys = generateKeyPair('ed25519')
  const fresh = identityFromKeys(keys)
  t.strictSame(fresh.stamp(START_MS + 999, NETWORK), { timestampS: START_MS / 1_000, sequence: START_MS / 1_000 })
  const ahead = identityFromKeys(keys, { lastSequence: 5_000_000_000, lastTimestampS: 0 })
  t.equal(ahead.stamp(START_MS, NETWORK)?.sequence, 5_000_000_001)
})

t.test('no stamp before the minimum interval is over, counted in whole seconds', async (t) => {
  const identity = createIdentity('ed25519')
  identity.stamp(START_MS + 400, NETWORK)
  const { state } = identity
  t.equal(identity.stamp(START_MS + 999, NETWORK), null)
  t.equal(identity.waitMs(START_MS + 999, NETWORK), 1)
  t.strictSame(identity.state, state, 'a stamp that was not given changes nothing')
  t.not(identity.stamp(START_MS + 1_000, NETWORK), null)
  t.equal(identity.waitMs(START_MS + 1_000, { ...NETWORK, lifeMinIntervalMs: 3_000 }), 3_000)
  t.equal(identity.waitMs(START_MS + 1_000, { ...NETWORK, lifeMinIntervalMs: 0 }), 1_000, 'never twice in a second')
})

t.test('a timestamp that the network cannot have taken does not silence the device', async (t) => {
  const nowS = START_MS / 1_000
  const keys = generateKeyPair('ed25519')
  t.equal(identityFromKeys(keys, { lastSequence: 0, lastTimestampS: nowS + 5 }).waitMs(START_MS, NETWORK), 6_000)
  const yearsAhead = identityFromKeys(keys, { lastSequence: nowS + 1e8, lastTimestampS: nowS + 1e8 })
  t.strictSame(yearsAhead.stamp(START_MS, NETWORK), { timestampS: nowS, sequence: nowS + 1e8 + 1 })
})

t.test('whatever the clock does, sequences rise, and timestamps never come twice in a row', async () => {
  const keys = generateKeyPair('ed25519')
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -20_000, max: 20_000 }), { maxLength: 50 }), (steps) => {
      let identity = identityFromKeys(keys)
      let nowMs = START_MS
      let last: { timestampS: number; sequence: number } | null = null
      for (const step of steps) {
        nowMs += step
        const stamp = identity.stamp(nowMs, NETWORK)
        if (stamp === null) continue
        if (last !== null && (stamp.sequence <= last.sequence || stamp.timestampS === last.timestampS)) return false
        last = stamp
        // A restart in between.
        identity = identityFromKeys(keys, identity.state)
      }
      return true
    }),
  )
})

t.test('a state that is no state is refused', async (t) => {
  const keys = generateKeyPair('ed25519')
  for (const bad of [-1, 0.5, NaN, 2 ** 53]) {
    t.throws(() => identityFromKeys(keys, { lastSequence: bad, lastTimestampS: 0 }), RangeError)
    t.throws(() => identityFromKeys(keys, { lastSequence: 0, lastTimestampS: bad }), RangeError)
  }
})

t.test('two identities have two keys', async (t) => {
  t.not(toHex(createIdentity().keys.secretKey), toHex(createIdentity().keys.secretKey))
})
