// Starts on a damaged database or log: refused with one line, nothing overwritten, and no start over from nothing. What
// `start` cannot see, since it reads the end of the chain only, `verify` finds.

import t from 'tap'
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Bucket, heightKey } from '../../src/chain/buckets.ts'
import { putSealed } from '../../src/chain/commit.ts'
import { unseal } from '../../src/chain/seal.ts'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import { decodeCertificate, encodeCertificate } from '../../src/protocol/certificate.ts'
import { runProgram, startFailing } from './harness.ts'
import type { Chain } from './spoilt.ts'
import { assertAlive, assertOneLine, assertRefused, filesOf, makeChain, outsideDb, spoilt, withLevel } from './spoilt.ts'

t.setTimeout(240_000)

const TABLE = /\.ldb$/
const LOG = /\.log$/
const MANIFEST = /^MANIFEST/
const CURRENT = /^CURRENT$/

const home = t.testdir()
let chain: Chain

t.test('a chain to spoil', async (t) => {
  chain = await makeChain(t, home)
})

/** The newest file of a kind. */
function named(dir: string, kind: RegExp): string {
  const names = readdirSync(join(dir, 'db')).filter((name) => kind.test(name))
  return join(dir, 'db', names.sort().at(-1)!)
}

/** Flips a bit in every so many bytes, from an offset on. */
function flip(path: string, from: number, every: number): void {
  const bytes = readFileSync(path)
  for (let at = from; at < bytes.length; at += every) bytes[at]! ^= 0x10
  writeFileSync(path, bytes)
}

const half = (path: string): void => truncateSync(path, Math.floor(readFileSync(path).length / 2))

const CASES: readonly (readonly [name: string, file: RegExp, spoil: (path: string) => void])[] = [
  ['CURRENT is empty', CURRENT, (path) => truncateSync(path, 0)],
  ['CURRENT names another file', CURRENT, (path) => writeFileSync(path, 'MANIFEST-999999\n')],
  ['CURRENT is gone', CURRENT, (path) => rmSync(path)],
  ['flipped bits in the manifest', MANIFEST, (path) => flip(path, 10, 20)],
  ['half a manifest', MANIFEST, half],
  ['the manifest is gone', MANIFEST, (path) => rmSync(path)],
  ['a flipped bit in the log', LOG, (path) => flip(path, 100, 1_000_000)],
  ['the log is gone', LOG, (path) => rmSync(path)],
  ['flipped bits all over a table', TABLE, (path) => flip(path, 50, 100)],
  ['half a table', TABLE, half],
  ['an empty table', TABLE, (path) => truncateSync(path, 0)],
  ['a table is gone', TABLE, (path) => rmSync(path)],
]

for (const [name, kind, spoil] of CASES) {
  t.test(name, async (t) => {
    const dir = spoilt(chain)
    const path = named(dir, kind)
    const whole = readFileSync(path)
    spoil(path)
    const before = filesOf(dir)
    assertOneLine(t, await startFailing(dir), 'corrupt', /damaged/)
    t.equal((await runProgram(['verify', '--data-dir', dir])).code, EXIT_CODES.corrupt, 'verify says the same')
    const after = filesOf(dir)
    t.same(outsideDb(after), outsideDb(before), 'not one byte outside the database was changed')
    // To find a damaged table LevelDB must be opened, and begins new files then.
    if (kind !== TABLE) t.same(after, before, 'not one byte was changed')
    writeFileSync(path, whole)
    await assertAlive(t, dir, chain.height)
  })
}

t.test('a flipped bit in the last batch of the log, which a crash could have torn as well', async (t) => {
  const dir = spoilt(chain)
  const path = named(dir, LOG)
  flip(path, readFileSync(path).length - 20, 1_000)
  const before = filesOf(dir)
  for (let attempt = 0; attempt < 2; attempt++) assertOneLine(t, await startFailing(dir), 'corrupt', /ends at height/)
  t.same(outsideDb(filesOf(dir)), outsideDb(before), 'nothing was signed or logged for what is missing')
})

t.test('a damaged write-ahead log', async (t) => {
  const dir = spoilt(chain)
  const path = join(dir, 'wal', readdirSync(join(dir, 'wal')).sort().at(-1)!)
  const whole = readFileSync(path)
  writeFileSync(path, Buffer.concat([whole.subarray(0, 20), Buffer.alloc(80, 7)]))
  await assertRefused(t, dir, { failure: 'corrupt', cause: /write-ahead log .* is broken at byte 0/, unchanged: 'records' })
  writeFileSync(path, whole)
  await assertAlive(t, dir, chain.height)
})

t.test('a forged past is found by verify', async (t) => {
  const dir = spoilt(chain)
  await withLevel(join(dir, 'db'), async (level) => {
    const key = heightKey(Bucket.certificates, 2)
    const certificate = decodeCertificate(unseal(key, (await level.get(key))!))
    if (!certificate.ok) throw new Error(certificate.error)
    const signatures = certificate.value.signatures.map((one) => ({ ...one, signature: one.signature.map((byte) => byte ^ 1) }))
    await level.put(key, putSealed(key, encodeCertificate({ ...certificate.value, signatures })).value)
  })
  const exit = await runProgram(['verify', '--data-dir', dir])
  assertOneLine(t, exit, 'failed', /Block 2 is wrong: a certificate has no quorum, or a signature that does not verify/)
  t.equal(exit.out, '')
})
