// Invariants: a failed one is our own bug, never bad input, and stops the node.

export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

export function assert(condition: unknown, message: string): asserts condition {
  if (condition !== true && !condition) throw new InvariantError(message)
}

/** Marks the default arm of a switch that must be exhaustive. */
export function unreachable(value: never): never {
  throw new InvariantError(`unhandled kind: ${JSON.stringify(value)}`)
}
