// A damaged database is noticed: at the opening, or by the read that meets the damage. It is never handed out as data, and
// never made anew.

import t from 'tap'
import { cpSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { equalBytes } from '../../src/base/bytes.ts'
import { Bucket, MetaKey, bucketKey, heightKey, metaKey } from '../../src/chain/buckets.ts'
import { corruptChain } from '../../src/chain/seal.ts'
import type { ChainStore } from '../../src/chain/store.ts'
import { openChainStore } from '../../src/chain/store.ts'
import { Failure } from '../../src/ops/failure.ts'
import { GENESIS_HASH, commitOf, failureOf, pageOf } from './chain-fixture.ts'

/** Heights in tables, and at the end those in the log. */
const IN_TABLES = 120
const HEAD = 160

const open = (path: string): Promise<ChainStore> => openChainStore({ path, genesisHash: GENESIS_HASH, createIfMissing: true })

async function make(path: string): Promise<void> {
  for (const height of [IN_TABLES, HEAD]) {
    const store = await open(path)
    while (store.head < height) await store.commit(commitOf(store.head + 1, 2_000))
    await store.close()
  }
}

/** Opens and reads everything. @returns the head; throws a Failure if damage is noticed, another error if it isn't */
async function readAll(path: string): Promise<number> {
  const store = await open(path)
  try {
    const { head } = store
    const headers = await store.headers(1, head)
    for (let height = 1; height <= head; height++) {
      const block = commitOf(height, 2_000)
      same(headers[height - 1], block.header)
      same(await store.body(height), block.body)
      same(await store.certificate(height), block.certificate)
      const known = await store.heightOfBlock(block.blockId)
      if (known !== undefined && known !== height) throw new Error('wrong index')
    }
    // The state root tells an older page or state from the newest one; the store hands out whole ones of one block.
    const state = await store.state()
    const isOneOfOurs = Array.from({ length: head }, (_, i) => commitOf(head - i).state).some((each) => equalBytes(each, state!))
    if (!isOneOfOurs) throw new Error('wrong state')
    await store.loadAccountPages((bytes, page) => {
      for (let height = head; height > 0; height--) if (equalBytes(pageOf(page, height), bytes)) return
      throw new Error('wrong page')
    })
    return head
  } finally {
    await store.close()
  }
}

function same(found: Uint8Array | undefined, expected: Uint8Array): void {
  if (found === undefined || !equalBytes(found, expected)) throw new Error('wrong data')
}

t.test('a flipped byte in any file is noticed, harmless, or a torn end', async (t) => {
  const whole = join(t.testdir(), 'whole')
  const path = join(whole, '..', 'db')
  await make(whole)
  const outcomes = { noticed: 0, harmless: 0, torn: 0 }
  for (const name of readdirSync(whole).filter((each) => /^CURRENT$|^MANIFEST|\.ldb$|\.log$/.test(each))) {
    const bytes = readFileSync(join(whole, name))
    const places = 40
    for (let place = 0; place < places; place++) {
      const offset = Math.floor(((place + 0.5) * bytes.length) / places)
      rmSync(path, { recursive: true, force: true })
      cpSync(whole, path, { recursive: true })
      const damaged = Buffer.from(bytes)
      damaged[offset] = damaged[offset]! ^ (1 << place % 8)
      writeFileSync(join(path, name), damaged)
      try {
        const head = await readAll(path)
        const isTorn = name.endsWith('.log') && head === HEAD - 1
        t.ok(head === HEAD || isTorn, `${name} at ${offset}: ${HEAD - head} blocks lost in silence`)
        outcomes[isTorn ? 'torn' : 'harmless']++
      } catch (error) {
        t.match(error, { code: 'corrupt' }, `${name} at ${offset}`)
        t.ok(error instanceof Failure)
        outcomes.noticed++
      }
    }
  }
  t.comment(outcomes)
  t.ok(outcomes.noticed > 100, 'most are noticed')
})

t.test('a damaged log is left as it is', async (t) => {
  const path = join(t.testdir(), 'db')
  await make(path)
  const log = join(path, readdirSync(path).find((name) => name.endsWith('.log'))!)
  const bytes = readFileSync(log)
  bytes[100] = bytes[100]! ^ 1
  writeFileSync(log, bytes)
  const before = digest(path)
  t.match(await failureOf(open(path)), { code: 'corrupt', message: /\.log is broken at byte 0/, exitCode: 9 })
  t.same(digest(path), before)
})

t.test('lost files are noticed, and nothing is made in their place', async (t) => {
  const whole = join(t.testdir(), 'whole')
  const path = join(whole, '..', 'db')
  await make(whole)
  for (const pattern of [/^CURRENT$/, /^MANIFEST/, /\.ldb$/, /\.log$/]) {
    rmSync(path, { recursive: true, force: true })
    cpSync(whole, path, { recursive: true })
    const name = readdirSync(path).find((each) => pattern.test(each))!
    renameSync(join(path, name), join(whole, '..', 'moved'))
    t.match(await failureOf(open(path)), { code: 'corrupt' }, name)
    renameSync(join(whole, '..', 'moved'), join(path, name))
    t.equal(await readAll(path), HEAD, `with ${name} back everything is there`)
  }
})

t.test('a height without a record is noticed', async (t) => {
  const path = join(t.testdir(), 'db')
  const whole = join(path, '..', 'whole')
  await make(whole)
  const lost: readonly (readonly [key: Uint8Array, cause: RegExp])[] = [
    [heightKey(Bucket.headers, 1), /height 1 is missing/],
    [heightKey(Bucket.headers, 77), /height 77 is missing/],
    [heightKey(Bucket.headers, HEAD), /the header of the head, height 160, is missing/],
    [heightKey(Bucket.bodies, HEAD), /the body of the head/],
    [heightKey(Bucket.certificates, HEAD), /the certificate of the head/],
    [bucketKey(Bucket.state), /the state of the head/],
    [bucketKey(Bucket.blockIds, commitOf(HEAD).blockId), /not found by its id/],
    [metaKey(MetaKey.head), /the head is height 0, but blocks reach to height 160/],
    [metaKey(MetaKey.genesisHash), /no genesis hash/],
    [metaKey(MetaKey.schemaVersion), /no schema version/],
  ]
  for (const [key, cause] of lost) {
    rmSync(path, { recursive: true, force: true })
    cpSync(whole, path, { recursive: true })
    await remove(path, key)
    t.match(await failureOf(open(path)), { code: 'corrupt', message: cause })
  }
  rmSync(path, { recursive: true })
  cpSync(whole, path, { recursive: true })
  await remove(path, heightKey(Bucket.bodies, 77))
  const store = await open(path)
  t.match(await failureOf(store.body(77)), { code: 'corrupt', message: /height 77 has no record in bucket 3/ })
  await store.close()
})

async function remove(path: string, key: Uint8Array): Promise<void> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(path, { keyEncoding: 'view', valueEncoding: 'view' })
  if ((await level.get(key)) === undefined) throw new Error('no such record')
  await level.del(key)
  await level.close()
}

t.test('a creation that was cut short is done again', async (t) => {
  const path = join(t.testdir(), 'db')
  mkdirSync(path)
  for (const name of ['LOCK', 'LOG', 'MANIFEST-000001', '000001.dbtmp']) writeFileSync(join(path, name), '')
  const store = await open(path)
  t.equal(store.head, 0)
  await store.close()
})

t.test('a file in place of the directory is a storage failure', async (t) => {
  const path = join(t.testdir({ db: 'text' }), 'db')
  t.match(await failureOf(open(path)), { code: 'storage', message: /ENOTDIR/ })
})

t.test('the advice names what to do', async (t) => {
  t.match(corruptChain('x').line, /^The chain database is damaged: x\. Check the disk, then restore .* \(corrupt\)$/)
})

function digest(path: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(path).map((name) => [name, createHash('sha256').update(readFileSync(join(path, name))).digest('hex')]),
  )
}
