// `verify-self`: checks an installed bundle against its manifest.

import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { Failure } from '../../ops/failure.ts'
import type { TreeDifferences } from '../../ops/manifest.ts'
import { ROOT } from '../../ops/root.ts'
import type { Cli } from '../cli.ts'
import { action } from '../cli.ts'
import { printable, record } from '../output.ts'

/** What the bundle says of itself; `unknown` if it does not. */
interface Build {
  readonly version: string
  readonly commit: string
  readonly date: string
  readonly arch: string
  readonly node: string
}

const MAX_LISTED = 20

export function registerVerifySelf(program: Command, cli: Cli): void {
  const command = program
    .command('verify-self')
    .summary('check the installed files')
    .description('Check the installed program against the manifest of its bundle: files that are missing, changed, or not part of it.')
    .option('--root <dir>', 'an unpacked bundle (default: the one that runs this command)')
    .addHelpText('after', '\nExamples:\n  $ pulse-node verify-self\n  $ pulse-node verify-self --json')
  action(command, cli, async (run) => {
    const root = typeof run.options['root'] === 'string' ? run.options['root'] : fileURLToPath(ROOT)
    const { BUNDLE_HASH_NAME, compareTree, hashFile, hashTree, MANIFEST_NAME, parseManifest } = await import('../../ops/manifest.ts')
    const manifestPath = `${root.replace(/\/$/, '')}/${MANIFEST_NAME}`
    const manifest = parseManifest(await readManifest(manifestPath, root))
    const differences = compareTree(manifest, await hashTree(root))
    const facts = {
      root,
      ...(await readBuild(`${root}/build.json`)),
      manifestHash: await hashFile(manifestPath),
      bundleHash: (await read(`${root}/${BUNDLE_HASH_NAME}`))?.slice(0, 64) ?? null,
      files: manifest.size,
    }
    const wrong = differences.missing.length + differences.changed.length + differences.extra.length
    run.print({ ok: wrong === 0, ...facts, ...differences }, () =>
      record([
        ['result', wrong === 0 ? 'every file is as it was built' : 'not as it was built'],
        ['installed in', facts.root],
        ['version', facts.version],
        ['commit', facts.commit],
        ['built for', `${facts.arch}, Node.js ${facts.node}`],
        ['files', facts.files],
        ['manifest', facts.manifestHash],
        ['bundle', facts.bundleHash ?? '(not recorded: it was unpacked by hand)'],
      ]) + listed(differences),
    )
    if (wrong === 0) return
    const counts = (['missing', 'changed', 'extra'] as const).filter((kind) => differences[kind].length > 0).map((kind) => `${differences[kind].length} ${kind}`)
    throw new Failure('failed', `The installation in ${root} differs from its manifest: ${counts.join(', ')}`, 'Install the bundle again.')
  })
}

async function readManifest(path: string, root: string): Promise<string> {
  const text = await read(path)
  if (text !== null) return text
  throw new Failure('config', `There is no manifest in ${root}: it is no installed bundle`, 'Make one with npm run bundle, and install that.')
}

async function read(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch {
    return null
  }
}

async function readBuild(path: string): Promise<Build> {
  const text = await read(path)
  const build = parsed(text ?? '') as Partial<Record<keyof Build, unknown>> | null
  const member = (name: keyof Build): string => (typeof build?.[name] === 'string' ? build[name] : 'unknown')
  return { version: member('version'), commit: member('commit'), date: member('date'), arch: member('arch'), node: member('node') }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function listed(differences: TreeDifferences): string {
  const lines = (['missing', 'changed', 'extra'] as const).flatMap((kind) => differences[kind].map((path) => `${kind.padEnd(8)} ${printable(path)}\n`))
  const more = lines.length - MAX_LISTED
  return more <= 0 ? lines.join('') : `${lines.slice(0, MAX_LISTED).join('')}… and ${more} more: see --json.\n`
}
