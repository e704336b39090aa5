// `npm run test:image -- --full`: bakes the image with Packer, looks into it without booting it, and boots it under QEMU as EC2
// boots an AMI: firmware, metadata service, user-data. Needs no KVM; without it this takes 15 to 30 minutes on two cores.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bake, baseImage, buildBundle } from './full/bake.ts'
import { toRaw } from './full/images.ts'
import { checkHygiene } from './full/hygiene.ts'
import { checkBase, checkInstance } from './full/instance.ts'
import { checkSsh } from './full/ssh.ts'
import { checkThree } from './full/three.ts'
import type { Report } from './report.ts'
import { attempt, ensureTools, has } from './tools.ts'

/** Of Debian, for what ensureTools() does not name. */
const PACKAGES = ['qemu-system-x86', 'qemu-utils', 'grub-common', 'grub-pc-bin', 'e2fsprogs', 'genisoimage', 'openssh-client'] as const
const PROGRAMS = ['qemu-system-x86_64', 'qemu-img', 'grub-mkimage', 'debugfs', 'genisoimage', 'ssh-keygen', 'packer', 'mmdebstrap'] as const

/** What each step leaves for the next. */
export interface Bench {
  readonly report: Report
  readonly work: string
  /** Of the program, for this machine: client commands run from here. */
  readonly cli: string
  /** The baked disk with the test's shell in it, raw; every instance starts from it. */
  readonly image: string
  readonly base: string
}

export async function full(report: Report): Promise<void> {
  const startedMs = performance.now()
  const why = await cannotRun()
  if (why !== null) return report.skip('image: baked and booted', why)
  // PULSE_IMAGE_BAKED names the directory of an earlier bake: for work on this test, never for a proof.
  const baked = process.env['PULSE_IMAGE_BAKED']
  const work = mkdtempSync(join(process.env['PULSE_IMAGE_WORK'] ?? tmpdir(), 'pulse-full-'))
  const keep = process.argv.includes('--keep')
  process.once('exit', () => {
    if (keep) console.log(`kept: ${work}`)
    else rmSync(work, { recursive: true, force: true })
  })
  const bundle = await buildBundle(report, work)
  const base = bundle === null ? null : await baseImage(report)
  if (bundle === null || base === null) return
  const disk = await bake(report, { bundle, base, out: join(work, 'bake'), baked })
  if (disk === null) return
  const bench: Bench = { report, work, cli: bundle.cli, image: join(work, 'image.raw'), base }
  await toRaw(disk.file, bench.image)
  mkdirSync(join(work, 'files'))
  await checkHygiene(bench, bundle)
  await checkInstance(bench, await checkBase(bench))
  await checkThree(bench)
  await checkSsh(bench, bundle)
  report.note('full test', `${((performance.now() - startedMs) / 60_000).toFixed(1)} min`)
}

async function cannotRun(): Promise<string | null> {
  if (process.arch !== 'x64') return 'the local image is for x86_64'
  if (process.getuid?.() !== 0) return 'making the base image needs root'
  if (PROGRAMS.some((program) => !has(program)) && has('apt-get')) {
    await attempt('apt-get', ['-o', 'DPkg::Lock::Timeout=120', '-q', '-y', 'install', '--no-install-recommends', ...PACKAGES], { env: { DEBIAN_FRONTEND: 'noninteractive' } })
  }
  const missing = await ensureTools(PROGRAMS)
  return missing.size === 0 ? null : [...missing.values()].join('; ')
}
