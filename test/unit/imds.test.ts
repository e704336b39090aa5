// The metadata service of an instance: asked by token, and not believed when it talks nonsense.

import type { Test } from 'tap'
import t from 'tap'
import { systemClock } from '../../src/ops/clock.ts'
import type { Imds } from '../../src/ops/imds.ts'
import { createImds } from '../../src/ops/imds.ts'
import type { FakeImds, Mood } from './fake-imds.ts'
import { startFakeImds } from './fake-imds.ts'

const INSTANCE = { instanceId: 'i-1', values: { 'meta-data/public-ipv4': '203.0.113.9', 'meta-data/two-lines': 'a\nb' }, userData: '{"port": 9000}' }

async function fake(t: Test, mood: Mood = 'well'): Promise<{ server: FakeImds; imds: Imds }> {
  const server = await startFakeImds({ ...INSTANCE })
  server.mood = mood
  t.teardown(() => server.close())
  return { server, imds: createImds({ fetch, clock: systemClock, url: server.url, timeoutMs: 200, pausesMs: [5, 5] }) }
}

t.test('values are read with one token', async (t) => {
  const { server, imds } = await fake(t)
  t.equal(await imds.text('meta-data/public-ipv4'), '203.0.113.9')
  t.equal(Buffer.from((await imds.bytes('user-data'))!).toString(), '{"port": 9000}')
  t.equal(await imds.text('meta-data/ipv6'), null, 'what is not there is null')
  t.same(server.requests, ['PUT api/token', 'GET meta-data/public-ipv4', 'GET user-data', 'GET meta-data/ipv6'])
  t.ok(Math.abs(imds.skewMs!) < 5_000)
})

t.test('a token that has expired is replaced once', async (t) => {
  const { server } = await fake(t)
  let first = true
  const forgetful: typeof fetch = (url, init) => {
    const headers = new Headers(init?.headers)
    if (first && headers.has('x-aws-ec2-metadata-token')) {
      first = false
      headers.set('x-aws-ec2-metadata-token', 'x'.repeat(44))
    }
    return fetch(url, { ...init, headers })
  }
  const again = createImds({ fetch: forgetful, clock: systemClock, url: server.url, pausesMs: [] })
  t.equal(await again.text('meta-data/instance-id'), 'i-1')
  t.same(server.requests.filter((request) => request.startsWith('PUT')).length, 2)
})

t.test('a service that does not answer is named, with a remedy', async (t) => {
  const { server, imds } = await fake(t, 'silent')
  await t.rejects(imds.text('meta-data/public-ipv4'), { code: 'unreachable', message: /does not answer: no answer in time/, remedy: /HttpEndpoint=enabled/ })
  t.equal(server.requests.length, 3, 'it was tried again')
  const nobody = createImds({ fetch, clock: systemClock, url: 'http://127.0.0.1:9', pausesMs: [] })
  await t.rejects(nobody.bytes('user-data'), { code: 'unreachable', message: /ECONNREFUSED|bad port/ })
})

t.test('a service in trouble is asked again, and is well in the end', async (t) => {
  const { server } = await fake(t, 'failing')
  const mending: typeof fetch = async (url, init) => {
    const response = await fetch(url, init)
    server.mood = 'well'
    return response
  }
  const imds = createImds({ fetch: mending, clock: systemClock, url: server.url, pausesMs: [1] })
  t.equal(await imds.text('meta-data/instance-id'), 'i-1')
  t.same(server.requests, ['PUT api/token', 'PUT api/token', 'GET meta-data/instance-id'])
})

t.test('rubbish is no token, and no value', async (t) => {
  const { imds } = await fake(t, 'rubbish')
  await t.rejects(imds.text('meta-data/public-ipv4'), { code: 'unreachable', message: /answers rubbish for api\/token: HTTP 200/ })
  const { imds: well } = await fake(t)
  await t.rejects(well.text('meta-data/two-lines'), { code: 'unreachable', message: /no line of text/ })
  const { imds: old } = await fake(t, 'no-tokens')
  await t.rejects(old.text('meta-data/public-ipv4'), { code: 'unreachable', message: /HTTP 403/ }, 'version 1 is never asked')
})

t.test('an answer without an end is cut off', async (t) => {
  const { server, imds } = await fake(t)
  server.instance.userData = Buffer.alloc(70_000, 'x')
  await t.rejects(imds.bytes('user-data'), { code: 'unreachable', message: /more than 65536 bytes/ })
})
