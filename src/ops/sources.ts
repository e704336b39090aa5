// Reads what user-data names: files, URLs with their hash, parameters, secrets, tags of the instance.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { AwsReader } from './aws.ts'
import { Failure } from './failure.ts'
import { readBody } from './http-body.ts'
import type { Imds } from './imds.ts'
import { reasonOf } from './imds.ts'
import type { Source } from './user-data.ts'

export interface SourcesDependencies {
  readonly fetch: typeof globalThis.fetch
  /** Null where there is no EC2. */
  readonly ec2: { readonly imds: Imds; readonly aws: AwsReader } | null
}

const TIMEOUT_MS = 30_000
const MAX_BYTES = 16 * 1024 * 1024

/** How a source is called in messages. */
export function sourceText(source: Source): string {
  switch (source.kind) {
    case 'inline':
      return 'the user-data'
    case 'ssm':
      return `the parameter ${source.name}`
    case 'secret':
      return `the secret ${source.name}`
    case 'tag':
      return `the tag ${source.name}`
    case 'path':
    case 'url':
      return source.name
  }
}

/** @throws Failure `config` if it is not there or not what was asked for, `unreachable` */
export async function readSource(source: Source, dependencies: SourcesDependencies): Promise<string> {
  switch (source.kind) {
    case 'inline':
      return JSON.stringify(source.value)
    case 'path':
      return readPath(source.name)
    case 'url':
      return readUrl(source.name, source.sha256, dependencies)
    case 'ssm':
      return ec2Of(source, dependencies).aws.parameter(source.name)
    case 'secret':
      return ec2Of(source, dependencies).aws.secret(source.name)
    case 'tag':
      return readTag(source.name, ec2Of(source, dependencies).imds)
  }
}

function ec2Of(source: Source, { ec2 }: SourcesDependencies): NonNullable<SourcesDependencies['ec2']> {
  if (ec2 !== null) return ec2
  throw new Failure('config', `The user-data names ${sourceText(source)}, but this is no EC2 instance`, 'Give it inline, by path or by url.')
}

function readPath(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Failure('config', `Cannot read ${path} (${(error as NodeJS.ErrnoException).code})`, 'Check the path in the user-data.', { cause: error })
  }
}

async function readUrl(url: string, sha256: string, { fetch }: SourcesDependencies): Promise<string> {
  let body: Uint8Array
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
    if (response.status !== 200) throw new Error(`HTTP ${response.status}`)
    body = await readBody(response, MAX_BYTES)
  } catch (error) {
    throw new Failure('unreachable', `Cannot get ${url}: ${reasonOf(error)}`, 'Check the address, and the route to it.', { cause: error })
  }
  const found = createHash('sha256').update(body).digest('hex')
  if (found === sha256) return Buffer.from(body).toString('utf8')
  throw new Failure('config', `What ${url} answers has the SHA-256 ${found}, not ${sha256}`, 'Get the right file, or correct the user-data.')
}

async function readTag(name: string, imds: Imds): Promise<string> {
  const value = await imds.text(`meta-data/tags/instance/${encodeURIComponent(name)}`)
  if (value !== null) return value
  throw new Failure('config', `The instance metadata has no tag ${name}`, 'Set it, with InstanceMetadataTags=enabled in the metadata options.')
}
