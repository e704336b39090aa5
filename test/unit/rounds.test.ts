// What a node shows of its height, and what it sends to one that lacks it, when validators have named rounds that nobody is in.

import t from 'tap'
import { step } from '../../src/engine/step.ts'
import { FRAME } from '../../src/node/frames.ts'
import { missingFor, ownHave } from '../../src/node/rounds.ts'
import { decodeVote } from '../../src/protocol/vote.ts'
import { FIRST_MS, voteIn, waitingEngine } from './engine-fixture.ts'
import { networkOf } from './ledger-fixture.ts'

t.test('rounds that few have named hide neither ours nor its votes', async (t) => {
  const letters = Array.from({ length: 90 }, (_, i) => String.fromCharCode(33 + i))
  const network = networkOf({}, { validators: letters.map((letter, i) => ({ key: letter.repeat(32), nodeKey: `${i}`.padStart(32), power: i < 40 ? 1 : 1_000_000 })) })
  const engine = waitingEngine(network, null)
  letters.slice(0, 40).forEach((letter, i) => {
    for (const round of [1_000 + i, 2_000 + i]) step(engine, voteIn(letter, 'prevote', round, null), FIRST_MS)
  })
  const honest = letters.slice(40)
  for (let round = 0; round < 12; round++) {
    for (const type of ['prevote', 'precommit'] as const) for (const who of honest) step(engine, voteIn(who, type, round, null), FIRST_MS)
  }
  t.equal(engine.consensus.round, 11)
  const have = ownHave(engine)
  t.equal(have.rounds.length, 64)
  t.strictSame(have.rounds.slice(0, 12).map(({ round }) => round), Array.from({ length: 12 }, (_, round) => round))
  t.ok(have.rounds.every(({ round }, i) => i === 0 || have.rounds[i - 1]!.round < round))
  const lacking = { height: 1, rounds: [] }
  const votes = missingFor(engine, lacking).flatMap((frame) => {
    const vote = frame[0] === FRAME.vote ? decodeVote(frame.subarray(1)) : null
    return vote?.ok === true ? [vote.value] : []
  })
  t.equal(votes.length, 512)
  t.equal(votes.filter(({ round }) => round === 11).length, 100, 'those of our round come first')
})
