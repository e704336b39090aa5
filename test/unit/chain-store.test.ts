// The chain store: what goes in comes out, height by height, and each way to refuse an opening has its own code.

import t from 'tap'
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { once } from 'node:events'
import { ClassicLevel } from 'classic-level'
import { InvariantError } from '../../src/base/assert.ts'
import { MetaKey, metaKey } from '../../src/chain/buckets.ts'
import type { Level } from '../../src/chain/level.ts'
import { seal } from '../../src/chain/seal.ts'
import type { ChainStore } from '../../src/chain/store.ts'
import { openChainStore } from '../../src/chain/store.ts'
import { Failure } from '../../src/ops/failure.ts'
import { GENESIS_HASH, commitOf, failureOf, pageOf, transactionIdOf } from './chain-fixture.ts'

const open = (path: string): Promise<ChainStore> => openChainStore({ path, genesisHash: GENESIS_HASH, createIfMissing: true })

async function filled(path: string, height: number): Promise<ChainStore> {
  const store = await open(path)
  while (store.head < height) await store.commit(commitOf(store.head + 1))
  return store
}

t.test('an empty store has height 0 and no records', async (t) => {
  const store = await open(join(t.testdir(), 'db'))
  t.teardown(() => store.close())
  t.equal(store.head, 0)
  t.equal(store.headId, undefined)
  t.equal(await store.state(), undefined)
  t.equal(await store.header(1), undefined)
  t.same(await store.headers(1, 10), [])
  t.equal(await store.loadAccountPages(() => t.fail('no page')), 0)
})

t.test('what was committed is read back, before and after the store is opened again', async (t) => {
  const path = join(t.testdir(), 'db')
  let store = await filled(path, 10)
  for (const round of ['before', 'after'] as const) {
    if (round === 'after') {
      await store.close()
      store = await open(path)
    }
    t.equal(store.head, 10)
    t.same(store.headId, commitOf(10).blockId)
    for (let height = 1; height <= 10; height++) {
      const block = commitOf(height)
      t.same(await store.header(height), block.header)
      t.same(await store.body(height), block.body)
      t.same(await store.certificate(height), block.certificate)
      t.equal(await store.heightOfBlock(block.blockId), height)
      t.same(await store.transactionPlace(transactionIdOf(height, 1)), { height, index: 1 })
    }
    t.same(await store.state(), commitOf(10).state)
    t.equal(await store.header(11), undefined)
    t.equal(await store.heightOfBlock(new Uint8Array(32)), undefined)
    t.equal(await store.transactionPlace(new Uint8Array(32)), undefined)
    t.same(await store.headers(4, 3), [4, 5, 6].map((height) => commitOf(height).header))
    t.same(await store.headers(9, 100), [9, 10].map((height) => commitOf(height).header))
    t.same(await store.headers(11, 1), [])
    const pages: Uint8Array[] = []
    t.equal(await store.loadAccountPages((bytes, page) => (pages[page] = bytes)), 3)
    t.same(pages, [pageOf(0, 9), pageOf(1, 10), pageOf(2, 8)])
    t.ok((await store.sizeBytes()) > 10 * 1_000)
  }
  await store.close()
})

t.test('pages come in the order of their numbers, over the borders of bytes', async (t) => {
  const store = await open(join(t.testdir(), 'db'))
  t.teardown(() => store.close())
  const accountPages = Array.from({ length: 700 }, (_, page) => ({ page, bytes: Uint8Array.of(page >> 8, page) }))
  await store.commit({ ...commitOf(1), accountPages })
  const found: number[] = []
  t.equal(await store.loadAccountPages((bytes, page) => found.push(page, bytes[0]! * 256 + bytes[1]!)), 700)
  t.same(found, accountPages.flatMap(({ page }) => [page, page]))
})

t.test('a page that is missing is damage', async (t) => {
  const store = await open(join(t.testdir(), 'db'))
  t.teardown(() => store.close())
  await store.commit({ ...commitOf(1), accountPages: [{ page: 0, bytes: pageOf(0, 1) }, { page: 2, bytes: pageOf(2, 1) }] })
  const failure = await failureOf(store.loadAccountPages(() => {}))
  t.match(failure, { code: 'corrupt', message: /page 1 of the accounts is missing/ })
})

t.test('only the next height is taken, one at a time', async (t) => {
  const store = await filled(join(t.testdir(), 'db'), 2)
  t.teardown(() => store.close())
  for (const height of [0, 1, 2, 4]) await t.rejects(store.commit(commitOf(height)), { name: 'InvariantError', message: /takes height 3/ })
  await t.rejects(store.commit({ ...commitOf(3), blockId: new Uint8Array(31) }), InvariantError)
  const third = store.commit(commitOf(3))
  await t.rejects(store.commit(commitOf(3)), InvariantError)
  await third
  t.equal(store.head, 3)
  t.same(await store.body(3), commitOf(3).body)
})

t.test('closing waits for a commit that is on its way', async (t) => {
  const path = join(t.testdir(), 'db')
  const store = await filled(path, 1)
  const second = store.commit(commitOf(2))
  await store.close()
  await second
  const again = await open(path)
  t.equal(again.head, 2)
  await again.close()
})

t.test('a store that is not there is not made unless asked for', async (t) => {
  const path = join(t.testdir(), 'db')
  const failure = await failureOf(openChainStore({ path, genesisHash: GENESIS_HASH, createIfMissing: false }))
  t.match(failure, { code: 'config', message: /no chain database/ })
  t.same(readdirSync(join(path, '..')), [])
})

t.test('another network is refused, and the store stays as it was', async (t) => {
  const path = join(t.testdir(), 'db')
  await (await filled(path, 2)).close()
  const failure = await failureOf(openChainStore({ path, genesisHash: new Uint8Array(32).fill(8), createIfMissing: true }))
  t.match(failure, { code: 'wrong_network', message: /07070707.*08080808/, exitCode: 6 })
  const again = await open(path)
  t.equal(again.head, 2)
  await again.close()
})

t.test('a newer schema is refused, and the store stays as it was', async (t) => {
  const path = join(t.testdir(), 'db')
  await (await filled(path, 2)).close()
  const key = metaKey(MetaKey.schemaVersion)
  const setSchema = async (version: number): Promise<void> => {
    const level = new ClassicLevel<Uint8Array, Uint8Array>(path, { keyEncoding: 'view', valueEncoding: 'view' })
    await level.put(key, seal(key, Uint8Array.of(version, 0, 0, 0)))
    await level.close()
  }
  await setSchema(2)
  t.match(await failureOf(open(path)), { code: 'newer_schema', message: /schema 2.*knows 1/, exitCode: 7 })
  await setSchema(1)
  const again = await open(path)
  t.equal(again.head, 2)
  await again.close()
})

t.test('a database of something else is refused', async (t) => {
  const path = join(t.testdir(), 'db')
  const level = new ClassicLevel(path)
  await level.put('key', 'value')
  await level.close()
  t.match(await failureOf(open(path)), { code: 'corrupt', message: /no schema version/ })
})

t.test('a second opening in this process is refused, and does not give up the lock', async (t) => {
  const path = join(t.testdir(), 'db')
  const store = await filled(path, 1)
  t.match(await failureOf(open(path)), { code: 'locked', exitCode: 5 })
  t.match(await failureOf(open(join(path, '..', 'db'))), { code: 'locked' })
  t.match(await runWriter('look', path), /^failed locked The database .* is in use\. Another pulse-node/m)
  await store.commit(commitOf(2))
  await store.close()
  const again = await open(path)
  t.equal(again.head, 2)
  await again.close()
})

t.test('a database that another process holds is refused', async (t) => {
  const path = join(t.testdir(), 'db')
  const child = spawn(process.execPath, [join(import.meta.dirname, 'chain-writer.ts'), 'hold', path])
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  t.match(await failureOf(open(path)), { code: 'locked', message: /in use/ })
  child.kill('SIGKILL')
  await once(child, 'exit')
  await (await open(path)).close()
})

/** The database with another `batch`. */
function withBatch(level: Level, batch: (original: Level['batch']) => unknown): Level {
  return new Proxy(level, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (name === 'batch') return batch(target.batch.bind(target))
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

t.test('a commit is one batch, and synced', async (t) => {
  const calls: unknown[][] = []
  const wrap = (level: Level): Level => withBatch(level, (original) => async (...args: [never[], object]) => {
    calls.push(args)
    await original(...args)
  })
  const path = join(t.testdir(), 'db')
  await (await open(path)).close()
  const store = await openChainStore({ path, genesisHash: GENESIS_HASH, createIfMissing: false, wrap })
  t.teardown(() => store.close())
  await store.commit(commitOf(1))
  t.equal(calls.length, 1)
  t.equal((calls[0]![0] as unknown[]).length, 4 + 3 + 2 + 2, 'block, pages, transactions, state and head')
  t.same(calls[0]![1], { sync: true })
})

t.test('a failed write is reported with its cause, and nothing more is written', async (t) => {
  const path = join(t.testdir(), 'db')
  let fails = false
  const wrap = (level: Level): Level => withBatch(level, (original) => async (...args: [never[], object]) => {
    if (fails) throw Object.assign(new Error(`IO error: ${path}/000003.log: No space left on device`), { code: 'LEVEL_IO_ERROR' })
    await original(...args)
  })
  const store = await openChainStore({ path, genesisHash: GENESIS_HASH, createIfMissing: true, wrap })
  await store.commit(commitOf(1))
  fails = true
  const failure = await failureOf(store.commit(commitOf(2)))
  t.ok(failure instanceof Failure)
  t.match(failure, { code: 'storage', message: /No space left/, remedy: /Free space/, exitCode: 8 })
  fails = false
  t.equal(await failureOf(store.commit(commitOf(2))), failure)
  t.equal(store.head, 1)
  t.same(await store.body(1), commitOf(1).body, 'reading goes on')
  await store.close()
})

for (const label of ['store:before-commit', 'store:after-commit']) {
  t.test(`a crash at ${label} leaves a whole block or none`, async (t) => {
    const path = join(t.testdir(), 'db')
    await (await filled(path, 3)).close()
    const crash = (at: string): void => {
      if (at === label) throw new Error('crash')
    }
    const store = await openChainStore({ path, genesisHash: GENESIS_HASH, createIfMissing: false, onWrite: crash })
    await t.rejects(store.commit(commitOf(4)), { message: 'crash' })
    t.equal(store.head, 3, 'not acknowledged')
    await t.rejects(store.commit(commitOf(4)), { message: 'crash' }, 'nothing after a crash')
    await store.close()
    const again = await open(path)
    t.equal(again.head, label === 'store:after-commit' ? 4 : 3)
    t.same(await again.body(4), label === 'store:after-commit' ? commitOf(4).body : undefined)
    await again.close()
  })
}

async function runWriter(mode: string, path: string): Promise<string> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'chain-writer.ts'), mode, path])
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await once(child, 'close')
  return output
}
