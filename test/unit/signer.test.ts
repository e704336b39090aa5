// The signer never signs two messages for one question, nor anything that lies behind, whatever is asked and whenever it crashes.

import t from 'tap'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { toHex } from '../../src/base/bytes.ts'
import { generateKeyPair, keyPairFromSecret } from '../../src/crypto/sign.ts'
import { verifySignature } from '../../src/crypto/verify.ts'
import type { Signer, SignerQuestion } from '../../src/ops/signer.ts'
import { createSigner } from '../../src/ops/signer.ts'

const keys = keyPairFromSecret('ed25519', new Uint8Array(32).fill(1))
const STEPS = ['proposal', 'prevote', 'precommit'] as const
const HOOKS = ['before-write', 'after-open', 'after-write', 'after-sync', 'after-rename', 'after-directory-sync'].map(
  (label) => `signer:${label}`,
)

const make = (path: string): Signer => createSigner({ keys, path, initialise: true })
const reopen = (path: string): Signer => createSigner({ keys, path })
const question = (height: number, round: number, step: SignerQuestion['step']): SignerQuestion => ({ height, round, step })
const message = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The signature as hex, or the refusal. */
function ask(signer: Signer, asked: SignerQuestion, text: string): string {
  const result = signer.sign(asked, message(text))
  return result.ok ? toHex(result.value) : result.error
}

t.test('a question that is new gets a valid signature', async (t) => {
  const signer = make(join(t.testdir(), 'last-signed.json'))
  t.same(signer.last(), { height: 0, round: 0, step: null })
  const result = signer.sign(question(1, 0, 'prevote'), message('a'))
  t.ok(result.ok && verifySignature(message('a'), result.value, signer.publicKey))
  t.same(signer.last(), { height: 1, round: 0, step: 'prevote' })
})

t.test('the same question gets the same signature, without a write', async (t) => {
  const path = join(t.testdir(), 'last-signed.json')
  let signer = make(path)
  const first = ask(signer, question(5, 0, 'proposal'), 'a')
  const later = ask(signer, question(5, 1, 'precommit'), 'b')
  const before = statSync(path, { bigint: true }).mtimeNs
  for (const round of ['running', 'reopened']) {
    if (round === 'reopened') signer = reopen(path)
    t.equal(ask(signer, question(5, 0, 'proposal'), 'a'), first, round)
    t.equal(ask(signer, question(5, 1, 'precommit'), 'b'), later, round)
  }
  t.equal(statSync(path, { bigint: true }).mtimeNs, before)
})

t.test('another message for the same question is a conflict, an older question is behind', async (t) => {
  const path = join(t.testdir(), 'last-signed.json')
  const first = make(path)
  ask(first, question(5, 1, 'proposal'), 'a')
  ask(first, question(5, 2, 'prevote'), 'b')
  for (const signer of [first, reopen(path)]) {
    t.equal(ask(signer, question(5, 2, 'prevote'), 'x'), 'conflict')
    t.equal(ask(signer, question(5, 1, 'proposal'), 'x'), 'conflict')
    for (const [height, round, step] of [[5, 2, 'proposal'], [5, 1, 'precommit'], [5, 0, 'precommit'], [4, 9, 'precommit']] as const) {
      t.equal(ask(signer, question(height, round, step), 'x'), 'behind')
    }
    t.same(signer.last(), { height: 5, round: 2, step: 'prevote' }, 'a refusal changes nothing')
  }
})

t.test('answers of the height are kept up to 64, those of older heights are not', async (t) => {
  const path = join(t.testdir(), 'last-signed.json')
  const signer = make(path)
  const signatures = Array.from({ length: 66 }, (_, i) => ask(signer, question(3, i, 'prevote'), `${i}`))
  for (const each of [signer, reopen(path)]) {
    t.equal(ask(each, question(3, 1, 'prevote'), '1'), 'behind')
    for (let i = 2; i < 66; i++) t.equal(ask(each, question(3, i, 'prevote'), `${i}`), signatures[i])
  }
  t.ok(statSync(path).size < 24_000, `${statSync(path).size} bytes`)
  ask(signer, question(4, 0, 'proposal'), 'next')
  t.equal(ask(signer, question(3, 65, 'prevote'), '65'), 'behind')
})

t.test('advancing closes the heights below, and never goes back', async (t) => {
  const path = join(t.testdir(), 'last-signed.json')
  const signer = make(path)
  ask(signer, question(5, 0, 'prevote'), 'a')
  signer.advanceTo(4)
  signer.advanceTo(5)
  t.same(signer.last(), { height: 5, round: 0, step: 'prevote' })
  signer.advanceTo(9)
  for (const each of [signer, reopen(path)]) {
    t.same(each.last(), { height: 9, round: 0, step: null })
    t.equal(ask(each, question(8, 3, 'precommit'), 'a'), 'behind')
  }
  t.equal(ask(signer, question(9, 0, 'proposal'), 'a').length, 128)
})

t.test('a record that is missing, broken or of another key stops the signer', async (t) => {
  const path = join(t.testdir(), 'last-signed.json')
  const codeIs = (text: string | null, code: string, cause: RegExp): void => {
    if (text === null) rmSync(path, { force: true })
    else writeFileSync(path, text)
    for (const initialise of text === null ? [false] : [false, true]) {
      t.throws(() => createSigner({ keys, path, initialise }), { code, message: cause, remedy: /.+/ }, String(text).slice(0, 60))
    }
    t.equal(existsSync(path) ? readFileSync(path, 'utf8') : null, text, 'it stays as it is')
  }
  codeIs(null, 'signer', /is missing/)
  const signer = make(path)
  ask(signer, question(5, 0, 'proposal'), 'a')
  ask(signer, question(5, 0, 'prevote'), 'b')
  const good = readFileSync(path, 'utf8')
  codeIs('', 'signer', /not JSON/)
  codeIs(good.slice(0, -10), 'signer', /not JSON/)
  codeIs('null', 'signer', /not a JSON object/)
  codeIs('{}', 'signer', /no version/)
  codeIs(good.replace('"version": 1', '"version": 2'), 'newer_schema', /newer version/)
  codeIs(good.replace('"height": 5', '"height": -5'), 'signer', /lacks a field/)
  codeIs(good.replace('"height": 5', '"height": "5"'), 'signer', /lacks a field/)
  codeIs(good.replace(/\n "round": 0/, '\n "round": 1'), 'signer', /contradicts itself/)
  codeIs(good.replace(/"signature": "../, '"signature": "'), 'signer', /broken answer/)
  codeIs(good.replace(/"step": 1,\n {3}"messageHash"/, '"step": 2,\n   "messageHash"'), 'signer', /out of order/)
  writeFileSync(path, good)
  const other = generateKeyPair('ed25519')
  t.throws(() => createSigner({ keys: other, path }), { code: 'signer', message: /another validator key/, exitCode: 11 })
  t.throws(() => createSigner({ keys: generateKeyPair('p256'), path }), { code: 'signer', message: /Ed25519/ })
  t.equal(make(path).last().height, 5, 'initialising keeps a record that is there')
})

t.test('the record is private, and says no secret', async (t) => {
  const path = join(t.testdir(), 'last-signed.json')
  ask(make(path), question(1, 0, 'prevote'), 'a')
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.notOk(readFileSync(path, 'utf8').includes(toHex(keys.secretKey)))
})

t.test('if the record cannot be written, nothing is signed any more until the next start', async (t) => {
  const path = join(t.testdir(), 'last-signed.json')
  const signer = make(path)
  mkdirSync(`${path}.tmp`)
  t.throws(() => ask(signer, question(1, 0, 'prevote'), 'a'), { code: 'storage', message: /EISDIR/, exitCode: 8 })
  rmSync(`${path}.tmp`, { recursive: true })
  t.throws(() => ask(signer, question(1, 0, 'prevote'), 'b'), { code: 'storage' })
  t.throws(() => signer.advanceTo(7), { code: 'storage' })
  t.equal(ask(reopen(path), question(1, 0, 'prevote'), 'b').length, 128)
})

const anyQuestion = fc.record({
  height: fc.integer({ min: 1, max: 4 }),
  round: fc.integer({ min: 0, max: 3 }),
  step: fc.constantFrom(...STEPS),
  text: fc.constantFrom('a', 'b', 'nil'),
})

t.test('no sequence of questions, advances, restarts and crashes gets two messages signed for one question', async (t) => {
  const dir = t.testdir()
  const anyAction = fc.oneof(
    { weight: 8, arbitrary: anyQuestion },
    { weight: 1, arbitrary: fc.record({ advance: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 1, arbitrary: fc.constant('restart' as const) },
    { weight: 2, arbitrary: fc.record({ crashAt: fc.constantFrom(...HOOKS), asked: anyQuestion }) },
  )
  let run = 0
  fc.assert(
    fc.property(fc.array(anyAction, { maxLength: 25 }), (actions) => {
      const path = join(dir, `${run++}.json`)
      let crashAt: string | null = null
      const onWrite = (label: string): void => {
        if (label === crashAt) throw new Error('crash')
      }
      let signer = createSigner({ keys, path, initialise: true, onWrite })
      /** What left the signer. */
      const given = new Map<string, { text: string; signature: string }>()
      let highest = 0
      const answer = ({ text, ...asked }: SignerQuestion & { text: string }): void => {
        const place = asked.height * 100 + asked.round * 10 + STEPS.indexOf(asked.step)
        const signature = ask(signer, asked, text)
        if (signature === 'behind' || signature === 'conflict') return
        const earlier = given.get(String(place))
        if (earlier !== undefined && (earlier.text !== text || earlier.signature !== signature)) throw new Error('signed twice')
        if (earlier === undefined && place < highest) throw new Error('signed behind')
        given.set(String(place), { text, signature })
        highest = Math.max(highest, place)
      }
      const restart = (): void => {
        crashAt = null
        signer = createSigner({ keys, path, onWrite })
      }
      for (const action of actions) {
        if (action === 'restart') restart()
        else if ('advance' in action) signer.advanceTo(action.advance)
        else if ('crashAt' in action) {
          crashAt = action.crashAt
          try {
            answer(action.asked)
          } catch (error) {
            if ((error as Error).message !== 'crash') throw error
          }
          restart()
        } else answer(action)
      }
      return true
    }),
    { numRuns: 150 },
  )
})

for (const [index, label] of HOOKS.entries()) {
  t.test(`a crash at ${label} leaves the old record or the new one`, async (t) => {
    const path = join(t.testdir(), 'last-signed.json')
    ask(make(path), question(1, 0, 'prevote'), 'old')
    const crash = (at: string): void => {
      if (at === label) throw new Error('crash')
    }
    const signer = createSigner({ keys, path, onWrite: crash })
    t.throws(() => ask(signer, question(2, 0, 'prevote'), 'new'), { message: 'crash' })
    t.throws(() => ask(signer, question(2, 0, 'prevote'), 'other'), { code: 'storage' }, 'the crashed one signs nothing more')
    const isNew = index >= HOOKS.indexOf('signer:after-rename')
    t.equal(reopen(path).last().height, isNew ? 2 : 1)
    t.equal(ask(reopen(path), question(2, 0, 'prevote'), 'new').length, 128)
    t.equal(ask(reopen(path), question(2, 0, 'prevote'), 'other'), 'conflict')
  })
}
