// A vote that was signed before a crash and lost: the signer's record has it.

import t from 'tap'
import { equalBytes } from '../../src/base/bytes.ts'
import { earlierVote } from '../../src/engine/earlier.ts'
import { step } from '../../src/engine/step.ts'
import type { VoteStatement } from '../../src/protocol/vote.ts'
import { voteMessage } from '../../src/protocol/vote.ts'
import { blockBy, FIRST_MS, four, keyOf, proposalIn, waitingEngine } from './engine-fixture.ts'

t.test('the answer that stands is found among what can have been asked', async (t) => {
  const network = four()
  const engine = waitingEngine(network, 'D')
  const block = blockBy(network, 'A')
  step(engine, proposalIn(block, 0, 'A'), FIRST_MS)
  const asked: VoteStatement = { height: 1, round: 0, type: 'prevote', blockId: block.id }
  const signature = new Uint8Array(64).fill(7)
  const answered = (blockId: string | null) => {
    const signed = voteMessage(network.hash, { ...asked, blockId })
    return earlierVote(engine, asked, { signature, isOf: (message) => equalBytes(message, signed) })
  }
  t.strictSame(answered(null), { ...asked, blockId: null, validator: keyOf('D'), signature })
  t.strictSame(answered(block.id), { ...asked, validator: keyOf('D'), signature })
  t.equal(answered('x'.repeat(32)), null, 'a block that is not known here')
})
