// The engine's state: ledger, mempool, and consensus on the next height.

import type { Bin } from '../base/bytes.ts'
import type { Consensus } from '../consensus/consensus.ts'
import { createConsensus } from '../consensus/consensus.ts'
import type { ExecutedBlock } from '../ledger/blocks.ts'
import type { Ledger } from '../ledger/state.ts'
import { GovernancePool } from '../mempool/governance.ts'
import { HeartbeatPool } from '../mempool/heartbeats.ts'
import { TransferPool } from '../mempool/transfers.ts'
import type { Certificate } from '../protocol/certificate.ts'
import type { Caution } from './caution-state.ts'
import { newCaution } from './caution-state.ts'
import type { ConsensusMessage } from './input.ts'

/** Local policy of the mempool. */
export interface MempoolLimits {
  readonly maxHeartbeats: number
  readonly maxTransactions: number
  readonly maxBytes: number
  /** Heartbeats of one device that wait at the same time. */
  readonly maxPerDevice: number
  readonly maxPerSender: number
}

export const DEFAULT_MEMPOOL_LIMITS: MempoolLimits = {
  maxHeartbeats: 200_000,
  maxTransactions: 50_000,
  maxBytes: 64 * 1024 * 1024,
  maxPerDevice: 36,
  maxPerSender: 64,
}

export interface EngineOptions {
  readonly ledger: Ledger
  /** Certificate of the ledger's head; null before the first block. */
  readonly headCertificate: Certificate | null
  /** Our validator key, 32 bytes, whether it is a validator's now or not; null for a node that only follows. */
  readonly self: Bin | null
  readonly mempool: MempoolLimits
  /** What the signer's record says: the height that it has reached, or null if it is lost. See caution.ts. */
  readonly signedHeight: number | null
  /** True where nobody else can have gone on: our own network of one. Then the record is not doubted. */
  readonly trusted: boolean
}

/**
 * Where the next height stands: `replaying` the log, `waiting` for life, `deciding`, or `committing` the decided block.
 */
export type Phase = 'replaying' | 'waiting' | 'deciding' | 'committing'

export interface Engine {
  readonly self: Bin | null
  readonly heartbeats: HeartbeatPool
  readonly transfers: TransferPool
  readonly governance: GovernancePool
  readonly caution: Caution
  ledger: Ledger
  headCertificate: Certificate | null
  phase: Phase
  consensus: Consensus
  /** Blocks of this height by id, executed; null for one that is invalid. `remember` in height.ts bounds them. */
  candidates: Map<Bin, ExecutedBlock | null>
  /** By round: how many blocks we executed for its proposer. */
  judged: Map<number, number>
  /** The round for which we owe a block. */
  owedRound: number | null
  /** The block that is being stored. */
  committing: { readonly executed: ExecutedBlock; readonly certificate: Certificate } | null
  /** Consensus messages of the next height that came early. */
  early: ConsensusMessage[]
}

export function createEngine({ ledger, headCertificate, self, mempool, signedHeight, trusted }: EngineOptions): Engine {
  return {
    self,
    heartbeats: new HeartbeatPool({ maxHeartbeats: mempool.maxHeartbeats, maxBytes: mempool.maxBytes, maxPerDevice: mempool.maxPerDevice }),
    transfers: new TransferPool({ maxTransfers: mempool.maxTransactions, maxBytes: mempool.maxBytes, maxPerSender: mempool.maxPerSender }),
    governance: new GovernancePool(),
    caution: newCaution(signedHeight, trusted),
    ledger,
    headCertificate,
    phase: 'replaying',
    consensus: consensusAfter(ledger, self),
    candidates: new Map(),
    judged: new Map(),
    owedRound: null,
    committing: null,
    early: [],
  }
}

/** @param self null, or a key that is no validator's at this height: then the node follows */
export function consensusAfter({ height, validators, priorities }: Ledger, self: Bin | null): Consensus {
  const member = validators.some(({ key }) => key === self)
  return createConsensus({ height: height + 1, validators, priorities, self: member ? self : null })
}
