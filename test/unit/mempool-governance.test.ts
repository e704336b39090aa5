// Governance transactions that wait: bounds, order and pruning.

import t from 'tap'
import { GovernancePool } from '../../src/mempool/governance.ts'
import type { Reason } from '../../src/protocol/reason.ts'
import type { GovernanceTransaction } from '../../src/protocol/transaction.ts'
import { encodeTransaction, joinTransaction } from '../../src/protocol/transaction.ts'
import { governanceOn } from './ledger-governance-fixture.ts'

const HASH = new Uint8Array(32)
const make = governanceOn(HASH)
const enrolment = (n: number): GovernanceTransaction => make.enrolment({ by: 1, devices: [n] })
const join = (n: number): GovernanceTransaction => make.join({ who: n, signedAt: 1 })
const evidence = (n: number): GovernanceTransaction => make.evidence({ who: n, at: 1 })

function offer(pool: GovernancePool, transaction: GovernanceTransaction): Reason | null {
  const reason = pool.check(transaction)
  if (reason === null) pool.add(transaction)
  return reason
}

t.test('the same one waits once, whoever approved it', async (t) => {
  const pool = new GovernancePool()
  const first = join(1)
  if (first.kind !== 3) return
  t.equal(pool.check(first), null)
  t.equal(pool.check(first), null, 'asking remembers nothing')
  t.equal(offer(pool, first), null)
  t.equal(offer(pool, first), 'duplicate')
  t.equal(offer(pool, joinTransaction(HASH, { ...first.join, signature: new Uint8Array(64) })), 'duplicate')
  t.equal(offer(pool, join(2)), null)
  t.equal(pool.find(first.id), first)
  t.equal(pool.find(join(3).id), null)
  t.strictSame([pool.count, pool.sizeBytes], [2, 2 * encodeTransaction(first).length])
})

t.test('256 wait, of which 32 are joins, and no more', async (t) => {
  const pool = new GovernancePool()
  for (let n = 0; n < 32; n++) t.equal(offer(pool, join(n)), null)
  t.equal(offer(pool, join(32)), 'mempool_full')
  for (let n = 0; n < 224; n++) if (offer(pool, enrolment(n)) !== null) t.fail(`enrolment ${n}`)
  t.equal(pool.count, 256)
  for (const another of [enrolment(224), join(33), evidence(1), make.leave({ who: 1, signedAt: 1 })]) t.equal(offer(pool, another), 'mempool_full')
  t.equal(offer(pool, enrolment(3)), 'duplicate')
  pool.prune(({ id }) => id !== enrolment(3).id && id !== join(5).id)
  t.strictSame([offer(pool, join(32)), offer(pool, join(33)), offer(pool, evidence(1)), offer(pool, evidence(2))], [null, 'mempool_full', null, 'mempool_full'])
})

t.test('blocks get evidence first, the rest in order of arrival', async (t) => {
  const pool = new GovernancePool()
  const all = [enrolment(1), join(1), evidence(1), make.leave({ who: 1, signedAt: 1 }), evidence(2), enrolment(2)]
  for (const each of all) offer(pool, each)
  t.strictSame(pool.reap(), [2, 4, 0, 1, 3, 5].map((i) => all[i]))
  t.equal(pool.count, 6, 'they wait on')
  pool.prune(({ kind }) => kind !== 6)
  t.strictSame(pool.reap(), [0, 1, 3, 5].map((i) => all[i]))
  pool.prune(() => false)
  t.strictSame([pool.reap(), pool.count, pool.sizeBytes], [[], 0, 0])
})
