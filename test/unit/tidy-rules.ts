// The house rules as functions over source texts, so that each can be shown to fail (tidy.test.ts).

import { posix } from 'node:path'
import ts from 'typescript'

/** One file of the project. */
export interface Source {
  /** From the project root, with forward slashes: `src/base/bytes.ts`. */
  readonly path: string
  readonly text: string
}

/** One line per offence, with the file's path first; empty if the rule is kept. */
export type Rule = (sources: readonly Source[]) => string[]

/** Folder → the folders that it may import, besides itself. A folder that is not listed here may not exist. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  crypto: ['base'],
  protocol: ['base', 'crypto'],
  ledger: ['base', 'crypto', 'protocol'],
  mempool: ['base', 'crypto', 'protocol'],
  consensus: ['base', 'crypto', 'protocol'],
  sync: ['base', 'crypto', 'protocol'],
  engine: ['base', 'crypto', 'protocol', 'ledger', 'mempool', 'consensus'],
  sim: ['base', 'crypto', 'protocol', 'ledger', 'mempool', 'consensus', 'sync', 'engine'],
  ops: ['base', 'crypto', 'protocol'],
  chain: ['base', 'crypto', 'protocol', 'ops'],
  network: ['base', 'crypto', 'protocol', 'ops'],
  api: ['base', 'crypto', 'protocol', 'ops'],
  device: ['base', 'crypto', 'protocol'],
  node: ['base', 'crypto', 'protocol', 'ledger', 'mempool', 'consensus', 'sync', 'engine', 'ops', 'chain', 'network', 'api', 'device'],
  cli: ['base', 'crypto', 'protocol', 'ledger', 'mempool', 'consensus', 'sync', 'engine', 'sim', 'ops', 'chain', 'network', 'api', 'device', 'node'],
}

/** Synchronous, no clock, no I/O, no randomness: these run whole inside the simulator. */
export const PURE = ['base', 'crypto', 'protocol', 'ledger', 'mempool', 'consensus', 'sync', 'engine', 'sim']

/** What to do instead of importing a folder that lies above, or beside. */
const INSTEAD: Readonly<Record<string, string>> = {
  ledger: 'take what you need as an argument; the engine knows both',
  mempool: 'take what you need as an argument; the engine knows both',
  consensus: 'take what you need as an argument; the engine knows both',
  sync: 'take what you need as an argument; node/ knows both',
  engine: 'let the engine call you',
  sim: 'the simulator is for tests',
  ops: 'take the value as an argument',
  chain: 'return an effect, or declare what you need as an interface of your own',
  network: 'declare what you need as an interface of your own; node/ wires it',
  api: 'declare what you need as an interface of your own; node/ wires it',
  device: 'move what both need to protocol/',
  node: 'take it as a dependency; node/node.ts wires it',
  cli: 'pass it on from the command as an option',
}

/** Packages (and Node modules) that only some files may import, with the reason. A folder's name ends in a slash. */
const ONLY_IN: Readonly<Record<string, { readonly files: readonly string[]; readonly why: string }>> = {
  '@chainsafe/ssz': { files: ['src/protocol/ssz.ts'], why: 'import protocol/ssz.ts: the hasher must be set first' },
  '@chainsafe/persistent-merkle-tree': { files: ['src/crypto/hasher.ts'], why: 'use crypto/merkle.ts' },
  '@chainsafe/hashtree': { files: ['src/crypto/', 'src/ledger/tree.ts'], why: 'use crypto/merkle.ts' },
  '@noble/curves': { files: ['src/crypto/'], why: 'use crypto/sign.ts and crypto/verify.ts: there is one signature rule' },
  '@noble/hashes': { files: ['src/crypto/'], why: 'use crypto/hash.ts' },
  '@scure/base': { files: ['src/crypto/', 'src/device/', 'src/api/'], why: 'use crypto/keys.ts' },
  'classic-level': { files: ['src/chain/'], why: 'the store is the only one who knows its database' },
  libp2p: { files: ['src/network/'], why: 'peers are reached through network/' },
  fastify: { files: ['src/api/'], why: 'HTTP ends in api/' },
  commander: { files: ['src/cli/'], why: 'the command line ends in cli/' },
}

/** Node modules that pure files may import. Each is a function of its arguments, and far faster than the portable one. */
const PURE_NODE_MODULES: Readonly<Record<string, readonly string[]>> = {
  'src/crypto/verify.ts': ['node:crypto'],
}

/** The few who may say that signatures have been checked, and how they know. A folder's name ends in a slash. */
export const MAY_MARK_VERIFIED: Readonly<Record<string, string>> = {
  'src/node/ingress.ts': 'has just checked what came by HTTP',
  'src/node/gossip.ts': 'has just checked what came by gossip',
  'src/node/chain-sync.ts': 'hands on what sync-check.ts has just checked',
  'src/node/assembler.ts': 'puts a block together from parts that were checked',
  'src/node/runner.ts': 'has just signed it',
  'src/node/verify-chain.ts': 'has just checked the chain, offline',
  'src/node/wal-codec.ts': 'reads what was checked before it was logged',
  'src/sim/': 'its keys are honest by construction',
}

export const MAX_LINES = 400

const within = (path: string, places: readonly string[]): boolean => places.some((place) => (place.endsWith('/') ? path.startsWith(place) : path === place))
const inSrc = ({ path }: Source): boolean => path.startsWith('src/')
const isTypeScript = ({ path }: Source): boolean => path.endsWith('.ts')
/** `ledger` for `src/ledger/state.ts`. */
const folderOf = (path: string): string => path.split('/')[1] ?? ''

const parsed = new WeakMap<Source, ts.SourceFile>()

function parse(source: Source): ts.SourceFile {
  let file = parsed.get(source)
  if (file === undefined) {
    file = ts.createSourceFile(source.path, source.text, ts.ScriptTarget.Latest, true)
    parsed.set(source, file)
  }
  return file
}

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node)
  node.forEachChild((child) => walk(child, visit))
}

/** Every module specifier in a file: imports, re-exports, dynamic imports and import types. */
export function specifiers(source: Source): string[] {
  const found: string[] = []
  walk(parse(source), (node) => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined && ts.isStringLiteral(node.moduleSpecifier)) {
      found.push(node.moduleSpecifier.text)
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments
      found.push(argument !== undefined && ts.isStringLiteralLike(argument) ? argument.text : '(computed)')
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
      found.push(node.argument.literal.text)
    }
  })
  return found
}

const relative = (specifier: string): boolean => specifier.startsWith('.')
const resolve = (from: string, specifier: string): string => posix.join(posix.dirname(from), specifier)
/** `@scope/name` or `name` of a specifier that may go on into the package. */
const packageOf = (specifier: string): string => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')

const eachSource = (applies: (source: Source) => boolean, check: (source: Source) => string[]): Rule => {
  return (sources) => sources.filter(applies).flatMap((source) => check(source).map((offence) => `${source.path}: ${offence}`))
}

const typeScriptInSrc = (source: Source): boolean => inSrc(source) && isTypeScript(source)

export const importDirections: Rule = eachSource(typeScriptInSrc, (source) => {
  const from = folderOf(source.path)
  const allowed = MAY_IMPORT[from]
  if (allowed === undefined) return [`the folder ${from} has no line in MAY_IMPORT (test/unit/tidy-rules.ts)`]
  return specifiers(source)
    .filter(relative)
    .map((specifier) => resolve(source.path, specifier))
    .flatMap((target) => {
      if (!target.startsWith('src/')) return [`imports ${target}, which is not shipped: move it into src/`]
      const to = folderOf(target)
      if (to === from || allowed.includes(to)) return []
      return [`${from} must not import ${to} (${target}): ${INSTEAD[to] ?? 'move what both need into a folder below both'}`]
    })
})

export const importCycles: Rule = (sources) => {
  const files = new Map(sources.filter(typeScriptInSrc).map((source) => [source.path, source]))
  const finished = new Set<string>()
  const stack: string[] = []
  const cycles: string[] = []
  const visit = (path: string): void => {
    const source = files.get(path)
    if (source === undefined || finished.has(path)) return
    const start = stack.indexOf(path)
    if (start >= 0) {
      cycles.push(`${[...stack.slice(start), path].join(' -> ')}: an import cycle; move what they share into a file of its own`)
      return
    }
    stack.push(path)
    for (const specifier of specifiers(source)) if (relative(specifier)) visit(resolve(path, specifier))
    stack.pop()
    finished.add(path)
  }
  for (const path of files.keys()) visit(path)
  return cycles
}

export const packages: Rule = eachSource(typeScriptInSrc, (source) => {
  const pure = PURE.includes(folderOf(source.path))
  return specifiers(source)
    .filter((specifier) => !relative(specifier))
    .flatMap((specifier) => {
      if (specifier.startsWith('node:')) {
        return !pure || PURE_NODE_MODULES[source.path]?.includes(specifier) === true ? [] : [`pure code must not import ${specifier}: return an effect instead`]
      }
      const rule = ONLY_IN[packageOf(specifier)]
      if (rule !== undefined) return within(source.path, rule.files) ? [] : [`must not import ${specifier}: ${rule.why}`]
      return pure ? [`pure code must not import ${specifier}: no rule allows it (ONLY_IN in test/unit/tidy-rules.ts)`] : []
    })
})

/** Globals that bring a clock, chance, I/O or the machine's locale into pure code, and what to do instead. */
const IMPURE_GLOBALS: Readonly<Record<string, string>> = {
  performance: 'take the time as an argument',
  setTimeout: 'return an effect',
  setInterval: 'return an effect',
  setImmediate: 'return an effect',
  queueMicrotask: 'return an effect',
  process: 'take the value as an argument',
  console: 'return an effect',
  fetch: 'return an effect',
  crypto: 'take the bytes as an argument',
  Intl: 'compare bytes: locales differ between machines',
  Promise: 'pure code is synchronous',
  globalThis: 'name what you use',
}
const IMPURE_MEMBERS: Readonly<Record<string, string>> = {
  'Date.now': 'take the time as an argument',
  'Math.random': 'take a seeded source as an argument',
}
/** Their last bit differs between engines. `Math.sqrt` is exact, and for integers isqrt is better still. */
const INEXACT_MATH = ['exp', 'expm1', 'log', 'log2', 'log10', 'log1p', 'pow', 'sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'atan2', 'sinh', 'cosh', 'tanh', 'cbrt', 'hypot']
const LOCALE_METHODS = ['localeCompare', 'toLocaleString', 'toLocaleLowerCase', 'toLocaleUpperCase', 'toLocaleDateString', 'toLocaleTimeString']

export const purity: Rule = eachSource(
  (source) => typeScriptInSrc(source) && PURE.includes(folderOf(source.path)),
  (source) => {
    const offences: string[] = []
    // The simulator draws its faults as it likes: nodes need not agree on them.
    const agreed = folderOf(source.path) !== 'sim'
    walk(parse(source), (node) => {
      if (ts.isPropertyAccessExpression(node)) {
        const member = `${node.expression.getText()}.${node.name.text}`
        const instead = IMPURE_MEMBERS[member]
        if (instead !== undefined) offences.push(`pure code must not use ${member}: ${instead}`)
        if (agreed && node.expression.getText() === 'Math' && INEXACT_MATH.includes(node.name.text)) {
          offences.push(`pure code must not use ${member}: its last bit differs between engines; use integers or a table`)
        }
        if (LOCALE_METHODS.includes(node.name.text)) offences.push(`pure code must not use ${node.name.text}: compare bytes, as locales differ between machines`)
      } else if (ts.isIdentifier(node) && isGlobalUse(node)) {
        const instead = IMPURE_GLOBALS[node.text]
        if (instead !== undefined) offences.push(`pure code must not use ${node.text}: ${instead}`)
      } else if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && (node.arguments?.length ?? 0) === 0) {
        offences.push('pure code must not use new Date(): take the time as an argument')
      } else if (node.kind === ts.SyntaxKind.AsyncKeyword || ts.isAwaitExpression(node)) {
        offences.push('pure code must not use async or await: it is synchronous; return an effect')
      } else if (agreed && ts.isNumericLiteral(node) && /^[0-9_]*\.|e-/i.test(node.getText())) {
        offences.push(`pure code must not use ${node.getText()}: nodes agree on integers only; count in a smaller unit`)
      }
    })
    return offences
  },
)

/** True if an identifier is used as a value: it is neither declared here, nor the name of a member, nor part of a type. */
function isGlobalUse(node: ts.Identifier): boolean {
  const { parent } = node
  if ('name' in parent && parent.name === node) return ts.isShorthandPropertyAssignment(parent)
  return !('propertyName' in parent && parent.propertyName === node) && !ts.isTypeReferenceNode(parent) && !ts.isQualifiedName(parent)
}

export const verifiedBrand: Rule = eachSource(typeScriptInSrc, (source) => {
  if (source.path === 'src/crypto/verified.ts' || within(source.path, Object.keys(MAY_MARK_VERIFIED))) return []
  let used = false
  walk(parse(source), (node) => {
    if (ts.isIdentifier(node) && node.text === 'markVerified') used = true
  })
  return used ? ['must not use markVerified: take a Verified<T> from the ingress (MAY_MARK_VERIFIED in test/unit/tidy-rules.ts)'] : []
})

export const explicitExtensions: Rule = eachSource(isTypeScript, (source) =>
  specifiers(source)
    .filter((specifier) => relative(specifier) && !/\.(ts|json)$/.test(specifier))
    .map((specifier) => `imports '${specifier}': write the extension (.ts)`),
)

export const headerComment: Rule = eachSource(typeScriptInSrc, ({ text }) =>
  /^(#!.*\n)?\/\/ \S/.test(text) ? [] : ['begin with a comment that says what the file is for'],
)

export const namedExports: Rule = eachSource(typeScriptInSrc, (source) => {
  const offences: string[] = []
  walk(parse(source), (node) => {
    const isDefault = ts.isExportAssignment(node) || node.kind === ts.SyntaxKind.DefaultKeyword && ts.canHaveModifiers(node.parent)
    if (isDefault || (ts.isExportSpecifier(node) && node.name.text === 'default')) offences.push('has a default export: export by name')
    if (ts.isExportDeclaration(node) && node.exportClause === undefined) offences.push('re-exports everything (a barrel): import from the file itself')
  })
  return offences
})

/** Statement lines do not end in a semicolon. */
export const noSemicolons: Rule = eachSource(isTypeScript, (source) => {
  const file = parse(source)
  const offences: string[] = []
  walk(file, (node) => {
    if (!ts.isStatement(node) && !ts.isClassElement(node) && !ts.isTypeElement(node)) return
    const end = node.getEnd()
    const endsLine = /^[ \t]*(\/\/.*)?(\n|$)/.test(source.text.slice(end, end + 200))
    if (source.text[end - 1] === ';' && endsLine) offences.push(`line ${file.getLineAndCharacterOfPosition(end - 1).line + 1} ends in a semicolon: leave it out`)
  })
  return offences
})

export const noLooseEnds: Rule = eachSource(
  ({ path }) => !path.includes('tidy'),
  ({ text }) => {
    const match = /\b(TODO|FIXME|XXX)\b/.exec(text)
    return match === null ? [] : [`has a ${match[0]}: do it, or open an issue`]
  },
)

export const fileSize: Rule = eachSource(typeScriptInSrc, ({ text }) => {
  const lines = text.split('\n').length - 1
  return lines > MAX_LINES ? [`has ${lines} lines, the maximum is ${MAX_LINES}: split it by what changes together`] : []
})

export const folderReadme: Rule = (sources) => {
  const folders = new Set(sources.filter(typeScriptInSrc).map(({ path }) => folderOf(path)))
  return [...folders].flatMap((folder) => {
    const path = `src/${folder}/README.md`
    const readme = sources.find((source) => source.path === path)
    if (readme === undefined) return [`${path}: is missing: say what the folder owns and does not own`]
    const missing = [/\bOwns\b/, /\bDoes not own\b/].some((part) => !part.test(readme.text))
    return missing ? [`${path}: must say what the folder "Owns" and what it "Does not own"`] : []
  })
}
