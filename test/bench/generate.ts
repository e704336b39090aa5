// Starts the generator in a process of its own and follows it.

import { fork } from 'node:child_process'
import type { GeneratorMessage, GeneratorOptions, GeneratorResult } from './generator.ts'

export interface Generating {
  /** Second of the first heartbeats, unix time: signing is done, sending begins soon. */
  readonly startS: Promise<number>
  readonly result: Promise<GeneratorResult>
}

export function startGenerator(options: GeneratorOptions): Generating {
  const child = fork(new URL('./generator.ts', import.meta.url), { serialization: 'advanced' })
  const signed = Promise.withResolvers<number>()
  const done = Promise.withResolvers<GeneratorResult>()
  const fail = (error: Error): void => {
    signed.reject(error)
    done.reject(error)
  }
  signed.promise.catch(() => {})
  child.on('message', (message: GeneratorMessage) => {
    if (message.kind === 'signed') signed.resolve(message.startS)
    else if (message.kind === 'done') done.resolve(message.result)
    else fail(new Error(`the generator failed: ${message.message}`))
  })
  child.on('error', fail)
  // Not 'exit': a large last message may still be on its way then.
  child.on('disconnect', () => fail(new Error('the generator ended too early')))
  child.send(options)
  return { startS: signed.promise, result: done.promise }
}
