import { EventEmitter } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { generateKeyPair } from '../../src/crypto/sign.ts'
import { readValidatorKey, withCredentials } from '../../src/ops/credentials.ts'
import { dataDir } from '../../src/ops/datadir.ts'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import { writeKeyFile } from '../../src/ops/keyfile.ts'
import { runCli } from './cli-support.ts'

t.test('a validator key among the credentials of systemd beats the one in the data directory', async (t) => {
  const root = t.testdir({ data: {}, credentials: {}, empty: {} })
  const paths = dataDir(join(root, 'data'))
  const [own, given] = [generateKeyPair('ed25519'), generateKeyPair('ed25519')]
  writeKeyFile(paths.validatorKey, own)
  writeKeyFile(join(root, 'credentials/validator.key'), given)
  for (const env of [{}, { CREDENTIALS_DIRECTORY: '' }, { CREDENTIALS_DIRECTORY: join(root, 'empty') }, { CREDENTIALS_DIRECTORY: join(root, 'absent') }]) {
    t.strictSame(withCredentials(paths, env), paths, JSON.stringify(env))
    t.strictSame(readValidatorKey(withCredentials(paths, env)).publicKey, own.publicKey)
  }
  const found = withCredentials(paths, { CREDENTIALS_DIRECTORY: join(root, 'credentials') })
  t.strictSame({ ...found, validatorKey: paths.validatorKey }, paths, 'nothing else changes')
  t.strictSame(readValidatorKey(found).publicKey, given.publicKey)
})

t.test('a credential may show an access list in its group bits; nothing may be open to others or writable', async (t) => {
  const root = t.testdir({ data: {}, credentials: {} })
  const key = join(root, 'credentials/validator.key')
  const paths = { ...dataDir(join(root, 'data')), validatorKey: key }
  writeKeyFile(key, generateKeyPair('ed25519'))
  for (const mode of [0o400, 0o440, 0o600]) {
    chmodSync(key, mode)
    t.ok(readValidatorKey(paths), mode.toString(8))
  }
  for (const mode of [0o444, 0o404, 0o460, 0o402]) {
    chmodSync(key, mode)
    t.throws(() => readValidatorKey(paths), { code: 'config', message: /other users/ }, mode.toString(8))
  }
  const inside = dataDir(join(root, 'data'))
  writeKeyFile(inside.validatorKey, generateKeyPair('ed25519'))
  chmodSync(inside.validatorKey, 0o440)
  t.throws(() => readValidatorKey(inside), { code: 'config' }, 'in the data directory the group has nothing either')
})

const START = ['start', '--port', '0', '--p2p-port', '0', '--host', '127.0.0.1', '--log-format', 'json', '--data-dir']

t.test('start --no-init refuses a data directory without a network, and makes nothing', async (t) => {
  const root = t.testdir({ empty: {} })
  for (const path of [join(root, 'absent'), join(root, 'empty')]) {
    const { code, err } = await runCli([...START, path, '--no-init'])
    t.equal(code, EXIT_CODES.genesis)
    t.match(err, /There is no network in .*pulse-node init/)
    t.throws(() => readFileSync(join(path, 'genesis.json')), { code: 'ENOENT' })
  }
})

t.test('start takes the validator key from the credentials, and signs with it', async (t) => {
  const root = t.testdir({ credentials: {} })
  const path = join(root, 'data')
  t.equal((await runCli(['init', '--data-dir', path])).code, EXIT_CODES.ok)
  renameSync(join(path, 'validator.key'), join(root, 'credentials/validator.key'))
  const without = await runCli([...START, path, '--no-init'], { log: { write: () => {} } })
  t.match(without, { code: EXIT_CODES.config, err: /There is no key file .*validator\.key/ })

  const signals = new EventEmitter()
  const { promise: committed, resolve } = Promise.withResolvers<void>()
  const log = { write: (line: string) => void (line.includes('"Block committed"') && resolve()) }
  const env = { CREDENTIALS_DIRECTORY: join(root, 'credentials') }
  const ended = runCli([...START, path, '--no-init', '--simulate', '1'], { env, signals, log, fetch })
  const early = ended.then(({ err }) => Promise.reject(new Error(`ended early: ${err}`)))
  await Promise.race([committed, early])
  signals.emit('SIGTERM')
  t.match(await ended, { code: EXIT_CODES.ok })
  t.throws(() => readFileSync(join(path, 'validator.key')), { code: 'ENOENT' }, 'the key was not copied')

  // Another key than the one whose record lies there does not sign.
  rmSync(join(root, 'credentials'), { recursive: true })
  mkdirSync(join(root, 'credentials'))
  writeKeyFile(join(root, 'credentials/validator.key'), generateKeyPair('ed25519'))
  const { promise: up, resolve: isUp } = Promise.withResolvers<void>()
  const otherLog = { write: (line: string) => void (line.includes('"Node started"') && isUp()) }
  const other = runCli([...START, path, '--no-init'], { env, signals, log: otherLog, fetch })
  await Promise.race([up, other])
  signals.emit('SIGTERM')
  t.match(await other, { code: EXIT_CODES.signer, err: /another validator key/ })
})
