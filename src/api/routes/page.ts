// GET /: the status page, and GET /v2/openapi.json. The page is three files from ../page, read once.

import { readFile } from 'node:fs/promises'
import { Type } from 'typebox'
import { contentTag, REVALIDATE, sendTagged } from '../reply.ts'
import type { App } from './context.ts'

const FILES = [
  { url: '/', file: 'index.html', type: 'text/html; charset=utf-8' },
  { url: '/page/status.css', file: 'status.css', type: 'text/css; charset=utf-8' },
  { url: '/page/status.js', file: 'status.js', type: 'text/javascript; charset=utf-8' },
] as const

/** The page loads nothing from elsewhere and runs no inline script. */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

export async function pageRoutes(app: App): Promise<void> {
  for (const { url, file, type } of FILES) {
    const content = await readFile(new URL(`../page/${file}`, import.meta.url), 'utf8')
    const tag = contentTag(content)
    const schema = {
      hide: url !== '/',
      operationId: 'statusPage',
      tags: ['node'],
      summary: 'Status page for people',
      response: { 200: { description: 'The page', content: { 'text/html': { schema: Type.String() } } } },
    }
    app.get(url, { schema }, async (request, reply) => {
      reply.type(type).header('content-security-policy', PAGE_POLICY)
      return sendTagged(request, reply, tag, REVALIDATE, content)
    })
  }

  const schema = {
    operationId: 'readOpenApi',
    tags: ['node'],
    summary: 'This description, OpenAPI 3.1',
    response: { 200: { description: 'The description', content: { 'application/json': { schema: Type.Object({}) } } } },
  }
  let document: { text: string; tag: string } | null = null
  app.get('/v2/openapi.json', { schema }, async (request, reply) => {
    if (document === null) {
      const text = JSON.stringify(app.swagger())
      document = { text, tag: contentTag(text) }
    }
    reply.type('application/json; charset=utf-8')
    return sendTagged(request, reply, document.tag, REVALIDATE, document.text)
  })
}
