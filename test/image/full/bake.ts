// Base image, bundle and bake.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Report } from '../report.ts'
import { expect, run } from '../tools.ts'
import { cacheDir } from '../tree.ts'

export interface Bundle {
  readonly directory: string
  readonly sha256: string
  readonly version: string
  readonly commit: string
  /** The program, unpacked for this machine. */
  readonly cli: string
}

const mebibytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(0)} MiB`

export async function buildBundle(report: Report, work: string): Promise<Bundle | null> {
  const directory = process.env['PULSE_IMAGE_BUNDLE'] ?? join(work, 'bundle')
  let bundle: Bundle | null = null
  await report.check('bundle for the image', async () => {
    if (process.env['PULSE_IMAGE_BUNDLE'] === undefined) await run(process.execPath, ['packer/bundle/build.ts', '--arch', 'x64', '--out', directory])
    const name = readdirSync(directory).find((file) => file.endsWith('-linux-x64.tar.gz'))
    expect(name !== undefined, 'no bundle was made')
    const unpacked = join(work, 'unpacked')
    mkdirSync(unpacked)
    await run('tar', ['-xzf', join(directory, name), '-C', unpacked])
    const [folder] = readdirSync(unpacked)
    const { version, commit } = JSON.parse(readFileSync(join(unpacked, folder!, 'build.json'), 'utf8')) as { version: string; commit: string }
    const bytes = readFileSync(join(directory, name))
    bundle = { directory, version, commit, sha256: createHash('sha256').update(bytes).digest('hex'), cli: join(unpacked, folder!, 'bin/pulse-node') }
    return mebibytes(bytes.length)
  })
  return bundle
}

/** Made once, and kept for as long as its recipe stays the same. */
export async function baseImage(report: Report): Promise<string | null> {
  const recipe = join(import.meta.dirname, 'base-image.sh')
  const key = createHash('sha256').update(readFileSync(recipe)).digest('hex').slice(0, 16)
  const file = join(cacheDir(), `base-${key}.qcow2`)
  const made = await report.check('base image', async () => {
    const cached = existsSync(file)
    mkdirSync(cacheDir(), { recursive: true })
    if (!cached) await run('bash', [recipe, file])
    return `${mebibytes(statSync(file).size)}, ${cached ? 'from the cache' : 'made now'}`
  })
  return made ? file : null
}

interface Baked {
  readonly file: string
}

interface Manifest {
  readonly builds: readonly { readonly builder_type: string; readonly name: string; readonly files: readonly { readonly name: string; readonly size: number }[]; readonly custom_data: Readonly<Record<string, string>> }[]
}

const manifestOf = (directory: string): Manifest => JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8')) as Manifest

/** Where a bake left its disk. */
export const bakedDisk = (directory: string): string => join(directory, 'local', manifestOf(directory).builds[0]!.files[0]!.name)

export async function bake(report: Report, { bundle, base, out, baked }: { bundle: Bundle; base: string; out: string; baked: string | undefined }): Promise<Baked | null> {
  const directory = baked ?? out
  const built = baked !== undefined || (await report.check('packer build -only=qemu.local', async () => {
    await run('bash', ['packer/bake.sh', 'local', bundle.directory, out], { env: { BASE_IMAGE: base } })
  }))
  if (!built) return null
  let file: string | null = null
  await report.check('manifest: one build, its disk, version, commit and bundle', () => {
    const { builds } = manifestOf(directory)
    const [build, ...more] = builds
    expect(build !== undefined && more.length === 0, `there are ${builds.length} builds`)
    expect(build.builder_type === 'qemu' && build.name === 'local', `it is a build of ${build.builder_type}.${build.name}`)
    const { version, commit, bundle_sha256: sha256 } = build.custom_data
    expect(version === bundle.version && sha256 === bundle.sha256, `it tells of version ${version}, bundle ${sha256}`)
    expect(commit !== '' && bundle.commit.startsWith(commit!), `it tells of commit ${commit}`)
    const [disk] = build.files
    expect(disk !== undefined, 'it names no disk')
    const path = bakedDisk(directory)
    expect(statSync(path).size === disk.size, 'the disk has another size than the manifest says')
    file = path
    return `image ${mebibytes(disk.size)} (qcow2), base ${mebibytes(statSync(base).size)}`
  })
  return file === null ? null : { file }
}
