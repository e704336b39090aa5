// Checks of the image that boot nothing: scripts, templates, bundles, installation, the unit.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { hashFile } from '../../src/ops/manifest.ts'
import { freePorts } from '../ports.ts'
import type { Report } from './report.ts'
import { attempt, expect, ROOT, run } from './tools.ts'

export const MAX_EXPOSURE = 1.5
/** Of the archive for one architecture. */
const MAX_BUNDLE_BYTES = 60 * 1024 ** 2
/** e_machine in the head of an ELF file. */
const ELF_MACHINES = { x64: 62, arm64: 183 } as const

type Arch = keyof typeof ELF_MACHINES
type Missing = ReadonlyMap<string, string>

export interface Bundle {
  readonly file: string
  readonly sha256: string
}

export async function checkScripts(report: Report, missing: Missing): Promise<void> {
  const why = missing.get('shellcheck')
  if (why !== undefined) return report.skip('shell scripts: shellcheck', why)
  await report.check('shell scripts: shellcheck', async () => {
    const scripts = ['.ci/run', ...filesBelow(ROOT, ['packer', 'systemd', 'test', 'bin', 'src']).filter((path) => path.endsWith('.sh'))]
    // What is called by name, as an argument of another function, is not unreachable.
    await run('shellcheck', ['--external-sources', '--source-path=SCRIPTDIR', '--exclude=SC2317', ...scripts])
    return `${scripts.length} scripts`
  })
}

export async function checkExposure(report: Report, missing: Missing): Promise<void> {
  const why = missing.get('systemd-analyze')
  if (why !== undefined) return report.skip('pulse-node.service: exposure', why)
  await report.check(`pulse-node.service: exposure at most ${MAX_EXPOSURE}`, async () => {
    const out = await run('systemd-analyze', ['security', '--offline=true', 'systemd/pulse-node.service'])
    const exposure = Number(/exposure level for \S+: ([0-9.]+)/.exec(out)?.[1] ?? NaN)
    expect(exposure <= MAX_EXPOSURE, `exposure is ${exposure}`)
    return String(exposure)
  })
}

export async function checkTemplate(report: Report, missing: Missing): Promise<void> {
  const why = missing.get('packer')
  if (why !== undefined) return report.skip('packer: format, and every source validates', why)
  await report.check('packer: format, and every source validates', async () => {
    const out = await run('bash', ['packer/check.sh'])
    return out.trim().split('\n').at(-1) ?? ''
  })
}

/** Builds the bundle of this machine twice, and the other one once. @returns that of this machine, or null */
export async function checkBundles(report: Report, work: string): Promise<Bundle | null> {
  const own: Arch = process.arch === 'arm64' ? 'arm64' : 'x64'
  const other: Arch = own === 'x64' ? 'arm64' : 'x64'
  let built: Bundle | null = null
  await report.check(`bundle ${own}: two builds give one SHA-256`, async () => {
    // Another time zone, language and mask: a build must not notice.
    const elsewhere = { TZ: 'Pacific/Chatham', LANG: 'tr_TR.UTF-8', UMASK: '077' }
    const [first, second] = await Promise.all([build(own, join(work, 'first')), build(own, join(work, 'second'), elsewhere)])
    expect(first.sha256 === second.sha256, `${first.sha256} and ${second.sha256}`)
    const size = statSync(first.file).size
    expect(size <= MAX_BUNDLE_BYTES, `the bundle has ${size} bytes, at most ${MAX_BUNDLE_BYTES} are agreed`)
    built = first
    return `${(size / 1024 ** 2).toFixed(1)} MiB, ${first.sha256.slice(0, 16)}`
  })
  await report.check(`bundle ${other}: built here, for that machine only`, async () => {
    const bundle = await build(other, join(work, 'other'))
    await unpack(bundle, join(work, 'other-tree'))
    return `${(statSync(bundle.file).size / 1024 ** 2).toFixed(1)} MiB, ${checkContent(join(work, 'other-tree'), other)}`
  })
  const bundle = built as Bundle | null
  if (bundle !== null) {
    await report.check(`bundle ${own}: what it holds, and that it runs`, async () => {
      const tree = join(work, 'own-tree')
      await unpack(bundle, tree)
      const content = checkContent(tree, own)
      const [folder] = readdirSync(tree)
      const program = join(tree, folder!, 'bin/pulse-node')
      await run(program, ['smoke'])
      // It starts itself again, once for each node.
      const [base, testnet] = [await freePorts(4), join(work, 'testnet')]
      const ports = ['--base-port', String(base), '--base-p2p-port', String(base + 2)]
      const said = await run(program, ['testnet', '--nodes', '2', '--dir', testnet, ...ports, '--interval', '500', '--seconds', '8', '--json'])
      const { nodes } = JSON.parse(said.trim().split('\n').at(-1)!) as { nodes: { state: string; height: number; peers: number }[] }
      expect(nodes.length === 2 && nodes.every(({ height, peers }) => height > 0 && peers === 1), `testnet: ${JSON.stringify(nodes)}`)
      return content
    })
  }
  return bundle
}

async function build(arch: Arch, out: string, env: Readonly<Record<string, string>> = {}): Promise<Bundle> {
  const mask = env['UMASK'] ?? '022'
  await run('sh', ['-c', 'umask "$1" && shift && exec "$@"', 'sh', mask, process.execPath, 'packer/bundle/build.ts', '--arch', arch, '--out', out], { env })
  const name = readdirSync(out).find((file) => file.endsWith('.tar.gz'))!
  const sha256 = await hashFile(join(out, name))
  expect(readFileSync(join(out, `${name}.sha256`), 'utf8') === `${sha256}  ${name}\n`, 'the .sha256 beside the bundle is wrong')
  return { file: join(out, name), sha256 }
}

async function unpack({ file }: Bundle, tree: string): Promise<void> {
  await run('mkdir', ['-p', tree])
  await run('tar', ['-xzf', file, '-C', tree])
}

/** @returns a figure */
function checkContent(tree: string, arch: Arch): string {
  const [folder] = readdirSync(tree)
  const root = join(tree, folder!)
  const files = filesBelow(root, [''])
  const unwanted = files.filter((path) => /\.(ts|map|flow)$|\/(test|docs|examples?)\/[^/]+$|(?:musl|win32|darwin|android)[^/]*\//.test(path) && path.startsWith('node_modules/') && !path.includes('/dist/'))
  expect(unwanted.length === 0, `not needed at run time: ${unwanted.slice(0, 5).join(', ')}`)
  const machine = (path: string): number => readFileSync(join(root, path)).readUInt16LE(18)
  const native = files.filter((path) => path.endsWith('.node') || path === 'node/bin/node')
  expect(native.length >= 3, 'Node.js and two native modules are there')
  for (const path of native) expect(machine(path) === ELF_MACHINES[arch], `${path} is for another machine`)
  const bill = JSON.parse(readFileSync(join(root, 'sbom.cdx.json'), 'utf8')) as { bomFormat: string; components: { name: string; version: string }[] }
  expect(bill.bomFormat === 'CycloneDX', 'the software bill is CycloneDX')
  const listed = new Set(bill.components.map(({ name, version }) => `${name}@${version}`))
  const packages = files.filter((path) => /(^|\/)node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(path))
  for (const path of packages) {
    const { name, version } = JSON.parse(readFileSync(join(root, path), 'utf8')) as { name: string; version: string }
    const listedName = [`${name}@${version}`, `${path.split('node_modules/').at(-1)!.replace('/package.json', '')}@${version}`]
    expect(listedName.some((each) => listed.has(each)), `${name} ${version} is not in the software bill`)
  }
  const notices = readFileSync(join(root, 'THIRD-PARTY-LICENSES'), 'utf8')
  for (const name of ['classic-level', 'fastify', `node-linux-${arch}`]) expect(notices.includes(`\n${name} `), `no licence of ${name}`)
  expect(notices.includes('LevelDB Authors'), 'no licence of LevelDB')
  const bytes = files.reduce((sum, path) => sum + statSync(join(root, path)).size, 0)
  return `${(bytes / 1024 ** 2).toFixed(0)} MiB unpacked, ${files.length} files, ${packages.length} packages`
}

/** Installs the bundle into a tree, twice, and checks it there. @returns whether it is installed */
export async function checkInstallation(report: Report, tree: string, bundle: Bundle): Promise<boolean> {
  const install = (): Promise<string> => run('bash', ['packer/scripts/install-bundle.sh', '--root', tree, bundle.file])
  return report.check('installation: twice the same, every file as built', async () => {
    await install()
    await install()
    const verify = (...args: string[]): ReturnType<typeof attempt> => attempt('chroot', [tree, '/usr/local/bin/pulse-node', 'verify-self', '--json', ...args])
    const { code, out, err } = await verify()
    expect(code === 0, `verify-self: exit code ${code}\n${err}`)
    const said = JSON.parse(out) as { ok: boolean; bundleHash: string; commit: string; files: number }
    expect(said.ok && said.bundleHash === bundle.sha256, 'verify-self names the bundle that was installed')
    await run('sh', ['-c', 'cd "$1" && echo "// changed" >> dist/cli/main.js && rm LICENSE && echo > node_modules/new.js', 'sh', `${tree}/opt/pulse-node/current`])
    const spoilt = await verify()
    const found = JSON.parse(spoilt.out) as { missing: string[]; changed: string[]; extra: string[] }
    expect(spoilt.code === 20, `verify-self of a spoilt installation: exit code ${spoilt.code}`)
    expect(JSON.stringify([found.missing, found.changed, found.extra]) === '[["LICENSE"],["dist/cli/main.js"],["node_modules/new.js"]]', `verify-self found ${spoilt.out}`)
    await install()
    expect((await verify()).code === 0, 'installing again mends it')
    return `${said.files} files`
  })
}

export async function checkUnit(report: Report, tree: string): Promise<void> {
  const units = readdirSync(join(ROOT, 'systemd')).filter((name) => /\.(service|mount|timer|path|target)$/.test(name))
  await report.check('units: systemd-analyze verify', async () => {
    for (const unit of units) {
      const { code, out, err } = await attempt('systemd-analyze', ['verify', '--man=no', `--root=${tree}`, unit])
      expect(code === 0 && out + err === '', `${unit}: ${out}${err}`)
    }
    return units.join(' ')
  })
}

/** Regular files under some folders, as paths from the root. */
function filesBelow(root: string, folders: readonly string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(join(root, '/').length))
      .sort(),
  )
}
