// Joins the program and its packages into few files. As it is, a node loads some two thousand small modules when it starts, and to
// find, read and link them is half of its start. Names are kept and nothing is minified: a stack trace still reads like the source.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

/** Packages that stay as they are, with what they need: each brings a native module and looks for it beside its own files. */
const NATIVE = ['classic-level', '@chainsafe/hashtree']

/**
 * What starts by itself: the program, and its threads. All files are made in one directory, two below the root as the sources are,
 * so that those that look for a file by their own place find it.
 */
const ENTRIES = { main: 'src/cli/main.ts', 'core-thread': 'src/node/core-thread.ts', 'verify-worker': 'src/node/verify-worker.ts' }
export const PROGRAM_DIRECTORY = 'dist/cli'

/** @param root with `src` and the `node_modules` to take packages from @param out becomes the program's directory */
export async function joinProgram(root: string, out: string): Promise<void> {
  const { warnings } = await build({
    absWorkingDir: root,
    entryPoints: ENTRIES,
    outdir: out,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    keepNames: true,
    external: NATIVE,
    // Packages of the older kind call `require` for what Node.js itself has.
    banner: { js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);" },
    logLevel: 'error',
  })
  if (warnings.length > 0) throw new Error(warnings.map(({ text, location }) => `${location?.file}: ${text}`).join('\n'))
}

/**
 * Of the files of a production tree, those of the packages that stay as they are.
 * @param files from `root` @throws Error if another package has a native module: joined, it would not find it
 */
export function nativePackages(root: string, files: readonly string[]): string[] {
  const needed = new Set<string>()
  const visit = (name: string): void => {
    if (needed.has(name) || !files.includes(`node_modules/${name}/package.json`)) return
    needed.add(name)
    const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')) as Dependent
    for (const each of Object.keys({ ...dependencies, ...optionalDependencies })) visit(each)
  }
  NATIVE.forEach(visit)
  const stays = (path: string): boolean => needed.has(packageOf(path))
  const stray = files.find((path) => path.endsWith('.node') && !stays(path))
  if (stray !== undefined) throw new Error(`${stray} is a native module: name its package in packer/bundle/program.ts`)
  return files.filter(stays)
}

interface Dependent {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** The outermost package that a file belongs to: what it has of its own below goes with it. */
const packageOf = (path: string): string => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? ''
