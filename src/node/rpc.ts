// Calls between threads: a method name and arguments one way, a result or an error back. Everything is structured-cloned;
// failures keep their code and remedy.

import type { MessagePort, TransferListItem, Worker } from 'node:worker_threads'
import type { FailureCode } from '../ops/failure.ts'
import { Failure } from '../ops/failure.ts'

/** What may be called: methods by name. */
export type Methods = Readonly<Record<string, (...args: never[]) => unknown>>

interface Call {
  readonly kind: 'call'
  readonly id: number
  readonly method: string
  readonly args: readonly unknown[]
}

interface Answer {
  readonly kind: 'answer'
  readonly id: number
  readonly error?: ThrownError
  readonly value?: unknown
}

/** An error as it crosses threads. */
export interface ThrownError {
  readonly message: string
  readonly stack?: string | undefined
  /** Of a Failure. */
  readonly code?: FailureCode
  readonly remedy?: string
}

export function packError(error: unknown): ThrownError {
  if (error instanceof Failure) return { message: error.message, stack: error.stack, code: error.code, remedy: error.remedy }
  return error instanceof Error ? { message: error.message, stack: error.stack } : { message: String(error) }
}

export function unpackError({ message, stack, code, remedy }: ThrownError): Error {
  const error = code === undefined ? new Error(message) : new Failure(code, message, remedy ?? '')
  if (stack !== undefined) error.stack = stack
  return error
}

type Port = Pick<MessagePort, 'postMessage'> | Pick<Worker, 'postMessage'>

/** Answers one call. @returns false if the message is no call */
export function answerCall(port: Port, methods: Methods, message: unknown): boolean {
  const call = message as Call
  if (call.kind !== 'call') return false
  const method = (Object.hasOwn(methods, call.method) ? methods[call.method] : undefined) as ((...args: readonly unknown[]) => unknown) | undefined
  void Promise.resolve()
    .then(() => {
      if (method === undefined) throw new Error(`no method ${call.method}`)
      return method(...call.args)
    })
    .then((value) => port.postMessage({ kind: 'answer', id: call.id, value } satisfies Answer))
    // Also for a value that cannot be cloned: every call is answered.
    .catch((error: unknown) => port.postMessage({ kind: 'answer', id: call.id, error: packError(error) } satisfies Answer))
  return true
}

export interface Caller {
  call(method: string, args: readonly unknown[], transfer?: readonly TransferListItem[]): Promise<unknown>
  /** @returns false if the message is no answer */
  receive(message: unknown): boolean
  /** Every open and further call fails with this. */
  fail(error: Error): void
}

export function createCaller(port: Port): Caller {
  const open = new Map<number, PromiseWithResolvers<unknown>>()
  let nextId = 1
  let failed: Error | null = null
  return {
    call(method, args, transfer = []) {
      if (failed !== null) return Promise.reject(failed)
      const id = nextId++
      const answer = Promise.withResolvers<unknown>()
      try {
        port.postMessage({ kind: 'call', id, method, args } satisfies Call, transfer)
        open.set(id, answer)
      } catch (error) {
        answer.reject(error)
      }
      return answer.promise
    },
    receive(message) {
      const answer = message as Answer
      if (answer.kind !== 'answer') return false
      const waiting = open.get(answer.id)
      open.delete(answer.id)
      if (answer.error !== undefined) waiting?.reject(unpackError(answer.error))
      else waiting?.resolve(answer.value)
      return true
    },
    fail(error) {
      failed ??= error
      for (const { reject } of open.values()) reject(failed)
      open.clear()
    },
  }
}
