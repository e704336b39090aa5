// Medians, quantiles and spread of what was measured.

/** @param sorted ascending, not empty. @param q 0…1 */
function quantileOfSorted(sorted: readonly number[], q: number): number {
  const position = (sorted.length - 1) * q
  const low = Math.floor(position)
  const high = Math.ceil(position)
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (position - low)
}

/** Linear between neighbours; NaN of nothing. */
export function quantile(values: readonly number[], q: number): number {
  return values.length === 0 ? NaN : quantileOfSorted(values.toSorted((a, b) => a - b), q)
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)
// Not Math.max(...values): a long run has more values than a call may have arguments.
export const maximum = (values: readonly number[]): number => values.reduce((max, value) => Math.max(max, value), -Infinity)
export const minimum = (values: readonly number[]): number => values.reduce((min, value) => Math.min(min, value), Infinity)
export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
