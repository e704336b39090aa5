// Requests that are never finished must not fill the memory, nor keep others out.

import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { Registry } from 'prom-client'
import t from 'tap'
import { createApi } from '../../src/api/api.ts'
import { createBodyBudget } from '../../src/api/bodies.ts'
import { DEFAULT_API_OPTIONS } from '../../src/api/options.ts'
import { fakeBackend } from './api-fixture.ts'

t.test('bytes are bounded in all and for each address, and come back once', async (t) => {
  const budget = createBodyBudget({ totalBytes: 100, perAddressBytes: 60 })
  const release = budget.take('10.0.0.1', 60)!
  t.equal(budget.take('10.0.0.1', 1), null)
  t.type(budget.take('10.0.0.2', 40), 'function')
  t.equal(budget.take('10.0.0.3', 1), null)
  release()
  release()
  t.type(budget.take('2001:db8::1', 60), 'function')
  t.equal(budget.take('2001:db8::2', 1), null, 'of the same /64')
  t.equal(budget.take('10.0.0.1', 1), null)
})

t.test('a body is refused when others that are not whole take all the room, and taken when they are gone', async (t) => {
  const logger = { info() {}, warn() {}, error() {} }
  const options = { ...DEFAULT_API_OPTIONS, host: '127.0.0.1', port: 0, bodies: { totalBytes: 3_000, perAddressBytes: 2_000 } }
  const api = await createApi(options, { backend: fakeBackend(), logger, registry: new Registry() })
  t.teardown(() => api.close())
  const port = Number(new URL((await api.listen()).url).port)
  const post = (length: string, body = '{'): Socket => {
    const socket = connect(port, '127.0.0.1')
    socket.write(`POST /v2/heartbeats HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${length}\r\n\r\n${body}`)
    return socket
  }
  const answer = async (length: string, body?: string): Promise<string> => {
    const socket = post(length, body)
    const [text] = (await once(socket, 'data')) as [Buffer]
    socket.destroy()
    return String(text)
  }
  const slow = post('content-length: 1990')
  let said = ''
  while (!said.includes('503')) said = await answer('content-length: 20')
  t.match(said, /retry-after: 1[^]*"code":"busy"/)
  t.match(await answer('transfer-encoding: chunked', '1\r\n{\r\n'), /"code":"busy"/, 'one of unknown size may take the most')
  slow.destroy()
  while (said.includes('503')) said = await answer('content-length: 1')
  t.match(said, /HTTP\/1\.1 400/, 'there is room again')
})
