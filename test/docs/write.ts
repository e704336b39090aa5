// Puts the generated tables into docs/*.md.

import { writeFileSync } from 'node:fs'
import { PAGES, pageUrl, readPage, withTables } from './tables.ts'

for (const page of PAGES) writeFileSync(pageUrl(page), withTables(readPage(page)))
