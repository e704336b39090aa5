// The status page: served whole, from here alone, with no way for text to become markup.

import { Script } from 'node:vm'
import t from 'tap'
import { testServer } from './api-fixture.ts'

t.test('the page and its two files are served with their types, a strict policy and tags', async (t) => {
  const { inject } = await testServer(t)
  for (const [url, type] of [['/', 'text/html'], ['/page/status.css', 'text/css'], ['/page/status.js', 'text/javascript']] as const) {
    const answer = await inject(url)
    t.equal(answer.statusCode, 200, url)
    t.equal(answer.headers['content-type'], `${type}; charset=utf-8`)
    t.ok(answer.body.length > 500)
    const policy = String(answer.headers['content-security-policy'])
    t.match(policy, /default-src 'none'; script-src 'self'/)
    t.notMatch(policy, /unsafe/)
    t.equal((await inject({ url, headers: { 'if-none-match': answer.headers.etag as string } })).statusCode, 304)
  }
})

t.test('it keeps to its own policy: nothing inline, nothing from elsewhere', async (t) => {
  const { inject } = await testServer(t)
  const html = (await inject('/')).body
  t.notMatch(html, /<script(?![^>]*\ssrc=)/, 'no inline script')
  t.notMatch(html, /<style|\sstyle=|\son[a-z]+=/, 'no inline style, no inline handler')
  const links = [...html.matchAll(/\s(?:href|src)="([^"]*)"/g)].map(([, link]) => link!)
  t.ok(links.length >= 5)
  for (const link of links.filter((link) => !link.startsWith('data:'))) {
    t.notMatch(link, /^[a-z]+:|^\//, `${link} is relative, so the page works under any prefix`)
    t.equal((await inject(`/${link}`)).statusCode, 200, link)
  }
  t.notMatch((await inject('/page/status.css')).body, /url\(|@import/)
})

t.test('its script is valid and sets text only', async (t) => {
  const { inject } = await testServer(t)
  const script = (await inject('/page/status.js')).body
  t.doesNotThrow(() => new Script(script))
  t.notMatch(script, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function/)
  const html = (await inject('/')).body
  const ids = [...script.matchAll(/(?:show|element|list)\('([a-z-]+)'/g)].map(([, id]) => id!)
  t.ok(ids.length > 10)
  for (const id of ids) t.match(html, `id="${id}"`)
})

t.test('it can be used without seeing it', async (t) => {
  const { inject } = await testServer(t)
  const html = (await inject('/')).body
  t.match(html, /<html lang="en">/)
  t.match(html, /<meta name="viewport"/)
  t.equal(html.match(/<h1/g)?.length, 1)
  for (const [, id] of html.matchAll(/aria-labelledby="([^"]+)"/g)) t.match(html, `id="${id}"`)
  t.match(html, /role="status"/)
  t.equal(html.match(/<th /g)?.length, html.match(/<th scope="col"/g)?.length)
  t.match((await inject('/page/status.css')).body, /prefers-reduced-motion/)
})
