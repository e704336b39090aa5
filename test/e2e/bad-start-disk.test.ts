// Full, read-only and filling disks: the node refuses or stops with one line, loses nothing that it announced, and goes on
// when there is space again.

import t from 'tap'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { MIN_FREE_BYTES } from '../../src/ops/datadir.ts'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import { runProgram, startFailing, startNode } from './harness.ts'
import type { SmallDisk } from './small-disk.ts'
import { noSmallDisk, smallDisk } from './small-disk.ts'
import type { Chain } from './spoilt.ts'
import { assertAlive, assertOneLine, assertVerifies, filesOf, makeChain } from './spoilt.ts'

t.setTimeout(240_000)

/** A start wants some free space beside what the chain takes. */
const DISK_BYTES = MIN_FREE_BYTES + 16 * 1024 * 1024

t.test('disks', { skip: noSmallDisk }, async (t) => {
  const home = t.testdir()
  const chain: Chain = await makeChain(t, home)

  /** @returns the data directory as the node sees it, and as we do */
  function fillWithChain(disk: SmallDisk): { dir: string; seen: string } {
    const seen = join(disk.outside, 'data')
    cpSync(chain.dir, seen, { recursive: true })
    return { dir: join(disk.path, 'data'), seen }
  }

  await t.test('a full disk', async (t) => {
    const disk = await smallDisk(t, join(home, 'full'), DISK_BYTES)
    const { dir, seen } = fillWithChain(disk)
    await disk.fill()
    const before = filesOf(seen)
    for (let attempt = 0; attempt < 2; attempt++) {
      assertOneLine(t, await startFailing(dir, [], disk), 'storage', /Only 0 MiB are free.*Free space/)
    }
    t.same(filesOf(seen), before, 'not one byte was changed')
    const verify = await runProgram(['verify', '--data-dir', dir], disk)
    t.equal(verify.code, EXIT_CODES.storage, verify.err)
    assertOneLine(t, await startFailing(join(disk.path, 'fresh'), [], disk), 'storage', /No space left|ENOSPC/)
    await disk.free()
    await assertAlive(t, dir, chain.height, disk)
    await assertVerifies(t, dir, chain.height + 1, disk)
  })

  await t.test('a read-only disk', async (t) => {
    const disk = await smallDisk(t, join(home, 'read-only'), DISK_BYTES)
    const { dir, seen } = fillWithChain(disk)
    await disk.setWritable(false)
    const before = filesOf(seen)
    for (const path of [dir, join(disk.path, 'fresh')]) {
      assertOneLine(t, await startFailing(path, [], disk), 'storage', /read-only.*Mount the file system writable/)
    }
    t.same(filesOf(seen), before, 'not one byte was changed')
    await disk.setWritable(true)
    await assertAlive(t, dir, chain.height, disk)
  })

  await t.test('a disk that fills while the node runs', async (t) => {
    const disk = await smallDisk(t, join(home, 'filling'), DISK_BYTES)
    const { dir } = fillWithChain(disk)
    for (let round = 0; round < 3; round++) {
      const node = await startNode(t, dir, ['--simulate', '3'], disk)
      await node.message('Block committed')
      await disk.fill()
      const { code, signal, err } = await node.exit
      t.same([code, signal], [EXIT_CODES.storage, null], 'it stops by itself')
      t.match(err, /^pulse-node: [^\n]*(No space left|ENOSPC)[^\n]*\. Free space[^\n]* \(storage\)\n$/)
      await disk.free()
      await assertVerifies(t, dir, node.lastAnnounced, disk)
      await assertAlive(t, dir, node.lastAnnounced, disk)
    }
  })
})
