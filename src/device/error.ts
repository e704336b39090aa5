// Errors of the SDK: one class with a stable code, for programs to switch on.

export type DeviceErrorCode =
  /** No answer: no connection, or a time limit passed. Trying again is sensible. */
  | 'unreachable'
  /** The node answered that it cannot take this now (429, 5xx). Trying again is sensible. */
  | 'unavailable'
  /** The node refused the request as a whole. Trying again unchanged is not sensible. */
  | 'refused'
  /** The answer is not what a Pulse node says. */
  | 'bad_answer'
  /** The node serves another network (genesis hash) than before, or than asked for. */
  | 'wrong_network'
  /** Simulated hearts and fast replay are for development networks. */
  | 'development_only'
  | 'bad_key_file'
  | 'bad_recording'

export interface DeviceErrorDetails {
  /** HTTP status. */
  readonly status?: number
  /** Code that the node gave (problem details), if any. */
  readonly nodeCode?: string
  /** How long the node asked to wait. */
  readonly retryAfterMs?: number
}

export class DeviceError extends Error {
  override readonly name = 'DeviceError'
  readonly code: DeviceErrorCode
  readonly details: DeviceErrorDetails

  constructor(code: DeviceErrorCode, message: string, details: DeviceErrorDetails = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }
}
