// `Verified<T>`: a value whose signatures have been checked. Past the ingress nobody wonders.

declare const verified: unique symbol

export type Verified<T> = T & { readonly [verified]: true }

/**
 * The only place where the brand is made. The tidy test lists the few files that may call this: those that have
 * just checked a signature, and the simulator, whose keys are honest by construction.
 */
export function markVerified<T>(value: T): Verified<T> {
  return value as Verified<T>
}
