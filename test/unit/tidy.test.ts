// The house rules, kept by a test: import directions, cycles, purity, and the form of files.

import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import type { Rule, Source } from './tidy-rules.ts'
import {
  explicitExtensions, fileSize, folderReadme, headerComment, importCycles, importDirections, MAX_LINES, MAY_IMPORT, MAY_MARK_VERIFIED, namedExports,
  noLooseEnds, noSemicolons, packages, purity, specifiers, verifiedBrand,
} from './tidy-rules.ts'

const root = new URL('../../', import.meta.url)

function read(folder: string): Source[] {
  return readdirSync(new URL(folder, root), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|md|js)$/.test(entry.name))
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(root.pathname.length))
    .sort()
    .map((path) => ({ path, text: readFileSync(new URL(path, root), 'utf8') }))
}

const project = [...read('src/'), ...read('test/')]

/** A rule, a source that breaks it with the message to expect, and one that keeps it. */
interface Case {
  readonly rule: Rule
  readonly breaks: readonly (readonly [path: string, text: string, message: string])[]
  readonly keeps: readonly (readonly [path: string, text: string])[]
}

const cases: Readonly<Record<string, Case>> = {
  'folders import only what lies below them': {
    rule: importDirections,
    breaks: [
      ['src/engine/step.ts', "import { store } from '../chain/store.ts'", 'src/engine/step.ts: engine must not import chain (src/chain/store.ts): return an effect'],
      ['src/engine/step.ts', "import type { Store } from '../chain/store.ts'", 'engine must not import chain'],
      ['src/engine/step.ts', "export { store } from '../chain/store.ts'", 'engine must not import chain'],
      ['src/engine/step.ts', "const s = await import('../chain/store.ts')", 'engine must not import chain'],
      ['src/engine/step.ts', "let s: import('../chain/store.ts').Store", 'engine must not import chain'],
      ['src/chain/store.ts', "import { view } from '../api/view.ts'", 'chain must not import api (src/api/view.ts): declare what you need as an interface'],
      ['src/consensus/round.ts', "import { apply } from '../ledger/apply.ts'", 'consensus must not import ledger'],
      ['src/base/bytes.ts', "import { sha256 } from '../crypto/hash.ts'", 'base must not import crypto'],
      ['src/base/bytes.ts', "import { helper } from '../../test/helper.ts'", 'which is not shipped'],
      ['src/unheard/of.ts', '', 'has no line in MAY_IMPORT'],
    ],
    keeps: [
      ['src/engine/step.ts', "import { apply } from '../ledger/apply.ts'\nimport './other.ts'\nimport t from 'tap'"],
      ['src/cli/start.ts', "import { startNode } from '../node/node.ts'"],
    ],
  },
  'there are no import cycles': {
    rule: importCycles,
    breaks: [
      ['src/base/a.ts', "import { a } from './a.ts'", 'src/base/a.ts -> src/base/a.ts: an import cycle'],
      ['src/base/a.ts', "import type { A } from './a.ts'", 'an import cycle'],
    ],
    keeps: [['src/base/a.ts', "import { b } from './b.ts'"]],
  },
  'packages and Node modules stay where they belong': {
    rule: packages,
    breaks: [
      ['src/engine/step.ts', "import { readFileSync } from 'node:fs'", 'pure code must not import node:fs: return an effect instead'],
      ['src/crypto/hash.ts', "import { createHash } from 'node:crypto'", 'pure code must not import node:crypto'],
      ['src/ledger/state.ts', "import { ContainerType } from '@chainsafe/ssz'", 'import protocol/ssz.ts'],
      ['src/ledger/state.ts', "import pino from 'pino'", 'pure code must not import pino'],
      ['src/device/sign.ts', "import { p256 } from '@noble/curves/nist.js'", 'there is one signature rule'],
      ['src/node/node.ts', "import { ClassicLevel } from 'classic-level'", 'must not import classic-level'],
    ],
    keeps: [
      ['src/crypto/verify.ts', "import { verify } from 'node:crypto'"],
      ['src/crypto/sign.ts', "import { p256 } from '@noble/curves/nist.js'"],
      ['src/node/node.ts', "import { Worker } from 'node:worker_threads'"],
    ],
  },
  'pure code has no clock, no chance, no input and output': {
    rule: purity,
    breaks: [
      ['src/ledger/a.ts', 'const now = Date.now()', 'pure code must not use Date.now: take the time as an argument'],
      ['src/ledger/a.ts', 'const now = new Date()', 'must not use new Date()'],
      ['src/ledger/a.ts', 'const now = performance.now()', 'must not use performance'],
      ['src/ledger/a.ts', 'const r = Math.random()', 'must not use Math.random'],
      ['src/sim/a.ts', 'const r = Math.random()', 'must not use Math.random'],
      ['src/ledger/a.ts', 'setTimeout(f, 1)', 'must not use setTimeout: return an effect'],
      ['src/ledger/a.ts', 'const later = setInterval', 'must not use setInterval'],
      ['src/ledger/a.ts', 'const later = () => [setImmediate]', 'must not use setImmediate'],
      ['src/ledger/a.ts', 'f({ process })', 'must not use process'],
      ['src/ledger/a.ts', 'if (process.env.X) f()', 'must not use process'],
      ['src/ledger/a.ts', "console.log('x')", 'must not use console'],
      ['src/ledger/a.ts', 'crypto.getRandomValues(bytes)', 'must not use crypto'],
      ['src/ledger/a.ts', 'async function f() {}', 'must not use async'],
      ['src/ledger/a.ts', 'const w = Math.exp(1)', 'must not use Math.exp: its last bit differs'],
      ['src/ledger/a.ts', 'const w = 0.4 * x', 'must not use 0.4: nodes agree on integers only'],
      ['src/ledger/a.ts', 'const w = 4e-1 * x', 'must not use 4e-1'],
      ['src/ledger/a.ts', 'names.sort((a, b) => a.localeCompare(b))', 'must not use localeCompare'],
    ],
    keeps: [
      ['src/ledger/a.ts', '// Date.now() is for others\nconst why = "Math.random()"\nconst a = { process: 1, crypto: 2 }\nconst b = a.process * 1e6 + Math.floor(3)\nfunction f(fetch: number) {}\nlet p: Promise<void>'],
      ['src/ops/clock.ts', 'export const now = () => Date.now()'],
      ['src/sim/a.ts', 'const lossy = draw() < 0.1'],
    ],
  },
  'only those who checked a signature say so': {
    rule: verifiedBrand,
    breaks: [['src/mempool/pool.ts', "import { markVerified } from '../crypto/verified.ts'", 'must not use markVerified: take a Verified<T> from the ingress']],
    keeps: [
      ['src/node/ingress.ts', "import { markVerified } from '../crypto/verified.ts'"],
      ['src/sim/world.ts', "import { markVerified } from '../crypto/verified.ts'"],
      ['src/mempool/pool.ts', "import type { Verified } from '../crypto/verified.ts'"],
    ],
  },
  'relative imports name their extension': {
    rule: explicitExtensions,
    breaks: [
      ['src/base/a.ts', "import { b } from './b'", "imports './b': write the extension (.ts)"],
      ['test/unit/a.test.ts', "import { b } from '../../src/base/b.js'", 'write the extension (.ts)'],
    ],
    keeps: [['src/base/a.ts', "import { b } from './b.ts'\nimport { sha256 } from '@noble/hashes/sha2.js'"]],
  },
  'every file in src begins with a comment that says what it is for': {
    rule: headerComment,
    breaks: [
      ['src/base/a.ts', 'export const a = 1', 'begin with a comment'],
      ['src/base/a.ts', '\n// Late.', 'begin with a comment'],
    ],
    keeps: [['src/base/a.ts', '// What the file is for.\nexport const a = 1']],
  },
  'exports have names': {
    rule: namedExports,
    breaks: [
      ['src/base/a.ts', 'export default 1', 'has a default export'],
      ['src/base/a.ts', 'export default function f() {}', 'has a default export'],
      ['src/base/a.ts', 'export default class A {}', 'has a default export'],
      ['src/base/a.ts', 'const a = 1\nexport { a as default }', 'has a default export'],
      ['src/base/a.ts', "export * from './b.ts'", 're-exports everything'],
    ],
    keeps: [['src/base/a.ts', "export const a = 1\nexport { b } from './b.ts'\nexport * as c from './c.ts'\nswitch (a) { default: }"]],
  },
  'lines do not end in a semicolon': {
    rule: noSemicolons,
    breaks: [
      ['src/base/a.ts', 'const a = 1\nconst b = 2; // two', 'line 2 ends in a semicolon'],
      ['test/unit/a.test.ts', 'class A {\n  a = 1;\n}', 'line 2 ends in a semicolon'],
      ['src/base/a.ts', 'interface A {\n  a: 1;\n}', 'line 2 ends in a semicolon'],
      ['src/base/a.ts', "import { b } from './b.ts';", 'line 1 ends in a semicolon'],
    ],
    keeps: [['src/base/a.ts', 'for (let i = 0; i < 1; i++) f()\nconst text = `a;\nb;\n`\n// a comment;\ntype A = { a: 1; b: 2 }\n']],
  },
  'nothing is left for later': {
    rule: noLooseEnds,
    breaks: ['TODO', 'FIXME', 'XXX'].map((word) => ['src/base/a.ts', `// ${word}: write it`, `has a ${word}`] as const),
    keeps: [['src/base/a.ts', '// all done']],
  },
  [`files have at most ${MAX_LINES} lines`]: {
    rule: fileSize,
    breaks: [['src/base/a.ts', '// a\n'.repeat(MAX_LINES + 1), `has ${MAX_LINES + 1} lines`]],
    keeps: [['src/base/a.ts', '// a\n'.repeat(MAX_LINES)]],
  },
  'every folder in src says what it owns and does not own': {
    rule: folderReadme,
    breaks: [['src/base/a.ts', '', 'src/base/README.md: is missing']],
    keeps: [['src/base/README.md', '']],
  },
}

for (const [sentence, { rule, breaks, keeps }] of Object.entries(cases)) {
  t.test(sentence, async (t) => {
    t.strictSame(rule(project), [])
  })
  t.test(`the rule can fail: ${sentence}`, async (t) => {
    for (const [path, text, message] of breaks) {
      const offences = rule([{ path, text }])
      t.ok(offences.some((offence) => offence.includes(message)), `${text.slice(0, 60)} in ${path}`, { offences, message })
    }
    for (const [path, text] of keeps) t.strictSame(rule([{ path, text }]), [], `${path} keeps it`)
  })
}

t.test('rules over several files can fail', async (t) => {
  const ring = ['a', 'b', 'c'].map((name, i) => ({ path: `src/base/${name}.ts`, text: `import './${'bca'[i]}.ts'` }))
  t.match(importCycles(ring), [/^src\/base\/a\.ts -> src\/base\/b\.ts -> src\/base\/c\.ts -> src\/base\/a\.ts/])
  const code = { path: 'src/base/a.ts', text: '' }
  t.match(folderReadme([code, { path: 'src/base/README.md', text: '**Owns** all.' }]), [/must say what the folder "Owns"/])
  t.strictSame(folderReadme([code, { path: 'src/base/README.md', text: '**Owns** all. **Does not own** none.' }]), [])
})

t.test('the rules look at the project', async (t) => {
  t.ok(project.some(({ path }) => path === 'src/base/bytes.ts'))
  t.ok(project.some(({ path }) => path === 'test/unit/tidy.test.ts'))
  const block = project.find(({ path }) => path === 'src/protocol/block.ts')!
  t.ok(specifiers(block).includes('../crypto/merkle.ts'))
})

t.test('the table of import directions has no cycle of its own', async (t) => {
  const order = Object.keys(MAY_IMPORT)
  for (const [i, folder] of order.entries()) {
    for (const below of MAY_IMPORT[folder]!) t.ok(order.indexOf(below) < i && order.includes(below), `${folder} lies above ${below}`)
  }
})

t.test('the list of those who may call markVerified has no stale entry', async (t) => {
  for (const place of Object.keys(MAY_MARK_VERIFIED)) t.ok(project.some(({ path }) => (place.endsWith('/') ? path.startsWith(place) : path === place)), `${place} exists`)
})
