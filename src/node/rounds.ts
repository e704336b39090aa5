// Healing of lost consensus messages: a node shows a peer what it has of the height that is being decided (`Have`), and
// the peer answers with what is missing. Frames of an answer:
//
//   1  vote
//   2  compact proposal
//   3  votes that together are a quorum for one block, one after the other
//   4  block announcement (the height is decided): see announcement.ts

import { concatAll } from '../base/bytes.ts'
import { proposalsHeld, quorumVotes, voteOf } from '../consensus/view.ts'
import type { Engine } from '../engine/engine.ts'
import { compactProposal, encodeCompactProposal } from '../protocol/compact.ts'
import type { Have, RoundHave } from '../protocol/have.ts'
import { MAX_ROUNDS_SHOWN } from '../protocol/limits.ts'
import type { VoteType } from '../protocol/vote.ts'
import { encodeVote } from '../protocol/vote.ts'
import { FRAME, framed } from './frames.ts'

/** Votes in one answer; the next exchange brings the rest. */
const MAX_VOTES = 512
/** Proposals in one answer: each may be large. */
const MAX_PROPOSALS = 1

/** Ours first, then backwards, then those above: a few validators can name many rounds that nobody is in. */
function nearest(rounds: readonly number[], ours: number): number[] {
  const past = rounds.filter((round) => round <= ours).sort((a, b) => b - a)
  const future = rounds.filter((round) => round > ours).sort((a, b) => a - b)
  return [...past, ...future]
}

/** What we have of our height. */
export function ownHave(engine: Engine): Have {
  const { consensus } = engine
  const proposals = new Set(proposalsHeld(consensus).map(({ proposal }) => proposal.round))
  const rounds = new Set([...consensus.votes.rounds.keys(), ...proposals, ...(consensus.round >= 0 ? [consensus.round] : [])])
  const shown = nearest([...rounds], consensus.round).slice(0, MAX_ROUNDS_SHOWN).sort((a, b) => a - b)
  const voters = (round: number, type: VoteType): number[] =>
    consensus.validators.flatMap(({ key }, index) => (voteOf(consensus, key, round, type) === null ? [] : [index]))
  return {
    height: consensus.height,
    rounds: shown.map((round): RoundHave => ({
      round,
      prevotes: voters(round, 'prevote'),
      precommits: voters(round, 'precommit'),
      prevoteQuorum: quorumVotes(consensus, round, 'prevote').length > 0,
      precommitQuorum: quorumVotes(consensus, round, 'precommit').length > 0,
      proposal: proposals.has(round),
    })),
  }
}

/** What a peer with `have` lacks and we hold, as frames; nothing if it is at another height. */
export function missingFor(engine: Engine, have: Have): Uint8Array[] {
  const { consensus } = engine
  if (have.height !== consensus.height) return []
  const theirs = new Map(have.rounds.map((each) => [each.round, each]))
  const votes: Uint8Array[] = []
  const quorums: Uint8Array[] = []
  for (const round of nearest([...consensus.votes.rounds.keys()], consensus.round)) {
    const their = theirs.get(round)
    for (const type of ['prevote', 'precommit'] as const) {
      const held = new Set(type === 'prevote' ? their?.prevotes : their?.precommits)
      consensus.validators.forEach(({ key }, index) => {
        const vote = held.has(index) ? null : voteOf(consensus, key, round, type)
        if (vote !== null && votes.length < MAX_VOTES) votes.push(framed(FRAME.vote, encodeVote(vote)))
      })
      const quorum = quorumVotes(consensus, round, type)
      const lacks = type === 'prevote' ? their?.prevoteQuorum !== true : their?.precommitQuorum !== true
      if (quorum.length > 0 && lacks) quorums.push(framed(FRAME.quorum, concatAll(quorum.map(encodeVote))))
    }
  }
  return [...missingProposals(engine, theirs), ...votes, ...quorums.slice(0, 2)]
}

/** The newest proposal that the peer lacks. */
function missingProposals(engine: Engine, theirs: ReadonlyMap<number, RoundHave>): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (const { proposal } of proposalsHeld(engine.consensus).reverse()) {
    const executed = engine.candidates.get(proposal.blockId)
    if (theirs.get(proposal.round)?.proposal === true || executed == null) continue
    if (frames.length < MAX_PROPOSALS) frames.push(framed(FRAME.proposal, encodeCompactProposal(compactProposal({ proposal, block: executed.block }))))
  }
  return frames
}
