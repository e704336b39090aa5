// `npm run test:image [-- --full]`: does the image work? Quick mode builds the bundles, checks scripts, templates and units,
// and boots an installed Debian under systemd-nspawn. `--full` then bakes a machine image and boots it under QEMU.
// It installs programs that it lacks if it may. The last line is `N passed, N failed, N skipped`; the exit code is zero only
// if nothing failed.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { checkBoot } from './check-boot.ts'
import { checkBundles, checkExposure, checkInstallation, checkScripts, checkTemplate, checkUnit } from './check-static.ts'
import type { Report } from './report.ts'
import { createReport } from './report.ts'
import { cachedTree, debianSources, unpackTree } from './tree.ts'
import { cannotBoot, ensureTools } from './tools.ts'

const { values } = parseArgs({ options: { full: { type: 'boolean', default: false }, keep: { type: 'boolean', default: false } } })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const report = createReport()
const work = mkdtempSync(join(tmpdir(), 'pulse-image-'))
process.once('exit', () => {
  if (values.keep) console.log(`kept: ${work}`)
  else rmSync(work, { recursive: true, force: true })
})

const BOOTED = 'a machine that is booted'

async function quick(): Promise<void> {
  const missing = await ensureTools(['shellcheck', 'packer', 'mmdebstrap', 'systemd-nspawn', 'systemd-analyze', 'strace'])
  await checkScripts(report, missing)
  await checkExposure(report, missing)
  await checkTemplate(report, missing)
  const bundle = await checkBundles(report, work)
  if (bundle === null) return

  const needed = ['mmdebstrap', 'systemd-nspawn', 'systemd-analyze', 'strace'].map((program) => missing.get(program)).find((why) => why !== undefined)
  const sources = await debianSources()
  const why = needed ?? (await cannotBoot()) ?? (sources === null ? 'apt here knows no Debian' : null)
  if (why !== null || sources === null) return report.skip(BOOTED, why ?? '')
  const tree = join(work, 'tree')
  const unpacked = await report.check('Debian tree', async () => {
    const { archive, cached } = await cachedTree(sources)
    await unpackTree(archive, tree)
    return `${sources.suite}, ${cached ? 'from the cache' : 'made now'}`
  })
  if (!unpacked || !(await checkInstallation(report, tree, bundle))) return
  await checkUnit(report, tree)
  await checkBoot(report, tree, work)
}

await quick()
if (values.full) {
  const { full } = (await import(new URL('./full.ts', import.meta.url).href)) as { full: (report: Report) => Promise<void> }
  await full(report)
}
process.exit(report.finish())
