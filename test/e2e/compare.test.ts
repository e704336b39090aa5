// `compare`: equal chains pass, and whatever differs or was spoilt on disk is found, though its checksum is right.

import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import type { Test } from 'tap'
import t from 'tap'
import { toBin } from '../../src/base/bytes.ts'
import { Bucket, heightKey, pageKey } from '../../src/chain/buckets.ts'
import { seal, unseal } from '../../src/chain/seal.ts'
import { decodeStoredHeader, encodeStoredHeader } from '../../src/node/header-codec.ts'
import { dataDir as pathsOf } from '../../src/ops/datadir.ts'
import type { Genesis } from '../../src/protocol/genesis.ts'
import { genesisToJson } from '../../src/protocol/genesis.ts'
import { runCli } from '../unit/cli-support.ts'
import { bytesOf } from '../unit/ledger-fixture.ts'
import { networkOf, VALIDATORS } from '../unit/sync-fixture.ts'
import { writeChain } from './offline-chain.ts'

const GENESIS = networkOf()
/** More than are read at once. */
const HEIGHT = 1_100

async function directory(root: string, name: string, blocks: number, from?: string, genesis: Genesis = GENESIS): Promise<string> {
  const dir = join(root, name)
  if (from !== undefined) cpSync(from, dir, { recursive: true })
  else {
    mkdirSync(dir)
    writeFileSync(pathsOf(dir).genesis, genesisToJson(genesis))
    await writeChain([pathsOf(dir).db], { genesis, validators: VALIDATORS, blocks })
  }
  return dir
}

/** Rewrites one record, with a checksum that fits. */
async function rewrite(dir: string, key: Uint8Array, change: (value: Uint8Array) => Uint8Array): Promise<void> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(pathsOf(dir).db, { keyEncoding: 'view', valueEncoding: 'view' })
  await level.put(key, seal(key, change(unseal(key, (await level.get(key))!))))
  await level.close()
}

interface Report {
  readonly same: boolean
  readonly commonHeight: number
  readonly nodes: { height: number; accountsRoot: string }[]
  readonly differences: { height: number; other: string; blockId: [string, string]; stateRoot: [string, string] }[]
}

async function compare(...dirs: string[]): Promise<{ code: number; report: Report }> {
  const { code, out } = await runCli(['compare', ...dirs, '--json'])
  return { code, report: JSON.parse(out) as Report }
}

const root = (t: Test): string => t.testdir()

t.test('chains that agree', async (t) => {
  const dir = root(t)
  const a = await directory(dir, 'a', HEIGHT)
  const b = await directory(dir, 'b', HEIGHT, a)
  const c = await directory(dir, 'c', HEIGHT, a)
  const { code, report } = await compare(a, b, c)
  t.equal(code, 0)
  t.match(report, { same: true, commonHeight: HEIGHT, differences: [], nodes: [{ height: HEIGHT }, {}, {}] })
  t.equal(new Set(report.nodes.map(({ accountsRoot }) => accountsRoot)).size, 1)
  const { out } = await runCli(['compare', a, b])
  t.match(out, /The same block and the same state at every height up to 1100\./)

  t.test('a spoilt header in the middle is found, with its height and both ids', async (t) => {
    const state = bytesOf('spoilt', 32)
    await rewrite(b, heightKey(Bucket.headers, 1_042), (value) => {
      const stored = decodeStoredHeader(value)!
      return encodeStoredHeader({ ...stored, header: { ...stored.header, stateRoot: toBin(state) } })
    })
    const { code, report } = await compare(a, b, c)
    t.equal(code, 20)
    t.match(report, { same: false, differences: [{ height: 1_042, other: b, stateRoot: [/^[0-9a-f]{64}$/, Buffer.from(state).toString('hex')] }] })
    t.equal(report.differences.length, 1)
    t.not(report.differences[0]!.blockId[0], report.differences[0]!.blockId[1])
    const { out } = await runCli(['compare', a, b])
    t.match(out, /differs at +height 1042[^]*The chains differ\./)
  })

  t.test('accounts that do not follow from the head are found', async (t) => {
    await rewrite(c, pageKey(0), (value) => value.map((byte, i) => (i === 50 ? byte ^ 1 : byte)))
    const { code, err } = await runCli(['compare', a, c])
    t.equal(code, 9)
    t.match(err, /the accounts do not agree with the last block/)
    t.ok(err.includes(c), 'and it says where')
  })
})

t.test('other blocks of the same network are found at the first height at which they differ', async (t) => {
  const dir = root(t)
  const a = await directory(dir, 'a', 5)
  const b = await directory(dir, 'b', 8)
  const { code, report } = await compare(a, b)
  t.equal(code, 20)
  t.match(report, { commonHeight: 5, differences: [{ height: 1 }] })
})

t.test('chains of different length agree up to the shorter one', async (t) => {
  const dir = root(t)
  const a = await directory(dir, 'a', 0)
  const b = await directory(dir, 'b', 3)
  t.match(await compare(a, b), { code: 0, report: { same: true, commonHeight: 0 } })
})

t.test('what cannot be compared is said', async (t) => {
  const dir = root(t)
  const a = await directory(dir, 'a', 1)
  t.match(await runCli(['compare', a]), { code: 3, err: /nothing to compare/ })
  t.match(await runCli(['compare', a, join(dir, 'nowhere')]), { code: 4, err: /nowhere/ })
  const other = await directory(dir, 'other', 1, undefined, networkOf({}, 'another-net'))
  t.match(await runCli(['compare', a, other]), { code: 6, err: /another/ })
})
