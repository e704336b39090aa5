// Validators, their voting power, and quorums.

import type { Bin } from '../base/bytes.ts'
import { fromBin } from '../base/bytes.ts'
import { MAX_VALIDATORS } from './limits.ts'
import { bytes32, ContainerType, ListCompositeType, uint64 } from './ssz.ts'

/** What one life counts. */
export const LIFE = 1_000_000

export interface Validator {
  /** Ed25519 key that signs votes, 32 bytes. */
  readonly key: Bin
  /** Ed25519 key of its node: libp2p identity and witness, 32 bytes. */
  readonly nodeKey: Bin
  /** base + life power, in units of `LIFE`. */
  readonly power: number
}

/** Sorted by key; that order is the validator index. */
export type ValidatorSet = readonly Validator[]

const ValidatorSsz = new ContainerType({ key: bytes32, nodeKey: bytes32, power: uint64 })
const ValidatorSetSsz = new ListCompositeType(ValidatorSsz, MAX_VALIDATORS)

export function validatorsRoot(set: ValidatorSet): Uint8Array {
  return ValidatorSetSsz.hashTreeRoot(set.map(({ key, nodeKey, power }) => ({ key: fromBin(key), nodeKey: fromBin(nodeKey), power })))
}

export const totalPower = (set: ValidatorSet): number => set.reduce((sum, validator) => sum + validator.power, 0)

/** More than two thirds. Exact: total power is below 2^50. */
export const isQuorum = (power: number, total: number): boolean => 3 * power > 2 * total

/** More than one third: at least one honest validator is among them. */
export const isMoreThanThird = (power: number, total: number): boolean => 3 * power > total
