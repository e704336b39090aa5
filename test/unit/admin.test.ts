import type { Test } from 'tap'
import t from 'tap'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AdminHandlers } from '../../src/ops/admin.ts'
import { adminSocketOf, createAdmin, MAX_BAN_SECONDS } from '../../src/ops/admin.ts'
import { peerIdOf } from '../../src/crypto/peer-id.ts'
import { socketPath } from '../../src/ops/unix-socket.ts'

const ID = peerIdOf(new Uint8Array(32).fill(7))

interface Recorded {
  readonly handlers: AdminHandlers
  readonly calls: unknown[][]
}

function recorder(): Recorded {
  const calls: unknown[][] = []
  return {
    calls,
    handlers: {
      node: () => ({ url: 'http://127.0.0.1:8090' }),
      peers: () => ({ peers: [{ id: ID }], bans: [{ peer: ID, untilMs: 5, reason: 'noise' }] }),
      why: (id) => [`${id} was loud`],
      ban: (...args) => void calls.push(['ban', ...args]),
      unban(...args) {
        calls.push(['unban', ...args])
        return true
      },
    },
  }
}

/** A directory with a short path of its own. */
function directory(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'pulse-admin-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

async function opened(t: Test, dir = directory(t)): Promise<Recorded & { path: string; close: () => Promise<void> }> {
  const recorded = recorder()
  const path = adminSocketOf(dir)
  const admin = createAdmin({ path, handlers: recorded.handlers })
  await admin.listen()
  t.teardown(() => admin.close())
  return { ...recorded, path, close: () => admin.close() }
}

interface Answer {
  readonly status: number
  readonly json: unknown
}

function ask(path: string, method: string, url: string, body?: string): Promise<Answer> {
  const { path: socket, release } = socketPath(path)
  return new Promise<Answer>((resolve, reject) => {
    const request = httpRequest({ socketPath: socket, method, path: url, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, json: JSON.parse(text) }))
    })
    request.on('error', reject)
    request.end(body)
  }).finally(release)
}

t.test('peers, why, ban and unban reach the node', async (t) => {
  const { path, calls } = await opened(t)
  t.same(await ask(path, 'GET', '/peers'), { status: 200, json: { peers: [{ id: ID }], bans: [{ peer: ID, untilMs: 5, reason: 'noise' }] } })
  t.same(await ask(path, 'GET', `/peers/why?id=${ID}`), { status: 200, json: { id: ID, reasons: [`${ID} was loud`] } })
  const ban = { id: ID, seconds: 60, reason: 'noise' }
  t.same(await ask(path, 'POST', '/peers/ban', JSON.stringify(ban)), { status: 200, json: ban })
  t.same(await ask(path, 'POST', '/peers/unban', JSON.stringify({ id: ID })), { status: 200, json: { id: ID, unbanned: true } })
  t.same(calls, [['ban', ID, 60, 'noise'], ['unban', ID]])
})

t.test('limits hold at and past their values', async (t) => {
  const { path, calls } = await opened(t)
  const ban = (change: object) => ask(path, 'POST', '/peers/ban', JSON.stringify({ id: ID, seconds: 60, reason: 'noise', ...change }))
  for (const change of [{ seconds: 1 }, { seconds: MAX_BAN_SECONDS }, { reason: 'é'.repeat(64) }]) t.equal((await ban(change)).status, 200)
  t.equal(calls.length, 3)
  for (const change of [{ seconds: 0 }, { seconds: MAX_BAN_SECONDS + 1 }, { reason: 'é'.repeat(65) }, { reason: '' }]) t.equal((await ban(change)).status, 400)
  const padded = (bytes: number) => ask(path, 'POST', '/peers/unban', JSON.stringify({ id: ID }).padEnd(bytes))
  t.equal((await padded(4_096)).status, 200)
  t.match(await padded(4_097), { status: 413, json: { code: 'too_large' } })
  t.equal((await padded(1_000_000)).status, 413)
  t.equal(calls.length, 4)
})

t.test('what is not exactly a request of ours is refused and changes nothing', async (t) => {
  const { path, calls } = await opened(t)
  const cases: [method: string, url: string, body: unknown, status: number][] = [
    ['POST', '/peers/ban', '{', 400],
    ['POST', '/peers/ban', '', 400],
    ['POST', '/peers/ban', 'null', 400],
    ['POST', '/peers/ban', [ID, 60, 'noise'], 400],
    ['POST', '/peers/ban', { id: ID, seconds: 60 }, 400],
    ['POST', '/peers/ban', { id: ID, seconds: 60, reason: 'noise', force: true }, 400],
    ['POST', '/peers/ban', { id: ID, seconds: '60', reason: 'noise' }, 400],
    ['POST', '/peers/ban', { id: ID, seconds: 1.5, reason: 'noise' }, 400],
    ['POST', '/peers/ban', { id: ID, seconds: 60, reason: '\u001b[2J' }, 400],
    ['POST', '/peers/ban', { id: ID, seconds: 60, reason: 7 }, 400],
    ['POST', '/peers/ban', { id: ID.slice(1), seconds: 60, reason: 'noise' }, 400],
    ['POST', '/peers/ban', { id: 7, seconds: 60, reason: 'noise' }, 400],
    ['POST', '/peers/unban', { id: ID, constructor: 1 }, 400],
    ['POST', '/peers/unban', '{"__proto__": {"id": "x"}}', 400],
    ['GET', '/peers/why', undefined, 400],
    ['GET', `/peers/why?id=${ID}&id=${ID}`, undefined, 400],
    ['GET', `/peers/why?peer=${ID}`, undefined, 400],
    ['GET', '/peers/why?id=x', undefined, 400],
    ['GET', '//', undefined, 400],
    ['GET', '/', undefined, 404],
    ['GET', '/peers/', undefined, 404],
    ['GET', '/peers/ban', undefined, 405],
    ['GET', '/peers/unban', undefined, 405],
    ['POST', '/peers', {}, 405],
    ['DELETE', '/peers/why', undefined, 405],
  ]
  for (const [method, url, body, status] of cases) {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
    const answer = await ask(path, method, url, text)
    t.equal(answer.status, status, `${method} ${url} ${text ?? ''}`)
    t.same(Object.keys(answer.json as object), ['code', 'detail'])
  }
  t.same(calls, [])
})

t.test('an error of the node is told to who asked, and the socket goes on', async (t) => {
  const path = adminSocketOf(directory(t))
  const { handlers } = recorder()
  const fail = (): never => {
    throw new Error('out of order')
  }
  const admin = createAdmin({ path, handlers: { ...handlers, peers: fail, why: () => [1n as unknown as string] } })
  await admin.listen()
  t.teardown(() => admin.close())
  t.same(await ask(path, 'GET', '/peers'), { status: 500, json: { code: 'internal', detail: 'out of order' } })
  t.match(await ask(path, 'GET', `/peers/why?id=${ID}`), { status: 500, json: { code: 'internal' } })
  t.equal((await ask(path, 'POST', '/peers/unban', JSON.stringify({ id: ID }))).status, 200)
})

t.test('the socket is for its owner only, whatever the mask of the process', async (t) => {
  const mask = process.umask(0)
  t.teardown(() => process.umask(mask))
  const { path } = await opened(t)
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(process.umask(), 0, 'the mask is as before')
})

t.test('closing breaks what is running and removes the socket; it can be opened again', async (t) => {
  const dir = directory(t)
  const first = await opened(t, dir)
  const idle = connect(first.path)
  await new Promise((resolve) => idle.once('connect', resolve))
  const gone = new Promise((resolve) => idle.once('close', resolve))
  idle.on('error', () => undefined).write('POST /peers/ban HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n')
  await new Promise((resolve) => setTimeout(resolve, 20))
  await first.close()
  await gone
  t.notOk(existsSync(first.path))
  await first.close()
  const second = await opened(t, dir)
  t.equal((await ask(second.path, 'GET', '/peers')).status, 200)
})

t.test('the socket that a killed process left behind is replaced', async (t) => {
  const dir = directory(t)
  const path = adminSocketOf(dir)
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  t.equal(spawnSync(process.execPath, ['-e', script]).signal, 'SIGKILL')
  t.ok(statSync(path).isSocket(), 'it is still there')
  await opened(t, dir)
  t.equal((await ask(path, 'GET', '/peers')).status, 200)
})

t.test('a socket that somebody answers on, and what is no socket, stay', async (t) => {
  const first = await opened(t)
  const second = createAdmin({ path: first.path, handlers: recorder().handlers })
  await t.rejects(second.listen(), { name: 'Failure', code: 'locked' })
  t.equal((await ask(first.path, 'GET', '/peers')).status, 200, 'the first one goes on')
  await second.close()

  const dir = directory(t)
  writeFileSync(adminSocketOf(dir), 'precious')
  await t.rejects(createAdmin({ path: adminSocketOf(dir), handlers: recorder().handlers }).listen(), { code: 'storage', message: /no socket/ })
  t.equal(statSync(adminSocketOf(dir)).size, 8)
})

t.test('a directory that is not there is a failure of the storage', async (t) => {
  const dir = join(directory(t), 'absent')
  for (const parent of [dir, join(dir, 'x'.repeat(120))]) {
    await t.rejects(createAdmin({ path: adminSocketOf(parent), handlers: recorder().handlers }).listen(), { code: 'storage' })
  }
})

t.test('a deep data directory has its socket as well', { skip: process.platform === 'linux' ? false : 'skipped: for Linux only' }, async (t) => {
  const deep = join(directory(t), 'd'.repeat(90), 'é'.repeat(60))
  mkdirSync(deep, { recursive: true })
  const { path, close } = await opened(t, deep)
  t.ok(Buffer.byteLength(path) > 108)
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal((await ask(path, 'GET', '/peers')).status, 200)
  await t.rejects(createAdmin({ path, handlers: recorder().handlers }).listen(), { code: 'locked' })
  await close()
  t.notOk(existsSync(path))
})

t.test('a path that the system cannot take is a failure with a remedy', async (t) => {
  const { platform } = process
  Object.defineProperty(process, 'platform', { value: 'darwin' })
  t.teardown(() => Object.defineProperty(process, 'platform', { value: platform }))
  t.equal(socketPath(`/${'x'.repeat(102)}`).path.length, 103)
  t.throws(() => socketPath(`/${'x'.repeat(103)}`), { code: 'config' })
  await t.rejects(createAdmin({ path: `/${'x'.repeat(103)}`, handlers: recorder().handlers }).listen(), { name: 'Failure', code: 'config' })
})
