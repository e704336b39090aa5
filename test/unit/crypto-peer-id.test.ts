import t from 'tap'
import fc from 'fast-check'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import { concat, toHex } from '../../src/base/bytes.ts'
import { rawKey } from '../../src/crypto/keys.ts'
import { nodeKeyOfPeer, peerIdOf } from '../../src/crypto/peer-id.ts'
import { generateKeyPair } from '../../src/crypto/sign.ts'
import { base58 } from '@scure/base'

const KEY = Uint8Array.from({ length: 32 }, (_, i) => i)
const ID = peerIdOf(KEY)

t.test('a node key has the peer id that libp2p gives it', async (t) => {
  for (let i = 0; i < 20; i++) {
    const key = rawKey(generateKeyPair('ed25519').publicKey, 'ed25519')
    const id = peerIdOf(key)
    t.equal(id, peerIdFromPublicKey(publicKeyFromRaw(key)).toString())
    t.match(id, /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/)
    t.equal(toHex(peerIdFromString(id).publicKey!.raw), toHex(key))
  }
})

t.test('every key of 32 bytes comes back from its peer id', async (t) => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => toHex(nodeKeyOfPeer(peerIdOf(key))!) === toHex(key)))
  t.pass()
})

t.test('what is no Ed25519 key has no peer id', async (t) => {
  for (const length of [0, 31, 33, 35]) t.throws(() => peerIdOf(new Uint8Array(length)), RangeError)
})

t.test('what is no peer id of an Ed25519 key is refused', async (t) => {
  const bytes = base58.decode(ID)
  const flipped = Array.from({ length: 6 }, (_, i) => base58.encode(bytes.map((byte, j) => (i === j ? byte ^ 1 : byte))))
  const others = ['', ID.slice(1), ID.slice(0, -1), `${ID}1`, ` ${ID}`, ID.replace(/.$/, '0'), ID.replace(/.$/, 'l'), 'Qm'.padEnd(46, 'a'), '1'.repeat(52), 'z'.repeat(52)]
  const longer = base58.encode(concat(bytes, KEY))
  for (const text of [...flipped, ...others, longer]) t.equal(nodeKeyOfPeer(text), null, text)
  t.equal(toHex(nodeKeyOfPeer(ID)!), toHex(KEY))
})
