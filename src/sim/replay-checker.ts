// "Replaying the log restores the state": compares a node with what its log would make of a fresh engine.

import { binToHex } from '../base/bytes.ts'
import { consensusStatus, proposalsHeld, votesHeld } from '../consensus/view.ts'
import type { Engine } from '../engine/engine.ts'
import { createEngine, DEFAULT_MEMPOOL_LIMITS } from '../engine/engine.ts'
import { step } from '../engine/step.ts'
import type { Genesis } from '../protocol/genesis.ts'
import type { SimNode } from './node.ts'

/** @returns what differs, or null */
export function replayDifference(node: SimNode, genesis: Genesis): string | null {
  const { engine } = node
  // A block that was fetched is committed without a word in the log.
  if (engine === null || engine.phase === 'committing') return null
  const { ledger, headCertificate } = node.store.load(genesis)
  const fresh = createEngine({ ledger, headCertificate, self: engine.self, mempool: DEFAULT_MEMPOOL_LIMITS, signedHeight: 0, trusted: true })
  for (const { input, nowMs } of node.wal.entries()) step(fresh, input, nowMs)
  const live = describe(engine)
  const restored = describe(fresh)
  return live === restored ? null : `\n  live     ${live}\n  restored ${restored}`
}

function describe({ consensus }: Engine): string {
  const votes = votesHeld(consensus).map(({ round, type, blockId, validator }) => `${round}${type}${blockId ?? 'nil'}${validator}`)
  const proposals = proposalsHeld(consensus).map(({ proposal, valid }) => `${proposal.round}/${proposal.validRound}${proposal.blockId}${valid}`)
  const named = Object.entries({ ...consensusStatus(consensus), votes: votes.join(), proposals: proposals.join() })
  return named.map(([name, value]) => `${name}=${typeof value === 'string' ? binToHex(value).slice(0, 4_000) : JSON.stringify(value)}`).join(' ')
}
