// Starts that must fail: one line that names cause and remedy, an exit code of its own, nothing overwritten, and never a
// node that runs on without its data.

import t from 'tap'
import type { Test } from 'tap'
import { ClassicLevel } from 'classic-level'
import { createHash } from 'node:crypto'
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Bucket, heightKey, MetaKey, metaKey } from '../../src/chain/buckets.ts'
import { putSealed } from '../../src/chain/commit.ts'
import { unseal } from '../../src/chain/seal.ts'
import { MIN_FREE_BYTES } from '../../src/ops/datadir.ts'
import type { FailureCode } from '../../src/ops/failure.ts'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import { decodeCertificate, encodeCertificate } from '../../src/protocol/certificate.ts'
import type { Exit, ProgramOptions } from './harness.ts'
import { fingerprint, runJson, runProgram, startFailing, startNode } from './harness.ts'
import { noSmallDisk, smallDisk } from './small-disk.ts'

t.setTimeout(240_000)

const home = t.testdir()
const base = join(home, 'base')
let height = 0

t.test('a chain to spoil', async (t) => {
  // The second start makes LevelDB write a table, so that there is one of each kind of file.
  for (let run = 0; run < 2; run++) {
    const node = await startNode(t, base, ['--simulate', '3', ...(run === 0 ? ['--interval', '200'] : [])])
    await node.height(height + 4)
    t.equal((await node.stop()).code, 0)
    height = node.lastAnnounced
  }
  const kinds = new Set(readdirSync(join(base, 'db')).map((name) => name.replace(/^\d+|-\d+$/g, '')))
  t.ok(['.ldb', '.log', 'CURRENT', 'MANIFEST'].every((kind) => kinds.has(kind)), [...kinds].join(' '))
})

/** A copy of the chain that a test may spoil. */
function spoilt(spoil: (dir: string) => unknown = () => {}): string {
  const dir = mkdtempSync(join(home, 'spoilt-'))
  cpSync(base, dir, { recursive: true })
  spoil(dir)
  return dir
}

/** LevelDB's own log for people, and its lock: they hold nothing of the chain. */
const OF_NO_ACCOUNT = /^db\/(LOG|LOG\.old|LOCK)$/

const filesOf = (dir: string): Record<string, string> => Object.fromEntries(Object.entries(fingerprint(dir)).filter(([name]) => !OF_NO_ACCOUNT.test(name)))
const outsideDb = (files: Record<string, string>): Record<string, string> => Object.fromEntries(Object.entries(files).filter(([name]) => !name.startsWith('db/')))

/** Hash of all records of the database, in order. LevelDB rewrites its files whenever it opens them: what counts is the content. */
async function recordsOf(dir: string): Promise<string> {
  const copy = mkdtempSync(join(home, 'look-'))
  cpSync(join(dir, 'db'), copy, { recursive: true })
  const hash = createHash('sha256')
  await withLevel(copy, async (level) => {
    for await (const [key, value] of level.iterator()) hash.update(key).update(value)
  })
  rmSync(copy, { recursive: true })
  return hash.digest('hex')
}

async function withLevel<T>(path: string, use: (level: ClassicLevel<Uint8Array, Uint8Array>) => Promise<T>): Promise<T> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(path, { keyEncoding: 'view', valueEncoding: 'view' })
  await level.open()
  try {
    return await use(level)
  } finally {
    await level.close()
  }
}

function assertOneLine(t: Test, { code, out, err }: Exit, failure: FailureCode, cause: RegExp): void {
  t.equal(code, EXIT_CODES[failure], err)
  t.match(err, /^pulse-node: [^\n]+\. [^\n]+\n$/, 'one line, with cause and remedy')
  t.ok(err.endsWith(` (${failure})\n`), err)
  t.match(err, cause)
  t.notMatch(out, /Node started|Block committed/, 'it never ran')
}

interface Refused {
  readonly failure: FailureCode
  readonly cause: RegExp
  readonly args?: readonly string[]
  readonly options?: ProgramOptions
  /** `files`: not one byte of any file may change. `records`: LevelDB was opened, but nothing in it may change. */
  readonly unchanged?: 'files' | 'records'
}

async function assertRefused(t: Test, dir: string, { failure, cause, args, options, unchanged = 'files' }: Refused): Promise<void> {
  const before = filesOf(dir)
  const records = unchanged === 'records' ? await recordsOf(dir) : ''
  assertOneLine(t, await startFailing(dir, args, options), failure, cause)
  const after = filesOf(dir)
  if (unchanged === 'files') t.same(after, before, 'not one byte was changed')
  else {
    t.same(outsideDb(after), outsideDb(before), 'not one byte outside the database was changed')
    t.equal(await recordsOf(dir), records, 'nor any record in it')
  }
}

/** It was not harmed: the node starts again where it stopped, and the chain goes on. */
async function assertAlive(t: Test, dir: string, options: ProgramOptions = {}, least = height): Promise<void> {
  const node = await startNode(t, dir, ['--simulate', '3'], options)
  t.ok((await node.message('Chain loaded'))['height'] as number >= least, 'no block is missing')
  await node.height(least + 1)
  t.equal((await node.stop()).code, 0)
}

async function assertVerifies(t: Test, dir: string, least: number, options: ProgramOptions = {}): Promise<void> {
  const { code, json } = await runJson(['verify', '--data-dir', dir], options)
  t.equal(code, 0)
  t.ok(json?.height >= least, 'every announced block verifies')
}

const replaceText = (path: string, from: string | RegExp, to: string): void => writeFileSync(path, readFileSync(path, 'utf8').replace(from, to))

t.test('configuration, genesis and keys', async (t) => {
  const cases: (readonly [name: string, spoil: (dir: string) => unknown, refused: Refused])[] = [
    ['a broken config.json', (dir) => writeFileSync(join(dir, 'config.json'), '{"port": 80'), { failure: 'config', cause: /config\.json is not JSON/ }],
    ['a misspelt key in config.json', (dir) => writeFileSync(join(dir, 'config.json'), '{"prot": 80}'), { failure: 'config', cause: /"prot".*Did you mean port\?/ }],
    ['a wrong value in the environment', () => {}, { failure: 'config', cause: /PULSE_VERIFY_THREADS/, options: { env: { PULSE_VERIFY_THREADS: '-1' } } }],
    ['a wrong value of a flag', () => {}, { failure: 'config', cause: /--shutdown-timeout-ms/, args: ['--shutdown-timeout-ms', 'soon'] }],
    ['an unknown flag', () => {}, { failure: 'usage', cause: /--prot/, args: ['--prot', '80'] }],
    ['a missing genesis', (dir) => rmSync(join(dir, 'genesis.json')), { failure: 'genesis', cause: /Cannot read the genesis/ }],
    ['a broken genesis', (dir) => truncateSync(join(dir, 'genesis.json'), 200), { failure: 'genesis', cause: /not JSON/ }],
    ['an impossible genesis', (dir) => replaceText(join(dir, 'genesis.json'), '"threshold": 1', '"threshold": 0'), { failure: 'genesis', cause: /threshold/ }],
    ['a flag against the genesis', () => {}, { failure: 'genesis', cause: /--threshold is 5/, args: ['--threshold', '5'] }],
    ['a missing node key', (dir) => rmSync(join(dir, 'node.key')), { failure: 'config', cause: /no key file .*node\.key/ }],
    ['a missing validator key', (dir) => rmSync(join(dir, 'validator.key')), { failure: 'config', cause: /no key file .*validator\.key/ }],
    ['a broken key', (dir) => truncateSync(join(dir, 'validator.key'), 100), { failure: 'config', cause: /validator\.key is not JSON/ }],
    ['a key that others can read', (dir) => chmodSync(join(dir, 'node.key'), 0o644), { failure: 'config', cause: /other users\. Run: chmod 600/ }],
    ['a missing last-signed record', (dir) => rmSync(join(dir, 'last-signed.json')), { failure: 'signer', cause: /last-signed record .* is missing/, unchanged: 'records' }],
    ['a broken last-signed record', (dir) => truncateSync(join(dir, 'last-signed.json'), 50), { failure: 'signer', cause: /is not JSON/, unchanged: 'records' }],
    ['a last-signed record of another key', (dir) => replaceText(join(dir, 'last-signed.json'), /"z[^"]*"/, '"z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH"'), { failure: 'signer', cause: /another validator key/, unchanged: 'records' }],
    ['a last-signed record of a newer version', (dir) => replaceText(join(dir, 'last-signed.json'), '"version": 1', '"version": 2'), { failure: 'newer_schema', cause: /newer version/, unchanged: 'records' }],
  ]
  for (const [name, spoil, refused] of cases) await t.test(name, (t) => assertRefused(t, spoilt(spoil), refused))

  await t.test('simulated hearts on a real network', async (t) => {
    const dir = join(home, 'production')
    t.equal((await runProgram(['init', '--production', '--data-dir', dir])).code, 0)
    await assertRefused(t, dir, { failure: 'config', cause: /no development network/, args: ['--simulate'] })
  })
})

t.test('a directory that belongs to somebody else', async (t) => {
  await t.test('a second node on the same directory', async (t) => {
    const dir = spoilt()
    const first = await startNode(t, dir, ['--simulate', '3'])
    assertOneLine(t, await startFailing(dir), 'locked', /in use/)
    const verify = await runProgram(['verify', '--data-dir', dir])
    t.equal(verify.code, EXIT_CODES.locked)
    await first.height(first.lastAnnounced + 2)
    t.equal((await first.stop()).code, 0, 'the first one has not noticed')
    await assertAlive(t, dir)
  })

  await t.test("another network's genesis", async (t) => {
    const other = join(home, 'other')
    t.equal((await runProgram(['init', '--data-dir', other])).code, 0)
    const dir = spoilt((dir) => cpSync(join(other, 'genesis.json'), join(dir, 'genesis.json')))
    await assertRefused(t, dir, { failure: 'wrong_network', cause: /belongs to the network [0-9a-f]{8}…, the genesis file to [0-9a-f]{8}…/, unchanged: 'records' })
    t.equal((await runProgram(['verify', '--data-dir', dir])).code, EXIT_CODES.wrong_network)
    cpSync(join(base, 'genesis.json'), join(dir, 'genesis.json'))
    await assertAlive(t, dir)
  })

  await t.test('a newer schema', async (t) => {
    const dir = spoilt()
    const newer = putSealed(metaKey(MetaKey.schemaVersion), Uint8Array.of(2, 0, 0, 0))
    await withLevel(join(dir, 'db'), (level) => level.put(newer.key, newer.value))
    await assertRefused(t, dir, { failure: 'newer_schema', cause: /schema 2/, unchanged: 'records' })
    t.equal((await runProgram(['verify', '--data-dir', dir])).code, EXIT_CODES.newer_schema)
  })
})

t.test('a database that is damaged', async (t) => {
  const named = (dir: string, kind: RegExp): string => join(dir, 'db', readdirSync(join(dir, 'db')).filter((name) => kind.test(name)).sort().at(-1)!)
  /** Flips a bit in every so many bytes, from an offset on. */
  const flip = (path: string, from: number, every: number): void => {
    const bytes = readFileSync(path)
    for (let at = from; at < bytes.length; at += every) bytes[at]! ^= 0x10
    writeFileSync(path, bytes)
  }
  const TABLE = /\.ldb$/
  const LOG = /\.log$/
  const MANIFEST = /^MANIFEST/
  const half = (path: string): void => truncateSync(path, Math.floor(readFileSync(path).length / 2))
  const cases: (readonly [name: string, file: RegExp, spoil: (path: string) => void])[] = [
    ['CURRENT is empty', /^CURRENT$/, (path) => truncateSync(path, 0)],
    ['CURRENT names another file', /^CURRENT$/, (path) => writeFileSync(path, 'MANIFEST-999999\n')],
    ['CURRENT is gone', /^CURRENT$/, (path) => rmSync(path)],
    ['flipped bits in the manifest', MANIFEST, (path) => flip(path, 10, 20)],
    ['half a manifest', MANIFEST, half],
    ['the manifest is gone', MANIFEST, (path) => rmSync(path)],
    ['flipped bits in the log', LOG, (path) => flip(path, 100, 1_000_000)],
    ['the log is gone', LOG, (path) => rmSync(path)],
    ['flipped bits all over a table', TABLE, (path) => flip(path, 50, 100)],
    ['half a table', TABLE, half],
    ['an empty table', TABLE, (path) => truncateSync(path, 0)],
    ['a table is gone', TABLE, (path) => rmSync(path)],
  ]
  for (const [name, kind, spoil] of cases) {
    await t.test(name, async (t) => {
      const dir = spoilt()
      const path = named(dir, kind)
      const whole = readFileSync(path)
      spoil(path)
      const before = filesOf(dir)
      assertOneLine(t, await startFailing(dir), 'corrupt', /damaged/)
      t.equal((await runProgram(['verify', '--data-dir', dir])).code, EXIT_CODES.corrupt, 'verify says the same')
      const after = filesOf(dir)
      t.same(outsideDb(after), outsideDb(before))
      // LevelDB may have begun new files when it was opened; what was there is there.
      if (kind !== TABLE) t.same(after, before, 'not one byte was changed')
      writeFileSync(path, whole)
      await assertAlive(t, dir)
    })
  }

  await t.test('flipped bits in the last batch of the log, which a crash could have torn as well', async (t) => {
    const dir = spoilt()
    const path = named(dir, LOG)
    flip(path, readFileSync(path).length - 20, 1_000)
    const before = filesOf(dir)
    assertOneLine(t, await startFailing(dir), 'corrupt', /ends at height/)
    t.same(outsideDb(filesOf(dir)), outsideDb(before))
    assertOneLine(t, await startFailing(dir), 'corrupt', /ends at height/)
  })

  await t.test('a damaged write-ahead log', async (t) => {
    const dir = spoilt()
    const path = join(dir, 'wal', readdirSync(join(dir, 'wal')).sort().at(-1)!)
    const whole = readFileSync(path)
    writeFileSync(path, Buffer.concat([whole.subarray(0, 20), Buffer.alloc(80, 7)]))
    await assertRefused(t, dir, { failure: 'corrupt', cause: /write-ahead log .* is broken at byte 0/, unchanged: 'records' })
    writeFileSync(path, whole)
    await assertAlive(t, dir)
  })

  await t.test('a forged past is found by verify', async (t) => {
    const dir = spoilt()
    await withLevel(join(dir, 'db'), async (level) => {
      const key = heightKey(Bucket.certificates, 2)
      const certificate = decodeCertificate(unseal(key, (await level.get(key))!))
      if (!certificate.ok) throw new Error(certificate.error)
      const [first] = certificate.value.signatures
      const forged = { ...certificate.value, signatures: [{ ...first!, signature: first!.signature.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) }] }
      const { value } = putSealed(key, encodeCertificate(forged))
      await level.put(key, value)
    })
    const { code, out, err } = await runProgram(['verify', '--data-dir', dir])
    t.same([code, out], [EXIT_CODES.failed, ''])
    t.match(err, /^pulse-node: Block 2 is wrong: it holds a signature that does not verify\. [^\n]+ \(failed\)\n$/)
  })
})

t.test('an occupied port', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await new Promise((resolve) => server.on('listening', resolve))
  const { port } = server.address() as { port: number }
  const dir = spoilt()
  const records = await recordsOf(dir)
  assertOneLine(t, await startFailing(dir, ['--port', String(port)]), 'port', new RegExp(`port ${port} .*taken`))
  assertOneLine(t, await startFailing(dir, ['--host', '192.0.2.1']), 'port', /not an address of this machine/)
  t.equal(await recordsOf(dir), records)
  await assertAlive(t, dir)
})

t.test('a file in place of the data directory', async (t) => {
  const path = join(home, 'file')
  writeFileSync(path, 'mine')
  assertOneLine(t, await startFailing(path), 'storage', /data directory/)
  t.equal(readFileSync(path, 'utf8'), 'mine')
})

t.test('disks', { skip: noSmallDisk }, async (t) => {
  /** A start wants some free space beside what the chain takes. */
  const DISK_BYTES = MIN_FREE_BYTES + 16 * 1024 * 1024

  await t.test('a full disk', async (t) => {
    const disk = await smallDisk(t, join(home, 'full'), DISK_BYTES)
    const [dir, seen] = [join(disk.path, 'data'), join(disk.outside, 'data')]
    cpSync(base, seen, { recursive: true })
    await disk.fill()
    const before = filesOf(seen)
    for (let attempt = 0; attempt < 2; attempt++) assertOneLine(t, await startFailing(dir, [], disk), 'storage', /Only 0 MiB are free.*Free space/)
    t.same(filesOf(seen), before, 'not one byte was changed')
    const verify = await runProgram(['verify', '--data-dir', dir], disk)
    t.equal(verify.code, EXIT_CODES.storage, verify.err)
    assertOneLine(t, await startFailing(join(disk.path, 'fresh'), [], disk), 'storage', /No space left|ENOSPC/)
    await disk.free()
    await assertAlive(t, dir, disk)
    await assertVerifies(t, dir, height + 1, disk)
  })

  await t.test('a read-only disk', async (t) => {
    const disk = await smallDisk(t, join(home, 'read-only'), DISK_BYTES)
    const [dir, seen] = [join(disk.path, 'data'), join(disk.outside, 'data')]
    cpSync(base, seen, { recursive: true })
    await disk.setWritable(false)
    const before = filesOf(seen)
    assertOneLine(t, await startFailing(dir, [], disk), 'storage', /read-only.*Mount the file system writable/)
    t.same(filesOf(seen), before, 'not one byte was changed')
    assertOneLine(t, await startFailing(join(disk.path, 'fresh'), [], disk), 'storage', /read-only.*Mount the file system writable/)
    await disk.setWritable(true)
    await assertAlive(t, dir, disk)
  })

  await t.test('a disk that fills while the node runs', async (t) => {
    const disk = await smallDisk(t, join(home, 'filling'), DISK_BYTES)
    const dir = join(disk.path, 'data')
    cpSync(base, join(disk.outside, 'data'), { recursive: true })
    for (let round = 0; round < 3; round++) {
      const node = await startNode(t, dir, ['--simulate', '3'], disk)
      await node.message('Block committed')
      await disk.fill()
      const { code, signal, err } = await node.exit
      t.same([code, signal], [EXIT_CODES.storage, null], 'it stops by itself')
      t.match(err, /^pulse-node: [^\n]*(No space left|ENOSPC)[^\n]*\. Free space[^\n]* \(storage\)\n$/)
      await disk.free()
      await assertVerifies(t, dir, node.lastAnnounced, disk)
      await assertAlive(t, dir, disk, node.lastAnnounced)
    }
  })
})
