// What `GET /v2/node` says, as far as a device needs it.

import { fromHex } from '../base/bytes.ts'
import { DeviceError } from './error.ts'
import type { Network } from './heartbeat.ts'

export interface NodeInfo extends Network {
  /** Name of the network. */
  readonly name: string
  readonly blockIntervalMs: number
  /** The node's clock, unix ms. */
  readonly nodeTimeMs: number
}

/** Other members are ignored. @throws DeviceError `bad_answer` */
export function parseNodeInfo(json: unknown): NodeInfo {
  const node = object(json, 'the answer')
  const params = object(node.params, 'params')
  if (typeof node.network !== 'string') throw bad('network')
  if (typeof node.development !== 'boolean') throw bad('development')
  return {
    name: node.network,
    genesisHash: bytes32(node.genesisHash, 'genesisHash'),
    witness: bytes32(node.witness, 'witness'),
    development: node.development,
    nodeTimeMs: count(node.nowMs, 'nowMs'),
    blockIntervalMs: count(params.blockIntervalMs, 'params.blockIntervalMs'),
    heartbeatMaxAgeMs: count(params.heartbeatMaxAgeMs, 'params.heartbeatMaxAgeMs'),
    heartbeatMaxFutureMs: count(params.heartbeatMaxFutureMs, 'params.heartbeatMaxFutureMs'),
    lifeMinIntervalMs: count(params.lifeMinIntervalMs, 'params.lifeMinIntervalMs'),
  }
}

const bad = (what: string): DeviceError =>
  new DeviceError('bad_answer', `${what} of /v2/node is missing or wrong: is this the address of a Pulse node?`)

function object(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw bad(what)
  return value as Record<string, unknown>
}

function count(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw bad(what)
  return value
}

function bytes32(value: unknown, what: string): Uint8Array {
  const bytes = typeof value === 'string' ? fromHex(value) : null
  if (bytes === null || bytes.length !== 32) throw bad(what)
  return bytes
}
