// Frames of other nodes: who is to blame for one that we cannot use.

import t from 'tap'
import { concatAll } from '../../src/base/bytes.ts'
import { FRAME } from '../../src/node/frames.ts'
import type { GossipDependencies } from '../../src/node/gossip.ts'
import { createGossip } from '../../src/node/gossip.ts'
import { MAX_VALIDATORS } from '../../src/protocol/limits.ts'
import { encodeVote } from '../../src/protocol/vote.ts'
import { four, solo, voteIn, waitingEngine } from './engine-fixture.ts'

const quorumOf = (who: string): Uint8Array => concatAll([Uint8Array.of(FRAME.quorum), ...[...who].map((letter) => encodeVote(voteIn(letter, 'prevote', 0, 'X'.repeat(32)).vote))])

t.test('a quorum of the epoch before, by more validators than there are now, is late and nobody’s fault', async (t) => {
  const judge = async (engine: ReturnType<typeof waitingEngine>, frame: Uint8Array): Promise<string> => {
    const nothing = {} as GossipDependencies
    const { verdict, reason } = await createGossip({ ...nothing, engine }).frame(frame, 'peer')
    return `${verdict} ${reason}`
  }
  t.equal(await judge(waitingEngine(four(), null), quorumOf('AB')), 'ignore nothing_new')
  const one = waitingEngine(solo(), null)
  one.consensus = { ...one.consensus, height: 2 }
  t.equal(await judge(one, quorumOf('ABC')), 'ignore height')
  t.equal(await judge(one, quorumOf('A'.repeat(MAX_VALIDATORS + 1))), 'reject malformed')
})
