// Proposals that no honest validator may accept: blocks that pay too much, come too early, repeat or leave out what their
// header commits to, or that hide behind a round that never was.

import type { Block } from '../../protocol/block.ts'
import { bodyRoot } from '../../protocol/block.ts'
import { toBin } from '../../base/bytes.ts'
import type { Header } from '../../protocol/header.ts'
import { headerId } from '../../protocol/header.ts'
import type { ProposalStatement } from '../../protocol/proposal.ts'
import type { Prng } from '../prng.ts'

export interface Forgery {
  readonly statement: ProposalStatement
  readonly block: Block
}

export function forge(statement: ProposalStatement, block: Block, prng: Prng): Forgery {
  const { header, body } = block
  const withHeader = (changes: Partial<Header>, changed = body): Forgery => {
    const forged = { ...header, ...changes }
    return { statement: { ...statement, blockId: headerId(forged) }, block: { header: forged, body: changed } }
  }
  switch (prng.below(8)) {
    case 0:
      return withHeader({ stateRoot: toBin(prng.bytes(32)) })
    case 1:
      return withHeader({ weightPpm: header.weightPpm + 1, cumulativeLifePpm: header.cumulativeLifePpm + 1n })
    case 2:
      return withHeader({ timestampMs: header.timestampMs - prng.between(1, 2_000) })
    case 3:
      return withHeader({ timestampMs: header.timestampMs + 600_000 })
    case 4: {
      const twice = { ...body, heartbeats: [...body.heartbeats, ...body.heartbeats] }
      return withHeader({ bodyRoot: toBin(bodyRoot(twice)) }, twice)
    }
    case 5:
      // The right id over a body that is not its own: says nothing about the id.
      return { statement, block: { header, body: { ...body, heartbeats: body.heartbeats.slice(1) } } }
    case 6:
      return { statement: { ...statement, validRound: statement.round - 1 }, block }
    default:
      return withHeader({ parentId: toBin(prng.bytes(32)) })
  }
}
