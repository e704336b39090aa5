// What a bundle leaves out of the packages that it carries: everything that is not read at run time. Licence texts stay.

export interface Target {
  readonly arch: 'x64' | 'arm64'
}

/** Folders in the root of a package. */
const FOLDERS = new Set([
  'test', 'tests', '__tests__', 'doc', 'docs', 'example', 'examples', 'bench', 'benchmark', 'benchmarks', 'coverage', 'fixtures', 'man', 'include', 'share',
])
const EXTENSIONS = /\.(?:[cm]?ts|map|md|markdown|html|zip|proto|wat|flow|ya?ml|cc?|cpp|h|hpp|gypi?|sh|in|o|a|tgz)$/i
/** Builds for browsers that libp2p's packages carry beside the one that Node loads. */
const BROWSER_BUILD = /^dist\/index\.min\.js$/

const LICENCE = /(?:^|\/)(?:licen[cs]e|copying|notice)[^/]*$/i

/** @param path from the root of the production tree: `node_modules/a/index.js` */
export function isLicence(path: string): boolean {
  return LICENCE.test(path) && !/\.(?:[cm]?js|ts|map|json)$/.test(path)
}

/** @param path as above */
export function isNeeded(path: string, { arch }: Target): boolean {
  const split = splitPackage(path)
  // npm's own files lie outside of any package: the hidden lock file, .bin.
  if (split === null) return false
  const { name, inside } = split
  if (/^node-linux-/.test(name)) return false
  const [first = ''] = inside.split('/')
  if (isLicence(path)) return !FOLDERS.has(first)
  if (inside.split('/').some((part) => part.startsWith('.'))) return false
  if (inside.includes('/') && FOLDERS.has(first)) return false
  if (name === 'classic-level' && (first === 'deps' || first === 'binding.js.gyp')) return false
  if (first === 'prebuilds') return inside.startsWith(`prebuilds/linux-${arch}/`) && !inside.includes('musl')
  return !EXTENSIONS.test(inside) && !BROWSER_BUILD.test(inside)
}

/** The innermost package that a file belongs to. */
export function splitPackage(path: string): { readonly name: string; readonly inside: string } | null {
  const at = path.lastIndexOf('node_modules/')
  const match = /^((?:@[^/]+\/)?[^/@.][^/]*)\/(.+)$/.exec(path.slice(at + 'node_modules/'.length))
  return at < 0 || match === null ? null : { name: match[1]!, inside: match[2]! }
}
