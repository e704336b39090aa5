// Whose signatures count at a height. The set changes only between the last block of an epoch and the next block.

import type { ValidatorSet } from '../protocol/validators.ts'
import { lastHeightOf } from './epoch.ts'
import type { Ledger } from './state.ts'

/**
 * The validators of a height, as far as this ledger can know them: of its head, and of the blocks that follow up to the
 * end of the epoch. Null for heights behind the head and for the epochs to come.
 */
export function validatorsAt(ledger: Ledger, height: number): ValidatorSet | null {
  if (height < ledger.height || height > lastHeightOf(ledger)) return null
  return height === ledger.governance.epoch.start ? ledger.governance.previousValidators : ledger.validators
}

/** The validators of the head: their certificate is in the next block. */
export function headValidators(ledger: Ledger): ValidatorSet {
  return ledger.height === ledger.governance.epoch.start ? ledger.governance.previousValidators : ledger.validators
}
