// Precommits that come after the decision: the certificate in the next block holds them too.

import t from 'tap'
import { step } from '../../src/engine/step.ts'
import { beats, blockBy, certificateBy, decidedIn, engineOn, FIRST_MS, FIRST_S, four, live, voteIn } from './engine-fixture.ts'
import { GENESIS_TIME_MS } from './ledger-fixture.ts'

const network = four()
const block = blockBy(network, 'A')

function decided() {
  const engine = engineOn(network, 'B')
  step(engine, { kind: 'start' }, GENESIS_TIME_MS)
  step(engine, decidedIn(block.block, certificateBy('ABC', 1, block.id)), FIRST_MS)
  return engine
}

const signers = (engine: ReturnType<typeof decided>): number[] => (engine.committing?.certificate ?? engine.headCertificate)!.signatures.map(({ validator }) => validator)

t.test('a precommit for the decided block joins its certificate, while it is stored and after', async (t) => {
  for (const stored of [false, true]) {
    const engine = decided()
    if (stored) step(engine, { kind: 'stored', height: 1 }, FIRST_MS)
    for (const other of [voteIn('D', 'prevote', 0, block.id), voteIn('D', 'precommit', 1, block.id), voteIn('D', 'precommit', 0, null), voteIn('X', 'precommit', 0, block.id), voteIn('A', 'precommit', 0, block.id)]) {
      step(engine, other, FIRST_MS)
      t.strictSame(signers(engine), [0, 1, 2])
    }
    step(engine, voteIn('D', 'precommit', 0, block.id), FIRST_MS)
    t.strictSame(signers(engine), [0, 1, 2, 3], stored ? 'after it was stored' : 'while it is stored')
  }
})

t.test('our next block shows it', async (t) => {
  const engine = decided()
  step(engine, { kind: 'stored', height: 1 }, FIRST_MS)
  step(engine, voteIn('D', 'precommit', 0, block.id), FIRST_MS)
  live(engine, beats(network, [1, 2], FIRST_S + 1, 2), FIRST_MS + 1_000)
  const [built] = [...engine.candidates.values()]
  t.equal(built?.block.header.proposer, 'B'.repeat(32))
  t.equal(built?.block.body.parentCertificate?.signatures.length, 4)
})
