import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openChainStore } from '../../src/chain/store.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { createProgressProbe } from '../../src/node/progress.ts'
import { commitOf, GENESIS_HASH } from './chain-fixture.ts'

const ENGINE = { ledger: { height: 3 } } as unknown as Engine
/** What is settled by now, or pending. */
const stateOf = (promise: Promise<unknown>): Promise<string> => Promise.race([promise.then(() => 'done', () => 'failed'), new Promise<string>((resolve) => setImmediate(() => resolve('pending')))])

t.test('progress is seen when the store has answered and the disk has taken a write; the probe does not grow', async (t) => {
  const root = t.testdir()
  const look = createProgressProbe(ENGINE, { probe: async () => {} }, root)
  t.strictSame(await look(), { height: 3 })
  const first = readFileSync(join(root, '.watchdog'), 'utf8')
  t.strictSame(await look(), { height: 3 })
  t.not(readFileSync(join(root, '.watchdog'), 'utf8'), first, 'there is something to sync each time')
  t.equal(statSync(join(root, '.watchdog')).size, 1)
  t.equal(statSync(join(root, '.watchdog')).mode & 0o777, 0o600)
})

t.test('no progress is seen while the store hangs, and a disk that fails says so', async (t) => {
  const root = t.testdir()
  const { promise: hanging, resolve: release } = Promise.withResolvers<void>()
  const look = createProgressProbe(ENGINE, { probe: () => hanging }, join(root, 'data'))
  const looking = look()
  looking.catch(() => {})
  t.equal(await stateOf(looking), 'pending')
  release()
  await t.rejects(looking, { code: 'storage', message: /\.watchdog/ }, 'there is no such directory')
  writeFileSync(join(root, 'data'), '')
  await t.rejects(look(), { code: 'storage' })
  rmSync(join(root, 'data'))
})

t.test('the store is seen to work when it is empty and when it holds blocks, but not while a commit hangs', async (t) => {
  const { promise: hanging, resolve: release } = Promise.withResolvers<void>()
  let hang = false
  const onWrite = async (label: string): Promise<void> => {
    if (hang && label === 'store:before-commit') await hanging
  }
  const store = await openChainStore({ path: join(t.testdir(), 'db'), genesisHash: GENESIS_HASH, createIfMissing: true, onWrite })
  await store.probe()
  await store.commit(commitOf(1))
  await store.probe()
  hang = true
  const commit = store.commit(commitOf(2))
  const probe = store.probe()
  t.equal(await stateOf(probe), 'pending')
  release()
  await commit
  await probe
  await store.close()
  await t.rejects(store.probe(), 'a database that is closed answers nothing')
})
