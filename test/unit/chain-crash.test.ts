// kill -9 in the middle of writing, a full disk and a read-only one: what was acknowledged is there afterwards.

import t from 'tap'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { equalBytes } from '../../src/base/bytes.ts'
import { openChainStore } from '../../src/chain/store.ts'
import { GENESIS_HASH, commitOf } from './chain-fixture.ts'

const WRITER = join(import.meta.dirname, 'chain-writer.ts')

/** A mount of its own in a namespace of its own: gone with the process, and no root needed where user namespaces are allowed. */
const inNamespace = (script: string, ...args: string[]): string[] => ['unshare', '-Urm', 'bash', '-c', script, 'bash', ...args]
const canMount = spawnSync('unshare', ['-Urm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0
const skip = canMount ? false : 'skipped: mount namespaces are not allowed here'

t.test('kill -9 loses no acknowledged block and leaves no half one', async (t) => {
  const path = join(t.testdir(), 'db')
  for (let round = 0; round < 5; round++) {
    const child = spawn(process.execPath, [WRITER, 'loop', path])
    let output = ''
    const goal = 20 + 37 * round
    let lines = 0
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      lines = output.split('\n').length - 1
      if (lines > goal) child.kill('SIGKILL')
    })
    await once(child, 'close')
    const acknowledged = Number(output.split('\n').at(-2))
    const store = await openChainStore({ path, genesisHash: GENESIS_HASH, createIfMissing: false })
    t.ok(lines > goal && acknowledged > 0, 'it wrote')
    t.ok(store.head === acknowledged || store.head === acknowledged + 1, `head ${store.head}, acknowledged ${acknowledged}`)
    for (let height = 1; height <= store.head; height++) {
      const block = commitOf(height, 3_000)
      const parts = [await store.header(height), await store.body(height), await store.certificate(height)]
      if (!parts.every((part, i) => equalBytes(part!, [block.header, block.body, block.certificate][i]!))) t.fail(`height ${height}`)
      if ((await store.heightOfBlock(block.blockId)) !== height) t.fail(`index of height ${height}`)
    }
    t.same(await store.state(), commitOf(store.head).state, 'the state is that of the head')
    await store.close()
  }
})

t.test('a full disk fails the commit and nothing else', { skip }, async (t) => {
  const dir = t.testdir()
  // After the failure the space is freed, as an operator would, and the store is opened again.
  const script = `mount -t tmpfs -o size=3m tmpfs "$3" && "$1" "$2" fill "$3/db" &&
    mount -o remount,size=30m "$3" && "$1" "$2" look "$3/db"`
  const [command, ...args] = inNamespace(script, process.execPath, WRITER, dir)
  const output = spawnSync(command!, args, { encoding: 'utf8' }).stdout
  const heads = [...output.matchAll(/^(?:head|open) (\d+)$/gm)].map((match) => Number(match[1]))
  t.equal(output.match(/^failed storage The chain database .*No space left on device\. Free space .*\(storage\)$/gm)?.length, 2, output)
  t.equal(heads.length, 3)
  t.equal(heads[0], 0)
  t.ok(heads[1]! > 5, 'it wrote')
  t.equal(heads[2], heads[1], 'the head is the last acknowledged one')
})

t.test('a read-only file system is refused', { skip }, async (t) => {
  const dir = t.testdir()
  const path = join(dir, 'db')
  const store = await openChainStore({ path, genesisHash: GENESIS_HASH, createIfMissing: true })
  await store.commit(commitOf(1))
  await store.close()
  const script = 'mount --bind "$3" "$3" && mount -o remount,ro,bind "$3" && "$1" "$2" look "$3/db"; "$1" "$2" look "$3/new"'
  const [command, ...args] = inNamespace(script, process.execPath, WRITER, dir)
  const output = spawnSync(command!, args, { encoding: 'utf8' }).stdout
  const line = /^failed storage .*(Read-only file system|EROFS).* Mount the file system writable.*\(storage\)$/gm
  t.equal(output.match(line)?.length, 2, output)
})
