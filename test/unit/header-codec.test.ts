// Stored headers: the header and the summary of its body, in a fixed size.

import fc from 'fast-check'
import t from 'tap'
import { concat, equalBytes } from '../../src/base/bytes.ts'
import { decodeStoredHeader, encodeStoredHeader } from '../../src/node/header-codec.ts'
import type { StoredHeader } from '../../src/node/header-codec.ts'
import { encodeHeader } from '../../src/protocol/header.ts'
import * as arbitrary from '../fuzz/arbitraries.ts'
import { holds } from '../fuzz/holds.ts'
import { asText } from './ledger-fixture.ts'

const uint32 = fc.oneof(fc.nat({ max: 2 ** 32 - 1 }), fc.constantFrom(0, 2 ** 32 - 1))
const stored: fc.Arbitrary<StoredHeader> = fc.record({
  header: arbitrary.header,
  heartbeats: uint32,
  transactions: uint32,
  minted: fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.constantFrom(0n, 2n ** 64n - 1n)),
  bodyBytes: uint32,
  power: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  totalPower: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
})

t.test('a stored header survives, in one size', async (t) => {
  holds(
    t,
    'round trip',
    fc.property(stored, (value) => {
      const bytes = encodeStoredHeader(value)
      const decoded = decodeStoredHeader(bytes)
      return bytes.length === 332 && decoded !== null && asText(decoded) === asText(value) && equalBytes(encodeStoredHeader(decoded), bytes)
    }),
    { numRuns: 300 },
  )
  const [value] = fc.sample(stored, { numRuns: 1, seed: 1 }) as [StoredHeader]
  t.strictSame(encodeStoredHeader(value).subarray(0, 296), encodeHeader(value.header), 'the header comes first, as SSZ has it')
})

t.test('another size is damage, and so is an integer that is not safe', async (t) => {
  const [value] = fc.sample(stored, { numRuns: 1, seed: 1 }) as [StoredHeader]
  const bytes = encodeStoredHeader(value)
  for (let size = 0; size < bytes.length; size++) if (decodeStoredHeader(bytes.slice(0, size)) !== null) t.fail(`${size} bytes`)
  t.equal(decodeStoredHeader(concat(bytes, new Uint8Array(1))), null)
  t.equal(decodeStoredHeader(concat(bytes, bytes)), null)
  const unsafe = bytes.slice()
  unsafe.set([0, 0, 0, 0, 0, 0, 0x20, 0], 4)
  t.equal(decodeStoredHeader(unsafe), null, 'height 2^53')
})
