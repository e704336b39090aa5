// What became of a heartbeat, and who takes heartbeats.

import { REASONS } from '../protocol/reason.ts'
import { DeviceError } from './error.ts'
import type { DeviceHeartbeat, Network } from './heartbeat.ts'

/** Codes that the SDK itself gives; all others come from the node (see protocol/reason.ts). */
export type LocalCode =
  /** It waited in the queue until the network would have refused it as too old. */
  | 'dropped_old'
  /** The queue was full and this was its oldest heartbeat. */
  | 'dropped_full'
  /** The queue was closed before the heartbeat was sent. */
  | 'dropped_closed'
  /** The sink failed. */
  | 'send_failed'

export type HeartbeatVerdict =
  /** `weightPpm`: the weight to expect; null if an earlier try was accepted and its answer lost. */
  | { readonly accepted: true; readonly id: string; readonly weightPpm: number | null }
  | { readonly accepted: false; readonly code: string; readonly detail: string }

/** Takes heartbeats: a queue before a node's API, or a node in the same process. */
export interface HeartbeatSink {
  /** A verdict for each, in order. Heartbeats of one device must reach the node in the order of the calls. */
  send(heartbeats: readonly DeviceHeartbeat[]): Promise<readonly HeartbeatVerdict[]>
  /** For which network and witness to beat; read for each heartbeat. */
  network(): Network
  /** Unix ms by the node's clock. */
  nowMs(): number
}

export const localVerdict = (code: LocalCode, detail: string): HeartbeatVerdict => ({ accepted: false, code, detail })

/** @throws DeviceError `bad_answer` */
export function parseVerdict(json: unknown): HeartbeatVerdict {
  const verdict = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>
  const { accepted, id, weightPpm, code, detail } = verdict
  if (accepted === true && typeof id === 'string' && typeof weightPpm === 'number') return { accepted, id, weightPpm }
  if (accepted === false && typeof code === 'string') return { accepted, code, detail: typeof detail === 'string' ? detail : '' }
  throw new DeviceError('bad_answer', 'the node answered a heartbeat with something that is no verdict')
}

/** A code of the protocol. Others are the API's own (rate limits and the like). */
export const isReason = (code: string): boolean => Object.hasOwn(REASONS, code)

/** The node could not take it just now: the same heartbeat may be sent again. */
export const isTemporary = (verdict: HeartbeatVerdict): boolean =>
  !verdict.accepted && isReason(verdict.code) && REASONS[verdict.code as keyof typeof REASONS].status === 503
