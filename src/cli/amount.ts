// Amounts as people write them: decimal PULSE, exact to the base unit. Never a float.

import { COIN } from '../protocol/params.ts'

const DECIMALS = 8
const MAX_AMOUNT = 2n ** 64n - 1n

/** Reads `12` or `12.5`, at most eight decimals. Null for anything else: signs, exponents, separators, zero, too much. */
export function parseAmount(text: string): bigint | null {
  const match = /^(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,8}))?$/.exec(text)
  if (match === null) return null
  const [, whole = '', fraction = ''] = match
  const amount = BigInt(whole) * COIN + BigInt(fraction.padEnd(DECIMALS, '0'))
  return amount > 0n && amount <= MAX_AMOUNT ? amount : null
}

/** `12.5 PULSE`, exactly; no trailing zeros. @param amount base units */
export function formatAmount(amount: bigint): string {
  const sign = amount < 0n ? '-' : ''
  const magnitude = amount < 0n ? -amount : amount
  const fraction = (magnitude % COIN).toString().padStart(DECIMALS, '0').replace(/0+$/, '')
  return `${sign}${magnitude / COIN}${fraction === '' ? '' : '.' + fraction} PULSE`
}
