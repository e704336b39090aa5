// `npm run bundle [-- --arch x64|arm64] [--out DIR]`: one archive with all that a node needs on a Linux machine of that
// architecture: Node.js, the built program, production packages, unit files, licence texts. The same commit gives the same bytes.
//
//   pulse-node-<version>/
//     bin/pulse-node  bin/main.js    launcher on the bundled Node.js, and what it launches
//     node/bin/node                  Node.js
//     dist/  node_modules/           the program with its packages, and those packages that have native modules
//     systemd/                       unit files
//     LICENSE  THIRD-PARTY-LICENSES  sbom.cdx.json  build.json  package.json  MANIFEST.sha256

import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { hashFile, hashTree, MANIFEST_NAME, manifestText } from '../../src/ops/manifest.ts'
import { collectNotices, noticesText } from './licences.ts'
import { joinProgram, nativePackages, PROGRAM_DIRECTORY } from './program.ts'
import type { Target } from './prune.ts'
import { isNeeded } from './prune.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

interface Bundle {
  readonly file: string
  readonly sha256: string
  readonly sizeBytes: number
  readonly unpackedBytes: number
  readonly files: number
}

interface PackageJson {
  readonly name: string
  readonly version: string
  readonly [member: string]: unknown
}

export async function buildBundle({ arch }: Target, out: string): Promise<Bundle> {
  const work = mkdtempSync(join(tmpdir(), 'pulse-bundle-'))
  try {
    const source = readJson(join(ROOT, 'package.json')) as PackageJson
    const name = `${source.name}-${source.version}`
    const production = join(work, 'production')
    const tree = join(work, name)
    mkdirSync(tree)

    const { devDependencies: _, scripts: _scripts, files: _files, exports: _exports, ...trimmed } = source
    installProduction(production, trimmed, arch)
    const files = filesBelow(production)
    for (const path of nativePackages(production, files).filter((path) => isNeeded(path, { arch }))) copy(join(production, path), join(tree, path))
    copy(join(production, 'node_modules', `node-linux-${arch}`, 'bin', 'node'), join(tree, 'node/bin/node'), true)
    copy(join(production, 'node_modules', `node-linux-${arch}`, 'LICENSE'), join(tree, 'node/LICENSE'))
    cpSync(join(ROOT, 'src'), join(production, 'src'), { recursive: true })
    await joinProgram(production, join(tree, PROGRAM_DIRECTORY))
    cpSync(join(ROOT, 'src/api/page'), join(tree, 'dist/page'), { recursive: true })
    copy(join(ROOT, 'bin/pulse-node'), join(tree, 'bin/main.js'))
    copy(join(ROOT, 'packer/bundle/pulse-node.sh'), join(tree, 'bin/pulse-node'), true)
    cpSync(join(ROOT, 'systemd'), join(tree, 'systemd'), { recursive: true })
    copy(join(ROOT, 'LICENSE'), join(tree, 'LICENSE'))
    write(tree, 'THIRD-PARTY-LICENSES', noticesText(await collectNotices(production, files)))
    write(tree, 'package.json', json(trimmed))

    const date = commitDate()
    const { version: node } = readJson(join(production, 'node_modules', `node-linux-${arch}`, 'package.json')) as PackageJson
    write(tree, 'build.json', json({ name: source.name, version: source.version, commit: commit(), date: date.toISOString(), arch, node }))
    write(tree, 'sbom.cdx.json', json(softwareBill(production, source, date)))
    for (const path of filesBelow(tree)) chmodSync(join(tree, path), (statSync(join(tree, path)).mode & 0o100) !== 0 ? 0o755 : 0o644)
    write(tree, MANIFEST_NAME, manifestText(await hashTree(tree)))

    mkdirSync(out, { recursive: true })
    const file = join(out, `${name}-linux-${arch}.tar.gz`)
    pack(tree, file, date)
    const sha256 = await hashFile(file)
    writeFileSync(`${file}.sha256`, `${sha256}  ${name}-linux-${arch}.tar.gz\n`)
    const inside = filesBelow(tree)
    const unpackedBytes = inside.reduce((sum, path) => sum + statSync(join(tree, path)).size, 0)
    return { file, sha256, sizeBytes: statSync(file).size, unpackedBytes, files: inside.length }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Packages of the lock file for that machine, whatever this one is; npm checks their hashes. No package's script runs. */
function installProduction(directory: string, manifest: object, arch: Target['arch']): void {
  mkdirSync(directory)
  for (const file of ['package.json', 'package-lock.json', '.npmrc']) copy(join(ROOT, file), join(directory, file))
  const target = ['--os=linux', `--cpu=${arch}`, '--libc=glibc']
  run('npm', ['ci', '--omit=dev', ...target, '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'], directory)
  // What was not installed must not be missed.
  writeFileSync(join(directory, 'package.json'), json(manifest))
}

/** CycloneDX by npm, without what would differ each time: time and serial number. */
function softwareBill(directory: string, { name, version }: PackageJson, date: Date): unknown {
  const text = run('npm', ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--loglevel=error'], directory)
  const bill = JSON.parse(text) as { serialNumber: string; metadata: { timestamp: string; component: { name: string } } }
  bill.metadata.timestamp = date.toISOString()
  bill.metadata.component.name = name
  const { serialNumber: _, ...rest } = bill
  const digest = createHash('sha256').update(`${name} ${version} ${json(rest)}`).digest('hex')
  bill.serialNumber = `urn:uuid:${[digest.slice(0, 8), digest.slice(8, 12), `8${digest.slice(13, 16)}`, `8${digest.slice(17, 20)}`, digest.slice(20, 32)].join('-')}`
  return bill
}

/** GNU tar with nothing of this machine or this moment in it. */
function pack(tree: string, file: string, date: Date): void {
  const temporary = `${file}.${process.pid}`
  const fixed = ['--sort=name', `--mtime=${date.toISOString()}`, '--owner=0', '--group=0', '--numeric-owner', '--format=gnu', '--mode=u=rwX,go=rX']
  run('tar', ['-C', dirname(tree), ...fixed, '--use-compress-program=gzip -n -6', '-cf', temporary, tree.slice(dirname(tree).length + 1)], ROOT)
  renameSync(temporary, file)
}

function commitDate(): Date {
  const seconds = process.env['SOURCE_DATE_EPOCH'] ?? git('log', '-1', '--format=%ct') ?? '0'
  return new Date(Number(seconds) * 1_000)
}

/** `unknown` outside of a repository; `-dirty` if what is built is not what was committed. */
function commit(): string {
  const id = git('rev-parse', 'HEAD')
  if (id === null) return 'unknown'
  return git('status', '--porcelain') === '' ? id : `${id}-dirty`
}

function git(...args: string[]): string | null {
  try {
    return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return null
  }
}

/** @returns what it printed @throws Error with all of that, if it fails */
function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, env: { ...process.env, LC_ALL: 'C' } })
  if (status === 0) return stdout
  throw new Error(`${command} ${args[0] ?? ''} failed (${error?.message ?? `exit code ${status}`})\n${stdout ?? ''}${stderr ?? ''}`)
}

/** Regular files, from the directory, sorted. */
function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort()
}

function copy(from: string, to: string, executable = false): void {
  mkdirSync(dirname(to), { recursive: true })
  cpSync(from, to)
  chmodSync(to, executable ? 0o755 : 0o644)
}

const write = (tree: string, path: string, text: string): void => writeFileSync(join(tree, path), text)
const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))
const json = (value: unknown): string => JSON.stringify(value, null, 2) + '\n'

if (import.meta.main) {
  const { values } = parseArgs({ options: { arch: { type: 'string', default: process.arch }, out: { type: 'string', default: join(ROOT, 'dist-bundle') } } })
  const { arch } = values
  if (arch !== 'x64' && arch !== 'arm64') {
    console.error(`pulse-node: there is no bundle for ${arch}. Give --arch x64 or --arch arm64.`)
    process.exit(2)
  }
  const mebibytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MiB`
  const { file, sha256, sizeBytes, unpackedBytes, files } = await buildBundle({ arch }, resolve(values.out)).catch((error: Error) => {
    console.error(`pulse-node: the bundle could not be built: ${error.message}`)
    process.exit(1)
  })
  console.log(`${file}\nSHA-256 ${sha256}\n${mebibytes(sizeBytes)}, unpacked ${mebibytes(unpackedBytes)} in ${files} files`)
}
