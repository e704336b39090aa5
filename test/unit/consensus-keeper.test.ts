// What the keepers of votes and proposals count, and what they keep.

import fc from 'fast-check'
import t from 'tap'
import { CONFLICTS_REPORTED, FUTURE_ROUNDS_DISPLACED, FUTURE_ROUNDS_KEPT, PAST_ROUNDS_KEPT, PROPOSERS_REMEMBERED } from '../../src/consensus/bounds.ts'
import type { RoundWindow } from '../../src/consensus/bounds.ts'
import type { Consensus } from '../../src/consensus/consensus.ts'
import { hasVote, proposerFor, stepConsensus } from '../../src/consensus/consensus.ts'
import type { ConsensusInput } from '../../src/consensus/input.ts'
import type { VoteKeeper } from '../../src/consensus/vote-keeper.ts'
import { addVote, backedBlocks, createVoteKeeper, hasQuorum, hasQuorumFor, quorumBlock, roundsHeld, skipRound } from '../../src/consensus/vote-keeper.ts'
import { blocksNeeded, proposalsHeld, votesHeld } from '../../src/consensus/view.ts'
import type { Vote, VoteType } from '../../src/protocol/vote.ts'
import {
  ABCD, bin, consensusOf, HEIGHT, invalid, precommit, precommits, prevote, prevotes, proposed, quorum, show, start, timeout, TIMELY, validatorsOf, vote, voteBy,
} from './consensus-fixture.ts'

const AT_ZERO: RoundWindow = { current: 0, needsRound: () => false }

function keeperWith(votes: readonly Vote[], validators = ABCD): VoteKeeper {
  const keeper = createVoteKeeper(HEIGHT, validators)
  for (const each of votes) addVote(keeper, each, AT_ZERO)
  return keeper
}

function run(state: Consensus, ...inputs: ConsensusInput[]): string[] {
  return inputs.flatMap((input) => stepConsensus(state, input, TIMELY)).map((effect) => show(effect))
}

const roundsOf = (state: Consensus, who: string): number[] => [...new Set(votesHeld(state).filter(({ validator }) => validator === bin(who)).map(({ round }) => round))]

t.test('quorums are strict and exact', async (t) => {
  const three = validatorsOf(1, 1, 1)
  t.notOk(hasQuorum(keeperWith([voteBy('A', 'prevote', 0, 'X'), voteBy('B', 'prevote', 0, 'X')], three), 0, 'prevote'), 'two of three are exactly two thirds, which is no quorum')
  t.ok(hasQuorumFor(keeperWith([...'ABC'].map((who) => voteBy(who, 'prevote', 0, 'X')), three), 0, 'prevote', bin('X')), 'three of three are')
  t.equal(skipRound(keeperWith([voteBy('A', 'prevote', 1, 'X')], three), 0), null, 'one of three is exactly a third, which does not skip')
  t.equal(skipRound(keeperWith([voteBy('A', 'prevote', 1, 'X'), voteBy('B', 'precommit', 1, null)], three), 0), 1, 'two of three skip')

  // Just below and above two thirds of a total near 2^50.
  const third = 2 ** 48
  const large = validatorsOf(2 * third, third)
  t.notOk(hasQuorum(keeperWith([voteBy('A', 'prevote', 0, 'X')], large), 0, 'prevote'), 'exactly two thirds of a large total')
  t.ok(hasQuorum(keeperWith([voteBy('A', 'prevote', 0, 'X')], validatorsOf(2 * third + 1, third)), 0, 'prevote'), 'one unit more')
})

t.test('a quorum for one block, for nil and for anything are told apart', async (t) => {
  const keeper = keeperWith([voteBy('A', 'prevote', 0, 'X'), voteBy('B', 'prevote', 0, null), voteBy('C', 'prevote', 0, 'X'), voteBy('D', 'precommit', 0, 'X')])
  t.ok(hasQuorum(keeper, 0, 'prevote'))
  t.notOk(hasQuorumFor(keeper, 0, 'prevote', bin('X')), 'six of ten')
  t.notOk(hasQuorumFor(keeper, 0, 'prevote', null))
  t.equal(quorumBlock(keeper, 0, 'prevote'), null)
  t.notOk(hasQuorum(keeper, 0, 'precommit'))
  t.notOk(hasQuorum(keeper, 1, 'prevote'), 'a round without votes has none')
  t.strictSame(backedBlocks(keeper, 0), [bin('X')], 'more than a third backs X')
  addVote(keeper, voteBy('D', 'prevote', 0, 'X'), AT_ZERO)
  t.equal(quorumBlock(keeper, 0, 'prevote'), bin('X'))
  const nil = keeperWith([...'AB'].map((who) => voteBy(who, 'prevote', 0, null)))
  t.ok(hasQuorumFor(nil, 0, 'prevote', null))
  t.equal(quorumBlock(nil, 0, 'prevote'), null, 'nil is no block')
  t.strictSame(backedBlocks(nil, 0), [])
})

t.test('the order of votes does not matter', async (t) => {
  const anyVote = fc.record({
    who: fc.constantFrom(...'ABCDE'),
    type: fc.constantFrom<VoteType>('prevote', 'precommit'),
    round: fc.nat({ max: 5 }),
    id: fc.constantFrom('X', 'Y', null),
  }).map(({ who, type, round, id }) => voteBy(who, type, round, id))
  const validators = validatorsOf(5, 4, 3, 2, 1)
  const without = (votes: Vote[]): Vote[] => [...new Map(votes.map((each) => [`${each.validator}${each.type}${each.round}`, each])).values()]
  const facts = (keeper: VoteKeeper): unknown => [0, 1, 2, 3, 4, 5].map((round) => [
    (['prevote', 'precommit'] as const).map((type) => [hasQuorum(keeper, round, type), quorumBlock(keeper, round, type), hasQuorumFor(keeper, round, type, null)]),
    skipRound(keeper, round),
    backedBlocks(keeper, round).sort(),
    votesHeld({ votes: keeper, validators } as Consensus).map(({ validator, round, type, blockId }) => `${validator[0]} ${round} ${type} ${blockId?.[0]}`),
  ])
  fc.assert(fc.property(
    fc.array(anyVote, { maxLength: 40 }).map(without).chain((votes) => fc.tuple(fc.constant(votes), fc.shuffledSubarray(votes, { minLength: votes.length }))),
    fc.nat({ max: 5 }),
    ([votes, shuffled], current) => {
      const keepers = [votes, [...shuffled, ...votes]].map((order) => {
        const keeper = createVoteKeeper(HEIGHT, validators)
        for (const each of order) t.equal(addVote(keeper, each, { current, needsRound: () => false }), null)
        return keeper
      })
      t.strictSame(facts(keepers[0]!), facts(keepers[1]!))
    },
  ), { numRuns: 60 })
})

t.test('a validator keeps the two highest rounds above ours, and displaces only its own', async (t) => {
  const state = consensusOf()
  run(state, start, prevote('C', 2, 'X'), ...prevotes('B', 3, null), ...precommits('B', 3, null), prevote('B', 5, null))
  t.strictSame(roundsOf(state, 'B'), [3, 5], 'at the limit both are there')
  run(state, prevote('B', 4, null))
  t.strictSame(roundsOf(state, 'B'), [4, 5], 'one past it the lowest goes, with both its votes')
  t.strictSame(state.votes.rounds.has(3), false, 'and its round with it')
  t.ok(hasVote(state, voteBy('B', 'prevote', 3, null)), 'what is too low need not be logged')
  run(state, prevote('B', 3, null))
  t.strictSame(roundsOf(state, 'B'), [4, 5], 'and does not come in')
  run(state, ...precommits('B', 4, null))
  t.equal(votesHeld(state).length, 4, 'both types of a round are kept')
  t.strictSame(roundsOf(state, 'C'), [2], 'others lose nothing')
  t.strictSame(run(state, prevote('A', 0, null), timeout('precommit', 0), timeout('precommit', 1), timeout('precommit', 2), timeout('precommit', 3), prevote('B', 6, null), prevote('B', 7, null)).at(-1), 'timeout propose 4')
  t.strictSame(roundsOf(state, 'B'), [4, 6, 7], 'our own round is not one of the two')
})

t.test('what was displaced does not count any more', async (t) => {
  const keeper = keeperWith([...'BC'].map((who) => voteBy(who, 'prevote', 1, 'X')))
  for (const round of [1, 2, 3]) addVote(keeper, voteBy('A', 'prevote', round, 'X'), AT_ZERO)
  t.notOk(hasQuorum(keeper, 1, 'prevote'), 'B and C are five of ten')
  t.notOk(hasQuorumFor(keeper, 1, 'prevote', bin('X')))
  t.equal(skipRound(keeper, 1), 3, 'A counts where it is now')
  addVote(keeper, voteBy('A', 'prevote', 1, 'Y'), { current: 1, needsRound: () => false })
  t.ok(hasQuorum(keeper, 1, 'prevote'), 'and here again, once this is our round')
  t.notOk(hasQuorumFor(keeper, 1, 'prevote', bin('X')), 'with what it says now')
})

t.test('a quorum that is shown leads to its round, also past rounds that its signers went on to', async (t) => {
  const validators = validatorsOf(1, 1, 1, 1)
  const state = consensusOf('D', validators)
  run(state, start, prevote('A', 8, null), prevote('A', 9, null), prevote('B', 10, null), prevote('B', 11, null), prevote('C', 12, null), prevote('C', 13, null))
  t.equal(state.round, 0, 'no two are in one round')
  t.equal(run(state, quorum('ABC', 'prevote', 5, 'X')).at(-1), 'timeout propose 5')
  t.ok(hasQuorumFor(state.votes, 5, 'prevote', bin('X')))
})

t.test('10 000 votes for far rounds by one validator leave as much as two rounds', async (t) => {
  const state = consensusOf(null)
  run(state, start, prevote('C', 1, 'X'))
  let most = 0
  for (let i = 0; i < 10_000; i++) {
    const round = 1 + ((i * 7_919) % 999_983)
    for (const each of [...prevotes('D', round, 'X'), ...prevotes('D', round, 'Y')]) stepConsensus(state, each, TIMELY)
    most = Math.max(most, state.votes.rounds.size)
  }
  t.equal(most, FUTURE_ROUNDS_KEPT + 1, 'its two rounds and that of another, all the way')
  t.equal(roundsOf(state, 'D').length, FUTURE_ROUNDS_KEPT)
  t.strictSame(roundsOf(state, 'C'), [1])
  t.equal(state.votes.reported.get(bin('D'))?.size, CONFLICTS_REPORTED)
  t.equal(state.round, 0)
})

t.test('a validator that climbs from round to round is heard so often, and again once our round has changed', async (t) => {
  const state = consensusOf(null)
  run(state, start)
  /** @returns how many of these votes are news, so that they are logged */
  const climb = (from: number, votes: number): number =>
    Array.from({ length: votes }, (_, i) => voteBy('D', 'prevote', from + i, null)).filter((each) => {
      const isNews = !hasVote(state, each)
      run(state, vote(each))
      return isNews
    }).length
  t.equal(climb(10, 5_000), FUTURE_ROUNDS_KEPT + FUTURE_ROUNDS_DISPLACED)
  t.strictSame(roundsOf(state, 'D'), [10 + FUTURE_ROUNDS_DISPLACED, 11 + FUTURE_ROUNDS_DISPLACED], 'it counts where it was then')
  t.equal(run(state, ...prevotes('AB', 3, null)).at(-1), 'timeout propose 3', 'others are heard, and take us along')
  t.equal(climb(6_000, 5_000), FUTURE_ROUNDS_DISPLACED)
  t.notOk(hasVote(state, voteBy('D', 'prevote', 3, null)), 'our own round is no climbing')
})

t.test('conflicts of one validator are reported up to a limit', async (t) => {
  const state = consensusOf()
  run(state, start)
  let reported = 0
  for (let round = 0; round <= CONFLICTS_REPORTED; round++) {
    const effects = run(state, prevote('B', round, 'X'), prevote('B', round, 'Y'))
    reported += effects.length
    t.equal(effects.length, round < CONFLICTS_REPORTED ? 1 : 0, `round ${round}`)
  }
  t.equal(reported, CONFLICTS_REPORTED)
  t.ok(hasVote(state, voteBy('B', 'prevote', CONFLICTS_REPORTED, 'Y')), 'what is not reported need not be logged')
  t.strictSame(run(state, prevote('C', 0, 'X'), prevote('C', 0, 'Y')), ['equivocation C prevote 0 X Y'], 'the limit is for each')
})

t.test('past rounds are kept up to a limit, and those that a rule needs beyond it', async (t) => {
  const skipTo = (round: number): ConsensusInput[] => [...prevotes('A', round, null)]
  const state = consensusOf('D')
  run(state, start, proposed(0, 'X'), ...prevotes('AB', 0, 'X')) // locked on X
  run(state, timeout('precommit', 0), prevote('B', 1, 'Y'), timeout('precommit', 1), prevote('B', 2, 'Y'))
  run(state, ...skipTo(1 + PAST_ROUNDS_KEPT))
  t.strictSame(roundsHeld(state.votes), [0, 1, 2, 1 + PAST_ROUNDS_KEPT], 'at the limit round 1 is there')
  run(state, ...skipTo(2 + PAST_ROUNDS_KEPT))
  t.strictSame(roundsHeld(state.votes), [0, 2, 1 + PAST_ROUNDS_KEPT, 2 + PAST_ROUNDS_KEPT], 'one past it is not; that of the lock is')
  t.ok(hasVote(state, voteBy('C', 'prevote', 1, 'Y')), 'votes of it need not be logged')
  t.notOk(hasVote(state, voteBy('C', 'prevote', 0, 'X')), 'those of the lock do')
  t.ok(blocksNeeded(state).has(bin('X')), 'and so is the block')

  // The proposal before us names round 1: its votes come in again, and L28 is met.
  const round = 2 + PAST_ROUNDS_KEPT
  const effects = run(consensusAt(round), proposed(round, 'Y', 1), ...prevotes('ABC', 1, 'Y'))
  t.strictSame(effects, [`prevote ${round} Y`])
  t.strictSame(run(consensusAt(round), ...prevotes('ABC', 1, 'Y'), proposed(round, 'Y', 1)), [], 'without the proposal they do not')
})

function consensusAt(round: number): Consensus {
  const state = consensusOf(proposerFor(consensusOf(), round) === bin('D') ? 'C' : 'D')
  run(state, start, ...prevotes('A', round, null))
  return state
}

t.test('rounds and blocks that a rule can ask for are not forgotten', async (t) => {
  const far = prevotes('A', 500, null)
  const waiting = consensusOf()
  run(waiting, start, ...precommits('AB', 0, 'X'), ...far)
  t.equal(waiting.round, 500)
  t.strictSame(run(waiting, proposed(0, 'X')), ['decide 0 X by AB'], 'a decision waits for its block')

  const voted = consensusOf()
  run(voted, start, proposed(0, 'X'), ...prevotes('AB', 0, 'X'), ...far)
  t.strictSame(run(voted, ...precommits('AB', 0, 'X')), ['decide 0 X by AB'], 'a block for its precommits')

  // Locked on X in round 0; Y became valid in round 1, without a lock; Z, unknown, has the last prevote quorum, in round 2.
  const torn = consensusOf()
  run(torn, start, proposed(0, 'X'), ...prevotes('AB', 0, 'X'), timeout('precommit', 0))
  run(torn, proposed(1, 'Y'), timeout('prevote', 1), ...prevotes('AB', 1, 'Y'), timeout('precommit', 1), ...prevotes('AB', 2, 'Z'), ...far)
  t.strictSame([torn.lockedRound, torn.validRound, torn.round], [0, 1, 500])
  t.strictSame(roundsHeld(torn.votes), [0, 1, 2, 500])
  t.strictSame(structuredClone(torn), torn, 'a state is plain data')
  t.strictSame(run(structuredClone(torn), ...precommits('AB', 0, 'X')), ['decide 0 X by AB'], 'the lock may be decided after all')
  t.strictSame(run(torn, proposed(500, 'Z', 2)).at(-1), 'prevote 500 Z', 'the last quorum may be named')

  // The block came with a proposal of round 0, and was locked in round 1.
  const elsewhere = consensusOf()
  run(elsewhere, start, proposed(0, 'X'), timeout('precommit', 0), timeout('propose', 1), ...prevotes('AB', 1, 'X'), ...far)
  t.equal(elsewhere.lockedRound, 1)
  t.strictSame(roundsHeld(elsewhere.votes), [1, 500])
  t.strictSame(run(elsewhere, ...precommits('AB', 1, 'X')), ['decide 1 X by AB'], 'a block stays though its round does not')

  // What only a proposal named goes when its round is over, so that naming rounds fills no memory.
  const next = consensusOf()
  run(next, start, ...far, proposed(500, 'X', 7), prevote('B', 7, 'X'))
  t.strictSame(roundsHeld(next.votes), [7, 500])
  run(next, timeout('precommit', 500))
  t.strictSame(roundsHeld(next.votes), [500], 'the round that it named is gone')
})

t.test('after the decision votes are kept and proposals are not', async (t) => {
  const state = consensusOf()
  run(state, start, proposed(0, 'X'), ...precommits('AB', 0, 'X'), precommit('D', 0, 'X'), proposed(0, 'Y'), proposed(1, 'Z'))
  t.strictSame(proposalsHeld(state).map(({ proposal }) => proposal.blockId[0]), ['X'])
  t.equal(votesHeld(state).length, 3)
})

t.test('a proposer fills no memory', async (t) => {
  const state = consensusOf()
  run(state, start)
  for (const id of 'QRSTUVW') run(state, proposed(0, id))
  t.strictSame(proposalsHeld(state).map(({ proposal }) => proposal.blockId[0]), ['Q', 'R'], 'the first counts, one more is kept')
  run(state, ...prevotes('A', 0, 'X'), invalid(0, 'X'), proposed(0, 'X'), proposed(0, 'X', -1), proposed(0, 'Y'))
  t.strictSame(proposalsHeld(state).map(({ proposal }) => proposal.blockId[0]), ['Q', 'R', 'X'], 'what more than a third voted for comes in')
  // A is the proposer of rounds 3, 6, 9 and 10.
  run(state, proposed(3, 'A'), proposed(6, 'B'), proposed(6, 'C'))
  t.strictSame(proposalsHeld(state).map(({ proposal }) => proposal.round), [0, 0, 0, 3, 6], 'of later rounds one each')
  run(state, proposed(9, 'C'))
  t.strictSame(proposalsHeld(state).map(({ proposal }) => proposal.round), [0, 0, 0, 6, 9], 'and the two highest')
  run(state, proposed(3, 'A'))
  t.strictSame(proposalsHeld(state).map(({ proposal }) => proposal.round), [0, 0, 0, 6, 9], 'a lower one does not displace them')
  run(state, proposed(4, 'D'), proposed(8, 'E'))
  t.strictSame(proposalsHeld(state).map(({ proposal }) => proposal.round), [0, 0, 0, 4, 6, 8, 9], 'others have their own')
  run(state, ...prevotes('A', 500, null))
  t.strictSame(proposalsHeld(state), [], 'what is long past and backed nothing goes')
  run(state, proposed(2, 'X'), proposed(2, 'Y'))
  t.strictSame(proposalsHeld(state), [], 'and does not come back')
  run(state, ...prevotes('A', 501, 'X'), invalid(2, 'X'), proposed(2, 'Y'))
  run(state, proposed(2, 'X'), proposed(1, 'X'))
  t.strictSame(proposalsHeld(state).map(({ proposal }) => proposal.round), [2], 'except for a block that is missing, once')
  run(state, proposed(499, 'V'), proposed(499, 'X'), proposed(499, 'Z'))
  t.strictSame(proposalsHeld(state).map(({ proposal }) => proposal.blockId[0]), ['X', 'V', 'Z'], 'a block that is known is not kept twice')
})

t.test('proposals of every past round leave a bounded number', async (t) => {
  const state = consensusOf()
  run(state, start)
  for (let round = 0; round < 200; round++) run(state, proposed(round, 'X'), proposed(round, 'Y'), proposed(round, 'Z'), timeout('precommit', round))
  for (let round = 0; round < 200; round++) run(state, proposed(round, 'Q'), proposed(round, 'R'))
  t.equal(state.proposals.rounds.size, PAST_ROUNDS_KEPT, 'each kept past round has its own')
  t.ok(proposalsHeld(state).length <= 2 * (PAST_ROUNDS_KEPT + 1))
  t.ok(state.proposers.size <= PROPOSERS_REMEMBERED)
})

t.test('proposers are those of the rotation, however they are asked for', async (t) => {
  const state = consensusOf()
  const first = Array.from({ length: PROPOSERS_REMEMBERED + 10 }, (_, round) => proposerFor(state, round))
  t.strictSame(first.slice(0, 6).map((key) => key[0]).join(''), 'ABCABD')
  t.strictSame(Array.from({ length: PROPOSERS_REMEMBERED + 10 }, (_, round) => proposerFor(state, round)), first)
  t.ok(state.proposers.size <= PROPOSERS_REMEMBERED)
  const turns = first.slice(0, 100).filter((key) => key === bin('A')).length
  t.equal(turns, 40, 'in proportion to power')
})

t.test('the same vote twice is a no-op', async (t) => {
  const state = consensusOf()
  run(state, start, prevote('A', 0, 'X'))
  const before = structuredClone(state)
  t.ok(hasVote(state, voteBy('A', 'prevote', 0, 'X')))
  t.strictSame(stepConsensus(state, vote({ ...voteBy('A', 'prevote', 0, 'X'), signature: new Uint8Array(64) }), TIMELY), [])
  t.strictSame(state, before)
})
