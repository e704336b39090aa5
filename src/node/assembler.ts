// Makes whole proposals of compact ones: heartbeats from the pool, the missing ones from the peer that sent it, and
// every signature checked that has not been checked on the way into the pool.

import { concatAll, fromBin, toBin } from '../base/bytes.ts'
import type { Bin } from '../base/bytes.ts'
import { hasProposal, proposerFor } from '../consensus/consensus.ts'
import { tagKey } from '../crypto/keys.ts'
import { markVerified } from '../crypto/verified.ts'
import type { Verified } from '../crypto/verified.ts'
import { isWaiting } from '../engine/admission.ts'
import type { Engine } from '../engine/engine.ts'
import { headValidators } from '../ledger/validators-at.ts'
import type { GossipVerdict } from '../network/gossip.ts'
import type { Certificate } from '../protocol/certificate.ts'
import { certificateMessage } from '../protocol/certificate.ts'
import type { CompactProposal } from '../protocol/compact.ts'
import { headerId } from '../protocol/header.ts'
import type { Heartbeat } from '../protocol/heartbeat.ts'
import { decodeHeartbeat, HEARTBEAT_RECORD_SIZE, rowsOf } from '../protocol/heartbeat.ts'
import type { ProposedBlock } from '../protocol/proposal.ts'
import { proposalMessage } from '../protocol/proposal.ts'
import { transactionSignatures } from '../protocol/transaction.ts'
import type { ValidatorSet } from '../protocol/validators.ts'
import type { PeerPort } from './peer-port.ts'
import type { SignatureItem, VerifyPool } from './verify-pool.ts'

/** Proposals that are being made whole. */
const MAX_ASSEMBLING = 16
const FETCH_LIMITS = { maxBytes: 8 * 1024 * 1024, timeoutMs: 5_000 } as const

export interface AssemblerDependencies {
  readonly engine: Engine
  readonly pool: VerifyPool
  readonly peers: PeerPort
  readonly deliver: (proposed: Verified<ProposedBlock>) => void
}

export interface Assembler {
  /** Judges the proposal itself at once; its block follows by `deliver`. */
  receive(compact: CompactProposal, from: string): Promise<GossipVerdict>
}

export function createAssembler({ engine, pool, peers, deliver }: AssemblerDependencies): Assembler {
  const { genesisHash } = engine.ledger
  const assembling = new Set<string>()

  async function assemble(compact: CompactProposal, from: string): Promise<void> {
    const { proposal, header, parentCertificate, names, transactions } = compact
    const found = new Map<Bin, Heartbeat>()
    for (const name of names) {
      const known = engine.heartbeats.find(name)
      if (known !== undefined) found.set(name, known)
    }
    const missing = names.filter((name) => !found.has(name))
    if (missing.length > 0) for (const heartbeat of await fetchHeartbeats(missing, from)) found.set(heartbeat.name, heartbeat)
    const unseen = transactions.filter((transaction) => !isWaiting(engine, transaction))
    const signatures = [
      ...unseen.flatMap((transaction) => transactionSignatures(transaction, genesisHash)),
      ...(parentCertificate === null ? [] : certificateSignatures(parentCertificate, genesisHash, headValidators(engine.ledger))),
    ]
    if ((await pool.signatures(signatures)).includes(false)) {
      peers.report(from, 'bad_signature', 50)
      return
    }
    const heartbeats = names.map((name) => found.get(name)!)
    deliver(markVerified({ proposal, block: { header, body: { parentCertificate, heartbeats, transactions } } }))
  }

  async function fetchHeartbeats(names: readonly Bin[], from: string): Promise<Heartbeat[]> {
    const answer = concatAll(await peers.request(from, 'heartbeats', concatAll(names.map(fromBin)), FETCH_LIMITS))
    if (answer.length !== names.length * HEARTBEAT_RECORD_SIZE) throw new Error('the peer does not hold all heartbeats of its proposal')
    const records = names.map((_, i) => answer.slice(i * HEARTBEAT_RECORD_SIZE, (i + 1) * HEARTBEAT_RECORD_SIZE))
    const { valid, hashes } = await pool.heartbeats(rowsOf(records, genesisHash))
    return records.map((record, i) => {
      const name = toBin(hashes.subarray(i * 64 + 32, i * 64 + 64))
      const heartbeat = valid[i] === 1 && name === names[i] ? decodeHeartbeat(record, name) : null
      if (heartbeat === null) {
        peers.report(from, 'bad_heartbeat', 50)
        throw new Error('the peer sent a heartbeat that is not the one that was asked for')
      }
      return heartbeat
    })
  }

  return {
    async receive(compact, from) {
      const { proposal, header } = compact
      const { consensus } = engine
      if (proposal.height !== consensus.height || header.height !== proposal.height) return { verdict: 'ignore', reason: 'height' }
      if (proposal.proposer !== proposerFor(consensus, proposal.round)) return { verdict: 'ignore', reason: 'proposer' }
      if (headerId(header) !== proposal.blockId) return { verdict: 'reject', reason: 'block_id' }
      if (hasProposal(consensus, proposal)) return { verdict: 'ignore', reason: 'duplicate' }
      const key = tagKey('ed25519', fromBin(proposal.proposer))
      const [valid] = await pool.signatures([{ message: proposalMessage(genesisHash, proposal), signature: proposal.signature, key }])
      if (valid !== true) return { verdict: 'reject', reason: 'bad_signature' }
      const slot = `${proposal.height} ${proposal.round} ${proposal.blockId}`
      if (!assembling.has(slot) && assembling.size < MAX_ASSEMBLING) {
        assembling.add(slot)
        // A peer that cannot complete its proposal is not to blame: others offer it again.
        void assemble(compact, from).catch(() => {}).finally(() => assembling.delete(slot))
      }
      return { verdict: 'accept' }
    },
  }
}

/** One item per signature of a certificate; a signer that is not in the set yields one that cannot verify. */
export function certificateSignatures(certificate: Certificate, genesisHash: Uint8Array, validators: ValidatorSet): SignatureItem[] {
  const message = certificateMessage(genesisHash, certificate)
  return certificate.signatures.map(({ validator, signature }) => {
    const member = validators[validator]
    return { message, signature, key: member === undefined ? new Uint8Array(0) : tagKey('ed25519', fromBin(member.key)) }
  })
}
