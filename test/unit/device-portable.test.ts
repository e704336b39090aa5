// The SDK runs where its README says: in browsers (no Node modules), and by the example of the README.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { FakeNode } from './device-helpers.ts'

const ENTRY = new URL('../../src/device/index.ts', import.meta.url)
const README = new URL('../../src/device/README.md', import.meta.url)

/** Every module that the entry file loads, by following the imports that are not types only. */
async function modulesOf(entry: URL): Promise<Set<string>> {
  const found = new Set<string>()
  const waiting = [entry.href]
  for (let href = waiting.pop(); href !== undefined; href = waiting.pop()) {
    if (found.has(href)) continue
    found.add(href)
    if (!href.startsWith('file:')) continue
    const source = await readFile(new URL(href), 'utf8')
    for (const [, specifier] of source.matchAll(/^(?:import|export) (?!type )(?:[^'"]*? from )?'([^']+)'/gm)) {
      waiting.push(specifier!.startsWith('.') ? new URL(specifier!, href).href : specifier!)
    }
    if (/\bimport\(/.test(source)) found.add(`${href} imports dynamically`)
  }
  return found
}

t.test('nothing that the SDK imports needs Node', async (t) => {
  const modules = [...(await modulesOf(ENTRY))]
  t.ok(modules.some((module) => module.endsWith('src/device/queue.ts')))
  t.ok(modules.some((module) => module.endsWith('src/crypto/sign.ts')))
  const outside = modules.filter((module) => !module.startsWith('file:'))
  t.strictSame(outside.filter((module) => !/^@(noble|scure)\//.test(module)), [])
  t.ok(outside.length >= 4)
  t.notOk(modules.some((module) => /ssz|verify\.ts|-node\.ts|dynamically/.test(module)))
  const forNode = await modulesOf(new URL('./recording-node.ts', ENTRY))
  t.ok(forNode.has('node:zlib'), 'the search finds Node modules where they are')
})

t.test('no file of the SDK uses what browsers do not have', async (t) => {
  for (const module of await modulesOf(ENTRY)) {
    if (!module.startsWith('file:')) continue
    const source = (await readFile(new URL(module), 'utf8')).replace(/\/\/.*$|\/\*[\s\S]*?\*\//gm, '')
    t.notMatch(source, /\b(Buffer|process|require|setImmediate|__dirname)\b/, module)
  }
})

t.test('the example of the README works as it is written', async (t) => {
  const node = new FakeNode({ nowMs: Date.now })
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const answer = node.answer(request.method!, request.url!, body === '' ? undefined : body)
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.json))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const [, example] = /```ts\n([\s\S]*?)```/.exec(await readFile(README, 'utf8'))!
  const changes: readonly [string, string][] = [
    ["'pulse-node/device'", JSON.stringify(ENTRY.href)],
    ['http://127.0.0.1:8080', `http://127.0.0.1:${(server.address() as AddressInfo).port}`],
    ['everyMs: 5_000', 'everyMs: 1_000'],
    ['timeout(60_000)', 'timeout(2_500)'],
  ]
  let code = example!
  for (const [from, to] of changes) {
    t.ok(code.includes(from), `the example has ${from}`)
    code = code.replace(from, to)
  }
  const file = `${t.testdir()}/example.ts`
  await writeFile(file, code)
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [output, errors, [exitCode]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  t.equal(errors, '')
  t.equal(exitCode, 0)
  t.match(output, /^network test, our clock is /)
  t.match(output, /z\w+: [1-9]\d* accepted, last sequence \d+/)
  t.ok(node.taken.length >= 1 && node.taken.every(({ vitals }) => vitals.rrMs.length > 0))
})
