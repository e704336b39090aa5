// The data directory is checked before anything is opened in it.

import t from 'tap'
import { spawnSync } from 'node:child_process'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createDataDir, dataDir, prepareDataDir } from '../../src/ops/datadir.ts'

t.test('a new directory is private, and a second call keeps what is in it', async (t) => {
  const root = join(t.testdir(), 'a', 'b')
  const paths = createDataDir(root)
  t.equal(statSync(root).mode & 0o777, 0o700)
  t.same(paths, dataDir(root))
  writeFileSync(paths.genesis, '{}')
  createDataDir(root)
  t.same(prepareDataDir(root), paths)
  t.same(readdirSync(root), ['genesis.json'], 'the check leaves nothing behind')
})

t.test('paths are absolute', async (t) => {
  t.equal(dataDir('x').db, join(process.cwd(), 'x', 'db'))
})

t.test('a directory that is missing or is a file is a wrong setting', async (t) => {
  const dir = t.testdir({ file: '' })
  t.throws(() => prepareDataDir(join(dir, 'none')), { code: 'config', remedy: /pulse-node init/ })
  t.throws(() => prepareDataDir(join(dir, 'file')), { code: 'config', message: /not a directory/ })
  for (const path of [['file'], ['file', 'sub']]) t.throws(() => createDataDir(join(dir, ...path)), { code: 'storage', message: /EEXIST/ })
  t.same(readdirSync(dir), ['file'])
})

t.test('too little free space is refused', async (t) => {
  const dir = t.testdir()
  t.throws(() => prepareDataDir(dir, Number.MAX_SAFE_INTEGER), { code: 'storage', message: /Only \d+ MiB are free/, remedy: /Free space/ })
})

const canMount = spawnSync('unshare', ['-Urm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0

t.test('a read-only directory is refused', { skip: canMount ? false : 'skipped: mount namespaces are not allowed here' }, async (t) => {
  const dir = t.testdir()
  const program = `
    import { createDataDir, prepareDataDir } from ${JSON.stringify(new URL('../../src/ops/datadir.ts', import.meta.url).href)}
    for (const action of [() => prepareDataDir(${JSON.stringify(dir)}), () => createDataDir(${JSON.stringify(join(dir, 'new'))})]) {
      try { action(); console.log('done') } catch (error) { console.log(error.line) }
    }`
  const script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && "$2" --input-type=module -e "$3"'
  const output = spawnSync('unshare', ['-Urm', 'bash', '-c', script, 'bash', dir, process.execPath, program], { encoding: 'utf8' }).stdout
  const [prepared, created] = output.split('\n')
  t.match(prepared, /Cannot write to the data directory.*EROFS.*Mount.*\(storage\)/)
  t.match(created, /Cannot make the data directory.*EROFS.*Mount.*\(storage\)/)
})
