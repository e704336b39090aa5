// Failures that an operator must act on: one line with cause and remedy, and an exit code of their own.

/** Exit codes of `pulse-node`, documented in docs/operations.md. systemd does not restart on those from 2 to 12. */
export const EXIT_CODES = {
  ok: 0,
  /** A bug: please report it. */
  internal: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The configuration file, an environment variable or a flag's value is wrong. */
  config: 3,
  /** The genesis file is missing, broken or contradicts a flag. */
  genesis: 4,
  /** Another process holds the data directory. */
  locked: 5,
  /** The data directory belongs to another network. */
  wrong_network: 6,
  /** The data was written by a newer version. */
  newer_schema: 7,
  /** The disk is full, read-only or failing, or permissions are missing. */
  storage: 8,
  /** The database contradicts itself. */
  corrupt: 9,
  /** A port is taken or may not be used. */
  port: 10,
  /** Signing would not be safe: the last-signed record is missing or behind. */
  signer: 11,
  /** More than two thirds of the validators signed a block that is not valid here. */
  diverged: 12,
  /** A check failed: `verify`, `compare`, `verify-self`, `doctor`, `smoke`; or a node of `testnet` did not come up. */
  failed: 20,
  /** A client command could not reach the node. */
  unreachable: 21,
  /** The node refused what a client command asked for. */
  refused: 22,
} as const

export type FailureCode = Exclude<keyof typeof EXIT_CODES, 'ok'>

export class Failure extends Error {
  override readonly name = 'Failure'
  readonly code: FailureCode
  /** What the operator can do, one sentence. */
  readonly remedy: string

  constructor(code: FailureCode, cause: string, remedy: string, options?: ErrorOptions) {
    super(cause, options)
    this.code = code
    this.remedy = remedy
  }

  get exitCode(): number {
    return EXIT_CODES[this.code]
  }

  /** `cause. remedy (code)` */
  get line(): string {
    return `${this.message}. ${this.remedy} (${this.code})`
  }
}
