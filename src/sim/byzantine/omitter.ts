// A validator that leaves the heartbeats of others out of its blocks, and keeps to all other rules.

import type { Bin } from '../../base/bytes.ts'
import { fromBin } from '../../base/bytes.ts'
import { markVerified } from '../../crypto/verified.ts'
import { buildBlock } from '../../ledger/blocks.ts'
import type { Block } from '../../protocol/block.ts'
import type { ProposalStatement } from '../../protocol/proposal.ts'
import { proposalMessage } from '../../protocol/proposal.ts'
import type { VoteStatement } from '../../protocol/vote.ts'
import { voteMessage } from '../../protocol/vote.ts'
import type { Host } from '../host.ts'
import type { Message } from '../message.ts'
import type { SimNode } from '../node.ts'
import type { Villain, Watch } from '../roles.ts'
import { fakeSignature } from '../signer.ts'

export interface Omitter extends Villain {
  /** Share of the lives that this block of ours leaves out, ppm. */
  omittedPpm(blockId: Bin): number
}

export function createOmitter(node: SimNode, host: Host, watch: Watch): Omitter {
  const key = fromBin(node.key)
  const omitted = new Map<Bin, number>()
  /** Votes by question: it never contradicts itself. */
  const said = new Map<string, VoteStatement>()

  function tell(message: Message): void {
    for (const peer of host.nodes) if (peer !== node.index) host.send(node.index, peer, message)
  }

  /** The block with as few lives as it needs. */
  function reduced({ header, body }: Block): { id: Bin; block: Block } | null {
    const { ledger, headCertificate } = node.engine!
    const lives = [...new Set(body.heartbeats.map(({ device }) => device))]
    const kept = new Set(lives.slice(0, ledger.params.threshold))
    const candidate = {
      timestampMs: header.timestampMs,
      proposer: node.key,
      parentCertificate: headCertificate,
      heartbeats: body.heartbeats.filter(({ device }) => kept.has(device)),
      transactions: body.transactions,
    }
    const built = buildBlock(ledger, candidate)
    if (built !== null) omitted.set(built.id, Math.floor(((lives.length - kept.size) * 1_000_000) / lives.length))
    return built
  }

  return {
    propose(statement, block) {
      const mine = statement.validRound === -1 ? reduced(block) : null
      const shown: ProposalStatement = mine === null ? statement : { ...statement, blockId: mine.id }
      const proposal = { ...shown, proposer: node.key, signature: fakeSignature(key, proposalMessage(host.genesisHash, shown)) }
      const message = { kind: 'proposal', proposed: markVerified({ proposal, block: mine?.block ?? block }) } as const
      tell(message)
      node.submit(message)
    },
    vote(statement) {
      const question = `${statement.height} ${statement.round} ${statement.type}`
      const answer = said.get(question) ?? statement
      said.set(question, answer)
      const vote = markVerified({ ...answer, validator: node.key, signature: fakeSignature(key, voteMessage(host.genesisHash, answer)) })
      watch.signedVote(node.index, vote)
      tell({ kind: 'vote', vote })
      node.submit({ kind: 'vote', vote })
    },
    hear: () => {},
    answer: () => null,
    omittedPpm: (blockId) => omitted.get(blockId) ?? 0,
  }
}
