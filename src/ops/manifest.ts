// The manifest of an installed tree: one line per file, `SHA-256  path`, as sha256sum writes and checks it.
// A bundle carries it, `pulse-node verify-self` compares.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Failure } from './failure.ts'

export const MANIFEST_NAME = 'MANIFEST.sha256'
/** Written when a bundle is installed: the hash of the archive that it came in. */
export const BUNDLE_HASH_NAME = 'BUNDLE.sha256'

/** Path from the tree's root, with forward slashes → SHA-256, hex; null for what is no regular file. */
export type TreeHashes = ReadonlyMap<string, string | null>

export interface TreeDifferences {
  /** In the manifest and not in the tree. */
  readonly missing: readonly string[]
  /** Other content, or no regular file. */
  readonly changed: readonly string[]
  /** In the tree and not in the manifest. */
  readonly extra: readonly string[]
}

/** Neither can hold its own hash. */
const NOT_LISTED: ReadonlySet<string> = new Set([MANIFEST_NAME, BUNDLE_HASH_NAME])

export async function hashTree(root: string): Promise<TreeHashes> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const hashes = new Map<string, string | null>()
  for (const entry of entries) {
    if (entry.isDirectory()) continue
    const path = join(entry.parentPath, entry.name)
    const name = relative(root, path).split(sep).join('/')
    if (!NOT_LISTED.has(name)) hashes.set(name, entry.isFile() ? await hashFile(path) : null)
  }
  return hashes
}

/** @returns SHA-256, hex */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

/** @throws RangeError for what a manifest cannot say: a line break in a name, something that is no regular file */
export function manifestText(tree: TreeHashes): string {
  const lines = [...tree].map(([path, hash]) => {
    if (hash === null || /[\n\r\\]/.test(path)) throw new RangeError(`${path} cannot be in a manifest`)
    return `${hash}  ${path}\n`
  })
  return lines.sort((a, b) => (a.slice(66) < b.slice(66) ? -1 : 1)).join('')
}

/** @throws Failure `corrupt` */
export function parseManifest(text: string): ReadonlyMap<string, string> {
  const hashes = new Map<string, string>()
  if (!text.endsWith('\n')) throw broken('has been cut short')
  for (const [at, line] of text.slice(0, -1).split('\n').entries()) {
    const [, hash, path] = /^([0-9a-f]{64}) {2}([^/].*)$/.exec(line) ?? []
    if (hash === undefined || path === undefined || path.split('/').includes('..')) throw broken(`has a wrong line ${at + 1}`)
    if (hashes.has(path)) throw broken(`lists ${path} twice`)
    hashes.set(path, hash)
  }
  return hashes
}

const broken = (how: string): Failure => new Failure('corrupt', `The manifest ${MANIFEST_NAME} ${how}`, 'Install the bundle again.')

export function compareTree(manifest: ReadonlyMap<string, string>, tree: TreeHashes): TreeDifferences {
  const listed = [...manifest.keys()].sort()
  return {
    missing: listed.filter((path) => !tree.has(path)),
    changed: listed.filter((path) => tree.has(path) && tree.get(path) !== manifest.get(path)),
    extra: [...tree.keys()].filter((path) => !manifest.has(path)).sort(),
  }
}
