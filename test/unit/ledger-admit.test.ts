// The checks of single items: every reason is reached, each bound at it and one past it, by the door's clock and by blocks.

import t from 'tap'
import { RECORD_SIZE } from '../../src/ledger/account.ts'
import { admitHeartbeat, admitTransfer, checkAge, isAlive } from '../../src/ledger/admit.ts'
import type { Ledger } from '../../src/ledger/state.ts'
import type { Params } from '../../src/protocol/params.ts'
import { DEFAULT_PARAMS } from '../../src/protocol/params.ts'
import type { Reason } from '../../src/protocol/reason.ts'
import type { BeatFields, TransferFields } from './ledger-fixture.ts'
import { device, GENESIS_TIME_MS, grow, networkOf } from './ledger-fixture.ts'

const NOW_S = GENESIS_TIME_MS / 1_000 + 1

t.test('an age is judged to the millisecond', async (t) => {
  const age = (timestampS: number, referenceMs: number, params: Partial<Params> = {}): Reason | null => checkAge({ ...DEFAULT_PARAMS, ...params }, { timestampS }, referenceMs)
  t.equal(age(70, 100_000), null)
  t.equal(age(70, 100_001), 'too_old')
  t.equal(age(69, 100_000), 'too_old')
  t.equal(age(105, 100_000), null)
  t.equal(age(105, 99_999), 'from_future')
  t.equal(age(106, 100_000), 'from_future')
  t.equal(age(100, 100_999, { heartbeatMaxAgeMs: 1_000, heartbeatMaxFutureMs: 0 }), null)
  t.equal(age(100, 99_999, { heartbeatMaxAgeMs: 1_000, heartbeatMaxFutureMs: 0 }), 'from_future')
  t.equal(age(0, 0), null)
})

/** Life 0 with sequence 10 at NOW_S, committed at height 1. */
function started(params: Partial<Params> = {}, enrolled: readonly number[] = []) {
  const network = networkOf(params, { enrolled: enrolled.map(device).sort() })
  const ledger = grow(network.ledger(), { heartbeats: [network.beat({ of: 0, sequence: 10, timestampS: NOW_S })] })
  return { network, ledger }
}

t.test('heartbeats at the door', async (t) => {
  const { network, ledger } = started({ lifeMinIntervalMs: 2_000 })
  const rows: [desc: string, fields: BeatFields, expected: Reason | null][] = [
    ['a new life', { of: 1, sequence: 0, timestampS: NOW_S }, null],
    ['the next of a life', { of: 0, sequence: 11, timestampS: NOW_S + 2 }, null],
    ['a leap in the sequence', { of: 0, sequence: Number.MAX_SAFE_INTEGER, timestampS: NOW_S + 2 }, null],
    ['the committed sequence again', { of: 0, sequence: 10, timestampS: NOW_S + 2 }, 'sequence_replayed'],
    ['a lower sequence', { of: 0, sequence: 9, timestampS: NOW_S + 2 }, 'sequence_replayed'],
    ['a second too early', { of: 0, sequence: 11, timestampS: NOW_S + 1 }, 'too_fast'],
    ['in the same second', { of: 0, sequence: 11, timestampS: NOW_S }, 'too_fast'],
    ['before the last one', { of: 0, sequence: 11, timestampS: NOW_S - 5 }, 'too_fast'],
    ['too old, whatever else', { of: 0, sequence: 1, timestampS: NOW_S - 31 }, 'too_old'],
    ['from the future, whatever else', { of: 0, sequence: 1, timestampS: NOW_S + 6 }, 'from_future'],
  ]
  for (const [desc, fields, expected] of rows) t.equal(admitHeartbeat(ledger, network.beat(fields), NOW_S * 1_000), expected, desc)
})

t.test('an enrolled network lets enrolled lives in only', async (t) => {
  const { network, ledger } = started({ enrolled: true }, [0, 1])
  const funded = grow(ledger, { heartbeats: [network.beat({ of: 0, sequence: 11, timestampS: NOW_S + 1 })], transactions: [network.transfer({ from: 0, to: 2, amount: 10_000_000n })] })
  const at = (of: number): Reason | null => admitHeartbeat(funded, network.beat({ of, sequence: 20, timestampS: NOW_S + 2 }), (NOW_S + 2) * 1_000)
  t.strictSame([0, 1, 2, 3].map(at), [null, null, 'not_enrolled', 'not_enrolled'])
})

t.test('a life that was opened without a heartbeat may begin with any sequence', async (t) => {
  const { network, ledger } = started()
  const funded = grow(ledger, { heartbeats: [network.beat({ of: 0, sequence: 11, timestampS: NOW_S + 1 })], transactions: [network.transfer({ from: 0, to: 2, amount: 10_000_000n })] })
  t.equal(admitHeartbeat(funded, network.beat({ of: 2, sequence: 0, timestampS: NOW_S }), NOW_S * 1_000), null)
})

t.test('transfers at the door', async (t) => {
  const { network, ledger } = started({ accountMinimum: 50n, aliveBlocks: 2 })
  const funded = grow(ledger, { heartbeats: [network.beat({ of: 0, sequence: 11, timestampS: NOW_S + 1 })], transactions: [network.transfer({ from: 0, to: 2, amount: 50n })] })
  const rows: [desc: string, fields: TransferFields, expected: Reason | null][] = [
    ['to a known account', { from: 0, to: 2, nonce: 1, amount: 1n }, null],
    ['to oneself', { from: 0, to: 0, nonce: 1, amount: 1n }, null],
    ['a later nonce is the pool’s business', { from: 0, to: 2, nonce: 9 }, null],
    ['and so is the balance', { from: 0, to: 2, nonce: 1, amount: 2n ** 64n - 1n }, null],
    ['expiring at the next height', { from: 0, to: 2, nonce: 1, expiryHeight: 3 }, null],
    ['expired', { from: 0, to: 2, nonce: 1, expiryHeight: 2 }, 'expired'],
    ['expired, whatever else', { from: 8, to: 9, expiryHeight: 0 }, 'expired'],
    ['an unknown sender', { from: 8, to: 0 }, 'sender_not_alive'],
    ['a sender that has only received', { from: 2, to: 0 }, 'sender_not_alive'],
    ['a used nonce', { from: 0, to: 2, nonce: 0 }, 'nonce_used'],
    ['opening an account with the minimum', { from: 0, to: 9, nonce: 1, amount: 50n }, null],
    ['opening an account with less', { from: 0, to: 9, nonce: 1, amount: 49n }, 'below_minimum'],
  ]
  for (const [desc, fields, expected] of rows) t.equal(admitTransfer(funded, network.transfer(fields).transfer), expected, desc)
})

t.test('a sender that has fallen silent is refused from the block on in which it could not send', async (t) => {
  const { network, ledger } = started({ aliveBlocks: 2 })
  let now: Ledger = ledger
  const verdicts: (Reason | null)[] = []
  for (let i = 1; i <= 3; i++) {
    verdicts.push(admitTransfer(now, network.transfer({ from: 0, to: 0 }).transfer))
    now = grow(now, { heartbeats: [network.beat({ of: 1, sequence: i, timestampS: NOW_S + i })] })
  }
  t.strictSame(verdicts, [null, null, 'sender_not_alive'])
  const alive = (height: number): boolean => isAlive(now.params, now.accounts.records, 0, height)
  t.strictSame([1, 2, 3, 4].map(alive), [true, true, true, false])
  t.equal(isAlive(now.params, new Uint8Array(RECORD_SIZE), 0, 1), false, 'without any heartbeat')
})
