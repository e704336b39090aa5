// THIRD-PARTY-LICENSES: whose work a bundle carries, and under which terms.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isLicence, splitPackage } from './prune.ts'

export interface Notice {
  /** `name version` */
  readonly title: string
  /** SPDX expression that the package declares. */
  readonly licence: string
  readonly texts: readonly string[]
}

const HEAD = `Third-party software in this bundle, with the terms of each part. A part that offers a choice with Apache-2.0 is used under
Apache-2.0, whose text is in LICENSE. "(no text)": the package declares its licence and carries no text of it.
`

/** @param root of the production tree @param files all its files, before anything is left out */
export async function collectNotices(root: string, files: readonly string[]): Promise<Notice[]> {
  const notices: Notice[] = []
  for (const path of files) {
    const split = splitPackage(path)
    if (split?.inside !== 'package.json') continue
    const folder = path.slice(0, -'package.json'.length)
    const { name, version, license } = JSON.parse(await readFile(join(root, path), 'utf8')) as { name?: string; version?: string; license?: unknown }
    if (name === undefined || version === undefined) continue
    const own = files.filter((file) => file.startsWith(folder) && !file.slice(folder.length).includes('node_modules/') && isLicence(file)).sort()
    const texts = await Promise.all(own.map((file) => readFile(join(root, file), 'utf8')))
    notices.push({ title: `${name} ${version}`, licence: typeof license === 'string' ? license : 'see its text', texts: texts.map((text) => text.trim()) })
  }
  return notices.sort((a, b) => (a.title < b.title ? -1 : 1))
}

export function noticesText(notices: readonly Notice[]): string {
  const rule = '='.repeat(80)
  const unique = notices.filter(({ title }, i) => notices.findIndex((other) => other.title === title) === i)
  return [HEAD, ...unique.map(({ title, licence, texts }) => `${rule}\n${title}: ${licence}\n\n${texts.length === 0 ? '(no text)' : texts.join('\n\n')}\n`)].join('\n')
}
