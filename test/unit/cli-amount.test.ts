import fc from 'fast-check'
import t from 'tap'
import { formatAmount, parseAmount } from '../../src/cli/amount.ts'

t.test('decimal PULSE is read exactly', async (t) => {
  const cases: [string, bigint][] = [
    ['1', 100_000_000n],
    ['0.00000001', 1n],
    ['12.5', 1_250_000_000n],
    ['0.1', 10_000_000n],
    ['0.30000000', 30_000_000n],
    ['9007199254.74099301', 900_719_925_474_099_301n],
    ['184467440737.09551615', 2n ** 64n - 1n],
  ]
  for (const [text, amount] of cases) t.equal(parseAmount(text), amount, text)
})

t.test('what is no amount is refused', async (t) => {
  const zero = ['', '0', '0.0', '0.00000000']
  const signed = ['-1', '+1', '-0.5', '−1']
  const odd = ['1.', '.5', '1e3', '1E3', '0x10', '1,5', '1_000', ' 1', '1 ', '1\n', '01', '00', '1.5.0', 'NaN', 'Infinity', '١']
  const tooMuch = ['1.123456789', '0.000000001', '184467440737.09551616', '1000000000000', '9'.repeat(100)]
  const refused = [...zero, ...signed, ...odd, ...tooMuch]
  for (const text of refused) t.equal(parseAmount(text), null, JSON.stringify(text))
})

t.test('amounts are printed exactly, without trailing zeros', async (t) => {
  const cases: [bigint, string][] = [
    [0n, '0 PULSE'],
    [1n, '0.00000001 PULSE'],
    [100_000_000n, '1 PULSE'],
    [1_250_000_000n, '12.5 PULSE'],
    [2n ** 64n - 1n, '184467440737.09551615 PULSE'],
    [-150_000_000n, '-1.5 PULSE'],
  ]
  for (const [amount, text] of cases) t.equal(formatAmount(amount), text)
})

t.test('what is printed reads back as the same amount', async () => {
  fc.assert(fc.property(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), (amount) => parseAmount(formatAmount(amount).replace(' PULSE', '')) === amount))
})
