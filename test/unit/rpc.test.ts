// Calls between threads: values and failures cross, every call is answered, and the end of a thread ends its open calls.

import { once } from 'node:events'
import { MessageChannel, Worker } from 'node:worker_threads'
import t from 'tap'
import type { Test } from 'tap'
import { answerCall, createCaller, packError, unpackError } from '../../src/node/rpc.ts'
import type { Caller, Methods } from '../../src/node/rpc.ts'
import { Failure } from '../../src/ops/failure.ts'

/** A caller, and methods that answer it, over a real channel. */
function connect(t: Test, methods: Methods): Caller {
  const { port1, port2 } = new MessageChannel()
  const caller = createCaller(port1)
  port1.on('message', (message) => void caller.receive(message))
  port2.on('message', (message) => void answerCall(port2, methods, message))
  t.teardown(() => {
    port1.close()
    port2.close()
  })
  return caller
}

/** What a promise is rejected with. */
const rejection = (promise: Promise<unknown>): Promise<Error> => promise.then((value) => Promise.reject(new Error(`resolved with ${String(value)}`)), (error: Error) => error)

t.test('values cross as they are, in any order of answers', async (t) => {
  const gate = Promise.withResolvers<void>()
  const caller = connect(t, {
    add: (a: number, b: number) => a + b,
    echo: (value: unknown) => value,
    nothing: () => {},
    slow: async () => {
      await gate.promise
      return 'slow'
    },
  })
  const order: string[] = []
  const slow = caller.call('slow', []).then((value) => order.push(value as string))
  const fast = caller.call('add', [2, 3]).then((value) => order.push(`fast ${value as number}`))
  await fast
  gate.resolve()
  await slow
  t.strictSame(order, ['fast 5', 'slow'])
  const value = { big: 2n ** 64n, bytes: Uint8Array.of(1, 2), list: [null, undefined, -1.5], map: new Map([[1, 'a']]) }
  t.strictSame(await caller.call('echo', [value]), value)
  t.equal(await caller.call('nothing', []), undefined)
})

t.test('what is transferred is moved, not copied', async (t) => {
  const caller = connect(t, { size: (bytes: Uint8Array) => bytes.length })
  const bytes = new Uint8Array(100)
  t.equal(await caller.call('size', [bytes], [bytes.buffer]), 100)
  t.equal(bytes.length, 0)
  t.match(await rejection(caller.call('size', [bytes], [bytes.buffer])), { name: 'DataCloneError' }, 'a second time')
})

t.test('a failure crosses with its code and remedy, an error with its message and stack', async (t) => {
  const caller = connect(t, {
    fails: () => {
      throw new Failure('storage', 'The disk is full', 'Make room.')
    },
    failsLater: () => Promise.reject(new Failure('corrupt', 'Something is wrong', 'Restore it.')),
    breaks: () => {
      throw new TypeError('a bug')
    },
    shouts: () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error
      throw 'a text'
    },
  })
  const failure = (await rejection(caller.call('fails', []))) as Failure
  t.ok(failure instanceof Failure)
  t.match(failure, { code: 'storage', message: 'The disk is full', remedy: 'Make room.', exitCode: 8 })
  t.match(failure.stack, /rpc\.test\.ts/, 'the stack is that of the place where it was thrown')
  t.match(await rejection(caller.call('failsLater', [])), { code: 'corrupt', remedy: 'Restore it.' })
  const bug = await rejection(caller.call('breaks', []))
  t.notOk(bug instanceof Failure)
  t.match(bug, { message: 'a bug', stack: /TypeError: a bug/ })
  t.equal((await rejection(caller.call('shouts', []))).message, 'a text')
})

t.test('packing and unpacking an error is the same without a thread', async (t) => {
  const failure = new Failure('port', 'Port 1 is taken', 'Choose another.')
  t.match(unpackError(packError(failure)), { name: 'Failure', line: failure.line })
  t.equal(unpackError({ message: 'm', code: 'config' }) instanceof Failure, true)
  t.equal(unpackError({ message: 'm' }) instanceof Failure, false)
  t.strictSame(packError(7), { message: '7' })
})

t.test('only methods of its own are called', async (t) => {
  const caller = connect(t, { known: () => 1 })
  for (const name of ['unknown', 'toString', 'constructor', 'hasOwnProperty', '__proto__', '']) {
    t.match(await rejection(caller.call(name, [])), { message: `no method ${name}` }, name)
  }
  t.equal(await caller.call('known', []), 1, 'and the next call is answered')
})

t.test('what cannot be cloned is an error of the call, in both directions', async (t) => {
  const caller = connect(t, { function: () => () => 1, echo: (value: unknown) => value })
  t.match(await rejection(caller.call('function', [])), { message: /could not be cloned/ })
  t.match(await rejection(caller.call('echo', [() => 1])), { name: 'DataCloneError' })
  t.equal(await caller.call('echo', [3]), 3)
})

t.test('messages of another kind are left to others', async (t) => {
  const { port1, port2 } = new MessageChannel()
  const caller = createCaller(port1)
  t.equal(caller.receive({ kind: 'call', id: 1 }), false)
  t.equal(caller.receive({ kind: 'log' }), false)
  t.equal(answerCall(port2, {}, { kind: 'answer', id: 1 }), false)
  t.equal(answerCall(port2, {}, { kind: 'log' }), false)
  t.equal(caller.receive({ kind: 'answer', id: 99, value: 1 }), true, 'an answer that nobody waits for is dropped')
  port1.close()
})

t.test('a failed caller fails what is open and what comes after, with the first reason', async (t) => {
  const caller = connect(t, { never: () => new Promise(() => {}) })
  const open = [rejection(caller.call('never', [])), rejection(caller.call('never', []))]
  caller.fail(new Failure('storage', 'first', ''))
  caller.fail(new Error('second'))
  for (const error of await Promise.all(open)) t.match(error, { message: 'first', code: 'storage' })
  t.match(await rejection(caller.call('never', [])), { message: 'first' })
})

t.test('the end of a thread fails its open calls', async (t) => {
  const worker = new Worker('require("node:worker_threads").parentPort.on("message", () => process.exit(3))', { eval: true })
  const caller = createCaller(worker)
  worker.on('message', (message) => void caller.receive(message))
  worker.on('exit', (code) => caller.fail(new Error(`the thread has ended with ${code}`)))
  await once(worker, 'online')
  t.match(await rejection(caller.call('anything', [])), { message: 'the thread has ended with 3' })
  t.match(await rejection(caller.call('anything', [])), { message: 'the thread has ended with 3' })
})
