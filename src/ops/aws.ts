// Parameters of Systems Manager and entries of Secrets Manager, read with the credentials of the instance's role.
//
// Two calls do not justify the vendor's SDK (23 MB of files): aws4fetch signs them.

import { Failure } from './failure.ts'
import { readBody } from './http-body.ts'
import type { Imds } from './imds.ts'
import { reasonOf } from './imds.ts'

export interface AwsReader {
  /** Decrypted if it is a SecureString. @throws Failure `config` if it is not there or not allowed, `unreachable` */
  parameter(name: string): Promise<string>
  /** @param id name or ARN @throws as above */
  secret(id: string): Promise<string>
}

const TIMEOUT_MS = 10_000
const MAX_ANSWER_BYTES = 256 * 1024

interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
}

export function createAwsReader(imds: Imds, { fetch }: { readonly fetch: typeof globalThis.fetch }): AwsReader {
  async function call(service: 'ssm' | 'secretsmanager', target: string, what: string, input: object): Promise<Record<string, unknown>> {
    const [region, domain, credentials] = await Promise.all([required(imds, 'placement/region'), required(imds, 'services/domain'), roleCredentials(imds)])
    const { AwsClient } = await import('aws4fetch')
    const client = new AwsClient({ ...credentials, service, region, retries: 0 })
    const url = `https://${service}.${region}.${domain}/`
    let status: number
    let body: Uint8Array
    try {
      const request = await client.sign(url, {
        method: 'POST',
        headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target },
        body: JSON.stringify(input),
      })
      const response = await fetch(request, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) })
      status = response.status
      body = await readBody(response, MAX_ANSWER_BYTES)
    } catch (error) {
      const remedy = 'Check the route to it: a NAT gateway, or a VPC endpoint for that service.'
      throw new Failure('unreachable', `Cannot ask ${url} for ${what}: ${reasonOf(error)}`, remedy, { cause: error })
    }
    const answer = objectOf(body)
    if (status === 200 && answer !== null) return answer
    // `com.amazonaws.ssm#ParameterNotFound`, or without the part before the sign
    const type = String(answer?.['__type'] ?? `HTTP ${status}`).replace(/^.*#/, '').replace(/[^A-Za-z0-9 ]/g, '').slice(0, 80)
    const remedy = /NotFound/.test(type) ? 'Make it, or correct its name in the user-data.' : `Check that the role of the instance may read it (${service}).`
    throw new Failure('config', `Cannot read ${what}: ${type}`, remedy)
  }

  return {
    async parameter(name) {
      const answer = await call('ssm', 'AmazonSSM.GetParameter', `the parameter ${name}`, { Name: name, WithDecryption: true })
      const { Value: value } = (answer['Parameter'] ?? {}) as Record<string, unknown>
      return textOf(value, `the parameter ${name}`)
    },
    async secret(id) {
      const answer = await call('secretsmanager', 'secretsmanager.GetSecretValue', `the secret ${id}`, { SecretId: id })
      return textOf(answer['SecretString'], `the secret ${id}`)
    },
  }
}

function textOf(value: unknown, what: string): string {
  if (typeof value === 'string') return value
  throw new Failure('config', `There is no text in ${what}`, 'Store it as text.')
}

async function required(imds: Imds, path: string): Promise<string> {
  const text = await imds.text(`meta-data/${path}`)
  // Both become part of a host's name.
  if (text !== null && /^[a-z0-9][a-z0-9.-]{0,62}$/.test(text)) return text
  throw new Failure('unreachable', `The instance metadata service has no usable ${path}`, 'Check that this is an EC2 instance.')
}

async function roleCredentials(imds: Imds): Promise<Credentials> {
  const path = 'meta-data/iam/security-credentials/'
  const role = await imds.text(path)
  if (role === null || !/^[\w+=,.@-]{1,128}$/.test(role)) {
    throw new Failure('config', 'The instance has no role', 'Give it an instance profile that may read what the user-data names.')
  }
  const found = objectOf((await imds.bytes(path + role)) ?? new Uint8Array(0)) ?? {}
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken } = found
  if (typeof accessKeyId === 'string' && typeof secretAccessKey === 'string' && typeof sessionToken === 'string') {
    return { accessKeyId, secretAccessKey, sessionToken }
  }
  throw new Failure('unreachable', `The instance metadata service has no credentials for the role ${role}`, 'Check the instance profile.')
}

function objectOf(body: Uint8Array): Record<string, unknown> | null {
  try {
    const json: unknown = JSON.parse(Buffer.from(body).toString('utf8'))
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Record<string, unknown>) : null
  } catch {
    return null
  }
}
