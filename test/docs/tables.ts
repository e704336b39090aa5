// The tables of docs/*.md that follow from the code. `node test/docs/write.ts` puts them in place; a test compares.

import { readFileSync } from 'node:fs'
import { EXIT_CODES } from '../../src/ops/failure.ts'
import { envOf, flagOf, SETTING_NAMES, settingOf } from '../../src/ops/settings.ts'
import { HEART_RATE_PPM, levelPpm, MIN_BPM, rateLevel } from '../../src/protocol/levels.ts'
import { AMOUNT_RANGES, DEFAULT_PARAMS, PARAM_RANGES, ParamsSsz } from '../../src/protocol/params.ts'
import { REASONS } from '../../src/protocol/reason.ts'

const ROOT = new URL('../../', import.meta.url)

/** Pages that hold generated tables. */
export const PAGES = ['docs/protocol.md', 'docs/operations.md'] as const

export const readPage = (page: string): string => readFileSync(new URL(page, ROOT), 'utf8')
export const pageUrl = (page: string): URL => new URL(page, ROOT)

/** The page with every generated table in place. @throws for a marker without a table */
export function withTables(text: string): string {
  return text.replace(/<!-- table:([a-z-]+) -->\n[\s\S]*?<!-- end -->/g, (_, name: string) => {
    const table = TABLES[name]
    if (table === undefined) throw new Error(`no table ${name}`)
    return `<!-- table:${name} -->\n${table()}\n<!-- end -->`
  })
}

const rows = (head: readonly string[], body: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

const TABLES: Readonly<Record<string, () => string>> = {
  'heart-rate': heartRate,
  params,
  reasons: () => rows(['code', 'verdict', 'HTTP', 'meaning'], Object.entries(REASONS).map(([code, { verdict, status, text }]) => [`\`${code}\``, verdict, String(status), text])),
  settings,
  'exit-codes': () => rows(['code', 'name'], Object.entries(EXIT_CODES).map(([name, code]) => [String(code), `\`${name}\``])),
  vectors,
}

function heartRate(): string {
  const body: string[][] = []
  for (let first = MIN_BPM; first <= 220; first += 10) {
    const cells = HEART_RATE_PPM.slice(first - MIN_BPM, first - MIN_BPM + 10).map(String)
    body.push([`${first}`, ...cells, ...Array<string>(10 - cells.length).fill('')])
  }
  const starts = Array.from({ length: 8 }, (_, level) => HEART_RATE_PPM.findIndex((_ppm, i) => rateLevel(MIN_BPM + i) === level) + MIN_BPM)
  const levels = rows(['level', ...starts.map((_, level) => String(level))], [
    ['from bpm', ...starts.map((bpm) => (bpm < MIN_BPM ? '–' : String(bpm)))],
    ['worth, ppm', ...starts.map((_, level) => String(levelPpm(level)))],
  ])
  return `${rows(['bpm', ...Array.from({ length: 10 }, (_, i) => `+${i}`)], body)}\n\n${levels}`
}

function params(): string {
  const types = new Map(Object.entries(ParamsSsz.fields).map(([name, type]) => [name, type.typeName]))
  const ranges = new Map<string, readonly (number | bigint)[]>(Object.entries({ ...PARAM_RANGES, ...AMOUNT_RANGES }))
  return rows(['parameter', 'type', 'default', 'range'], Object.entries(DEFAULT_PARAMS).map(([name, value]) => {
    return [`\`${name}\``, types.get(name)!.replace('uintBigint', 'uint'), String(value), ranges.get(name)?.join('…') ?? '']
  }))
}

function settings(): string {
  return rows(['name in the file', 'flag', 'environment', 'default', 'what'], SETTING_NAMES.map((name) => {
    const { default: value, description } = settingOf(name)
    const shown = name === 'verifyThreads' ? 'cores, at most 8' : Array.isArray(value) ? 'none' : String(value)
    return [`\`${name}\``, `\`${flagOf(name)}\``, `\`${envOf(name)}\``, shown, description]
  }))
}

/** Some of the frozen vectors, as a worked example. */
function vectors(): string {
  const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), 'utf8'))
  const [key] = read('keys') as { secretKey: string; tagged: string; text: string }[]
  const [heartbeat] = read('heartbeat') as Record<string, string>[]
  const transfer = read('transfer') as Record<string, string>
  const governance = read('governance') as Record<string, { transaction: string; id: string }>
  const [vote] = read('vote') as Record<string, string>[]
  const block = read('block') as { id: string; header: Record<string, string> }
  const genesis = read('genesis') as { hash: string }
  const lines: [string, string | undefined][] = [
    ['P-256 secret key', key?.secretKey],
    ['tagged public key', key?.tagged],
    ['genesis hash', genesis.hash],
    ['heartbeat: signed bytes', heartbeat?.['message']],
    ['heartbeat: signature', heartbeat?.['signature']],
    ['heartbeat: id', heartbeat?.['id']],
    ['heartbeat: name', heartbeat?.['name']],
    ['transfer: signed bytes', transfer['message']],
    ['transfer: id', transfer['id']],
    ['leave: transaction', governance['leave']?.transaction],
    ['leave: id', governance['leave']?.id],
    ['prevote: signed bytes', vote?.['message']],
    ['block: body root', block.header['bodyRoot']],
    ['block: id', block.id],
  ]
  return rows(['what', 'hex'], lines.map(([what, hex]) => {
    if (hex === undefined) throw new Error(`no vector for ${what}`)
    return [what, `\`${hex}\``]
  })) + `\n\nAs text, the key is \`${key?.text}\`.`
}
