// After a crash the log makes the engine what it was: at every moment of a height with locks, lies and late messages.

import t from 'tap'
import type { Engine } from '../../src/engine/engine.ts'
import type { Input, LoggedEntry } from '../../src/engine/input.ts'
import { replay } from '../../src/engine/replay.ts'
import { step } from '../../src/engine/step.ts'
import {
  beats, blockBy, engineOn, FIRST_MS, four, intervalIn, live, proposalIn, show, solo, stateOf, timeoutIn, turnOf, voteIn, waitingEngine,
} from './engine-fixture.ts'

const network = four()

/** What happens to D (or another) in a height of three rounds; the first proposer shows two blocks. */
function story(engine: Engine): Input[] {
  const [first, second, third] = [0, 1, 2].map((round) => turnOf(engine, round)) as [string, string, string]
  const [one, twin] = [blockBy(network, first), blockBy(network, first, 1)]
  const others = ['A', 'B', 'C', 'D'].filter((letter) => letter !== engine.self?.slice(0, 1))
  return [
    intervalIn(1),
    voteIn(others[0]!, 'prevote', 0, one.id),
    proposalIn(twin, 0, first),
    proposalIn(one, 0, first),
    beats(network, [3, 4]),
    voteIn(others[1]!, 'prevote', 0, one.id),
    voteIn(others[1]!, 'prevote', 0, twin.id),
    { kind: 'quorum', votes: others.map((who) => voteIn(who, 'prevote', 0, one.id).vote) },
    timeoutIn('propose', 0),
    timeoutIn('prevote', 0),
    voteIn(others[0]!, 'precommit', 0, null),
    voteIn(others[1]!, 'precommit', 0, null),
    voteIn(others[2]!, 'precommit', 0, null),
    timeoutIn('precommit', 0),
    proposalIn(blockBy(network, second, 2), 1, second),
    timeoutIn('propose', 1),
    voteIn(others[0]!, 'prevote', 2, null),
    voteIn(others[1]!, 'prevote', 2, one.id),
    proposalIn(one, 2, third, 0),
    voteIn(others[2]!, 'prevote', 2, one.id),
    voteIn(others[1]!, 'precommit', 2, one.id),
    voteIn(others[2]!, 'precommit', 2, one.id),
  ]
}

for (const self of ['A', 'B', 'C', 'D', null]) {
  t.test(`the log restores every moment of ${self === null ? 'an observer' : `validator ${self}`}`, async (t) => {
    const engine = waitingEngine(network, self, [1, 2])
    const log: LoggedEntry[] = []
    const states = new Set<string>()
    for (const [i, input] of story(engine).entries()) {
      if (engine.phase === 'waiting' || engine.phase === 'deciding') live(engine, input, FIRST_MS + 10 * i, log)
      if (engine.ledger.height > 0) break
      const restored = engineOn(network, self)
      replay(restored, log, FIRST_MS + 3_600_000)
      t.equal(stateOf(restored), stateOf(engine), `after input ${i}: ${input.kind}`)
      states.add(stateOf(engine))
    }
    t.ok(states.size > 10, 'the story is eventful', { states: states.size })
  })
}

t.test('nothing is logged while the log is replayed, and everything after the start', async (t) => {
  const log: LoggedEntry[] = []
  live(waitingEngine(network, 'D', [1, 2]), voteIn('A', 'prevote', 0, null), FIRST_MS, log)
  t.strictSame(log.map(({ input }) => input.kind), ['begin', 'vote'])
  const restored = engineOn(network, 'D')
  const words = replay(restored, log, FIRST_MS + 5_000).map(({ effect, nowMs }) => `${show(effect)} at ${nowMs - FIRST_MS}`)
  t.strictSame(words, ['round 0 at 0', 'propose 0 in 1000 at 0', 'interval in 0 at 5000'])
  t.equal(restored.phase, 'deciding')
  t.match(step(restored, voteIn('B', 'prevote', 0, null), FIRST_MS).map(show), ['log vote'])
})

t.test('what was to be signed is asked for again, and logged when it comes back', async (t) => {
  const log: LoggedEntry[] = []
  const engine = waitingEngine(network, 'D')
  // The process dies after the question and before the answer is logged.
  for (const input of [voteIn('A', 'prevote', 0, null), timeoutIn('propose', 0)]) {
    for (const effect of step(engine, input, FIRST_MS)) if (effect.kind === 'log') log.push({ input: effect.input, nowMs: FIRST_MS })
  }
  const restored = engineOn(network, 'D')
  t.ok(replay(restored, log, FIRST_MS).some(({ effect }) => show(effect) === 'sign prevote 0 nil'))
  t.strictSame(step(restored, voteIn('D', 'prevote', 0, null), FIRST_MS).map(show), ['log vote', 'broadcast-vote'])
})

t.test('a proposal is judged by the clock of the moment at which it came', async (t) => {
  const engine = waitingEngine(network, 'D')
  const entry = { input: proposalIn(blockBy(network, turnOf(engine, 0)), 0, turnOf(engine, 0)), nowMs: FIRST_MS }
  const restored = engineOn(network, 'D')
  const words = replay(restored, [{ input: { kind: 'begin', height: 1 }, nowMs: FIRST_MS }, entry], FIRST_MS + 3_600_000).map(({ effect }) => show(effect))
  t.ok(words.includes('sign prevote 0 block'), 'the answer is the one that may be signed already', { words })
})

t.test('a block that was built before the crash is proposed again, not built anew', async (t) => {
  const one = solo()
  const engine = waitingEngine(one, 'A')
  const log: LoggedEntry[] = []
  for (const effect of step(engine, beats(one, [1]), FIRST_MS)) if (effect.kind === 'log') log.push({ input: effect.input, nowMs: FIRST_MS })
  t.strictSame(log.map(({ input }) => input.kind), ['begin', 'value'])
  const restored = engineOn(one, 'A')
  const asked = replay(restored, log, FIRST_MS + 700).map(({ effect }) => effect).find((effect) => effect.kind === 'sign-proposal')
  const [built] = [...engine.candidates.keys()]
  t.equal(asked?.statement.blockId, built)
  t.equal(asked?.block.header.timestampMs, FIRST_MS)
})

t.test('a decision that was logged is committed again', async (t) => {
  const engine = waitingEngine(network, 'D', [1, 2])
  const log: LoggedEntry[] = []
  const executed = blockBy(network, turnOf(engine, 0))
  const inputs = [proposalIn(executed, 0, turnOf(engine, 0)), ...['A', 'B', 'C'].map((who) => voteIn(who, 'precommit', 0, executed.id))]
  for (const input of inputs) for (const effect of step(engine, input, FIRST_MS)) if (effect.kind === 'log') log.push({ input: effect.input, nowMs: FIRST_MS })
  const restored = engineOn(network, 'D')
  t.ok(replay(restored, log, FIRST_MS).some(({ effect }) => effect.kind === 'commit' && effect.executed.id === executed.id))
  t.equal(restored.phase, 'committing')
  step(restored, { kind: 'stored', height: 1 }, FIRST_MS)
  t.equal(restored.ledger.headId, executed.id)
})

t.test('an empty log starts the next height', async (t) => {
  const restored = engineOn(network, 'D')
  t.strictSame(replay(restored, [], FIRST_MS).map(({ effect }) => show(effect)), ['interval in 0'])
  t.equal(restored.phase, 'waiting')
})
