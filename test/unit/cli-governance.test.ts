// Commands by which operators decide: what they send, what they write, what they refuse.

import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { toBin, toHex } from '../../src/base/bytes.ts'
import { initialise } from '../../src/cli/network.ts'
import { createTransactionFile, readTransactionFile, readTransactionFiles } from '../../src/cli/transaction-file.ts'
import { keyToText, rawKey } from '../../src/crypto/keys.ts'
import { verifySignature } from '../../src/crypto/verify.ts'
import { paramsJson } from '../../src/node/transaction-view.ts'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import { readKeyFile, writeKeyFile } from '../../src/ops/keyfile.ts'
import { genesisHash as hashOf } from '../../src/protocol/genesis.ts'
import { DEVELOPMENT_PARAMS, paramsRoot } from '../../src/protocol/params.ts'
import type { Transaction } from '../../src/protocol/transaction.ts'
import { decodeTransaction, transactionSignatures } from '../../src/protocol/transaction.ts'
import { fakeNode, problem, runCli } from './cli-support.ts'
import { joinOf, keysOf, leaveOf } from './governance-fixture.ts'

const HEAD = 500
const NOW_MS = 1_790_000_000_000

interface Setup {
  readonly dir: string
  /** Data directories of two operators of one network; only the first is in the genesis. */
  readonly anna: string
  readonly ben: string
  readonly hash: Uint8Array
  readonly keys: { readonly anna: string; readonly ben: string }
  readonly sent: Transaction[]
  readonly answers: Record<string, unknown>
  run(...args: string[]): ReturnType<typeof runCli>
}

/** A node in which both validate, with equal power, and which commits what it gets. */
function setup(t: Test): Setup {
  const dir = t.testdir()
  const [anna, ben] = [join(dir, 'anna'), join(dir, 'ben')]
  const { genesis } = initialise(anna, { network: 'pulse-dev', development: true, nowMs: NOW_MS })
  initialise(ben, genesis)
  const hash = hashOf(genesis)
  const keyOf = (path: string): string => toHex(rawKey(readKeyFile(join(path, 'validator.key')).publicKey, 'ed25519'))
  const keys = { anna: keyOf(anna), ben: keyOf(ben) }
  const member = { nodeKey: 'ee'.repeat(32), base: 1_000_000, power: 1_000_000, lives: 2, meanLives: 0.5, signed: 3, possible: 4, since: 1, leaving: false, barred: false }
  const sent: Transaction[] = []
  const answers: Record<string, unknown> = {
    'GET /v2/node': { version: '0.1.0', network: 'pulse-dev', genesisHash: toHex(hash), development: true },
    'GET /status': { height: HEAD },
    'GET /v2/params': { height: HEAD, params: paramsJson(genesis.params), paramsRoot: toHex(paramsRoot(genesis.params)), paramsSince: 0, change: null },
    'GET /v2/validators': {
      height: HEAD, epoch: { number: 5, firstHeight: 481, lastHeight: 600, blocksLeft: 100, startMs: NOW_MS }, enrolled: true, totalPower: 2_000_000,
      validators: [{ ...member, key: keys.anna }, { ...member, key: keys.ben, leaving: true }],
      waiting: [{ key: 'cc'.repeat(32), nodeKey: 'dd'.repeat(32), base: 0 }], barred: ['bb'.repeat(32)],
      registrars: [{ key: keyToText(keysOf(4).publicKey), used: 3, quota: 1_024 }], paramsSince: 241, change: { activationHeight: 590, effectiveHeight: 601 },
    },
    'POST /v2/transactions': ({ transaction }: { transaction: string }) => {
      const decoded = decodeTransaction(Buffer.from(transaction, 'base64'), hash)
      if (decoded === null) return problem(400, 'malformed', 'It cannot be read.')
      sent.push(decoded)
      const id = toHex(Uint8Array.from((decoded as { id: string }).id, (character) => character.charCodeAt(0)))
      answers[`GET /v2/transactions/${id}`] = { id, height: HEAD + 1 }
      return { accepted: true, id }
    },
  }
  return { dir, anna, ben, hash, keys, sent, answers, run: (...args) => runCli(args, { fetch: fakeNode(answers).fetch }) }
}

const verifies = (transaction: Transaction, hash: Uint8Array): boolean =>
  transactionSignatures(transaction, hash).every(({ message, signature, key }) => verifySignature(message, signature, key))

/** Lines that are too long, but for those that hold what may not be broken. */
const tooLong = (text: string): string[] => text.split('\n').filter((line) => line.length > 80)

t.test('validators is a table within 80 columns, or what the node answered', async (t) => {
  const { run, keys, answers } = setup(t)
  const { code, out } = await run('validators')
  t.equal(code, EXIT_CODES.ok)
  t.same(tooLong(out), [])
  t.match(out, /^epoch +5: blocks 481 to 600, 100 left$/m)
  t.match(out, /^parameters +since block 241; a change takes effect with block 601$/m)
  t.match(out, new RegExp(`^${keys.anna.slice(0, 8)} +50\\.0 % +1 +1 +0\\.5 +2 +3/4 +1 +active$`, 'm'))
  t.match(out, new RegExp(`^${keys.ben.slice(0, 8)} .* leaving$`, 'm'))
  t.match(out, /^cccccccc validates from block 601 on, with no base power\.$/m)
  t.match(out, /^bbbbbbbb signed twice and is barred for good\.$/m)
  t.match(out, /3 of 1024 lives/)
  t.same(JSON.parse((await run('validators', '--json')).out), answers['GET /v2/validators'])
})

t.test('params shows all of them, and what a change that waits will change', async (t) => {
  const { run, answers } = setup(t)
  const quiet = await run('params')
  for (const name of Object.keys(DEVELOPMENT_PARAMS)) t.match(quiet.out, new RegExp(`^${name} `, 'm'))
  t.notMatch(quiet.out, /From block/)
  const view = answers['GET /v2/params'] as { params: object }
  answers['GET /v2/params'] = { ...view, change: { activationHeight: 590, effectiveHeight: 601, params: { ...view.params, threshold: 7 } } }
  const { out } = await run('params')
  t.match(out, /From block 601 on:\n\nparameter +now +then\n[─ ]+\nthreshold +1 +7\n/)
  t.same(tooLong(out), [])
})

t.test('enrol signs the keys in order, each once, and waits for the block', async (t) => {
  const { dir, hash, sent, run } = setup(t)
  const file = join(dir, 'registrar.key')
  const made = JSON.parse((await run('keygen', file, '--json')).out)
  t.match(made, { file, curve: 'ed25519' })
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.match(await run('keygen', file), { code: EXIT_CODES.config, err: /exists already/ })
  const devices = [7, 8, 9].map((n) => keysOf(n).publicKey)
  const { code, out } = await run('enrol', ...[...devices, devices[0]!].map(keyToText), '--registrar-key', file, '--json')
  t.equal(code, EXIT_CODES.ok)
  t.match(JSON.parse(out), { registrar: made.key, height: HEAD + 1, devices: devices.map(keyToText) })
  t.match(sent, [{ kind: 2, enrolment: { registrar: toBin(readKeyFile(file).publicKey), expiryHeight: HEAD + 100, devices: devices.map(toBin).sort() } }])
  t.ok(verifies(sent[0]!, hash))
  t.same(tooLong((await run('enrol', keyToText(devices[0]!), '--registrar-key', file, '--no-wait')).out), [])

  const refused: [string[], number, RegExp][] = [
    [['enrol', 'zX', '--registrar-key', file], EXIT_CODES.usage, /no public key/],
    [['enrol', '--registrar-key', file], EXIT_CODES.usage, /missing required argument/i],
    [['enrol', keyToText(devices[0]!)], EXIT_CODES.usage, /registrar-key/],
    [['enrol', keyToText(devices[0]!), '--registrar-key', join(dir, 'absent')], EXIT_CODES.config, /no key file/],
    [['enrol', ...Array<string>(257).fill(keyToText(devices[0]!)), '--registrar-key', file], EXIT_CODES.usage, /257 keys/],
  ]
  for (const [args, exit, err] of refused) t.match(await run(...args), { code: exit, err })
  t.equal(sent.length, 2)
})

t.test('join sends what both keys signed; leave what the validator signed', async (t) => {
  const { ben, hash, keys, sent, run } = setup(t)
  const joined = await run('join', '--data-dir', ben, '--json')
  t.match(JSON.parse(joined.out), { key: keys.ben, height: HEAD + 1, validatesFrom: 1 })
  const left = await run('leave', '--data-dir', ben, '--json')
  t.match(JSON.parse(left.out), { key: keys.ben, height: HEAD + 1, validatesUntil: 600 })
  const nodeKey = toBin(rawKey(readKeyFile(join(ben, 'node.key')).publicKey, 'ed25519'))
  t.match(sent, [
    { kind: 3, join: { nodeKey, base: 0, signedAt: HEAD, expiryHeight: HEAD + 100, approvals: [] } },
    { kind: 4, leave: { signedAt: HEAD, expiryHeight: HEAD + 100 } },
  ])
  for (const each of sent) t.ok(verifies(each, hash))
  for (const command of ['join', 'leave']) t.same(tooLong((await run(command, '--data-dir', ben)).out), [])
})

t.test('a node of another network gets nothing', async (t) => {
  const { anna, ben, answers, sent, run, dir } = setup(t)
  const file = join(dir, 'join.json')
  answers['GET /v2/validators'] = { ...(answers['GET /v2/validators'] as object), validators: [] }
  await run('join', '--data-dir', ben, '--base', '1', '--out', file)
  answers['GET /v2/node'] = { network: 'pulse-dev', genesisHash: 'ab'.repeat(32) }
  for (const args of [['join', '--data-dir', ben], ['leave', '--data-dir', ben], ['approve', file, '--data-dir', anna], ['submit', file]]) {
    t.match(await run(...args), { code: EXIT_CODES.wrong_network, out: '' }, args.join(' '))
  }
  t.equal(sent.length, 0)
})

t.test('a join with base power goes from hand to hand until enough have approved', async (t) => {
  const { dir, anna, ben, hash, keys, sent, run } = setup(t)
  const file = join(dir, 'join.json')
  const carl = keysOf(30)
  const network = { network: 'pulse-dev', genesisHash: hash }
  createTransactionFile(file, { ...network, transaction: joinOf(hash, carl, keysOf(31), 2_000_000, HEAD) })
  const shown = await run('approve', file, '--data-dir', anna, '--show')
  t.match(shown.out, /^base power +2 lives: 50\.0 % of all power, in the end$/m)
  t.match(shown.out, /^approved by +0 of 2 validators, 0\.0 % of the power: more than 2\/3 needed$/m)
  t.match(shown.out, /Nothing was signed/)
  t.same(tooLong(shown.out), [])
  t.match(await run('submit', file), { code: EXIT_CODES.refused, err: /approved by 0 of 2/ })

  const copy = join(dir, 'copy.json')
  copyFileSync(file, copy)
  const once = JSON.parse((await run('approve', file, '--data-dir', anna, '--json')).out)
  t.match(once, { kind: 'join', approvals: [keys.anna], signed: true, support: { validators: 1, power: 1_000_000, totalPower: 2_000_000, enough: false } })
  t.same(JSON.parse((await run('approve', file, '--data-dir', anna, '--json')).out), once, 'approving twice changes nothing')
  t.match(await run('submit', file), { code: EXIT_CODES.refused, err: /50\.0 % of the power: more than 2\/3 needed/ })
  await run('approve', copy, '--data-dir', ben)
  const submitted = JSON.parse((await run('submit', file, copy, '--json')).out)
  t.match(submitted, { height: HEAD + 1, approvals: [keys.anna, keys.ben].sort(), support: { enough: true } })
  t.match(sent, [{ kind: 3, join: { base: 2_000_000, approvals: [{}, {}] } }])
  t.ok(verifies(sent[0]!, hash))
  t.equal(readTransactionFiles([copy, file]).transaction.id, readTransactionFile(file).transaction.id)

  await run('approve', file, '--data-dir', ben)
  t.equal((await run('submit', file)).code, EXIT_CODES.ok, 'or both sign one file')
})

t.test('who has joined already needs no approval, and who is no validator can give none', async (t) => {
  const { dir, anna, ben, hash, answers, run } = setup(t)
  const file = join(dir, 'join.json')
  t.match(await run('join', '--data-dir', ben, '--base', '1', '--out', file), { code: EXIT_CODES.refused, err: /joined already/ })
  t.notOk(existsSync(file))
  answers['GET /v2/validators'] = { ...(answers['GET /v2/validators'] as object), validators: [], waiting: [] }
  const { code, out } = await run('join', '--data-dir', ben, '--base', '3', '--within', '50', '--out', file)
  t.equal(code, EXIT_CODES.ok)
  t.same(tooLong(out.replaceAll(file, 'join.json')), [])
  t.match(readTransactionFile(file), { network: 'pulse-dev', transaction: { kind: 3, join: { base: 3_000_000, expiryHeight: HEAD + 50 } } })
  t.match(await run('join', '--data-dir', ben, '--base', '3', '--out', file), { code: EXIT_CODES.config, err: /exists already/ })
  const before = readFileSync(file, 'utf8')
  t.match(await run('approve', file, '--data-dir', anna), { code: EXIT_CODES.refused, err: /is no validator/ })
  t.equal(readFileSync(file, 'utf8'), before)
  for (const base of ['0', '-1', '1.5', 'x']) t.equal((await run('join', '--data-dir', ben, '--base', base)).code, EXIT_CODES.config, base)

  const leaving = join(dir, 'leave.json')
  createTransactionFile(leaving, { network: 'pulse-dev', genesisHash: hash, transaction: leaveOf(hash, keysOf(30), 1) })
  t.match(await run('approve', leaving, '--data-dir', anna), { code: EXIT_CODES.config, err: /needs no approval/ })
  t.equal((await run('submit', leaving)).code, EXIT_CODES.ok)
})

t.test('a change of parameters is proposed, shown as a difference, approved and sent', async (t) => {
  const { dir, anna, ben, hash, answers, sent, run } = setup(t)
  const [wanted, file] = [join(dir, 'wanted.json'), join(dir, 'change.json')]
  writeFileSync(wanted, '{ "blockIntervalMs": 2000, "rewardFloor": "5", "enrolled": true }')
  const { code, out } = await run('propose-params', wanted, '--after', '30', '--out', file)
  t.equal(code, EXIT_CODES.ok)
  t.match(out, /^blockIntervalMs +1000 +2000\nrewardFloor +1000000 +5\nenrolled +false +true$/m)
  t.same(tooLong(out.replaceAll(file, 'change.json')), [])
  t.match(readTransactionFile(file).transaction, {
    kind: 5, change: { paramsSince: 0, activationHeight: HEAD + 30, expiryHeight: HEAD + 29, params: { ...DEVELOPMENT_PARAMS, blockIntervalMs: 2_000, rewardFloor: 5n, enrolled: true } },
  })
  const shown = await run('approve', file, '--data-dir', anna)
  t.match(shown.out, /^blockIntervalMs +1000 +2000$/m)
  t.same(tooLong(shown.out), [])
  await run('approve', file, '--data-dir', ben)
  t.equal((await run('submit', file)).code, EXIT_CODES.ok)
  t.ok(sent.length === 1 && verifies(sent[0]!, hash))

  answers['GET /v2/params'] = { ...(answers['GET /v2/params'] as object), paramsSince: 361 }
  t.match(await run('approve', file, '--data-dir', anna), { code: EXIT_CODES.refused, err: /other parameters than those of now/ })
  answers['GET /v2/params'] = { ...(answers['GET /v2/params'] as object), change: { activationHeight: 1, effectiveHeight: 601 } }
  t.match(await run('propose-params', wanted, '--out', join(dir, 'x.json')), { code: EXIT_CODES.refused, err: /Wait for block 601/ })
})

t.test('a change that would be wrong is not proposed', async (t) => {
  const { dir, run } = setup(t)
  const wanted = join(dir, 'wanted.json')
  const cases: [string, RegExp][] = [
    ['{', /is not JSON/],
    ['[]', /is not a JSON object/],
    ['{}', /changes nothing/],
    ['{"blockIntervalMs": 1000}', /changes nothing/],
    ['{"interval": 1}', /interval is unknown/],
    ['{"__proto__": 1, "toString": 2}', /is unknown/],
    ['{"blockIntervalMs": "2000"}', /blockIntervalMs must be a number/],
    ['{"blockIntervalMs": 1}', /blockIntervalMs must be an integer from 100/],
    ['{"rewardFloor": 5}', /rewardFloor must be a string of decimal digits/],
    ['{"alphaPpm": 1}', /must be 1000000/],
  ]
  for (const [text, err] of cases) {
    writeFileSync(wanted, text)
    t.match(await run('propose-params', wanted, '--out', join(dir, 'x.json')), { code: EXIT_CODES.config, err }, text)
  }
  t.match(await run('propose-params', join(dir, 'absent')), { code: EXIT_CODES.config, err: /ENOENT/ })
  t.notOk(existsSync(join(dir, 'x.json')))
})

t.test('a file whose text and transaction differ, or that is damaged, is refused', async (t) => {
  const { dir, anna, hash, run } = setup(t)
  const file = join(dir, 'join.json')
  createTransactionFile(file, { network: 'pulse-dev', genesisHash: hash, transaction: joinOf(hash, keysOf(30), keysOf(31), 2_000_000) })
  const good = JSON.parse(readFileSync(file, 'utf8'))
  const other = joinOf(hash, keysOf(30), keysOf(31), 9_000_000)
  const forged = Buffer.from(good.transaction as string, 'base64')
  forged.writeUInt8(forged.readUInt8(forged.length - 70) ^ 1, forged.length - 70)
  const cases: [unknown, RegExp][] = [
    [{ ...good, content: { ...good.content, base: 1 } }, /says something else/],
    [{ ...good, note: 'please sign' }, /says something else/],
    [{ ...good, network: undefined }, /names no network/],
    [{ ...good, format: 'pulse-transaction/2' }, /not of the format/],
    [{ ...good, genesisHash: 'ab'.repeat(32) }, /says something else|does not verify/],
    [{ ...good, transaction: 'AAAA' }, /holds no governance transaction/],
    [{ ...good, transaction: forged.toString('base64') }, /says something else|does not verify/],
    [[], /not a JSON object/],
    ['{', /is not JSON/],
    [' '.repeat(262_145), /more than 262144 bytes/],
  ]
  for (const [content, err] of cases) {
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
    for (const command of [['approve', file, '--data-dir', anna], ['submit', file]]) t.match(await run(...command), { code: EXIT_CODES.config, out: '', err }, String(err))
  }
  writeFileSync(file, JSON.stringify(good))
  const second = join(dir, 'second.json')
  createTransactionFile(second, { network: 'pulse-dev', genesisHash: hash, transaction: other })
  t.match(await run('submit', file, second), { code: EXIT_CODES.config, err: /different transactions/ })
  t.match(await run('submit', join(dir, 'absent')), { code: EXIT_CODES.config, err: /There is no file/ })
})

t.test('a signature in a file that does not verify is found', async (t) => {
  const { dir, hash, run } = setup(t)
  const file = join(dir, 'join.json')
  const transaction = joinOf(hash, keysOf(30), keysOf(31), 2_000_000)
  if (transaction.kind !== 3) return t.fail()
  const { join: fields } = transaction
  createTransactionFile(file, { network: 'pulse-dev', genesisHash: hash, transaction: { ...transaction, join: { ...fields, nodeSignature: fields.signature } } })
  t.match(await run('submit', file), { code: EXIT_CODES.config, err: /a signature that does not verify/ })
})

t.test('init and genesis take registrars: then only enrolled lives count', async (t) => {
  const { dir } = setup(t)
  const [one, two] = [4, 5].map((n) => keyToText(keysOf(n).publicKey)) as [string, string]
  const made = await runCli(['init', '--data-dir', join(dir, 'c'), '--registrar', two, '--registrar', one, '--json'])
  t.same(JSON.parse(made.out).registrars, [one, two].sort())
  const genesis = JSON.parse(readFileSync(join(dir, 'c', 'genesis.json'), 'utf8'))
  t.match(genesis, { params: { enrolled: true }, enrolled: [] })
  t.equal(genesis.registrars.length, 2)
  t.match((await runCli(['keys', '--data-dir', join(dir, 'c')])).out, /^registrars +z6Mk/m)
  const printed = await runCli(['genesis', '--validator', `${'01'.repeat(32)}:${'02'.repeat(32)}`, '--registrar', one])
  t.match(JSON.parse(printed.out), { registrars: [one], params: { enrolled: true } })
  t.match(await runCli(['init', '--data-dir', join(dir, 'd'), '--registrar', 'zX']), { code: EXIT_CODES.config, err: /must be a public key/ })
  t.notOk(existsSync(join(dir, 'd')))
  t.equal((await runCli(['init', '--data-dir', join(dir, 'd'), '--registrar', one, '--genesis', 'x'])).code, EXIT_CODES.usage)
  writeKeyFile(join(dir, 'plain.key'), keysOf(4))
  t.equal(JSON.parse((await runCli(['keys', join(dir, 'plain.key'), '--json'])).out).key, one)
})
