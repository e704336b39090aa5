// What user-data names: files, URLs by their hash, parameters and secrets with the credentials of the instance's role.

import t from 'tap'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createAwsReader } from '../../src/ops/aws.ts'
import { systemClock } from '../../src/ops/clock.ts'
import { createImds } from '../../src/ops/imds.ts'
import { readSource } from '../../src/ops/sources.ts'
import type { SourcesDependencies } from '../../src/ops/sources.ts'
import { startFakeImds } from './fake-imds.ts'

const ROLE = 'meta-data/iam/security-credentials/'
const CREDENTIALS = JSON.stringify({ AccessKeyId: 'AKIDEXAMPLE', SecretAccessKey: 'secret/example', Token: 'session-example' })
const VALUES = { [`${ROLE}node-role`]: CREDENTIALS, 'meta-data/tags/instance/pulse:settings': '{"port":1}' }

interface Asked {
  readonly url: string
  readonly headers: Headers
  readonly body: string
}

/** An instance whose services answer from a table of targets. */
async function instance(t: { teardown(end: () => unknown): void }, answers: Record<string, unknown>, values: Record<string, string> = VALUES): Promise<{ asked: Asked[]; dependencies: SourcesDependencies }> {
  const server = await startFakeImds({ instanceId: 'i-1', values, userData: null })
  t.teardown(() => server.close())
  const asked: Asked[] = []
  const service: typeof fetch = async (input) => {
    const request = input as Request
    asked.push({ url: request.url, headers: request.headers, body: await request.text() })
    const answer = answers[request.headers.get('x-amz-target') ?? '']
    if (answer instanceof Error) throw answer
    return answer instanceof Response ? answer : Response.json(answer)
  }
  const imds = createImds({ fetch, clock: systemClock, url: server.url, pausesMs: [] })
  return { asked, dependencies: { fetch: service, ec2: { imds, aws: createAwsReader(imds, { fetch: service }) } } }
}

const SSM = 'AmazonSSM.GetParameter'
const SECRETS = 'secretsmanager.GetSecretValue'

t.test('a parameter is asked for in the region of the instance, signed with its role, decrypted', async (t) => {
  const { asked, dependencies } = await instance(t, { [SSM]: { Parameter: { Value: '{"wsClients":3}' } } })
  t.equal(await readSource({ kind: 'ssm', name: '/pulse/common' }, dependencies), '{"wsClients":3}')
  const [{ url, headers, body }] = asked as [Asked]
  t.equal(url, 'https://ssm.eu-test-1.amazonaws.com/')
  t.same(JSON.parse(body), { Name: '/pulse/common', WithDecryption: true })
  t.match(headers.get('authorization'), /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-test-1\/ssm\/aws4_request, SignedHeaders=.*, Signature=[0-9a-f]{64}$/)
  t.equal(headers.get('x-amz-security-token'), 'session-example')
})

t.test('a secret is asked for by name or ARN', async (t) => {
  const { asked, dependencies } = await instance(t, { [SECRETS]: { SecretString: 'text' } })
  t.equal(await readSource({ kind: 'secret', name: 'pulse/more' }, dependencies), 'text')
  t.equal(asked[0]!.url, 'https://secretsmanager.eu-test-1.amazonaws.com/')
  t.same(JSON.parse(asked[0]!.body), { SecretId: 'pulse/more' })
})

t.test('what cannot be read is told with what to do', async (t) => {
  const refused = (type: string): Response => Response.json({ __type: type, message: 'secret/example' }, { status: 400 })
  const cases: [answer: unknown, expected: { code: string; message: string | RegExp; remedy?: RegExp }][] = [
    [refused('com.amazonaws.ssm#ParameterNotFound'), { code: 'config', message: 'Cannot read the parameter /x: ParameterNotFound', remedy: /Make it/ }],
    [refused('AccessDeniedException'), { code: 'config', message: /AccessDenied/, remedy: /role of the instance may read it/ }],
    [new Response('<html>', { status: 502 }), { code: 'config', message: /HTTP 502/ }],
    [{ Parameter: {} }, { code: 'config', message: 'There is no text in the parameter /x' }],
    [new TypeError('fetch failed', { cause: new Error('getaddrinfo ENOTFOUND') }), { code: 'unreachable', message: /ENOTFOUND/, remedy: /VPC endpoint/ }],
  ]
  for (const [answer, expected] of cases) {
    const { dependencies } = await instance(t, { [SSM]: answer })
    await t.rejects(readSource({ kind: 'ssm', name: '/x' }, dependencies), expected)
  }
})

t.test('an instance without a role, or with rubbish for one, is told so', async (t) => {
  const { dependencies } = await instance(t, {}, {})
  await t.rejects(readSource({ kind: 'ssm', name: '/x' }, dependencies), { code: 'config', message: 'The instance has no role' })
  const { dependencies: odd } = await instance(t, {}, { [`${ROLE}node-role`]: 'not JSON' })
  await t.rejects(readSource({ kind: 'ssm', name: '/x' }, odd), { code: 'unreachable', message: /no credentials for the role node-role/ })
  const { asked, dependencies: evil } = await instance(t, {}, { ...VALUES, 'meta-data/services/domain': 'example.org/x?' })
  await t.rejects(readSource({ kind: 'ssm', name: '/x' }, evil), { code: 'unreachable', message: /no usable services\/domain/ })
  t.same(asked, [], 'credentials go nowhere')
})

t.test('tags are read from the metadata', async (t) => {
  const { dependencies } = await instance(t, {})
  t.equal(await readSource({ kind: 'tag', name: 'pulse:settings' }, dependencies), '{"port":1}')
  await t.rejects(readSource({ kind: 'tag', name: 'none' }, dependencies), { code: 'config', remedy: /InstanceMetadataTags=enabled/ })
})

t.test('a URL is believed by its hash only', async (t) => {
  const content = '{"network":"harbour"}'
  const sha256 = createHash('sha256').update(content).digest('hex')
  const dependencies: SourcesDependencies = { fetch: async () => new Response(content), ec2: null }
  const name = 'https://example.org/genesis.json'
  t.equal(await readSource({ kind: 'url', name, sha256 }, dependencies), content)
  await t.rejects(readSource({ kind: 'url', name, sha256: '0'.repeat(64) }, dependencies), { code: 'config', message: new RegExp(`has the SHA-256 ${sha256}, not 0000`) })
  const gone: SourcesDependencies = { fetch: async () => new Response('', { status: 404 }), ec2: null }
  await t.rejects(readSource({ kind: 'url', name, sha256 }, gone), { code: 'unreachable', message: /HTTP 404/ })
})

t.test('paths and inline values need no EC2; the rest does', async (t) => {
  const dependencies: SourcesDependencies = { fetch, ec2: null }
  const path = join(t.testdir(), 'g.json')
  writeFileSync(path, '{}')
  t.equal(await readSource({ kind: 'path', name: path }, dependencies), '{}')
  t.equal(await readSource({ kind: 'inline', value: { a: 1 } }, dependencies), '{"a":1}')
  await t.rejects(readSource({ kind: 'path', name: path + 'x' }, dependencies), { code: 'config', message: /ENOENT/ })
  for (const kind of ['ssm', 'secret', 'tag'] as const) await t.rejects(readSource({ kind, name: 'x' }, dependencies), { code: 'config', message: /no EC2 instance/ })
})
