// The tables in docs/*.md say what the code says.

import t from 'tap'
import { PAGES, readPage, withTables } from '../docs/tables.ts'

for (const page of PAGES) {
  t.test(`${page} holds the tables that follow from the code (otherwise: node test/docs/write.ts)`, async (t) => {
    const text = readPage(page)
    t.match(text, /<!-- table:/, 'it has tables')
    t.equal(text, withTables(text))
  })
}
