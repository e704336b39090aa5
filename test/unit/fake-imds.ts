// A metadata service as EC2 has it, for tests: tokens, a tree of values, user-data that may be changed while it runs.

import { randomBytes } from 'node:crypto'
import type { Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FakeInstance {
  readonly instanceId: string
  /** Other values, by their path below /latest/, such as `meta-data/public-ipv4`. */
  readonly values: Readonly<Record<string, string>>
  userData: string | Uint8Array | null
}

/** unreachable: takes connections and says nothing; rubbish: a page that is no answer; v1: knows no tokens. */
export type Mood = 'well' | 'silent' | 'rubbish' | 'no-tokens' | 'failing'

export interface FakeImds {
  readonly port: number
  readonly url: string
  /** `METHOD path` of each request. */
  readonly requests: string[]
  mood: Mood
  instance: FakeInstance
  close(): Promise<void>
}

export async function startFakeImds(instance: FakeInstance): Promise<FakeImds> {
  const tokens = new Set<string>()
  const requests: string[] = []
  const server: Server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '').replace(/^\/(latest|\d{4}-\d\d-\d\d)\//, '')
    requests.push(`${request.method} ${path}`)
    const answer = (status: number, body: string | Uint8Array = ''): void => void response.writeHead(status, { connection: 'close' }).end(body)
    switch (imds.mood) {
      case 'silent':
        return
      case 'rubbish':
        return answer(200, '<html>Please log in to the hotel network.</html>\n\0')
      case 'failing':
        return answer(503)
      case 'no-tokens':
        if (request.method === 'PUT') return answer(403)
        break
      case 'well':
        break
    }
    if (request.method === 'PUT' && path === 'api/token') {
      if (request.headers['x-aws-ec2-metadata-token-ttl-seconds'] === undefined) return answer(400)
      const token = randomBytes(32).toString('base64')
      tokens.add(token)
      return answer(200, token)
    }
    // As with HttpTokens=required: version 1 is not answered.
    if (!tokens.has(String(request.headers['x-aws-ec2-metadata-token']))) return answer(401)
    const value = lookUp(imds.instance, path)
    return value === null ? answer(404) : answer(200, value)
  })
  const imds: FakeImds = {
    port: 0,
    url: '',
    requests,
    mood: 'well',
    instance,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return Object.assign(imds, { port, url: `http://127.0.0.1:${port}` })
}

/** A leaf, or a listing of what lies below a path that ends in a slash. */
function lookUp({ instanceId, values, userData }: FakeInstance, path: string): string | Uint8Array | null {
  if (path === 'user-data') return userData
  const all: Record<string, string> = {
    'meta-data/instance-id': instanceId,
    'meta-data/ami-id': 'ami-0',
    'meta-data/hostname': instanceId,
    'meta-data/local-hostname': instanceId,
    'meta-data/placement/region': 'eu-test-1',
    'meta-data/placement/availability-zone': 'eu-test-1a',
    'meta-data/services/domain': 'amazonaws.com',
    'dynamic/instance-identity/document': JSON.stringify({ instanceId, region: 'eu-test-1', architecture: 'x86_64' }),
    ...values,
  }
  const leaf = all[path]
  if (leaf !== undefined) return leaf
  const folder = path === '' || path.endsWith('/') ? path : `${path}/`
  const below = new Set(
    Object.keys(all)
      .filter((name) => name.startsWith(folder))
      .map((name) => name.slice(folder.length).replace(/\/.*$/, '/')),
  )
  return below.size === 0 ? null : [...below].join('\n')
}
