// Key files: private, never overwritten, read strictly, and silent about what they hold.

import t from 'tap'
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { toHex } from '../../src/base/bytes.ts'
import { keyToText } from '../../src/crypto/keys.ts'
import { generateKeyPair } from '../../src/crypto/sign.ts'
import type { Failure } from '../../src/ops/failure.ts'
import { readKeyFile, writeKeyFile } from '../../src/ops/keyfile.ts'

function failureOf(action: () => unknown): Failure {
  try {
    action()
  } catch (error) {
    return error as Failure
  }
  throw new Error('it did not fail')
}

t.test('a key of each curve is read back, from a file that only its owner can read', async (t) => {
  for (const curve of ['ed25519', 'secp256k1', 'p256'] as const) {
    const path = join(t.testdir(), `${curve}.key`)
    const keys = generateKeyPair(curve)
    writeKeyFile(path, keys)
    t.same(readKeyFile(path), keys)
    t.same(readKeyFile(path, curve), keys)
    t.equal(statSync(path).mode & 0o777, 0o600)
    t.same(JSON.parse(readFileSync(path, 'utf8')), { curve, publicKey: keyToText(keys.publicKey), secretKey: toHex(keys.secretKey) })
  }
})

t.test('a wide umask does not widen the file', async (t) => {
  const path = join(t.testdir(), 'node.key')
  const before = process.umask(0)
  t.teardown(() => process.umask(before))
  writeKeyFile(path, generateKeyPair('ed25519'))
  t.equal(statSync(path).mode & 0o777, 0o600)
})

t.test('an existing file is never overwritten', async (t) => {
  const path = join(t.testdir({ 'node.key': 'anything' }), 'node.key')
  t.match(failureOf(() => writeKeyFile(path, generateKeyPair('ed25519'))), { code: 'config', message: /exists already/ })
  t.equal(readFileSync(path, 'utf8'), 'anything')
})

t.test('a file that other users can read or change is refused, and becomes good by the advice', async (t) => {
  const path = join(t.testdir(), 'node.key')
  const keys = generateKeyPair('ed25519')
  writeKeyFile(path, keys)
  for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o777]) {
    chmodSync(path, mode)
    t.match(failureOf(() => readKeyFile(path)), { code: 'config', remedy: `Run: chmod 600 ${path}` }, mode.toString(8))
  }
  for (const mode of [0o600, 0o400]) {
    chmodSync(path, mode)
    t.same(readKeyFile(path), keys)
  }
  chmodSync(path, 0o640)
  symlinkSync(path, `${path}.link`)
  t.match(failureOf(() => readKeyFile(`${path}.link`)), { code: 'config' }, 'behind a link too')
})

t.test('a broken file is refused with its reason, and no error carries the secret', async (t) => {
  const dir = t.testdir()
  const path = join(dir, 'node.key')
  const keys = generateKeyPair('ed25519')
  const good = { curve: 'ed25519', publicKey: keyToText(keys.publicKey), secretKey: toHex(keys.secretKey) }
  const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
  const cases: readonly (readonly [content: string, cause: RegExp])[] = [
    ['', /not JSON/],
    [`${good.secretKey}`, /not JSON/],
    [JSON.stringify(good).slice(0, -1), /not JSON/],
    [`{"secretKey": ${good.secretKey}}`, /not JSON/],
    ['null', /not a JSON object/],
    [JSON.stringify([good]), /not a JSON object/],
    ['{}', /"curve"/],
    [JSON.stringify({ ...good, curve: 'ed448' }), /"curve"/],
    [JSON.stringify({ ...good, curve: 'toString' }), /"curve"/],
    [JSON.stringify({ ...good, publicKey: undefined }), /"publicKey"/],
    [JSON.stringify({ ...good, publicKey: good.publicKey.slice(1) }), /"publicKey"/],
    [JSON.stringify({ ...good, publicKey: keyToText(generateKeyPair('ed25519').publicKey) }), /does not belong/],
    [JSON.stringify({ ...good, curve: 'p256' }), /does not belong/],
    [JSON.stringify({ ...good, secretKey: good.secretKey.slice(2) }), /64 hex digits/],
    [JSON.stringify({ ...good, secretKey: good.secretKey.slice(1) + 'x' }), /64 hex digits/],
    [JSON.stringify({ ...good, secretKey: 5 }), /64 hex digits/],
    [JSON.stringify({ ...good, curve: 'p256', secretKey: order }), /none of p256/],
    [JSON.stringify(good) + ' '.repeat(5_000), /more than 4096 bytes/],
  ]
  for (const [content, cause] of cases) {
    writeFileSync(path, content, { mode: 0o600 })
    const failure = failureOf(() => readKeyFile(path))
    t.match(failure, { code: 'config', message: cause, remedy: /backup/ }, content.slice(0, 30))
    t.notOk(inspect(failure, { depth: 9 }).includes(good.secretKey.slice(0, 8)), 'no part of the secret')
  }
  writeFileSync(path, JSON.stringify(good))
  t.match(failureOf(() => readKeyFile(path, 'p256')), { code: 'config', message: /on the curve ed25519, not p256/ })
})

t.test('a missing file, a directory and a missing directory have messages of their own', async (t) => {
  const dir = t.testdir()
  mkdirSync(join(dir, 'directory'), { mode: 0o700 })
  t.match(failureOf(() => readKeyFile(join(dir, 'none.key'))), { code: 'config', message: /There is no key file/ })
  t.match(failureOf(() => readKeyFile(join(dir, 'directory'))), { code: 'config', message: /not a regular file/ })
  t.match(failureOf(() => writeKeyFile(join(dir, 'none', 'node.key'), generateKeyPair('p256'))), { code: 'storage', message: /ENOENT/ })
})
