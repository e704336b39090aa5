// One property as one test point, with the seed and the smallest counterexample if it does not hold.

import fc from 'fast-check'
import type { Test } from 'tap'

export function holds<T>(t: Test, sentence: string, property: fc.IPropertyWithHooks<T> | fc.IProperty<T>, parameters?: fc.Parameters<T>): void {
  const details = fc.check(property, parameters)
  const report = details.failed ? (fc.defaultReportMessage(details) ?? 'failed') : ''
  t.ok(!details.failed, sentence, { report: report.slice(0, 4_000) })
}
