// Every error that can reach the top becomes a Failure: one line for the operator, and an exit code.

import { debuglog, inspect } from 'node:util'
import { CommanderError } from 'commander'
import type { DeviceErrorCode } from '../device/error.ts'
import { DeviceError } from '../device/error.ts'
import type { FailureCode } from '../ops/failure.ts'
import { Failure } from '../ops/failure.ts'

/** `NODE_DEBUG=pulse-node` prints stack traces. */
const debug = debuglog('pulse-node')

const DEVICE_FAILURES: Readonly<Record<DeviceErrorCode, readonly [code: FailureCode, remedy: string]>> = {
  unreachable: ['unreachable', 'Start a node with pulse-node start, or name one with --url.'],
  unavailable: ['unreachable', 'Try again, or look into the log of the node.'],
  refused: ['refused', 'Correct the request.'],
  bad_answer: ['unreachable', 'Check --url and the port.'],
  wrong_network: ['wrong_network', 'Check --url.'],
  development_only: ['config', 'Use a development network: pulse-node init.'],
  bad_key_file: ['config', 'Make one with pulse-node device new.'],
  bad_recording: ['config', 'Give a file with one RR interval in milliseconds per line, plain or gzip.'],
}

/** @param help the command that shows help for what was typed */
export function toFailure(error: unknown, help: string): Failure {
  if (error instanceof Failure) return error
  if (error instanceof CommanderError) return usageFailure(error, help)
  if (error instanceof DeviceError) {
    const [code, remedy] = DEVICE_FAILURES[error.code]
    const cause = error.code === 'unreachable' ? `No node answers at ${error.message}` : capitalised(error.message)
    return new Failure(code, cause, remedy, { cause: error })
  }
  debug('%s', inspect(error))
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  const remedy = 'This is a bug: please report it with what NODE_DEBUG=pulse-node adds to the output.'
  return new Failure('internal', `Unexpected ${oneLine(text)}`, remedy, { cause: error })
}

/** commander says `error: unknown option '--prot'\n(Did you mean --port?)` */
function usageFailure(error: CommanderError, help: string): Failure {
  const [first = '', suggestion] = error.message.split('\n')
  const cause = capitalised(first.replace(/^error: /, '').replace(/\.$/, ''))
  return new Failure('usage', cause, suggestion === undefined ? `See ${help}.` : suggestion.replace(/^\(|\)$/g, ''))
}

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 300)
