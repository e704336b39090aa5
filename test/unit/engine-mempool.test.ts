// What waits for a block, and leaves when no block can hold it any more.

import t from 'tap'
import { step } from '../../src/engine/step.ts'
import { markVerified } from '../../src/crypto/verified.ts'
import { beats, engineOn, FIRST_MS, FIRST_S, live, solo } from './engine-fixture.ts'
import { device, GENESIS_TIME_MS } from './ledger-fixture.ts'

t.test('transfers of a sender that has fallen silent leave, and do not stand in the way of others', async (t) => {
  const network = solo({ aliveBlocks: 2, maxTransactions: 2 })
  const engine = engineOn(network, 'A')
  const send = (from: number, nonce: number): string[] =>
    live(engine, { kind: 'transaction', transaction: markVerified(network.transfer({ from, to: from, nonce })), ticket: 2 }, FIRST_MS)
  const sentBy = (life: number): number => engine.ledger.accounts.find(device(life))!.nonce
  step(engine, { kind: 'start' }, GENESIS_TIME_MS)
  live(engine, beats(network, [1, 2]), FIRST_MS)
  t.equal(engine.ledger.height, 1)
  for (let nonce = 0; nonce < 10; nonce++) t.strictSame(send(1, nonce), ['verdicts accepted'])
  t.strictSame(send(2, 0), ['verdicts accepted'])
  // Only the second life goes on. Two blocks of two transfers each are all that the first one may still send.
  for (let block = 1; block <= 4; block++) live(engine, beats(network, [2], FIRST_S + block, 1 + block), FIRST_MS + block * 1_000)
  t.equal(engine.ledger.height, 5)
  t.equal(sentBy(1), 4)
  t.equal(sentBy(2), 1, 'its turn has come')
  t.strictSame([engine.transfers.count, engine.transfers.sizeBytes], [0, 0])
})

t.test('where not all that waits fits, each life comes before second heartbeats of others, so that the threshold is met', async (t) => {
  const network = solo({ threshold: 4, maxHeartbeats: 4 })
  const engine = engineOn(network, 'A')
  step(engine, { kind: 'start' }, GENESIS_TIME_MS)
  for (let sequence = 1; sequence <= 8; sequence++) step(engine, beats(network, [1], FIRST_S - 9 + sequence, sequence), GENESIS_TIME_MS)
  t.ok(live(engine, beats(network, [2, 3, 4]), FIRST_MS).includes('commit 1'))
  t.equal(engine.heartbeats.count, 7, 'the others wait')
})
