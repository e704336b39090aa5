// A validator that signs everything twice: two proposals for a round, two votes for a question, each to other peers; and that
// lies about what was decided. It runs the engine to know what is going on.

import type { Bin } from '../../base/bytes.ts'
import { compareBin, fromBin } from '../../base/bytes.ts'
import { proposalsHeld } from '../../consensus/view.ts'
import { markVerified } from '../../crypto/verified.ts'
import { buildBlock } from '../../ledger/blocks.ts'
import type { Block } from '../../protocol/block.ts'
import type { Heartbeat } from '../../protocol/heartbeat.ts'
import type { Proposal, ProposalStatement } from '../../protocol/proposal.ts'
import { proposalMessage } from '../../protocol/proposal.ts'
import type { Transaction } from '../../protocol/transaction.ts'
import type { Vote, VoteStatement } from '../../protocol/vote.ts'
import { voteMessage } from '../../protocol/vote.ts'
import type { Host } from '../host.ts'
import type { Have, Message } from '../message.ts'
import type { SimNode } from '../node.ts'
import type { Prng } from '../prng.ts'
import type { Villain, Watch } from '../roles.ts'
import { fakeSignature } from '../signer.ts'
import { forge } from './forger.ts'

export function createEquivocator(node: SimNode, host: Host, watch: Watch, prng: Prng): Villain {
  const key = fromBin(node.key)
  const peers = host.nodes.filter((index) => index !== node.index)
  /** All that came in lately, good or bad. */
  const heartbeats: Heartbeat[] = []
  const transactions: Transaction[] = []
  /** Which of two faces a peer sees in a round; a consistent lie is harder to see through. */
  let faces: { readonly at: string; readonly shown: readonly number[] } = { at: '', shown: [] }

  const faceFor = (height: number, round: number, peer: number): number => {
    const at = `${height} ${round}`
    if (faces.at !== at) faces = { at, shown: prng.chance(300_000) ? host.nodes.map(() => 1) : host.nodes.map(() => prng.below(2)) }
    return faces.shown[peer]!
  }

  function signedVote(statement: VoteStatement): Vote {
    const vote = { ...statement, validator: node.key, signature: fakeSignature(key, voteMessage(host.genesisHash, statement)) }
    watch.signedVote(node.index, vote)
    return vote
  }

  function signedProposal(statement: ProposalStatement): Proposal {
    return { ...statement, proposer: node.key, signature: fakeSignature(key, proposalMessage(host.genesisHash, statement)) }
  }

  /**
   * Another block for the same round. It is made of all that was heard, whatever the mempool thought of it: what is not valid is
   * left out while the ledger is as it should be. Or it is one that must not be accepted.
   */
  function twinOf(statement: ProposalStatement, block: Block): { statement: ProposalStatement; block: Block } | null {
    const { ledger, headCertificate } = node.engine!
    if (prng.chance(400_000)) return forge(statement, block, prng)
    const twin = buildBlock(ledger, {
      timestampMs: block.header.timestampMs + prng.between(1, 20),
      proposer: node.key,
      parentCertificate: headCertificate,
      heartbeats: prng.chance(500_000) ? block.body.heartbeats : [...heartbeats].sort(byDevice),
      transactions: prng.shuffled(transactions),
    })
    return twin === null ? null : { statement: { ...statement, validRound: -1, blockId: twin.id }, block: twin.block }
  }

  /** What it could name in a vote: every block that it knows, nil, and one that does not exist. */
  function choices(statement: VoteStatement): (Bin | null)[] {
    const known = proposalsHeld(node.engine!.consensus).map(({ proposal }) => proposal.blockId)
    const others = [null, null, ...known, ...known, 'x'.repeat(32)].filter((id) => id !== statement.blockId)
    return [statement.blockId, prng.pick(others)]
  }

  return {
    propose(statement, block) {
      const twin = twinOf(statement, block)
      const mine = { kind: 'proposal', proposed: markVerified({ proposal: signedProposal(statement), block }) } as const
      const shown = twin ?? { statement, block }
      const other = { kind: 'proposal', proposed: markVerified({ proposal: signedProposal(shown.statement), block: shown.block }) } as const
      for (const peer of peers) {
        const first = faceFor(statement.height, statement.round, peer) === 0 ? mine : other
        if (!prng.chance(100_000)) host.send(node.index, peer, first)
        if (prng.chance(100_000)) host.send(node.index, peer, first === mine ? other : mine)
      }
      node.submit(prng.chance(500_000) ? mine : other)
    },

    vote(statement) {
      const [mine, other] = choices(statement).map((blockId) => signedVote({ ...statement, blockId })) as [Vote, Vote]
      for (const peer of peers) {
        const first = faceFor(statement.height, statement.round, peer) === 0 ? mine : other
        if (!prng.chance(150_000)) host.send(node.index, peer, { kind: 'vote', vote: markVerified(first) })
        if (prng.chance(100_000)) host.send(node.index, peer, { kind: 'vote', vote: markVerified(first === mine ? other : mine) })
      }
      if (prng.chance(50_000)) {
        const ahead = signedVote({ ...statement, round: statement.round + prng.between(1, 4), blockId: null })
        host.send(node.index, prng.pick(peers), { kind: 'vote', vote: markVerified(ahead) })
      }
      node.submit({ kind: 'vote', vote: markVerified(prng.chance(500_000) ? mine : other) })
    },

    hear(message) {
      if (message.kind === 'heartbeats') keep(heartbeats, message.heartbeats)
      else if (message.kind === 'transaction') keep(transactions, [message.transaction])
    },

    answer(_to, have) {
      return prng.chance(200_000) ? lie(have) : null
    },
  }

  /** A block that nobody decided, with what signatures there are; or silence in the form of an empty answer. */
  function lie({ height }: Have): Message {
    const { consensus, candidates } = node.engine!
    const validator = consensus.validators.findIndex((member) => member.key === node.key)
    const held = proposalsHeld(consensus).find(({ proposal }) => proposal.height === height)
    const block = held === undefined ? undefined : candidates.get(held.proposal.blockId)?.block
    if (held === undefined || block === undefined || validator < 0) return { kind: 'blocks', blocks: [] }
    const { round, blockId } = held.proposal
    const statement = { height, round, type: 'precommit', blockId } as const
    const signatures = [{ validator, signature: signedVote(statement).signature }]
    return { kind: 'blocks', blocks: [{ block: markVerified(block), certificate: markVerified({ height, round, blockId, signatures }) }] }
  }
}

const MAX_HEARD = 64

const byDevice = (a: Heartbeat, b: Heartbeat): number => compareBin(a.device, b.device) || a.sequence - b.sequence

function keep<T>(list: T[], added: readonly T[]): void {
  list.push(...added)
  list.splice(0, list.length - MAX_HEARD)
}
