import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import { BUNDLE_HASH_NAME, compareTree, hashTree, MANIFEST_NAME, manifestText, parseManifest } from '../../src/ops/manifest.ts'
import { runCli } from './cli-support.ts'

const A = 'a'.repeat(64)
const B = 'b'.repeat(64)

t.test('a manifest says what sha256sum says, sorted by path, and can be read back', async (t) => {
  const text = manifestText(new Map([['z', A], ['a/b c', B]]))
  t.equal(text, `${B}  a/b c\n${A}  z\n`)
  t.strictSame([...parseManifest(text)], [['a/b c', B], ['z', A]])
  for (const [path, hash] of [['line\nbreak', A], ['back\\slash', A], ['link', null]] as const) {
    t.throws(() => manifestText(new Map([[path, hash]])), RangeError, path)
  }
})

t.test('a manifest that is damaged is refused', async (t) => {
  for (const text of ['', `${A}  a`, `${A} a\n`, `${A.slice(1)}  a\n`, `${A}  /etc/passwd\n`, `${A}  a/../../b\n`, `${A}  a\n${B}  a\n`, `${A}  a\n\n`]) {
    t.throws(() => parseManifest(text), { code: 'corrupt' }, JSON.stringify(text))
  }
})

t.test('comparing a tree finds what is missing, changed and extra, each sorted', async (t) => {
  const manifest = parseManifest(`${A}  same\n${A}  other\n${A}  gone\n${A}  away\n${A}  link\n`)
  const tree = new Map([['new', A], ['extra', B], ['same', A], ['other', B], ['link', null]])
  t.strictSame(compareTree(manifest, tree), { missing: ['away', 'gone'], changed: ['link', 'other'], extra: ['extra', 'new'] })
  t.strictSame(compareTree(manifest, new Map([...manifest])), { missing: [], changed: [], extra: [] })
})

t.test('the hashes of a tree cover every file below it, and no folder', async (t) => {
  const root = t.testdir({ one: 'abc', folder: { two: '', deeper: {} }, [MANIFEST_NAME]: 'x', [BUNDLE_HASH_NAME]: 'x' })
  symlinkSync('one', join(root, 'link'))
  t.strictSame(Object.fromEntries(await hashTree(root)), {
    one: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    'folder/two': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    link: null,
  })
})

t.test('verify-self checks an installation, lists what differs, and says so by its exit code', async (t) => {
  const root = t.testdir({ dist: { 'a.js': 'a' }, 'build.json': JSON.stringify({ version: '1.2.3', commit: 'c0ffee', arch: 'x64', node: '24.0.0' }) })
  const verify = (): ReturnType<typeof runCli> => runCli(['verify-self', '--root', root, '--json'])
  t.match(await verify(), { code: EXIT_CODES.config, err: /There is no manifest/ })

  writeFileSync(join(root, MANIFEST_NAME), manifestText(await hashTree(root)))
  const whole = await verify()
  t.equal(whole.code, EXIT_CODES.ok, whole.err)
  t.match(JSON.parse(whole.out), { ok: true, version: '1.2.3', commit: 'c0ffee', manifestHash: /^[0-9a-f]{64}$/, bundleHash: null, files: 2, missing: [], changed: [], extra: [] })
  writeFileSync(join(root, BUNDLE_HASH_NAME), `${B}  pulse-node-1.2.3-linux-x64.tar.gz\n`)
  t.match(JSON.parse((await verify()).out), { ok: true, bundleHash: B })

  writeFileSync(join(root, 'dist/a.js'), 'b')
  mkdirSync(join(root, 'new'))
  writeFileSync(join(root, 'new/file'), '')
  const spoilt = await verify()
  t.equal(spoilt.code, EXIT_CODES.failed)
  t.match(JSON.parse(spoilt.out), { ok: false, changed: ['dist/a.js'], extra: ['new/file'], missing: [] })
  t.match(JSON.parse(spoilt.err), { error: { message: /1 changed, 1 extra$/ } })
  const human = await runCli(['verify-self', '--root', root])
  t.match(human.out, /^changed  dist\/a\.js\nextra    new\/file$/m)
})
